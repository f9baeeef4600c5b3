"""Data sets as the training sees them: splits, the law of sizes, and batches.

A batch is a pure function of (seed, step, rank, world): nothing is remembered between batches. So a
run that is resumed in the middle of an epoch sees the same batches as an uninterrupted one. Where
molecules differ much in size, a batch holds molecules of similar size (`batches`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molflow.chem.molecule import Vocabulary
from molflow.datasets.names import require_name
from molflow.datasets.store import Packed
from molflow.errors import InputError
from molflow.graph.graph import pair_count

SPLITS = ("train", "valid", "test")

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class MoleculeDataset:
    """A packed data set and its splits.

    Attributes:
        name: of the data set.
        packed: the molecules of all splits.
        splits: "train", "valid" and "test" to indices (m,) into `packed`; some data sets have more.
        report: the CSV file of rows that could not be used (row, smiles, reason).
    """

    name: str
    packed: Packed
    splits: Mapping[str, Indices]
    report: Path

    @property
    def dropped(self) -> Mapping[str, int]:
        """The number of molecules of the source that could not be used, by reason."""
        return self.packed.dropped

    @property
    def stereo(self) -> int:
        """How many molecules of the source told stereochemistry, which is left out."""
        return self.packed.stereo

    @property
    def vocabulary(self) -> Vocabulary:
        return self.packed.vocabulary

    @property
    def max_atoms(self) -> int:
        """The size of the largest molecule of all splits."""
        return self.packed.max_atoms

    @property
    def max_size(self) -> int:
        """The same, as models of all kinds call it."""
        return self.max_atoms

    def smiles(self, split: str) -> list[str]:
        """The canonical SMILES without stereo of a split, in the order of its indices.

        InputError where the data set has no split of that name.
        """
        require_name(f"split of {self.name}", split, tuple(self.splits))
        return self.packed.smiles_at(self.splits[split])

    def size_law(self) -> NDArray[np.float64]:
        """(max_atoms + 1,): the share of training molecules with n atoms at index n; sums to 1."""
        sizes = self.packed.sizes[self.splits["train"]]
        return np.bincount(sizes, minlength=self.max_atoms + 1) / len(sizes)


def positions(wanted: Indices, ids: Indices) -> Indices:
    """Positions of the wanted ids in the ascending `ids` (M,), in their order.

    Absent ones are left out.
    """
    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    places, wanted = places[inside], wanted[inside]
    return places[ids[places] == wanted]


def consecutive(counts: Mapping[str, int]) -> dict[str, Indices]:
    """The rows, numbered from 1, of files that are read one behind the other, by file."""
    ends = np.cumsum(list(counts.values())).tolist()
    return {
        name: np.arange(end - count + 1, end + 1)
        for (name, count), end in zip(counts.items(), ends, strict=True)
    }


def numbered(files: Iterable[tuple[str, Iterator[str], int]]) -> Iterator[tuple[int, str]]:
    """(row, text) of files that are read one behind the other, rows numbered from 1.

    Args:
        files: for each its name, its texts and their expected number.

    Raises:
        InputError: a file has another number of texts.
    """
    row = 0
    for name, texts, count in files:
        before = row
        for text in texts:
            row += 1
            yield row, text
        if row - before != count:
            raise InputError(f"{name}: {row - before} rows, {count} expected")


@dataclass(frozen=True)
class Batch:
    """B molecules padded to N atoms and P = N(N-1)/2 pairs, as int64 classes.

    atoms (B, N) and pairs (B, P) are 0 beyond the molecule; sizes (B,).
    """

    atoms: Indices
    pairs: Indices
    sizes: Indices


def collate(packed: Packed, indices: Indices, max_atoms: int) -> Batch:
    """Pad molecules to one size.

    Args:
        packed: the molecules.
        indices: (B,), into them.
        max_atoms: the size.

    Raises:
        ValueError: a molecule is larger.
    """
    sizes = packed.sizes[indices].astype(np.int64)
    if sizes.max(initial=0) > max_atoms:
        raise ValueError(f"a molecule of {sizes.max()} atoms in a batch of at most {max_atoms}")
    return Batch(
        atoms=_padded(packed.atoms, packed.atom_starts, indices, max_atoms),
        pairs=_padded(packed.pairs, packed.pair_starts, indices, pair_count(max_atoms)),
        sizes=sizes,
    )


def _padded(values: NDArray[np.int8], starts: Indices, indices: Indices, width: int) -> Indices:
    """(B, width): the runs at `indices` of a flat array, each followed by zeros."""
    first, last = starts[indices][:, None], starts[indices + 1][:, None]
    positions = first + np.arange(width)
    inside = positions < last
    rows = np.zeros(positions.shape, dtype=np.int64)
    rows[inside] = values[positions[inside]]
    return rows


def batch_indices(
    n: int, batch_size: int, seed: int, step: int, rank: int = 0, world: int = 1
) -> Indices:
    """The molecules of a batch in an endless stream of reshuffled epochs.

    Every step takes world * batch_size molecules, a different part for each rank. Within an epoch
    no molecule comes twice. The rest that does not fill a step is left out of that epoch. Where n
    is less than one step, an epoch is as many shuffles, one behind the other, as fill one.

    Args:
        n: the number of molecules.
        batch_size: molecules of one rank and step.
        seed: of the shuffling.
        step: from 0.
        rank: of this process.
        world: the number of processes.

    Returns:
        Indices (batch_size,) below n.

    Raises:
        ValueError: an argument is out of its range.
    """
    if n < 1 or batch_size < 1:
        raise ValueError(f"n={n}, batch_size={batch_size}: at least 1 each")
    if not 0 <= rank < world or step < 0:
        raise ValueError(f"step={step}, rank={rank}, world={world}: 0 <= step, 0 <= rank < world")
    wanted = batch_size * world
    steps = max(1, n // wanted)
    epoch, position = divmod(step, steps)
    start = position * wanted + rank * batch_size
    return epoch_order(n, -(-wanted // n), seed, epoch)[start : start + batch_size]


@lru_cache(maxsize=4)
def epoch_order(n: int, shuffles: int, seed: int, epoch: int) -> Indices:
    """(n * shuffles,): all indices below n in the order of an epoch, so many times over.

    It is kept, because every step of the epoch needs it again.
    """
    generator = np.random.default_rng([seed, epoch])
    order = np.concatenate([generator.permutation(n) for _ in range(shuffles)])
    order.setflags(write=False)
    return order
