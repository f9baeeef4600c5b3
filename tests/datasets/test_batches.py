"""Batches of similar size: fewer pairs of padding, and still every molecule once an epoch."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.datasets.batches import Batches, padding_widths
from molflow.datasets.loaders import MoleculeDataset, batch_indices
from molflow.graph.graph import pair_count


def batches(n: int = 600, batch_size: int = 8, seed: int = 0) -> Batches:
    """Molecules of 1 to 40 atoms, in no order, padded to 10, 20 or 40."""
    sizes = np.random.default_rng(5).integers(1, 41, n)
    return Batches(sizes, (10, 20, 40), batch_size, seed)


def padded_pairs(sizes: list[int], widths: tuple[int, ...]) -> int:
    return sum(pair_count(min(w for w in widths if w >= size)) for size in sizes)


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=40), count=st.integers(1, 4))
def test_no_other_choice_of_widths_needs_fewer_pairs(sizes: list[int], count: int) -> None:
    widths = padding_widths(np.array(sizes), 30, count)
    others = (
        (*chosen, 30) for k in range(count) for chosen in combinations(sorted(set(sizes) - {30}), k)
    )
    assert padded_pairs(sizes, widths) == min(padded_pairs(sizes, other) for other in others)
    assert len(widths) <= count
    assert list(widths) == sorted(set(widths))
    assert widths[-1] == 30


def test_two_sizes_of_molecules_are_padded_to_two_widths() -> None:
    assert padding_widths(np.array([20] * 5 + [30] * 5), 30) == (20, 30)


def test_small_molecules_are_all_padded_alike() -> None:
    assert padding_widths(np.array([1] * 9 + [16]), 16) == (16,)
    assert padding_widths(np.array([1] * 9 + [17]), 17) == (1, 17)


def test_qm9_has_one_width(qm9_digress: MoleculeDataset) -> None:
    sizes = qm9_digress.packed.sizes[qm9_digress.splits["train"]]
    assert padding_widths(sizes, qm9_digress.max_atoms) == (9,)


@pytest.mark.parametrize("step", [0, 7, 100])
def test_with_one_width_the_molecules_come_as_they_are_shuffled(step: int) -> None:
    sizes = np.random.default_rng(0).integers(1, 10, 50)
    chosen, width = Batches(sizes, (9,), 4, seed=3).at(step, 1, 2)
    assert chosen.tolist() == batch_indices(50, 4, 3, step, 1, 2).tolist()
    assert width == 9


@settings(max_examples=60)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 3),
    step=st.integers(0, 100),
    world=st.integers(1, 3),
)
def test_the_ranks_share_the_batch_of_one_process_and_its_width(
    n: int, batch_size: int, seed: int, step: int, world: int
) -> None:
    stream = batches(n, batch_size, seed)
    parts = [stream.at(step, rank, world) for rank in range(world)]
    whole, width = batches(n, batch_size * world, seed).at(step)
    assert np.concatenate([part for part, _ in parts]).tolist() == whole.tolist()
    assert [w for _, w in parts] == [width] * world
    # The smallest of the widths that holds them all.
    assert width == min(w for w in (10, 20, 40) if w >= stream.sizes[whole].max())


def test_an_epoch_shows_no_molecule_twice_and_leaves_less_than_a_step_out() -> None:
    stream = batches(n=603, batch_size=8)
    for epoch in range(3):
        seen = np.concatenate([stream.at(75 * epoch + step)[0] for step in range(75)])
        assert len(set(seen.tolist())) == len(seen) == 600


def test_what_an_epoch_leaves_out_does_not_depend_on_size() -> None:
    # 7 molecules, 4 a step: each is seen in 4 of 7 epochs.
    stream = Batches(np.array([5, 5, 5, 20, 20, 40, 40]), (10, 20, 40), 4, seed=0)
    epochs = 2_000
    seen = np.bincount(np.concatenate([stream.at(epoch)[0] for epoch in range(epochs)]))
    spread = (epochs * 4 / 7 * 3 / 7) ** 0.5
    assert np.abs(seen - epochs * 4 / 7).max() < 4 * spread


def test_nearly_all_batches_are_of_one_width() -> None:
    stream = batches(n=4_000)
    mixed = 0
    for step in range(500):
        chosen = stream.at(step)[0]
        mixed += len(set(np.searchsorted((10, 20, 40), stream.sizes[chosen]))) > 1
    assert mixed <= 2  # Where the first width ends, and the second.


def test_widths_come_in_random_order() -> None:
    widths = np.array([batches(n=4_000).at(step)[1] for step in range(500)])
    # Of 500 independent ones the correlation of neighbours has standard deviation 0.045.
    assert abs(np.corrcoef(widths[1:], widths[:-1])[0, 1]) < 0.18
    assert len(set(widths[:10].tolist())) == 3


def test_where_two_widths_meet_the_sizes_are_mixed_in_the_batch() -> None:
    # 60 small and 60 large molecules in one step: no half of it holds one kind alone.
    stream = Batches(np.repeat([5, 40], 60), (10, 40), 120, seed=0)
    chosen, width = stream.at(0)
    assert width == 40
    assert 15 < (stream.sizes[chosen[:60]] == 5).sum() < 45


def test_batches_do_not_depend_on_what_was_asked_before() -> None:
    wanted = batches().at(200)[0].tolist()
    stream = batches()
    for step in range(0, 600, 75):
        stream.at(step)
        batches(seed=1).at(step)
    assert stream.at(200)[0].tolist() == wanted


def test_another_seed_and_another_epoch_are_another_order() -> None:
    first = batches().at(0)[0].tolist()
    assert batches(seed=1).at(0)[0].tolist() != first
    assert batches().at(75)[0].tolist() != first


@pytest.mark.parametrize("wrong", [(-1, 0, 1), (0, 1, 1), (0, -1, 2)])
def test_impossible_batches_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="rank="):
        batches().at(*wrong)
