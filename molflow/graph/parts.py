"""Training shows parts of graphs clean, so that sampling can keep the parts that a user gives.

A share of the examples shows the parts that constraints give in sampling: one or two connected
fragments with the pairs among their atoms. A fragment may have closed atoms, which have no bond
outside and show that too. Atoms may also be known by themselves. Batches are padded classes, atoms
(B, N) and pairs (B, P), as numpy arrays. Nothing here loops over molecules.
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
"""Of the examples that show something these shares show fragments; the rest shows lone atoms."""
SOME_CLOSED, ALL_CLOSED = 0.25, 0.25
"""Of the examples with fragments one share closes a random share of the atoms that can be closed.

Another share closes all of them; the rest may grow everywhere.
"""
LONE = 0.25
"""This share of the examples with fragments shows atoms by themselves too."""
SHUFFLED = 0.5
"""This share of the examples has the shown atoms in random order.

The order of a scaffold by itself is not the one that it has in the whole molecule.
"""


@dataclass(frozen=True)
class Parts:
    """These parts of a batch of graphs are shown.

    Attributes:
        fragments: (B, N), 0 outside of them, or the number of the atom's own.
        closed: (B, N), fragment atoms shown to have no bond outside.
        lone: (B, N), atoms shown without their pairs.
    """

    fragments: Ints
    closed: Bools
    lone: Bools

    def given_atoms(self) -> Bools:
        """Tell the atoms whose class is shown: (B, N)."""
        return (self.fragments > 0) | self.lone

    def given_pairs(self) -> Bools:
        """Tell the pairs in a fragment or with a closed atom, (B, P), padding as it comes."""
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
    """Choose ``wanted`` of the atoms ``among`` that hang together, or fewer: (B, N).

    Growth starts at the atom of highest priority. Each time it takes the atom of highest priority
    beside the part. It ends when the part is large enough or nothing more can be reached.

    Args:
        bonded: (B, N, N).
        among: (B, N).
        wanted: (B,); 0 is no part.
        priority: (B, N) distinct numbers.
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
    """Draw the parts that a ``fraction`` of the graphs shows; the others show nothing.

    Args:
        pairs: (B, P).
        sizes: (B,).
        fraction: of the graphs; each shows one atom to all but one.
        random: the source of the draws.
    """
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
    """Close none, all, or a random share of the fragment atoms without a bond outside."""
    outside = (bonded & (fragments[:, :, None] != fragments[:, None, :])).any(2)
    kind, rate = random.random(len(fragments)), random.random(len(fragments))
    rate = np.where(kind < SOME_CLOSED, rate, np.where(kind < SOME_CLOSED + ALL_CLOSED, 1.0, 0.0))
    return (fragments > 0) & ~outside & (random.random(fragments.shape) < rate[:, None])


def fragments_first(parts: Parts, sizes: Ints, random: np.random.Generator) -> Ints:
    """Tell which atom comes in each place: (B, N).

    Fragments come first, one behind the other, then the others in their old order, then padding.
    Fragment atoms keep their order, or have a random one.

    Args:
        parts: the parts shown.
        sizes: (B,).
        random: the source of the orders.
    """
    b, n = parts.fragments.shape
    exists, shown = np.arange(n) < sizes[:, None], parts.fragments > 0
    rank = np.where(shown, parts.fragments, np.where(exists, 3, 4)).astype(np.float64)
    shuffled = shown & (random.random((b, 1)) < SHUFFLED)
    within = np.where(shuffled, random.random((b, n)), np.arange(n) / n)
    return (rank + within).argsort(1, kind="stable")


def renumbered(atoms: Ints, pairs: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Put atom order[b, i] in place i.

    Args:
        atoms: (B, N).
        pairs: (B, P).
        order: (B, N).
    """
    square = np.take_along_axis(to_square(pairs, order.shape[1]), order[:, :, None], 1)
    square = np.take_along_axis(square, order[:, None, :], 2)
    return np.take_along_axis(atoms, order, 1), to_pairs(square)


def renumbered_parts(parts: Parts, order: Ints) -> Parts:
    """Renumber the shown parts along with their graphs, by ``order`` (B, N)."""
    return Parts(
        np.take_along_axis(parts.fragments, order, 1),
        np.take_along_axis(parts.closed, order, 1),
        np.take_along_axis(parts.lone, order, 1),
    )
