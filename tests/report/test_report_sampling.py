"""What a sampling says on its page: the right number on the right molecule, beside the right
series."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.aggregation import Scored
from molflow.chem.molecule import check_many, read_smiles, to_graph
from molflow.chem.objective import parse_objective
from molflow.chem.properties import PROPERTIES
from molflow.config import load_config
from molflow.guidance.guided import Steering
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import ParticleFilter
from molflow.guidance.scores import Remembered
from molflow.report.page import render
from molflow.report.quantities import direction, training_rows, wanted
from molflow.report.sampling import sampling_report
from molflow.report.summary import Result, Run, measure_samples
from molflow.samples import Samples
from molflow.sampling.walk import Walk

OBJECTIVE = "mw:max,logp:0±1"
TRAINING = ["CCCC", "CCC", "CO"]


class Mine:
    """A function of the user, which must not be asked about training molecules."""

    names = ("mine",)

    def describe(self) -> str:
        return "mine of file.py"

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        assert not any(Chem.MolToSmiles(mol) in TRAINING for mol in mols)
        return [Scored(7.0, (7.0,), (7.0,)) for _ in mols]

    def close(self) -> None:
        pass


@pytest.fixture
def sampled(tiny_spec):
    """Samples of these molecules, and their scores."""

    def sampled(smiles: Sequence[str], scorer: Remembered | None, steering=None) -> Run:
        spec = tiny_spec()
        graphs = [to_graph(read_smiles(one), spec.vocabulary) for one in smiles]
        checked = check_many(graphs, spec.vocabulary)
        walk = Walk("renoised", (0.0, 0.5, 1.0))
        samples = Samples(graphs, checked, spec, walk, 1.0, 1.0, steering=steering)
        return Run(samples, () if scorer is None else scorer.judge(checked))

    return sampled


@pytest.fixture
def reported(sampled):
    """The report of a sampling of four attempts, guided where there is a scorer."""

    def reported(scorer: Remembered | None, training: list[str] | None, **config: object):
        arguments = ["checkpoint=qm9", *(f"{name}={value}" for name, value in config.items())]
        options = load_config("sample", arguments)
        smiles = ["CCO", "C.C", "CCO", "CN"]
        if scorer is None:
            run = sampled(smiles, None)
            return sampling_report(
                options, Result(run, measure_samples(run, None), training=training)
            )
        steering = Steering(
            Guide(ParticleFilter(4, strength=20.0), scorer),
            evaluations=8.0,
            looks=8.0,
            calls=3,
            times=(0.0, 0.5),
            sizes=np.array([[4.0, 3.0], [1.0, 2.0]]),
            resampled=np.zeros((2, 2), bool),
            ancestors=np.ones((2, 2), int),
        )
        run, control = sampled(smiles, scorer, steering), sampled(["O", "C.O"], scorer)
        numbers = measure_samples(run, None), measure_samples(control, None)
        result = Result(run, numbers[0], control, numbers[1], scorer, training)
        return sampling_report(options, result)

    return reported


def quantity(report, name: str):
    return next(one for one in report.quantities if one.name == name)


def test_a_plain_sampling_shows_five_properties_beside_the_training_set(reported):
    report = reported(None, TRAINING)
    assert [one.name for one in report.quantities] == ["qed", "logp", "sa", "tpsa", "mw"]
    assert quantity(report, "mw").training == pytest.approx([58.12, 44.10, 32.04], abs=0.01)
    assert not report.guided
    assert report.fronts == []
    assert report.ess is None


def test_every_strictly_valid_attempt_has_its_own_properties_and_the_others_none(reported):
    report = reported(None, TRAINING)
    weights = [one.value("mw") for one in report.attempts]
    assert weights == pytest.approx([46.07, math.nan, 46.07, 31.06], abs=0.01, nan_ok=True)
    assert report.attempts[1].values == {}
    assert [one.smiles for one in report.attempts] == ["CCO", "C.C", "CCO", "CN"]


def test_a_guided_sampling_shows_the_score_first_then_its_parts(reported):
    report = reported(Remembered(parse_objective(OBJECTIVE)), TRAINING)
    names = [one.name for one in report.quantities]
    assert names == ["score", "mw", "logp", "logp_desirability", "qed", "sa", "tpsa"]
    assert [one.better for one in report.quantities[:4]] == ["high", "high", None, "high"]
    found = parse_objective(OBJECTIVE).score(Chem.MolFromSmiles("CN"))
    assert report.attempts[3].value("score") == pytest.approx(found.total)
    assert report.attempts[3].value("logp_desirability") == found.desirabilities[1]


def test_the_control_is_the_second_series_and_training_molecules_are_scored(reported):
    objective = parse_objective(OBJECTIVE)
    report = reported(Remembered(objective), TRAINING)
    water, butane = (objective.score(Chem.MolFromSmiles(s)).total for s in ("O", "CCCC"))
    score = quantity(report, "score")
    assert score.unguided == pytest.approx([water, math.nan], nan_ok=True)
    assert score.training[0] == pytest.approx(butane)
    assert quantity(report, "mw").unguided[0] == pytest.approx(18.02, abs=0.01)
    assert report.guided


def test_what_is_wanted_is_the_target(reported):
    report = reported(Remembered(parse_objective("logp:0±1,sa:<3,qed:max")), None)
    assert quantity(report, "logp").target == (-1, 1)
    assert quantity(report, "sa").target == (-math.inf, 3)
    assert quantity(report, "qed").target is None


def test_the_front_is_of_the_first_two_parts_each_with_a_direction():
    quantities, fronts = wanted(Remembered(parse_objective("qed:max,sa:<3,logp:1..2")))
    assert fronts == [("qed", "sa")]
    quantities, fronts = wanted(Remembered(parse_objective("logp:1..2,sa:<3,qed:max")))
    assert fronts == [("logp_desirability", "sa")]
    names = {one.name: one.better for one in quantities}
    assert names["logp_desirability"] == "high"
    assert wanted(Remembered(parse_objective("qed:max")))[1] == []


def test_two_goals_of_one_property_are_told_apart():
    quantities, fronts = wanted(Remembered(parse_objective("logp:>1,logp:<3")))
    assert fronts == [("logp:>1", "logp:<3")]
    assert [one.name for one in quantities][1:3] == ["logp:>1", "logp:<3"]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("qed:max", "high"),
        ("qed:min", "low"),
        ("logp:max", "high"),
        ("sa:min", "low"),
        ("sa:<3", "low"),
        ("rings:>=1", "high"),
        ("logp:1..2", None),
        ("logp:sigmoid(low=0, high=3, k=0.5)", "high"),
        ("logp:reverse_sigmoid(low=0, high=3, k=0.5)", "low"),
        ("logp:step(low=0, high=3)", None),
    ],
)
def test_the_direction_follows_from_the_goal(text, way):
    assert direction(parse_objective(text).components[0]) == way


def test_a_function_of_the_user_is_not_asked_about_training_molecules(reported):
    report = reported(Remembered(Mine()), TRAINING)
    score = quantity(report, "score")
    assert list(score.training) == []
    assert report.attempts[0].value("score") == 7
    assert [one.name for one in report.quantities][1:] == ["qed", "logp", "sa", "tpsa", "mw"]
    assert len(quantity(report, "qed").training) == 3


def test_without_the_training_set_the_page_says_so(reported):
    report = reported(None, None)
    assert "The training set is not here" in report.summary
    assert list(quantity(report, "qed").training) == []
    assert "3 of its molecules" in reported(None, TRAINING).summary


def test_no_more_training_molecules_are_read_than_needed(monkeypatch):
    monkeypatch.setattr("molflow.report.quantities.TRAINING", 2)
    assert len(training_rows(TRAINING, None)) == 2


def test_a_property_that_fails_is_a_gap(reported, monkeypatch):
    broken = replace(PROPERTIES["qed"], compute=lambda mol: 1 / 0)
    monkeypatch.setitem(PROPERTIES, "qed", broken)
    report = reported(None, None)
    assert math.isnan(report.attempts[0].value("qed"))
    assert report.attempts[0].value("mw") > 0


def test_the_table_has_before_and_after_and_the_effective_sizes_their_chart(reported):
    report = reported(Remembered(parse_objective(OBJECTIVE)), TRAINING)
    rows = {row.name: row for row in report.table}
    assert (rows["strict validity"].unguided, rows["strict validity"].guided) == (0.5, 0.75)
    assert rows["strict validity"].share
    assert (rows["network evaluations"].unguided, rows["network evaluations"].guided) == (2, 8)
    assert (rows["effective particles"].unguided, rows["effective particles"].guided) == (None, 2.5)
    assert (report.ess.particles, report.ess.times) == (4, (0.0, 0.5))
    assert report.ess.sizes == [[4.0, 3.0], [1.0, 2.0]]


def test_title_and_summary_say_what_was_asked_for(reported):
    report = reported(Remembered(parse_objective("qed:max")), TRAINING, scaffold="CO", seed=5)
    assert report.title == "4 molecules on CO toward qed:max"
    assert report.summary.startswith(
        "Model qm9, 2 renoised steps, seed 5. Constraints: scaffold=CO. "
        "Guided by particles, the best of 4 walks a molecule; the unguided control has"
    )
    assert report.config["scaffold"] == "CO"


def test_the_summary_says_on_how_many_molecules_the_score_failed(reported):
    class Failing(Mine):
        def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
            return [Scored(math.nan, (math.nan,), (math.nan,), "mine: no") for _ in mols]

    # Ethanol and methylamine, and the control's water.
    report = reported(Remembered(Failing()), None)
    assert "The score failed on 3 of 3 molecules." in report.summary
    assert "score failed" not in reported(Remembered(Mine()), None).summary


def test_the_page_of_a_guided_sampling_can_be_drawn(reported):
    page = render(reported(Remembered(parse_objective(OBJECTIVE)), TRAINING))
    for words in ("Before and after", "Target against achieved", "mw against logp_desirability"):
        assert words in page
