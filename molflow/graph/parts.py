"""Connected parts of graphs, shown clean in training so that a scaffold can be kept in sampling.

A part is a connected set of atoms with all pairs among them. Batches are padded classes, atoms
(B, N) and pairs (B, P), as numpy arrays; nothing here loops over molecules.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molflow.graph.graph import pair_endpoints

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def to_square(pairs: Ints, n: int) -> Ints:
    """(B, P) -> symmetric (B, N, N) with a diagonal of 0."""
    low, high = pair_endpoints(n)
    square = np.zeros((len(pairs), n, n), pairs.dtype)
    square[:, low, high] = square[:, high, low] = pairs
    return square


def to_pairs(square: Ints) -> Ints:
    """(B, N, N) symmetric -> (B, P)."""
    low, high = pair_endpoints(square.shape[1])
    return square[:, low, high]


def connected_parts(pairs: Ints, sizes: Ints, wanted: Ints, priority: NDArray[np.float64]) -> Bools:
    """(B, N): ``wanted`` (B,) atoms of each graph that hang together by edges, or fewer.

    Growth starts at the atom of highest priority, (B, N) distinct numbers, and takes the atom of
    highest priority beside the part each time, until it is large enough or its component ends.
    wanted 0 is no part.
    """
    n = priority.shape[1]
    bonded = to_square(pairs, n) > 0
    exists = np.arange(n) < sizes[:, None]
    shown = np.zeros_like(exists)
    for count in range(n):
        beside = exists if count == 0 else (bonded & shown[:, None]).any(2) & ~shown
        ranked = np.where(beside, priority, -np.inf)
        chosen = ranked.argmax(1)
        grows = (count < wanted) & np.isfinite(ranked.max(1))
        shown[grows, chosen[grows]] = True
    return shown


def shown_first(atoms: Ints, pairs: Ints, shown: Bools, sizes: Ints) -> tuple[Ints, Ints]:
    """The same graphs renumbered: shown atoms first, then the others, each in their old order."""
    n = atoms.shape[1]
    exists = np.arange(n) < sizes[:, None]
    rank = np.where(shown, 0, np.where(exists, 1, 2))
    order = np.argsort(rank, axis=1, kind="stable")
    square = np.take_along_axis(to_square(pairs, n), order[:, :, None], 1)
    square = np.take_along_axis(square, order[:, None, :], 2)
    return np.take_along_axis(atoms, order, 1), to_pairs(square)
