"""The choice of molecules for every training step, and the size to which it pads them.

The number of pairs grows with the square of the atoms. Padded to its largest molecule, 62 % of the
pairs of ZINC250k would be padding. So molecules of similar size share a batch. Batches are padded
to a few sizes only, each of which a compiled network compiles once. Strings are served by the same
rule: attention looks at all pairs of their tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from molflow.datasets.loaders import Indices, batch_indices, epoch_order
from molflow.datasets.store import starts

WIDTHS = 4
"""The most sizes to pad to."""

ALIKE = 16
"""Up to so many atoms all molecules are padded to one size: their pairs cost little."""

BLOCKS = 1
"""Sets the random numbers of the order of steps apart from those of the molecules."""


@dataclass(frozen=True, eq=False)
class Batches:
    """An endless stream of reshuffled epochs over molecules.

    As with `batch_indices`, every step takes world * batch_size molecules, a different part for
    each rank. No molecule comes twice in an epoch. A random rest that does not fill a step is left
    out of it. The molecules of an epoch are sorted by width and cut into steps, and the steps are
    shuffled. So all ranks of a step pad to the same size, and sizes come in random order.

    Attributes:
        sizes: (n,), of the molecules.
        widths: the sizes to pad to, ascending; the last holds every molecule.
        batch_size: molecules of one rank and step.
        seed: of the shuffling.
    """

    sizes: NDArray[np.integer]
    widths: tuple[int, ...]
    batch_size: int
    seed: int

    @classmethod
    def of(cls, sizes: NDArray[np.integer], largest: int, batch_size: int, seed: int) -> Batches:
        """Make batches with the widths that waste least.

        Args:
            sizes: (n,), of the molecules.
            largest: the last of the widths.
            batch_size: molecules of one rank and step.
            seed: of the shuffling.
        """
        return cls(sizes, padding_widths(sizes, largest), batch_size, seed)

    def at(self, step: int, rank: int = 0, world: int = 1) -> tuple[Indices, int]:
        """The molecules of a step and the size to pad to.

        Args:
            step: from 0.
            rank: of this process.
            world: the number of processes.

        Returns:
            Indices (batch_size,) below n, and the width.

        Raises:
            ValueError: the step or the rank is out of its range.
        """
        n, wanted = len(self.sizes), self.batch_size * world
        if len(self.widths) == 1:
            chosen = batch_indices(n, self.batch_size, self.seed, step, rank, world)
            return chosen, self.widths[0]
        if not 0 <= rank < world or step < 0:
            raise ValueError(f"step={step}, rank={rank}, world={world}: 0 <= step, rank < world")
        epoch, position = divmod(step, max(1, n // wanted))
        blocks, padded = _sorted_epoch(self, wanted, epoch)
        start = rank * self.batch_size
        return blocks[position, start : start + self.batch_size], int(padded[position])


@lru_cache(maxsize=2)
def _sorted_epoch(batches: Batches, wanted: int, epoch: int) -> tuple[Indices, Indices]:
    """The molecules (steps, wanted) of an epoch, and the size to which each step pads them."""
    n = len(batches.sizes)
    order = epoch_order(n, -(-wanted // n), batches.seed, epoch)
    order = order[: max(1, n // wanted) * wanted]
    groups = np.searchsorted(batches.widths, batches.sizes).astype(np.int8)[order]
    blocks = order[np.argsort(groups, kind="stable")].reshape(-1, wanted)
    generator = np.random.default_rng([batches.seed, epoch, BLOCKS])
    # Where two widths meet in a step, its parts must not differ in size.
    blocks = generator.permuted(generator.permutation(blocks), axis=1)
    blocks.setflags(write=False)
    largest = batches.sizes[blocks].max(axis=1)
    widths = np.array(batches.widths)
    return blocks, widths[np.searchsorted(widths, largest)]


def padding_widths(
    sizes: NDArray[np.integer], largest: int, count: int = WIDTHS
) -> tuple[int, ...]:
    """The sizes to pad to with which molecules take fewest pairs.

    Args:
        sizes: (n,), of the molecules.
        largest: the last width, and the only one where it is at most ALIKE.
        count: the most widths.

    Returns:
        Widths, ascending.
    """
    if largest <= ALIKE:
        return (largest,)
    tops, counts = np.unique(np.append(sizes, largest).astype(np.int64), return_counts=True)
    upto, groups = starts(counts), len(tops)
    # cost[i, j]: the pairs of molecules of sizes i to j, all padded to size j.
    cost = (upto[None, 1:] - upto[:-1, None]) * (tops * (tops - 1) // 2)[None]
    cost = np.where(np.tri(groups, k=-1, dtype=bool), np.inf, cost)
    best, cuts = cost[0], []
    for _ in range(min(count, groups) - 1):
        before = np.concatenate([[0.0], best[:-1]])[:, None] + cost
        cuts.append(before.argmin(0))
        best = before.min(0)
    widths, j = [], groups - 1
    for cut in [*reversed(cuts), np.zeros(groups, np.int64)]:
        if j >= 0:
            widths.append(int(tops[j]))
            j = int(cut[j]) - 1
    return tuple(reversed(widths))
