"""Labelled graphs are integers: a class for every node and for every unordered pair of nodes.

There is no chemistry here and there are no tensors. The pair {i < j} has index p = j(j-1)/2 + i. So
the pairs among the first n atoms are the first n(n-1)/2 pairs whatever the padding: padding a graph
appends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]


def pair_count(n: int) -> int:
    """P = n(n-1)/2, the number of unordered pairs of n atoms."""
    return n * (n - 1) // 2


def pair_index(i: int, j: int) -> int:
    """p = j(j-1)/2 + i for i < j, in either order of the arguments."""
    if i == j:
        raise ValueError(f"pair ({i}, {j}): an atom makes no pair with itself")
    low, high = min(i, j), max(i, j)
    return pair_count(high) + low


def pair_endpoints(n: int) -> tuple[Ints, Ints]:
    """(i, j), each (P,), with i < j, in the order of the pairs."""
    j, i = np.tril_indices(n, -1)
    return i, j


@dataclass(frozen=True)
class Graph:
    """A labelled graph has classes of atoms (n,) and of pairs (n(n-1)/2,); class 0: no edge."""

    atoms: Ints
    pairs: Ints

    def __post_init__(self) -> None:
        if len(self.pairs) != pair_count(len(self.atoms)):
            raise ValueError(
                f"{len(self.pairs)} pairs for {len(self.atoms)} atoms: "
                f"{pair_count(len(self.atoms))} expected"
            )

    def __len__(self) -> int:
        return len(self.atoms)
