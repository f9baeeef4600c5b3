"""Guides from names: defaults, mistakes, configurations."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import pytest

import molflow
from molflow.chem.constraints import Constraint
from molflow.chem.objective import parse_objective
from molflow.chem.scoring import ScoreFile
from molflow.config import GuidanceConfig
from molflow.errors import InputError
from molflow.guidance.kinds import GUIDES, BestOf, EvolutionarySearch, ScoreGradient
from molflow.guidance.steer import configured_guide, guide
from molflow.loading import load

UNSTARTED = object.__new__(ScoreFile)
"""A user's own function, without its process."""


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("best_of", {"particles": 16}),
        ("draws", {"particles": 1, "draws": 16}),
        ("gradient", {"particles": 1, "draws": 16, "strength": 0.3, "entropy_floor": 0.02}),
        ("particles", {"particles": 16, "strength": 20.0}),
        ("search", {"particles": 16, "generations": 4, "restart": 0.35}),
        ("surrogate", {"particles": 1, "strength": 0.3, "entropy_floor": 0.02}),
    ],
)
def test_every_guide_has_options_of_its_own_and_their_usual_values(method, options):
    made = guide(method, "qed:max")
    assert asdict(made.guidance) == options
    assert (made.guidance.name, made.invalid, made.max_calls) == (method, -0.01, None)


def test_what_is_given_is_taken():
    made = guide(
        "gradient", "qed:max", particles=3, draws=5, strength=0.0, entropy_floor=0.1, invalid=-1
    )
    assert made.guidance == ScoreGradient(3, 5, 0.0, 0.1)
    assert made.invalid == -1
    assert guide("search", "qed:max", generations=7, restart=0.0).guidance == EvolutionarySearch(
        16, 7, 0.0
    )


def test_a_guidance_is_taken_as_it_is_with_what_is_given_beside_it():
    assert guide(EvolutionarySearch(particles=4), "qed:max") == guide(
        "search", "qed:max", particles=4
    )
    assert guide(
        EvolutionarySearch(particles=4), "qed:max", restart=0.2
    ).guidance == EvolutionarySearch(4, 4, 0.2)


def test_what_is_given_as_none_is_usual():
    assert guide("search", "qed:max", particles=None) == guide("search", "qed:max")


@pytest.mark.parametrize(
    ("guidance", "told"),
    [
        (BestOf(), "best_of, the best of 16 walks"),
        (ScoreGradient(), "gradient, 1 walk"),
        (EvolutionarySearch(), "search, the best of 16 walks in 4 generations"),
        (EvolutionarySearch(1, 1), "search, 1 walk"),
    ],
)
def test_a_guidance_says_what_it_does_for_a_molecule(guidance, told):
    assert str(guidance) == told


def test_an_objective_is_read_from_text_and_taken_as_it_is():
    objective = parse_objective("qed:max,sa:<3")
    assert guide("best_of", "qed:max,sa:<3").scorer == objective
    assert guide("best_of", objective).scorer is objective


def test_own_scores_need_the_score_of_what_is_no_molecule():
    assert guide("best_of", UNSTARTED, invalid=-5).invalid == -5
    with pytest.raises(InputError) as caught:
        guide("gradient", UNSTARTED)
    assert str(caught.value) == (
        "invalid: give the score of what is no molecule, below every true score"
    )


@pytest.mark.parametrize(
    ("method", "wrong", "message"),
    [
        ("push", {}, f"guidance='push': one of {', '.join(GUIDES)}"),
        ("best_of", {"draws": 4}, "draws=4: guidance=best_of has no draws"),
        ("particles", {"draws": 4}, "draws=4: guidance=particles has no draws"),
        ("best_of", {"strength": 1.0}, "strength=1.0: guidance=best_of has no strength"),
        ("best_of", {"steps": 4}, "steps=4: guidance=best_of has no steps"),
        (
            "search",
            {"entropy_floor": 0.1},
            "entropy_floor=0.1: guidance=search has no entropy_floor",
        ),
        ("draws", {"strength": 0.0}, "strength=0.0: guidance=draws has no strength"),
        ("search", {"draws": 4}, "draws=4: guidance=search has no draws"),
        ("best_of", {"generations": 4}, "generations=4: guidance=best_of has no generations"),
        ("draws", {"restart": 0.5}, "restart=0.5: guidance=draws has no restart"),
        ("search", {"generations": 0}, "generations=0: at least 1"),
        ("search", {"restart": 1}, "restart=1: a time from 0 to below 1"),
        ("best_of", {"max_calls": 0}, "max_calls=0: at least 1"),
        (
            "surrogate",
            {"max_calls": 8999},
            "max_calls=8999: guidance=surrogate may take 9,000 to be fitted",
        ),
        ("search", {"restart": float("nan")}, "restart=nan: a time from 0 to below 1"),
        ("best_of", {"particles": 0}, "particles=0: at least 1"),
        ("best_of", {"particles": 1.5}, "particles=1.5: a whole number is needed"),
        ("draws", {"draws": 0}, "draws=0: at least 1"),
        ("gradient", {"draws": 1}, "draws=1: guidance=gradient compares at least 2"),
        ("gradient", {"strength": -1}, "strength=-1: a number of at least 0"),
        ("particles", {"strength": float("nan")}, "strength=nan: a number of at least 0"),
        ("particles", {"strength": "2"}, "strength='2': a number of at least 0"),
        ("gradient", {"entropy_floor": -0.1}, "entropy_floor=-0.1: a number of at least 0"),
        ("best_of", {"invalid": float("inf")}, "invalid=inf: a finite number is needed"),
        ("best_of", {"invalid": "0"}, "invalid='0': a finite number is needed"),
    ],
)
def test_a_mistake_is_named_with_its_value(method, wrong, message):
    with pytest.raises(InputError) as caught:
        guide(method, "qed:max", **wrong)
    assert str(caught.value) == message


def test_no_method_is_no_guide():
    assert configured_guide(GuidanceConfig()) is None


@pytest.mark.parametrize("method", GUIDES)
def test_a_configuration_makes_the_guide_of_its_arguments(method):
    config = GuidanceConfig(method=method, objective="qed:max", particles=2, invalid=-1.0)
    assert configured_guide(config) == guide(method, "qed:max", particles=2, invalid=-1.0)


def test_a_configuration_gives_every_number():
    config = GuidanceConfig(
        method="gradient", objective="qed:max", draws=4, strength=0.7, entropy_floor=0.3
    )
    expected = guide("gradient", "qed:max", draws=4, strength=0.7, entropy_floor=0.3)
    assert configured_guide(config) == expected


def test_a_configuration_gives_the_numbers_of_a_search_and_the_cap_of_the_calls():
    numbers = {"generations": 3, "restart": 0.2, "max_calls": 50}
    config = GuidanceConfig(method="search", objective="qed:max", **numbers)
    assert configured_guide(config) == guide("search", "qed:max", **numbers)


def test_a_surrogate_may_be_capped_at_what_its_fit_takes():
    assert guide("surrogate", "qed:max", max_calls=9000).max_calls == 9000


def test_a_configuration_names_the_mean_of_its_objective():
    config = GuidanceConfig(method="best_of", objective="qed:max,sa:<3", aggregation="arithmetic")
    assert configured_guide(config).scorer == parse_objective("qed:max,sa:<3", "arithmetic")


def test_components_come_from_a_file(tmp_path):
    path = tmp_path / "goal.yaml"
    path.write_text("components:\n  - name: qed\n    goal: max\n")
    config = GuidanceConfig(method="best_of", components=str(path))
    assert configured_guide(config).scorer.names == ("qed",)


ALL = "guidance.objective, guidance.components, guidance.score"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"method": "draws"}, f"guidance=draws: needs one of {ALL}"),
        (
            {"method": "draws", "objective": "qed:max", "score": "a.py:f"},
            f"guidance=draws: needs one of {ALL}",
        ),
        *(
            (
                {key: value},
                f"guidance.{key}: needs a way to use it: guidance= one of {', '.join(GUIDES)}",
            )
            for key, value in {
                "objective": "qed:max",
                "components": "a.yaml",
                "score": "a.py:f",
                "particles": 4,
                "draws": 4,
                "strength": 1.0,
                "invalid": 0.0,
                "generations": 2,
                "restart": 0.5,
                "max_calls": 9,
            }.items()
        ),
    ],
)
def test_a_configuration_that_does_not_fit_together_is_refused(config, message):
    with pytest.raises(InputError) as caught:
        configured_guide(GuidanceConfig(**config))
    assert str(caught.value) == message


def test_the_public_names_are_those_of_their_modules():
    assert (molflow.guide, molflow.load, molflow.Constraint) == (guide, load, Constraint)
    with pytest.raises(AttributeError, match="module 'molflow' has no attribute 'sampel'"):
        _ = molflow.sampel


def test_importing_molflow_loads_nothing_heavy():
    code = "import sys, molflow; print({'torch', 'rdkit', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_a_score_file_is_not_started_before_its_invalid_is_known(tmp_path):
    with pytest.raises(InputError) as caught:
        configured_guide(GuidanceConfig(method="best_of", score=f"{tmp_path / 'absent.py'}:score"))
    assert str(caught.value).startswith("guidance.invalid: give the score of what is no molecule")
