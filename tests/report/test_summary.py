"""The numbers of a sampling, against hand-computed ones on molecules that are written down."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.DataStructs import TanimotoSimilarity

from molflow.chem.aggregation import Scored
from molflow.chem.constraints import parse_constraint, plan
from molflow.chem.molecule import check_many, read_smiles, to_graph
from molflow.graph.graph import Graph
from molflow.guidance.guided import Steering
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import ParticleFilter
from molflow.metrics.similarity import fingerprints, index_references
from molflow.report.summary import Run, measure_samples, steering_by_time, steering_numbers
from molflow.samples import Samples
from molflow.sampling.walk import Walk

BROKEN = Graph(np.array([2, 0, 0, 0], np.int16), np.array([2, 2, 0, 2, 0, 0], np.int8))
"""An oxygen with three double bonds."""
GUIDE = Guide(ParticleFilter(4, strength=20.0), None)


@pytest.fixture
def sampled(tiny_spec):
    """Samples of these molecules; None is one that is not valid."""

    def sampled(smiles: Sequence[str | None], text: str | None = None) -> Samples:
        spec = tiny_spec()
        graphs = [
            BROKEN if one is None else to_graph(read_smiles(one), spec.vocabulary) for one in smiles
        ]
        asked = plan(parse_constraint(text), spec.vocabulary, spec.max_size) if text else None
        walk = Walk("flow_map", (0.0, 0.5, 1.0))
        checked = check_many(graphs, spec.vocabulary)
        return Samples(graphs, checked, spec, walk, 1.0, 1.0, plan=asked)

    return sampled


def scored(*totals: float | None) -> list[Scored | None]:
    return [None if x is None else Scored(x, (x,), (x,)) for x in totals]


def test_scores_are_averaged_over_distinct_strictly_valid_molecules(sampled):
    run = Run(sampled(["CCO", "CCO", None, "C"]), scored(0.5, 0.5, None, 0.2))
    numbers = measure_samples(run, None)
    assert numbers["scored"] == 2
    assert numbers["mean_score"] == pytest.approx(0.35)
    assert numbers["strict_valid"] == 0.75
    assert numbers["vu"] == 0.5


def test_the_best_tenth_is_rounded_up(sampled):
    smiles = ["C", "N", "O", "CC", "CN", "CO", "CCC", "CCN", "CCO", "CNC", "COC"]
    run = Run(sampled(smiles), scored(*range(11)))
    numbers = measure_samples(run, None)
    assert (numbers["scored"], numbers["mean_score"], numbers["top_score"]) == (11, 5, 9.5)


def test_a_molecule_whose_score_failed_is_not_averaged(sampled):
    failed = [Scored(math.nan, (math.nan,), (math.nan,), "f: no"), Scored(0.0, (), (), "qed: no")]
    numbers = measure_samples(Run(sampled(["CCO", "C", "N"]), [*failed, *scored(0.4)]), None)
    assert (numbers["scored"], numbers["mean_score"], numbers["top_score"]) == (1, 0.4, 0.4)


def test_the_scores_of_no_molecule_are_not_defined(sampled):
    numbers = measure_samples(Run(sampled([None]), scored(None)), None)
    assert numbers["scored"] == 0
    assert math.isnan(numbers["mean_score"])
    assert math.isnan(numbers["internal_diversity"])


def test_a_sampling_without_a_score_or_references_has_no_such_numbers(sampled):
    numbers = measure_samples(Run(sampled(["CCO"])), None)
    assert not {"scored", "mean_score", "top_score", "nearest_training", "kept"} & set(numbers)
    assert numbers["evaluations"] == 2


def test_diversity_counts_molecules_that_come_twice_and_nearness_does_not(sampled):
    run = Run(sampled(["CCO", "CCO", None, "C"]))
    ethanol, methane, propanol = fingerprints(map(Chem.MolFromSmiles, ("CCO", "C", "CCCO")))
    apart, near = (TanimotoSimilarity(one, ethanol) for one in (methane, propanol))
    far = TanimotoSimilarity(methane, propanol)
    numbers = measure_samples(run, {"C"}, index_references([propanol]))
    assert numbers["internal_diversity"] == pytest.approx(1 - (5 + 4 * apart) / 9)
    assert numbers["nearest_training"] == pytest.approx((near + far) / 2)
    assert 0 < near < 1
    assert numbers["novel"] == 0.5


def test_what_is_kept_is_counted_over_all_and_over_the_strictly_valid(sampled):
    samples = sampled(["CCO", "CCN", None, "OCCC"], "[*:1]CCO")
    first = replace(samples, things=[samples.plan.scaffold.graph, *samples.graphs[1:]])
    kept = [False, True, False, False]
    run = Run(replace(first, plan=samples.plan))
    run.samples.__dict__["kept"] = kept
    numbers = measure_samples(run, None)
    assert (numbers["kept"], numbers["kept_valid"]) == (1 / 4, 1 / 3)
    assert numbers["substructure"] == 2 / 3
    assert run.samples.substructure == [True, False, None, True]


def test_without_a_scaffold_there_is_no_substructure_to_find(sampled):
    samples = sampled(["CCO", None])
    spec = samples.spec
    asked = plan(parse_constraint(forbidden="N"), spec.vocabulary, spec.max_size)
    run = Run(replace(samples, plan=asked))
    assert run.samples.substructure == [None, None]
    assert measure_samples(run, None)["kept"] == 1
    assert "substructure" not in measure_samples(run, None)


def test_steering_is_averaged_over_molecules_and_times():
    steering = Steering(
        GUIDE,
        evaluations=8.0,
        looks=8.0,
        calls=11,
        times=(0.0, 0.5),
        sizes=np.array([[1.0, 3.0], [4.0, 2.0]]),
        resampled=np.array([[True, True], [False, True]]),
        ancestors=np.array([[4, 4], [1, 2]]),
    )
    assert steering_numbers(steering) == {
        "looks": 8.0,
        "calls": 11.0,
        "ess": 2.5,
        "resamplings": 1.5,
        "ancestors": 1.5,
    }
    assert steering_by_time(steering) == [
        {"time": 0.0, "ess": 2.0, "resampled": 1.0, "ancestors": 4.0},
        {"time": 0.5, "ess": 3.0, "resampled": 0.5, "ancestors": 1.5},
    ]


def test_a_gradient_reports_its_entropy_and_the_share_of_jumps():
    steering = Steering(GUIDE, 6.0, 32.0, 9, entropy={0.0: (0.5, 1.0), 0.5: (0.1, 0.5)})
    numbers = steering_numbers(steering)
    assert (numbers["entropy"], numbers["jumped"]) == (pytest.approx(0.3), 0.75)
    assert "ess" not in numbers
    assert steering_by_time(steering)[1] == {"time": 0.5, "entropy": 0.1, "jumped": 0.5}


def test_a_search_reports_what_its_later_generations_added():
    history = np.array([[0.2, 0.4], [0.2, 0.5], [0.6, 0.5]])
    numbers = steering_numbers(Steering(GUIDE, 12.0, 12.0, 9, history=history))
    assert (numbers["first"], numbers["gained"]) == (pytest.approx(0.3), pytest.approx(0.25))


def test_what_was_not_asked_is_told_where_the_calls_are_capped():
    capped = replace(GUIDE, max_calls=3)
    assert steering_numbers(Steering(capped, 4.0, 4.0, 3, unasked=5))["unasked"] == 5
    assert steering_numbers(Steering(capped, 4.0, 4.0, 2))["unasked"] == 0


def test_best_of_has_costs_alone():
    assert steering_numbers(Steering(GUIDE, 4.0, 4.0, 3)) == {"looks": 4.0, "calls": 3.0}
