"""What the controls ask for becomes keys of molflow.sample, within bounds that the server holds."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from molflow.demo.asking import Asked, Goal, config_of, methods_of, require_budget, steps_of
from molflow.demo.making import Models, offers, plan_run
from molflow.errors import InputError

QM9 = Asked("qm9", 24, 1)
HIGH_QED = Goal("qed", "high", 0, 1)


@pytest.fixture(scope="module")
def specs():
    """Of the released models."""
    return {name: offer.spec for name, offer in offers().items()}


def test_the_page_offers_the_released_models_and_a_folder_of_the_user_first(model_folder):
    assert list(offers()) == ["qm9", "zinc250k"]
    assert list(offers(str(model_folder))) == [str(model_folder), "qm9", "zinc250k"]


def test_a_model_of_strings_is_refused():
    with pytest.raises(InputError, match="checkpoint=qm9_smiles: writes strings"):
        offers("qm9_smiles")


def test_a_plain_run_has_no_guidance(specs):
    config = config_of(QM9, specs)
    assert (config.checkpoint, config.n, config.steps, config.seed) == ("qm9", 24, 1, 0)
    assert (config.guidance.method, config.guidance.objective) == ("none", None)


def test_goals_become_an_objective(specs):
    goals = (
        HIGH_QED,
        Goal("logp", "range", 1, 2.5, 2.0),
        Goal("sa", "low", 1, 8),
        Goal("mw", "off", 0, 1),
    )
    guidance = config_of(replace(QM9, goals=goals, walks=4), specs).guidance
    assert guidance.objective == "qed:max,logp:1..2.5*2,sa:min"
    assert (guidance.method, guidance.particles, guidance.draws) == ("search", 4, None)


def test_a_guide_that_draws_gets_draws(specs):
    guidance = config_of(replace(QM9, goals=(HIGH_QED,), guide="draws", walks=8), specs).guidance
    assert (guidance.draws, guidance.particles) == (8, None)


def test_noise_is_scaled_of_one_field_or_of_all(specs):
    asked = replace(QM9, noise_scale=0.75)
    assert config_of(asked, specs).noise_scale == "0.75"
    assert config_of(replace(asked, noise_of="pairs"), specs).noise_scale == "pairs=0.75"
    assert config_of(replace(QM9, noise_of="pairs"), specs).noise_scale == "1"


def test_values_that_the_model_is_told_become_a_condition(specs):
    asked = Asked("zinc250k", 4, 16, "euler_ancestral", condition={"qed": 0.6}, weight=2.0)
    guidance = config_of(asked, specs).guidance
    assert (guidance.condition, guidance.weight) == ("qed=0.6", 2.0)


def test_a_flow_without_a_map_takes_many_calm_steps(specs):
    calm = replace(specs["zinc250k"], flow_map=False)
    assert steps_of(calm) == (16, 50)
    assert methods_of(calm) == ("euler_ancestral", "euler", "heun")
    assert steps_of(specs["qm9"]) == (1, 50)
    assert methods_of(specs["qm9"])[0] == "auto"


def test_too_few_steps_of_a_flow_without_a_map_are_one_line(specs):
    calm = {"zinc250k": replace(specs["zinc250k"], flow_map=False)}
    with pytest.raises(InputError, match="steps=4: a number from 16 to 50"):
        config_of(replace(QM9, model="zinc250k", steps=4, method="euler"), calm)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "../secret"}, "model='../secret': one of qm9, zinc250k"),
        ({"n": 201}, "n=201: a number from 1 to 200"),
        ({"n": None}, "n=None: a number from 1 to 200"),
        ({"n": 2.5}, "n=2.5: a whole number"),
        ({"n": math.nan}, "n=nan: a number from 1 to 200"),
        ({"steps": 0}, "steps=0: a number from 1 to 50"),
        ({"method": "leap"}, "method='leap': one of auto"),
        ({"seed": -1}, "seed=-1: must be at least 0"),
        ({"seed": None}, "seed=None: an integer"),
        ({"noise_scale": 9}, "noise scale=9: a number from 0.5 to 1.5"),
        ({"noise_of": "bonds"}, "noise of='bonds': one of all, atoms, pairs"),
        ({"scaffold": "C" * 201}, "scaffold: 201 characters, where at most 200"),
        ({"scaffold": "C\nC"}, "scaffold: a SMILES on one line"),
        ({"marks": "never"}, "marks='never': one of once"),
        ({"goals": (HIGH_QED,), "guide": "surrogate"}, "guide='surrogate': one of best_of"),
        ({"goals": (HIGH_QED,), "walks": 1000}, "walks=1000: a number from 2 to 32"),
        ({"goals": (Goal("evil", "high", 0, 1),)}, "goal of 'evil': one of qed"),
        ({"goals": (Goal("qed", "best", 0, 1),)}, "goal of qed='best': one of off"),
        ({"goals": (Goal("qed", "range", None, 1),)}, "low qed=None: a number"),
        ({"goals": (Goal("qed", "high", 0, 1, 0),)}, "weight of qed=0: a number from 0.1"),
        ({"condition": {"qed": math.inf}}, "condition qed=inf: a number"),
    ],
)
def test_what_lies_outside_is_one_line(specs, changes, message):
    with pytest.raises(InputError) as caught:
        config_of(replace(QM9, **changes), specs)
    assert str(caught.value).startswith(message)


def test_a_run_of_too_many_evaluations_is_refused(answers, model_folder):
    asked = Asked(str(model_folder), 200, 50, goals=(HIGH_QED,), guide="best_of", walks=32)
    with pytest.raises(InputError, match="200 molecules of 1,600 network evaluations each"):
        plan_run(config_of(asked, answers.specs), answers.models)


def test_a_run_within_the_budget_is_planned(answers, model_folder):
    asked = Asked(str(model_folder), 200, 50, condition={"qed": 0.5}, weight=2.0)
    run = plan_run(config_of(asked, answers.specs), answers.models)
    assert require_budget(run.task, None) is None
    assert run.task.walk.evaluations * 2 * 200 == 20_000


def test_a_value_outside_of_training_is_a_caution(answers, model_folder):
    asked = Asked(str(model_folder), 4, 1, condition={"qed": 0.9})
    (caution,) = plan_run(config_of(asked, answers.specs), answers.models).cautions
    assert "qed=0.9 lies outside" in caution


def test_a_model_is_loaded_once(model_folder):
    models = Models()
    assert models[str(model_folder)] is models[str(model_folder)]
