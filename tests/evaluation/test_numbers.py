"""The numbers of the suites, by hand."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from math import isnan

import numpy as np
import pytest
from rdkit import Chem

from molflow.errors import InputError
from molflow.evaluation import standard_suite
from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.numbers import WANTED, Evaluation, evaluate_suite
from molflow.evaluation.samples_file import Row, collect
from molflow.evaluation.standard_suite import redrawn
from molflow.metrics import chemnet
from molflow.metrics.attempts import judge_smiles
from molflow.metrics.describing import FEATURES
from molflow.metrics.suites import SUITES

NAPHTHALENE, QUINOLINE, NORBORNANE = "c1ccc2ccccc2c1", "c1ccc2ncccc2c1", "C1CC2CCC1C2"
TEST = ["CCO", "CCN", NAPHTHALENE, "CC(=O)Nc1ccccc1", NORBORNANE]
SPLITS = {"train": ["CCO", "CCC", "CC", "O"], "valid": ["CN", "CCF"], "test": TEST}

Measure = Callable[..., Evaluation]


@pytest.fixture
def measured(letters_for_chemnet, monkeypatch) -> Measure:
    """A suite's evaluation of these texts against SPLITS."""
    monkeypatch.setattr(chemnet, "weights_file", lambda: None)

    def measured(
        texts: Sequence[str], suite: str = "standard", force: bool = True, **changes: object
    ) -> Evaluation:
        stream = ((Row(i, text), judge_smiles(text)) for i, text in enumerate(texts))
        reference = Reference(**{"name": "made", "splits": SPLITS, **changes})
        attempts = collect(stream, lambda failure: None, reference.training)
        return evaluate_suite(suite, Subject(attempts, WANTED[suite]), reference, force)

    return measured


def values(evaluation: Evaluation) -> dict[str, float]:
    return {key: one.value for key, one in evaluation.numbers.items()}


def test_validity_uniqueness_and_novelty_have_attempts_or_what_they_say_below_the_line(measured):
    # Plain: CCO, OCC, CC of CC.O, CCN. Strict: CCO twice, CCN. Training holds CCO and CC.
    found = values(measured(["CCO", "OCC", "CC.O", "CCN", "CN(C)(C)C", "", "None", "C("]))
    expected = {
        "strict_valid": 3 / 8,
        "plain_valid": 4 / 8,
        "relaxed_valid": 5 / 8,
        "valence_valid": 4 / 8,
        "unique": 3 / 4,
        "novel": 1 / 3,
        "vu": 2 / 8,
        "vun": 1 / 8,
        "unique@1k": 3 / 4,
        "unique@10k": 3 / 4,
    }
    assert {key: found[key] for key in expected} == expected


def test_as_many_draws_from_two_molecules_find_one_and_a_half_of_them():
    # Two draws of two equally likely molecules: each is found with 1 - 1/4, both 1.5, over 2.
    assert redrawn(["C", "N"], 2) == pytest.approx(0.75)
    # Of C twice and N once: 1 - (1/3)^2 + 1 - (2/3)^2 = 13/9, over 2.
    assert redrawn(["C", "C", "N"], 2) == pytest.approx(13 / 18)
    assert isnan(redrawn(["C"], 0))


def test_the_test_set_against_itself_is_as_near_as_can_be(measured):
    found = values(measured(TEST, "full"))
    ones = ("snn", "frag", "scaf", "SNN/Test", "Frag/Test", "Scaf/Test")
    assert {key: found[key] for key in ones} == pytest.approx(dict.fromkeys(ones, 1.0))
    zeros = ("fcd_all_test", "FCD/Test", "nspdk", "w1_logp", "w1_sa", "w1_qed", "w1_weight")
    assert {key: found[key] for key in zeros} == pytest.approx(dict.fromkeys(zeros, 0.0), abs=1e-9)


def test_the_order_of_the_attempts_changes_nothing(measured):
    texts = ["CCO", "CCN", NAPHTHALENE, "C(", "CC.O", QUINOLINE, "CCO", NORBORNANE, "c1ccccc1C"]
    mixed = random.Random(0).sample(texts, len(texts))
    first, second = (measured(some, "full").numbers for some in (texts, mixed))
    for key, one in first.items():
        assert astuple(one) == pytest.approx(astuple(second[key]), rel=1e-9, nan_ok=True), key


def test_a_molecule_without_a_descriptor_is_left_out_of_its_numbers_and_that_is_said(
    measured, monkeypatch
):
    known = FEATURES["guacamol"]
    lacking = replace(
        known, compute=lambda m: None if Chem.MolToSmiles(m) == "CF" else known.compute(m)
    )
    monkeypatch.setitem(FEATURES, "guacamol", lacking)
    found = measured([*TEST, "CF"], "guacamol")
    assert found.obstacles[-1] == "guacamol: undefined for 1 of 6 molecules, which are left out"
    assert found.numbers["guacamol/kl"].value > 0


def test_what_lacks_a_fingerprint_is_like_nothing(measured, monkeypatch):
    lacking = replace(FEATURES["print"], compute=lambda mol: None)
    monkeypatch.setitem(FEATURES, "print", lacking)
    assert values(measured(["CCO"]))["nearest_training"] == 0


def test_every_suite_has_the_keys_of_its_table(measured):
    for suite, metrics in SUITES.items():
        assert list(measured(TEST, suite).numbers) == list(metrics)


def test_similarity_is_the_mean_over_repetitions_too(measured):
    # CCO is in the test set: 1. C has nothing in common with any of it but its own bit: 0.
    found = measured(["CCO", "CCO", "CCO", "C"])
    assert found.numbers["snn"].value == pytest.approx(3 / 4)
    assert found.numbers["snn"].low < 3 / 4 < found.numbers["snn"].high


def test_scaffolds_are_compared_by_the_cosine_of_their_counts(measured):
    # Made (2 naphthalenes, 1 quinoline), test (1 naphthalene, 1 norbornane): 2 / sqrt(5 * 2).
    found = values(measured([NAPHTHALENE, NAPHTHALENE, QUINOLINE]))
    assert found["scaf"] == pytest.approx(2 / math.sqrt(10))


def test_filters_pass_a_share_of_the_plain_valid(measured):
    # Silicon is no element of MOSES, a charge none of its molecules has; the broken one is no
    # molecule at all.
    assert values(measured(["CCO", "C[SiH3]", "CC[NH3+]", "CCC", "C("]))["filters"] == 2 / 4


def test_a_set_that_was_copied_is_told_from_the_test_set(measured):
    found = values(measured(["CCO", "CCC", "CCC", "CCCl"]))
    # Distinct: CCO and CCC of the training set, CCCl. The test set shares CCO of its five.
    assert found["copied"] == 2 / 3
    assert found["copied_test"] == 1 / 5
    assert found["nearest_training"] > found["nearest_training_test"]


def test_weights_are_as_far_apart_as_their_means_where_all_are_shifted(measured):
    # Methane for each of the five: the distance is the mean test weight less 16.043.
    from rdkit.Chem import Descriptors, MolFromSmiles

    weights = [Descriptors.MolWt(MolFromSmiles(one)) for one in TEST]
    found = values(measured(["C"] * 5))
    assert found["w1_weight"] == pytest.approx(np.mean(weights) - 16.043)


def test_fcd_of_few_molecules_is_undefined_and_said_to_be(measured):
    evaluation = measured(TEST, force=False)
    assert isnan(evaluation.numbers["fcd_all_test"].value)
    assert evaluation.obstacles[0] == (
        "FCD of 5 valid molecules says nothing: at least 1,000, or force=true"
    )
    assert not isnan(measured(TEST).numbers["fcd_all_test"].value)


def test_without_chemnet_all_but_fcd_is_measured_and_it_is_said(measured, monkeypatch):
    def missing() -> None:
        raise InputError("FCD needs the weights")

    monkeypatch.setattr(chemnet, "weights_file", missing)
    evaluation = measured(TEST, "full")
    undefined = {key for key, one in evaluation.numbers.items() if isnan(one.value)}
    assert {"fcd_all_test", "FCD/Test", "guacamol/fcd_score", "fcd_extrapolated"} < undefined
    assert evaluation.numbers["snn"].value == 1
    assert "FCD needs the weights" in evaluation.obstacles


def test_both_fcd_variants_look_at_the_molecules_that_they_name(measured, monkeypatch):
    asked: list[tuple[list[str], list[str]]] = []

    def fcd_of(subject, made, reference, others, notes) -> float:
        asked.append((list(made), list(others)))
        return math.nan

    monkeypatch.setattr(standard_suite, "fcd_of", fcd_of)
    measured(["CCO", "CCO", "CC.O"])
    assert asked == [(["CCO", "CC"], SPLITS["valid"]), (["CCO", "CCO", "CC"], TEST)]


def test_moses_looks_at_whole_molecules_and_knows_its_training_set_to_hold_ours(measured):
    texts = ["CC.O", "CN", "CCO", "Cl"]
    # Not in train: CC.O, CN and Cl; CN is of our validation set, a part of MOSES's training set.
    assert values(measured(texts, "moses"))["Novelty"] == 3 / 4
    assert values(measured(texts, "moses", name="moses"))["Novelty"] == 2 / 4


def test_a_split_that_the_reference_lacks_leaves_its_keys_undefined(measured):
    evaluation = measured(TEST, "moses")
    assert isnan(evaluation.numbers["SNN/TestSF"].value)
    assert "made has no split test_scaffolds: no number against it" in evaluation.obstacles
    both = measured(TEST, "moses", splits={**SPLITS, "test_scaffolds": TEST})
    assert both.numbers["SNN/TestSF"].value == 1


def test_guacamol_s_fcd_score_is_that_of_the_fcd_of_distinct_molecules(measured):
    train = SPLITS["train"]
    # Distinct molecules the same as the training set: FCD 0, score 1, however often they come.
    found = values(measured([*train, "CC", "CC", "C("], "guacamol"))
    assert found["guacamol/fcd_score"] == pytest.approx(1)
    assert found["guacamol/validity"] == 6 / 7
    assert found["guacamol/uniqueness"] == 4 / 6
    assert found["guacamol/novelty"] == 0


def test_counts_say_what_the_numbers_are_of(measured):
    counts = measured(["CCO", "CCO", "CC.O", "C("]).counts
    assert counts["attempts"] == 4
    assert counts["plain_valid"] == 3
    assert counts["distinct"] == 2
    assert counts["distinct_strict_valid"] == 1


def test_the_diversity_of_very_many_is_that_of_the_first_and_it_is_said(measured, monkeypatch):
    monkeypatch.setattr(standard_suite, "PAIRS", 2)
    evaluation = measured(["CCO", "CCO", "CCN", NAPHTHALENE])
    assert evaluation.numbers["int_div"].value == 0
    assert "internal diversity: of the first 2 of 4 molecules" in evaluation.obstacles


@pytest.mark.parametrize("suite", SUITES)
def test_attempts_without_a_molecule_have_shares_and_nothing_else(measured, suite):
    found = values(measured(["C(", ""], suite))
    defined = {key for key, value in found.items() if not isnan(value)}
    about_the_test_set = {"nearest_training_test", "copied_test"}
    assert all(found[key] == 0 for key in defined - about_the_test_set)
    assert "strict_valid" in defined or "valid" in defined or "guacamol/validity" in defined


def test_a_very_long_smiles_leaves_the_window_of_the_others_as_it_is(measured, monkeypatch):
    asked: list[list[str]] = []

    def activations(smiles, batch_size=256, device="cpu"):
        asked.append(list(smiles))
        return np.zeros((len(smiles), 3), np.float32)

    monkeypatch.setattr(chemnet, "activations", activations)
    long = "C" * 400
    measured(["CCO", long, "CCN"])
    assert [long] in asked
    assert ["CCO", "CCN"] in asked
