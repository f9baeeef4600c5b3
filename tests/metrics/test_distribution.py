"""The Fréchet distance in closed form, ChemNet against the package of its authors, and FCD's n."""

import math
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from molflow.errors import InputError
from molflow.metrics import chemnet, distribution
from molflow.metrics.distribution import (
    Statistics,
    extrapolated_fcd,
    fcd,
    frechet_distance,
    intercept,
    reference_statistics,
    subset_sizes,
)

needs_weights = pytest.mark.skipif(find_spec("fcd") is None, reason="the package fcd is not here")

RINGS = ("c1ccccc1", "C1CCCC1", "c1ccncc1", "C1CC1", "c1ccoc1", "C1CNC1", "c1c[nH]cn1", "C1COC1")
TAILS = ("", "C", "O", "N", "F", "Cl", "Br", "CO", "C=O", "C#N", "CC", "C(F)(F)F")
ENDS = ("", "C", "N", "O", "[O-]", "[N+](C)C", "[Si](C)C")
MOLECULES = [a + b + c for a in RINGS for b in TAILS for c in ENDS]


def gaussian(mean: list[float], covariance: list[list[float]]) -> Statistics:
    return Statistics(np.array(mean, float), np.array(covariance, float), 1000)


def random_gaussian(seed: int, size: int = 6, rank: int = 6) -> Statistics:
    random = np.random.default_rng(seed)
    factor = random.standard_normal((size, rank))
    return Statistics(random.standard_normal(size), factor @ factor.T, 1000)


def test_a_distribution_has_no_distance_to_itself() -> None:
    for rank in (1, 3, 6):
        one = random_gaussian(0, rank=rank)
        assert frechet_distance(one, one) == pytest.approx(0, abs=1e-13)


def test_equal_covariances_leave_the_squared_distance_of_the_means() -> None:
    a = random_gaussian(0)
    b = Statistics(a.mean + np.array([3.0, 4.0, 0, 0, 0, 0]), a.covariance, 1000)
    assert frechet_distance(a, b) == pytest.approx(25, rel=1e-13)


def test_diagonal_covariances_leave_the_squared_differences_of_the_spreads() -> None:
    a = gaussian([0, 0, 0], [[1, 0, 0], [0, 4, 0], [0, 0, 0]])
    b = gaussian([0, 0, 2], [[9, 0, 0], [0, 25, 0], [0, 0, 0.01]])
    # (1 - 3)^2 + (2 - 5)^2 + (0 - 0.1)^2 + 2^2
    assert frechet_distance(a, b) == pytest.approx(4 + 9 + 0.01 + 4, rel=1e-13)


def test_two_by_two_covariances_follow_the_closed_form_of_the_trace() -> None:
    # tr (A B)^(1/2) = sqrt(tr A B + 2 sqrt(det A det B)), of 10, 3 and 2.
    a, b = gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], [[1, 1], [1, 3]])
    expected = 4 + 4 - 2 * math.sqrt(10 + 2 * math.sqrt(6))
    assert np.trace(a.covariance @ b.covariance) == 10
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-13)


def test_two_points_on_a_line_each_lie_their_distances_apart() -> None:
    # Rank one: C = v v^T, and tr (C_a C_b)^(1/2) = |v_a . v_b|.
    a, b = gaussian([0, 0], [[1, 2], [2, 4]]), gaussian([0, 0], [[9, 3], [3, 1]])
    assert frechet_distance(a, b) == pytest.approx(5 + 10 - 2 * 5, abs=1e-7)


def test_the_distance_is_symmetric_and_does_not_turn_with_the_axes() -> None:
    a, b = random_gaussian(1), random_gaussian(2)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    turned = [Statistics(turn @ x.mean, turn @ x.covariance @ turn.T, 1000) for x in (a, b)]
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)
    assert frechet_distance(*turned) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_statistics_are_the_mean_and_the_covariance_with_one_less_than_n() -> None:
    found = Statistics.of(np.array([[0.0, 1], [2, 5], [4, 0]]))
    assert found.mean.tolist() == [2, 2]
    assert found.covariance == pytest.approx(np.array([[4, -1], [-1, 7]]), abs=1e-14)
    assert found.n == 3


def test_a_count_stands_for_repeated_rows() -> None:
    rows = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    counts = [1, 3, 2, 1]
    counted, repeated = Statistics.of(rows, counts), Statistics.of(np.repeat(rows, counts, axis=0))
    assert counted.n == repeated.n == 7
    assert counted.mean == pytest.approx(repeated.mean, abs=1e-15)
    assert counted.covariance == pytest.approx(repeated.covariance, abs=1e-15)


def test_blocks_of_any_size_give_the_same_statistics(monkeypatch) -> None:
    rows = np.random.default_rng(0).standard_normal((7, 3))
    counts = [1, 3, 2, 1, 1, 5, 1]
    whole = Statistics.of(rows, counts)
    monkeypatch.setattr(distribution, "BLOCK", 3)
    parts = Statistics.of(rows, counts)
    assert parts.mean == pytest.approx(whole.mean, abs=1e-15)
    assert parts.covariance == pytest.approx(whole.covariance, abs=1e-14)


def test_statistics_of_one_row_do_not_exist() -> None:
    with pytest.raises(ValueError, match="1 descriptions have no covariance"):
        Statistics.of(np.zeros((1, 3)))


@pytest.fixture
def counted_letters(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In place of ChemNet the numbers of C, N and O in a SMILES; what it was asked for."""
    asked: list[list[str]] = []

    def activations(smiles: list[str], device: str = "cpu") -> np.ndarray:
        asked.append(list(smiles))
        return np.array([[one.count(letter) for letter in "CNO"] for one in smiles], np.float32)

    monkeypatch.setattr(chemnet, "activations", activations)
    monkeypatch.setattr(chemnet, "fingerprint", lambda: "letters")
    return asked


def test_a_reference_is_described_once_whatever_its_order(counted_letters, tmp_path: Path) -> None:
    first = reference_statistics(["C", "CO", "CO", "N"], tmp_path)
    again = reference_statistics(["CO", "N", "C", "CO"], tmp_path)
    assert counted_letters == [["C", "CO", "N"]]
    assert first.mean.tolist() == again.mean.tolist() == [0.75, 0.25, 0.5]
    assert first.covariance.tolist() == again.covariance.tolist()
    assert first.n == again.n == 4


def test_another_reference_and_other_weights_are_described_anew(
    counted_letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference_statistics(["C", "CO"], tmp_path)
    reference_statistics(["C", "CO", "CO"], tmp_path)
    monkeypatch.setattr(chemnet, "fingerprint", lambda: "other")
    reference_statistics(["C", "CO"], tmp_path)
    assert len(counted_letters) == 3


def test_damaged_statistics_are_made_anew(counted_letters, tmp_path: Path) -> None:
    whole = reference_statistics(["C", "CO"], tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    assert reference_statistics(["C", "CO"], tmp_path).mean.tolist() == whole.mean.tolist()
    assert len(counted_letters) == 2
    assert Statistics.load(path).n == 2


def test_one_variant_counts_molecules_once_and_the_other_as_often_as_made(counted_letters) -> None:
    reference = gaussian([0, 0, 0], np.zeros((3, 3)).tolist())
    numbers = fcd(["C", "C", "C", "CC"], reference, reference, force=True)
    # Against a point at 0 the distance is the squared mean and the variance: of 1, 2 and of
    # 1, 1, 1, 2 carbons.
    assert numbers == pytest.approx(
        {
            "fcd_unique_validation": 1.5**2 + 0.5,
            "fcd_unique_validation_n": 2,
            "fcd_all_test": 1.25**2 + 0.25,
            "fcd_all_test_n": 4,
        }
    )
    assert counted_letters == [["C", "CC"]]


def test_each_variant_has_its_own_reference(counted_letters) -> None:
    validation = gaussian([1, 0, 0], np.zeros((3, 3)).tolist())
    test = gaussian([0, 2, 0], np.zeros((3, 3)).tolist())
    numbers = fcd(["C", "CC"], validation, test, force=True)
    assert numbers["fcd_unique_validation"] == pytest.approx(0.5**2 + 0.5)
    assert numbers["fcd_all_test"] == pytest.approx(1.5**2 + 2**2 + 0.5)


@pytest.mark.parametrize(
    ("made", "validation", "test", "refused"),
    [
        (999, 1000, 1000, "999 distinct valid"),
        (1000, 999, 1000, "999 validation"),
        (1000, 1000, 10, "10 test"),
        (1000, 1000, 1000, None),
    ],
)
def test_fewer_than_a_thousand_molecules_are_refused_unless_forced(
    counted_letters, made, validation, test, refused
) -> None:
    smiles = ["C" * (i + 1) for i in range(made)] + ["C"] * 500
    references = [Statistics(np.zeros(3), np.eye(3), n) for n in (validation, test)]
    if refused:
        with pytest.raises(InputError) as error:
            fcd(smiles, *references)
        assert str(error.value) == f"FCD of {refused} molecules says nothing: at least 1,000"
        assert counted_letters == []
    else:
        fcd(smiles, *references)
    assert fcd(smiles, *references, force=True)["fcd_all_test_n"] == made + 500


def test_of_fewer_than_two_molecules_it_is_undefined(counted_letters) -> None:
    reference = random_gaussian(0, size=3)
    numbers = fcd(["C", "C"], reference, reference, force=True)
    assert math.isnan(numbers["fcd_unique_validation"])
    assert numbers["fcd_unique_validation_n"] == 1
    assert not math.isnan(numbers["fcd_all_test"])


def test_a_distance_that_falls_with_the_inverse_size_is_extrapolated_to_its_limit() -> None:
    sizes = [100, 250, 700, 1000]
    assert intercept(sizes, [3 + 40 / n for n in sizes]) == pytest.approx(3, rel=1e-12)


def test_the_line_is_that_of_least_squares() -> None:
    # Through (1, 1), (1/2, 3) and (1/2, 5): at 1/2 the mean 4, so slope -6 and intercept 7.
    assert intercept([1, 2, 2], [1, 3, 5]) == pytest.approx(7)


def test_subsets_have_fifteen_sizes_from_a_tenth_to_all() -> None:
    sizes = subset_sizes(10_000)
    assert (len(sizes), sizes[0], sizes[-1]) == (15, 1000, 10_000)
    assert sizes[1] - sizes[0] == pytest.approx(9000 / 14, abs=1)


def test_subsets_are_as_large_as_asked_and_without_replacement(monkeypatch) -> None:
    rows = np.arange(40.0)[:, None]
    drawn: list[np.ndarray] = []

    def of(subset: np.ndarray) -> Statistics:
        drawn.append(subset)
        return Statistics(np.zeros(1), np.zeros((1, 1)), len(subset))

    monkeypatch.setattr(distribution.Statistics, "of", of)
    monkeypatch.setattr(distribution, "frechet_distance", lambda a, b: 2 + 30 / a.n)
    reference = Statistics(np.zeros(1), np.zeros((1, 1)), 40)
    generator = np.random.default_rng(0)
    found = extrapolated_fcd(rows, reference, generator, sizes=[10, 20, 20, 40])
    assert found == pytest.approx(2, rel=1e-12)
    assert [len(np.unique(subset)) for subset in drawn] == [10, 20, 20, 40]
    assert set(drawn[1].ravel()) != set(drawn[2].ravel())


def test_samples_of_the_reference_law_itself_are_at_distance_zero_in_the_limit() -> None:
    rows = np.random.default_rng(0).standard_normal((4000, 20))
    reference = Statistics(np.zeros(20), np.eye(20), 10**9)
    # 20 / n of the mean and about 20 * 21 / 4 / n of the covariance.
    raw = frechet_distance(Statistics.of(rows[:400]), reference)
    assert raw == pytest.approx(125 / 400, rel=0.2)
    found = extrapolated_fcd(rows, reference, np.random.default_rng(1))
    assert found == pytest.approx(0, abs=0.01)


def test_the_generator_alone_decides_the_subsets() -> None:
    rows = np.random.default_rng(0).standard_normal((200, 3))
    reference = random_gaussian(0, size=3)
    first, again, other = (
        extrapolated_fcd(rows, reference, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_of_too_few_molecules_there_is_no_limit() -> None:
    reference = random_gaussian(0, size=3)
    rows = np.random.default_rng(0).standard_normal((15, 3))
    for sizes in (None, [5, 5], [1, 10]):
        assert math.isnan(extrapolated_fcd(rows, reference, np.random.default_rng(0), sizes))
    with pytest.raises(ValueError, match="subsets of 16 from 15 molecules"):
        extrapolated_fcd(rows, reference, np.random.default_rng(0), [10, 16])


def test_a_smiles_is_written_token_by_token_with_an_end_and_then_nothing() -> None:
    x = chemnet.encode(["CCl", "[Se]"], length=8)
    codes = [
        [chemnet.TOKENS[column.argmax()] if column.any() else "" for column in row.T] for row in x
    ]
    assert codes == [["C", "Cl", ".", "", "", "", "", ""], ["[", "S", "X", "]", ".", "", "", ""]]
    assert x.sum(1).unique().tolist() == [0, pytest.approx(1 / 35)]


def test_without_the_weights_the_error_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(chemnet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install fcd$"):
        chemnet.weights_file()


def test_a_file_of_weights_that_holds_code_is_refused_and_the_code_not_run(
    tmp_path: Path, monkeypatch
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    torch.save([Bomb()], tmp_path / "weights.pt")
    monkeypatch.setattr(chemnet, "weights_file", lambda: tmp_path / "weights.pt")
    chemnet.chemnet.cache_clear()
    try:
        with pytest.raises(InputError, match="not the weights of ChemNet that FCD needs"):
            chemnet.chemnet()
    finally:
        chemnet.chemnet.cache_clear()
    assert not (tmp_path / "ran").exists()


@pytest.fixture(scope="module")
def ours() -> np.ndarray:
    return chemnet.activations(MOLECULES)


@needs_weights
def test_activations_are_those_of_the_authors(ours) -> None:
    import fcd as authors

    model = authors.load_ref_model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = authors.get_predictions(model, MOLECULES, n_jobs=0, device="cpu")
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert np.abs(theirs).max() > 0.9


@needs_weights
def test_the_distance_is_that_of_the_authors(ours) -> None:
    import fcd as authors

    # An odd and an even half are alike; the first and the second differ. Full rank is not reached.
    for a, b in ((ours[::2], ours[1::2]), (ours[:300], ours[300:])):
        theirs = authors.calculate_frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
        assert theirs > 0.5
        found = frechet_distance(Statistics.of(a), Statistics.of(b))
        assert found == pytest.approx(theirs, abs=1e-4)


@needs_weights
def test_a_molecule_is_described_the_same_in_any_batch(ours) -> None:
    few = chemnet.activations(MOLECULES[:7], batch_size=3)
    assert few == pytest.approx(ours[:7], abs=1e-6)


@needs_weights
def test_no_molecules_have_no_activations() -> None:
    assert chemnet.activations([]).shape == (0, 512)


@needs_weights
def test_a_longer_smiles_than_usual_is_read_to_its_end() -> None:
    long = "C" * 400
    ends = chemnet.activations([long + "O"]), chemnet.activations([long + "N"])
    assert np.abs(ends[0] - ends[1]).max() > 1e-4


def test_the_variants_are_named_with_what_they_compare() -> None:
    assert distribution.FCD_KEYS == ("fcd_unique_validation", "fcd_all_test")
    assert all(key in (distribution.__doc__ or "") for key in distribution.FCD_KEYS)
