"""The screen: its fingerprints, its Gaussian process, and its choice among children."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.aggregation import Scored
from molflow.chem.fingerprints import SIMILARITIES, tanimoto, unary
from molflow.optimization.calls import Call, Question
from molflow.optimization.run import Settings, build_search
from molflow.optimization.screening import Process, Screen

ALCOHOLS = ["C" * n + "O" for n in range(1, 13)]
AMINES = ["C" * n + "N" for n in range(1, 13)]


def calls(smiles, scores):
    return [
        Call(Question(k, one, "start", None, (), 0), Scored(score, (), ()))
        for k, (one, score) in enumerate(zip(smiles, scores, strict=True), 1)
    ]


@pytest.mark.parametrize("name", ["similarity_ecfp4", "similarity_fcfp4", "similarity_ap"])
def test_similarity_of_unary_bits_is_that_of_counts(name):
    kind = SIMILARITIES[name]
    one, other = (kind(Chem.MolFromSmiles(s)) for s in ("CCCCc1ccc(CCN)cc1", "CCCCCCc1cccc(CO)c1"))
    bits = [set(unary(counts, 2**30).tolist()) for counts in (one, other)]
    assert len(bits[0] & bits[1]) / len(bits[0] | bits[1]) == pytest.approx(tanimoto(one, other))


def test_counts_fill_as_many_bits_as_they_are():
    butane = SIMILARITIES["similarity_ap"](Chem.MolFromSmiles("CCCC"))
    assert len(unary(butane, 2**30)) == 6


def test_the_process_is_the_closed_form_of_one_molecule_among_two():
    """Of kernel K + noise I and centred scores ±1 the mean at the first is (1 - k)/(1 - k + noise).

    With k between the two molecules the centred scores are an eigenvector of K, of value 1 - k.
    """
    process = Process(["CCO", "CCN"], np.array([3.0, 1.0]), np.random.default_rng(0))
    k = process._kernel(process.known)[0, 1]
    noise = process.root[0, 0] ** 2 - 1
    mean, spread = process(["CCO", "CCN"])
    expected = 2 + np.array([1, -1]) * (1 - k) / (1 - k + noise)
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-12)
    v = process.variance
    left = 1 - np.array([1, k]) @ np.linalg.solve(
        np.array([[1 + noise, k], [k, 1 + noise]]), np.array([1, k])
    )
    np.testing.assert_allclose(spread, np.sqrt(v * left) * np.ones(2), rtol=0, atol=1e-12)


def test_the_process_is_unsure_of_what_is_unlike_all_that_it_knows():
    process = Process(ALCOHOLS, np.arange(12.0), np.random.default_rng(0))
    _, spread = process(["CCCCO", "FC(F)(F)c1nc2ccsc2s1"])
    assert spread[1] > 2 * spread[0]


def test_what_scores_well_by_the_calls_is_chosen_more_often_than_by_chance():
    known = calls([*ALCOHOLS[::2], *AMINES[::2]], [1.0] * 6 + [0.0] * 6)
    children = [*AMINES[1::2], *ALCOHOLS[1::2]]
    chosen = Screen(3).chosen(children, 4, known, np.random.default_rng(0))
    assert len(set(chosen)) == 4
    assert chosen == sorted(chosen)
    # Two are chosen by the process, and two by chance.
    assert sum(place >= 6 for place in chosen) >= 2


def test_chance_alone_decides_where_all_scores_are_the_same():
    known = calls(ALCOHOLS, [0.0] * 12)
    draws = [Screen(3).chosen(AMINES, 4, known, np.random.default_rng(k)) for k in range(40)]
    assert {place for draw in draws for place in draw} == set(range(12))


def test_all_children_are_scored_where_there_are_no_more_than_places():
    assert Screen(3).chosen(["CO", "CN"], 2, [], np.random.default_rng(0)) == [0, 1]


def test_a_screened_search_spends_its_budget_and_tells_what_it_passed_over(start):
    settings = Settings(calls=60, batch=20, moves=("mutate",), screen=3)
    search = build_search(None, settings, start)
    while batch := search.ask():
        search.tell([len(smiles) / 10 for smiles in batch])
    assert len({call.asked.smiles for call in search.calls}) == 60
    counts = search.counts["mutate"]
    assert counts["calls"] == 54
    assert counts["passed over"] > 20
    fates = ("calls", "passed over", "repeated", "invalid", "outside")
    assert sum(counts[fate] for fate in fates) == counts["attempts"]
