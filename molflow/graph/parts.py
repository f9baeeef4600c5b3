"""Parts of graphs, shown clean in training so that sampling can keep what a user gives.

What is shown, in a share of the examples, is what constraints give in sampling: one or two
connected fragments with the pairs among their atoms, each perhaps with atoms that are closed, which
have no bond outside and show that too; and atoms that are known by themselves. Batches are padded
classes, atoms (B, N) and pairs (B, P), as numpy arrays; nothing here loops over molecules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molflow.graph.graph import pair_endpoints

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ONE_FRAGMENT, TWO_FRAGMENTS = 0.6, 0.25
"""Shares of the examples that show something; the rest shows atoms by themselves alone."""
SOME_CLOSED, ALL_CLOSED = 0.25, 0.25
"""Shares of the examples with fragments in which a random share of the atoms that can be is closed,
and all of them; the rest may grow everywhere."""
LONE = 0.25
"""Share of the examples with fragments that show atoms by themselves too."""
SHUFFLED = 0.5
"""Share of the examples with the shown atoms in random order: that of a scaffold by itself is not
the one that it has in the whole molecule."""


@dataclass(frozen=True)
class Parts:
    """What a batch of graphs shows: fragments (B, N), 0 outside of them, or the number of the
    atom's own; closed (B, N), fragment atoms shown to have no bond outside; lone (B, N), atoms
    shown without their pairs."""

    fragments: Ints
    closed: Bools
    lone: Bools

    def given_atoms(self) -> Bools:
        """(B, N): whose class is shown."""
        return (self.fragments > 0) | self.lone

    def given_pairs(self) -> Bools:
        """(B, P): inside a fragment, or with a closed atom; padding is no matter here."""
        low, high = pair_endpoints(self.fragments.shape[1])
        one, other = self.fragments[:, low], self.fragments[:, high]
        return ((one == other) & (one > 0)) | self.closed[:, low] | self.closed[:, high]


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


def connected_parts(bonded: Bools, among: Bools, wanted: Ints, priority: Floats) -> Bools:
    """(B, N): ``wanted`` (B,) of the atoms ``among`` (B, N) that hang together, or fewer.

    bonded: (B, N, N). Growth starts at the atom of highest priority, (B, N) distinct numbers, and
    takes the atom of highest priority beside the part each time, until it is large enough or what
    can be reached ends. wanted 0 is no part.
    """
    shown = np.zeros_like(among)
    for count in range(among.shape[1]):
        beside = among if count == 0 else (bonded & shown[:, None]).any(2) & among & ~shown
        ranked = np.where(beside, priority, -np.inf)
        chosen = ranked.argmax(1)
        grows = (count < wanted) & np.isfinite(ranked.max(1))
        shown[grows, chosen[grows]] = True
    return shown


def draw_parts(pairs: Ints, sizes: Ints, fraction: float, random: np.random.Generator) -> Parts:
    """What a ``fraction`` of the graphs shows, of one atom to all but one; the others nothing."""
    b, n = len(sizes), int((1 + (1 + 8 * pairs.shape[1]) ** 0.5) // 2)
    exists, bonded = np.arange(n) < sizes[:, None], to_square(pairs, n) > 0
    kind, wanted = random.random(b), random.integers(1, np.maximum(sizes, 2))
    wanted *= (random.random(b) < fraction) & (sizes > 1)
    two = (kind >= ONE_FRAGMENT) & (kind < ONE_FRAGMENT + TWO_FRAGMENTS) & (wanted > 1)
    none = kind >= ONE_FRAGMENT + TWO_FRAGMENTS
    second = np.where(two, random.integers(1, np.maximum(wanted, 2)), 0)
    first = connected_parts(bonded, exists, (wanted - second) * ~none, random.random((b, n)))
    other = connected_parts(bonded, exists & ~first, second, random.random((b, n)))
    fragments = first + 2 * other.astype(np.int64)
    lone = np.where(none, wanted, (random.random(b) < LONE) * random.integers(0, wanted + 1))
    free = exists & (fragments == 0)
    lone = np.minimum(lone, np.maximum(free.sum(1) - 1, 0))
    ranked = np.where(free, random.random((b, n)), np.inf).argsort(1).argsort(1)
    return Parts(fragments, _closed(bonded, fragments, random), ranked < lone[:, None])


def _closed(bonded: Bools, fragments: Ints, random: np.random.Generator) -> Bools:
    """Of the fragment atoms without a bond outside: none, all, or a random share."""
    outside = (bonded & (fragments[:, :, None] != fragments[:, None, :])).any(2)
    kind, rate = random.random(len(fragments)), random.random(len(fragments))
    rate = np.where(kind < SOME_CLOSED, rate, np.where(kind < SOME_CLOSED + ALL_CLOSED, 1.0, 0.0))
    return (fragments > 0) & ~outside & (random.random(fragments.shape) < rate[:, None])


def fragments_first(parts: Parts, sizes: Ints, random: np.random.Generator) -> Ints:
    """(B, N): which atom comes in each place: fragments first, one behind the other, then the
    others in their old order, then padding. Fragment atoms keep their order, or have a random one.
    """
    b, n = parts.fragments.shape
    exists, shown = np.arange(n) < sizes[:, None], parts.fragments > 0
    rank = np.where(shown, parts.fragments, np.where(exists, 3, 4)).astype(np.float64)
    shuffled = shown & (random.random((b, 1)) < SHUFFLED)
    within = np.where(shuffled, random.random((b, n)), np.arange(n) / n)
    return (rank + within).argsort(1, kind="stable")


def renumbered(atoms: Ints, pairs: Ints, order: Ints) -> tuple[Ints, Ints]:
    """The same graphs with atom order[b, i] in place i."""
    square = np.take_along_axis(to_square(pairs, order.shape[1]), order[:, :, None], 1)
    square = np.take_along_axis(square, order[:, None, :], 2)
    return np.take_along_axis(atoms, order, 1), to_pairs(square)


def renumbered_parts(parts: Parts, order: Ints) -> Parts:
    """What the renumbered graphs show."""
    return Parts(
        np.take_along_axis(parts.fragments, order, 1),
        np.take_along_axis(parts.closed, order, 1),
        np.take_along_axis(parts.lone, order, 1),
    )
