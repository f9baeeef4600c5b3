"""GuacaMol's divergences against sums written out, and its scores in closed form."""

import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.DataStructs import ExplicitBitVect

from molflow.metrics.guacamol import (
    DESCRIPTORS,
    descriptors,
    fcd_score,
    guacamol_fingerprints,
    internal_maximum_similarities,
    kl_continuous,
    kl_discrete,
    kl_divergences,
    kl_score,
)


def samples(seed: int, n: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return shift + scale * np.random.default_rng(seed).standard_normal(n)


def density(sample: list[float], x: float) -> float:
    """Kernels of the width n^(-1/5) s, s^2 with n - 1 as divisor."""
    n, mean = len(sample), sum(sample) / len(sample)
    width = n ** (-1 / 5) * math.sqrt(sum((y - mean) ** 2 for y in sample) / (n - 1))
    kernels = [math.exp(-((x - y) ** 2) / (2 * width**2)) for y in sample]
    return sum(kernels) / (n * width * math.sqrt(2 * math.pi))


def divergence(p: list[float], q: list[float]) -> float:
    p, q = [x + 1e-10 for x in p], [x + 1e-10 for x in q]
    return sum(x / sum(p) * math.log(x / sum(p) / (y / sum(q))) for x, y in zip(p, q, strict=True))


def test_densities_of_real_numbers_are_kernels_read_at_a_thousand_points() -> None:
    a, b = [0.0, 1.0, 1.5, 4.0], [2.0, 2.5, 7.0]
    points = [7 * i / 999 for i in range(1000)]
    expected = divergence([density(a, x) for x in points], [density(b, x) for x in points])
    assert kl_continuous(a, b) == pytest.approx(expected, rel=1e-9)
    assert expected > 0.1


def test_two_normal_samples_diverge_as_their_laws_do() -> None:
    # KL of N(0, 1) to N(1, 1) is 1/2.
    found = kl_continuous(samples(0, 3_000), samples(1, 3_000, shift=1))
    assert found == pytest.approx(0.5, abs=0.05)


def test_the_divergence_runs_from_the_reference_to_the_generated() -> None:
    # KL of N(0, 1) to N(0, 2^2) is log 2 + 1/8 - 1/2 = 0.318, and back 2 - log 2 - 1/2 = 0.807,
    # or more where the narrow sample ends before the wide one does.
    narrow, wide = samples(0, 3_000), samples(1, 3_000, scale=2)
    assert kl_continuous(narrow, wide) == pytest.approx(0.318, abs=0.03)
    assert kl_continuous(wide, narrow) > 0.75


def test_counts_fall_into_ten_bins_over_the_range_of_the_reference() -> None:
    # Shares 1/2 and 1/2 of the outer bins against 1/4 and 3/4: log 2 / 2 + log (2/3) / 2.
    found = kl_discrete([0, 0, 10, 10], [0, 10, 10, 10])
    assert found == pytest.approx(0.5 * math.log(4 / 3), abs=1e-8)


def test_counts_outside_the_range_of_the_reference_are_not_seen() -> None:
    inside = kl_discrete([0, 0, 10, 10], [0, 10, 10, 10])
    assert kl_discrete([0, 0, 10, 10], [0, 10, 10, 10, 11, -1, 99]) == inside


def test_an_empty_bin_of_the_generated_costs_a_share_of_a_ten_thousand_millionth() -> None:
    # Bins of width 0.1, so densities 5 and 5 against 0 and 10, each with 10^-10 more.
    found = kl_discrete([0, 0, 1, 1], [1, 1])
    assert found == pytest.approx(0.5 * math.log(5e10) + 0.5 * math.log(0.5), rel=1e-6)


def test_one_sample_does_not_diverge_from_itself_in_any_order() -> None:
    values = samples(0, 300)
    assert kl_continuous(values, values[::-1]) == pytest.approx(0, abs=1e-12)
    assert kl_discrete([1, 2, 2, 5], [5, 2, 1, 2]) == 0


@pytest.mark.parametrize(
    ("reference", "generated"),
    [([], [1.0, 2.0]), ([1.0, 2.0], []), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0, 3.0])],
)
def test_without_spread_there_is_no_kernel_and_no_divergence(reference, generated) -> None:
    assert math.isnan(kl_continuous(reference, generated))


@pytest.mark.parametrize(("reference", "generated"), [([], [1]), ([1, 2], []), ([1, 2], [3, 0])])
def test_without_a_count_in_range_there_is_no_divergence(reference, generated) -> None:
    assert math.isnan(kl_discrete(reference, generated))


def test_descriptors_of_aspirin_are_the_known_ones() -> None:
    found = dict(
        zip(DESCRIPTORS, descriptors(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")), strict=True)
    )
    assert found == pytest.approx(
        {
            "BertzCT": 343.2229,
            "MolLogP": 1.3101,
            "MolWt": 180.159,
            "TPSA": 63.60,
            "NumHAcceptors": 3,
            "NumHDonors": 1,
            "NumRotatableBonds": 2,
            "NumAliphaticRings": 0,
            "NumAromaticRings": 1,
        },
        abs=1e-3,
    )


def test_fingerprints_have_4096_bits() -> None:
    (benzene,) = guacamol_fingerprints([Chem.MolFromSmiles("c1ccccc1")])
    assert (benzene.GetNumBits(), benzene.GetNumOnBits()) == (4096, 3)


def bits(*positions: int) -> ExplicitBitVect:
    vector = ExplicitBitVect(4096)
    vector.SetBitsFromList(list(positions))
    return vector


def test_the_internal_similarity_is_to_the_nearest_other_molecule() -> None:
    # A and B 1/3, A and C 1/2, B and C 1/2; D shares nothing.
    prints = [bits(0, 1), bits(1, 2), bits(0, 1, 2, 3), bits(9)]
    assert internal_maximum_similarities(prints).tolist() == [0.5, 0.5, 0.5, 0]
    assert internal_maximum_similarities([bits(1), bits(1)]).tolist() == [1, 1]
    assert internal_maximum_similarities([bits(1)]).tolist() == [0]
    assert internal_maximum_similarities([]).shape == (0,)


@pytest.fixture
def reference() -> np.ndarray:
    table = np.random.default_rng(0).standard_normal((4, len(DESCRIPTORS)))
    table[:, 4:] = [[0], [0], [10], [10]]
    return table


def test_the_score_is_the_mean_of_ten_powers(reference) -> None:
    generated = reference.copy()
    generated[:, 6] = [0, 10, 10, 10]
    found = kl_divergences(generated, reference, [0.1, 0.2], [0.2, 0.1])
    assert list(found) == [*DESCRIPTORS, "internal_similarity"]
    assert [name for name, value in found.items() if value > 1e-9] == ["NumRotatableBonds"]
    # exp(-log(4/3) / 2) is the root of 3/4; the nine others are 1.
    score = kl_score(generated, reference, [0.1, 0.2], [0.2, 0.1])
    assert score == pytest.approx((9 + math.sqrt(0.75)) / 10, abs=1e-8)


def test_real_numbers_and_counts_are_told_apart(reference) -> None:
    found = kl_divergences(reference + 1, reference, [0.1, 0.2], [0.1, 0.2])
    for column, name in enumerate(DESCRIPTORS):
        kl = kl_continuous if column < 4 else kl_discrete
        assert found[name] == kl(reference[:, column], reference[:, column] + 1)


def test_a_set_against_itself_scores_one_and_the_order_changes_nothing(reference) -> None:
    near = np.array([0.3, 0.4, 0.5, 0.7])
    turned = kl_score(reference[::-1], reference, near[::-1], near)
    assert turned == pytest.approx(kl_score(reference, reference, near, near), abs=1e-12)
    assert turned == pytest.approx(1, abs=1e-12)


def test_the_score_is_undefined_where_a_divergence_is(reference) -> None:
    assert math.isnan(kl_score(reference, reference, [0.5, 0.5], [0.1, 0.2]))


def test_the_fcd_score_falls_by_e_for_five_units_of_distance() -> None:
    assert fcd_score(0) == 1
    assert fcd_score(5) == pytest.approx(1 / math.e)
    assert math.isnan(fcd_score(math.nan))
