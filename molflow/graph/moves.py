"""Moves lead from graphs to new ones: a part of a parent is kept, and a model makes the rest anew.

A `Draft` is a graph that a flow has to finish. It holds the parts that training shows
(``graph.parts``): connected fragments with the pairs among their atoms. They come first, and some
of their atoms may be closed. There is no chemistry here, and nothing of the flow beside its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from molflow.flow.state import State
from molflow.graph.graph import Graph, pair_count
from molflow.graph.parts import (
    Bools,
    Ints,
    Parts,
    connected_parts,
    fragments_first,
    renumbered,
    to_square,
)
from molflow.graph.state import clean_state

OPEN = 0.5
"""So often every kept atom may grow; else those alone that lost a neighbour."""


@dataclass(frozen=True, eq=False)
class Draft:
    """A draft is a graph of n atoms on its way.

    Attributes:
        atoms: (n,) classes, without meaning where nothing is known.
        pairs: (P,) classes, without meaning where nothing is known.
        given_atoms: (n,), which atoms are held.
        given_pairs: (P,), which pairs are held.
        time: where the flow takes it up, in [0, 1); at 0 all that is not held is forgotten.
        context: (C,) numbers that the model is told of it, nan where there are none.
    """

    atoms: Ints
    pairs: Ints
    given_atoms: Bools
    given_pairs: Bools
    time: float = 0.0
    context: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.atoms)


def blank_draft(size: int) -> Draft:
    """Make a draft of which nothing is known but the number of atoms."""
    pairs = pair_count(size)
    return Draft(
        np.zeros(size, np.int64),
        np.zeros(pairs, np.int64),
        np.zeros(size, np.bool_),
        np.zeros(pairs, np.bool_),
    )


def whole(graph: Graph, time: float) -> Draft:
    """Draft all of a graph, nothing held, to be noised to ``time``."""
    draft = blank_draft(len(graph))
    return Draft(
        graph.atoms.astype(np.int64),
        graph.pairs.astype(np.int64),
        draft.given_atoms,
        draft.given_pairs,
        time,
    )


def part_of(
    graph: Graph, wanted: int, random: np.random.Generator, first: int = 0
) -> tuple[Ints, Bools]:
    """Choose a random connected part of a graph, and tell which of its atoms lost no neighbour.

    Args:
        graph: the parent.
        wanted: atoms of the part; fewer where it cannot grow so far.
        random: of the start and the growth.
        first: so many atoms, the first of the graph, are in the part in any case.

    Returns:
        The numbers of the atoms, (k,), in the order that training shows
        (``parts.fragments_first``), the ``first`` ones before the others; and (k,) bool.
    """
    n = len(graph)
    sizes = np.array([n])
    bonded = to_square(graph.pairs[None].astype(np.int64), n) > 0
    priority = random.random((1, n))
    priority[0, :first] += 1
    shown = connected_parts(bonded, np.ones((1, n), np.bool_), np.array([wanted]), priority)
    shown[0, :first] = True
    nothing = np.zeros((1, n), np.bool_)
    order = fragments_first(Parts(shown.astype(np.int64), nothing, nothing), sizes, random)[0]
    order = order[: int(shown.sum())]
    order = np.concatenate([np.arange(first), order[order >= first]])
    outside = (bonded[0] & ~shown).any(1)
    return order, ~outside[order]


def grown(
    parts: Sequence[tuple[Graph, Ints, Bools]], size: int, random: np.random.Generator
) -> Draft:
    """Draft ``size`` atoms that begin with the parts, one behind the other.

    Args:
        parts: one or two of (parent, atoms, which lost no neighbour), see `part_of`.
        size: at least the atoms of all parts.
        random: decides whether atoms that lost no neighbour are closed, once for each draft.
    """
    fragments, closed = np.zeros((1, size), np.int64), np.zeros((1, size), np.bool_)
    atoms, square, place = np.zeros(size, np.int64), np.zeros((1, size, size), np.int64), 0
    close = random.random() >= OPEN
    for number, (graph, chosen, kept) in enumerate(parts, 1):
        n, k = len(graph), len(chosen)
        rest = np.setdiff1d(np.arange(n), chosen)
        order = np.concatenate([chosen, rest])[None]
        classes, pairs = renumbered(
            graph.atoms[None].astype(np.int64), graph.pairs[None].astype(np.int64), order
        )
        here = slice(place, place + k)
        atoms[here] = classes[0, :k]
        square[0, here, here] = to_square(pairs, n)[0, :k, :k]
        fragments[0, here] = number
        closed[0, here] = kept & close
        place += k
    if closed[0, :place].all():
        closed[:] = False
    shown = Parts(fragments, closed, np.zeros((1, size), np.bool_))
    low = np.tril_indices(size, -1)
    return Draft(atoms, square[0][low], shown.given_atoms()[0], shown.given_pairs()[0])


def to_state(drafts: Sequence[Draft], classes: tuple[int, int]) -> State:
    """Make x_1 of the drafts, padded to the largest, held parts given; with their context.

    Args:
        drafts: the graphs.
        classes: (A, E), the classes of an atom and of a pair.
    """
    n = max(map(len, drafts))
    p = pair_count(n)
    given = {
        "atoms": _padded([d.given_atoms for d in drafts], n),
        "pairs": _padded([d.given_pairs for d in drafts], p),
    }
    state = clean_state(
        _padded([d.atoms for d in drafts], n),
        _padded([d.pairs for d in drafts], p),
        torch.tensor([len(d) for d in drafts]),
        classes,
    ).hold(given)
    width = max((len(d.context) for d in drafts if d.context is not None), default=0)
    if not width:
        return state
    unknown = (float("nan"),) * width
    return state.knowing(torch.tensor([d.context or unknown for d in drafts]))


def _padded(rows: Sequence[NDArray], width: int) -> torch.Tensor:
    padded = np.zeros((len(rows), width), rows[0].dtype)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)
