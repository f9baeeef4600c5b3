"""Batches are padded copies of molecules, drawn by a pure function of seed, step and rank."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.datasets.loaders import (
    MoleculeDataset,
    batch_indices,
    collate,
    consecutive,
    numbered,
    positions,
)
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.store import Packed
from molflow.errors import InputError


@pytest.fixture(scope="module")
def packed() -> Packed:
    rows = list(enumerate(["C", "N#CO", "CC", "CCO", "O"]))
    return pack("test", rows, Recipe("smiles", True, None, False))[0]


def test_a_batch_holds_the_molecules_followed_by_zeros(packed: Packed) -> None:
    # Classes: C 0, N 1, O 2; pairs (0,1), (0,2), (1,2), then those of the fourth atom.
    batch = collate(packed, np.array([1, 4, 1]), max_atoms=4)
    assert batch.atoms.tolist() == [[1, 0, 2, 0], [2, 0, 0, 0], [1, 0, 2, 0]]
    assert batch.pairs.tolist() == [[3, 0, 1, 0, 0, 0], [0] * 6, [3, 0, 1, 0, 0, 0]]
    assert batch.sizes.tolist() == [3, 1, 3]
    assert {batch.atoms.dtype, batch.pairs.dtype, batch.sizes.dtype} == {np.dtype(np.int64)}


def test_every_molecule_of_qm9_is_in_its_row_of_a_batch(qm9_digress: MoleculeDataset) -> None:
    packed = qm9_digress.packed
    chosen = qm9_digress.splits["valid"][:500]
    batch = collate(packed, chosen, max_atoms=12)
    for row, index in enumerate(chosen):
        graph = packed.graph(index)
        assert batch.atoms[row, : len(graph)].tolist() == graph.atoms.tolist()
        assert batch.pairs[row, : len(graph.pairs)].tolist() == graph.pairs.tolist()
        assert not batch.atoms[row, len(graph) :].any()
        assert not batch.pairs[row, len(graph.pairs) :].any()


def test_a_molecule_larger_than_the_padding_is_refused(packed: Packed) -> None:
    with pytest.raises(ValueError, match="3 atoms in a batch of at most 2"):
        collate(packed, np.array([0, 1]), max_atoms=2)


def test_a_batch_of_atoms_has_no_pairs(packed: Packed) -> None:
    assert collate(packed, np.array([0, 4]), max_atoms=1).pairs.shape == (2, 0)


def test_the_size_law_counts_training_molecules_alone(packed: Packed) -> None:
    splits = {"train": np.array([0, 1, 3, 4]), "valid": np.array([2]), "test": np.array([], int)}
    dataset = MoleculeDataset("test", packed, splits, Path("dropped.csv"))
    assert dataset.size_law().tolist() == [0.0, 0.5, 0.0, 0.5]
    assert dataset.smiles("train") == ["C", "N#CO", "CCO", "O"]
    assert dataset.max_atoms == 3


@settings(deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 3),
    step=st.integers(0, 100),
    world=st.integers(1, 3),
)
def test_the_ranks_share_the_batch_of_one_process(
    n: int, batch_size: int, seed: int, step: int, world: int
) -> None:
    parts = [batch_indices(n, batch_size, seed, step, rank, world) for rank in range(world)]
    assert [len(part) for part in parts] == [batch_size] * world
    whole = batch_indices(n, batch_size * world, seed, step)
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_an_epoch_shows_no_molecule_twice_and_leaves_the_rest_out() -> None:
    first = np.concatenate([batch_indices(11, 4, seed=0, step=step) for step in (0, 1)])
    second = np.concatenate([batch_indices(11, 4, seed=0, step=step) for step in (2, 3)])
    assert len(set(first.tolist())) == len(set(second.tolist())) == 8
    assert set(first.tolist()) | set(second.tolist()) <= set(range(11))
    assert first.tolist() != second.tolist()


def test_over_many_epochs_every_molecule_is_seen() -> None:
    seen = {int(i) for step in range(60) for i in batch_indices(11, 4, seed=0, step=step)}
    assert seen == set(range(11))


def test_a_batch_does_not_depend_on_what_was_asked_before() -> None:
    wanted = batch_indices(1_000, 16, seed=3, step=500).tolist()
    for step in range(10):
        batch_indices(1_000, 16, seed=3, step=step * 62)
        batch_indices(999, 16, seed=4, step=step)
    assert batch_indices(1_000, 16, seed=3, step=500).tolist() == wanted


def test_another_seed_is_another_order() -> None:
    assert batch_indices(1_000, 16, 0, 0).tolist() != batch_indices(1_000, 16, 1, 0).tolist()


def test_a_data_set_smaller_than_the_batch_fills_it_evenly() -> None:
    counts = np.bincount(batch_indices(3, 10, seed=0, step=5), minlength=3)
    assert sorted(counts.tolist()) == [3, 3, 4]


@pytest.mark.parametrize("wrong", [{"n": 0}, {"batch_size": 0}, {"step": -1}, {"rank": 1}])
def test_impossible_batches_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="="):
        batch_indices(**{"n": 5, "batch_size": 2, "seed": 0, "step": 0, **wrong})


def test_an_unknown_split_is_answered_with_those_there_are(packed: Packed) -> None:
    dataset = MoleculeDataset("test", packed, {"train": np.arange(5)}, Path("dropped.csv"))
    with pytest.raises(InputError, match="split of test='scaffolds': one of train"):
        dataset.smiles("scaffolds")


def test_positions_keep_the_order_asked_for_and_leave_out_what_is_absent() -> None:
    ids = np.array([2, 3, 5, 9])
    assert positions(np.array([9, 1, 5, 4, 2, 10]), ids).tolist() == [3, 2, 0]
    assert positions(np.array([7]), np.array([], np.int64)).tolist() == []


def test_files_behind_one_another_are_numbered_from_1() -> None:
    parts = consecutive({"a": 2, "b": 0, "c": 3})
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "a": [1, 2],
        "b": [],
        "c": [3, 4, 5],
    }


def test_rows_are_numbered_as_their_files_are_cut_apart() -> None:
    rows = numbered([("a.smi", iter(["C", "CC"]), 2), ("b.smi", iter(["O"]), 1)])
    assert list(rows) == [(1, "C"), (2, "CC"), (3, "O")]


@pytest.mark.parametrize("texts", [["O"], ["O", "N", "S"]])
def test_a_file_with_another_number_of_rows_is_named(texts: list[str]) -> None:
    rows = numbered([("a.smi", iter(["C"]), 1), ("b.smi", iter(texts), 2)])
    with pytest.raises(InputError, match=rf"^b.smi: {len(texts)} rows, 2 expected$"):
        list(rows)
