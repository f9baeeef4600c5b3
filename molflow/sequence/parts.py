"""Training shows parts of strings clean, so that sampling can keep the parts that a user gives.

A share of the examples shows parts as prompts do. They are a run of positions, everything but a
run, or positions scattered. A run left out is a gap to fill; at an end, a beginning to go on from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUN, GAP = 0.35, 0.35
"""Of the examples that show something these shares show a run or leave a gap; the rest scatters."""


def draw_shown(
    lengths: NDArray[np.int64], max_length: int, fraction: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw the positions that a ``fraction`` of the strings shows: (B, L); the others show nothing.

    Args:
        lengths: (B,), the positions that exist; a string of one shows nothing.
        max_length: L.
        fraction: of the strings; each shows one position to all but one, every number equally
            likely.
        random: the source of the draws.
    """
    b = len(lengths)
    kind, count = random.random(b)[:, None], random.integers(1, np.maximum(lengths, 2))
    count *= (random.random(b) < fraction) & (lengths > 1)
    place, exists = np.arange(max_length), np.arange(max_length) < lengths[:, None]
    rank = np.where(exists, random.random((b, max_length)), np.inf).argsort(1).argsort(1)
    run, gap = (_run(place, size, lengths, random) for size in (count, lengths - count))
    shown = np.where(kind < RUN, run, np.where(kind < RUN + GAP, ~gap, rank < count[:, None]))
    return shown & exists


def _run(
    place: NDArray[np.int64],
    size: NDArray[np.int64],
    lengths: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Choose ``size`` positions in a row, every start within ``lengths`` equally likely: (B, L)."""
    start = random.integers(0, lengths - size + 1)[:, None]
    return (place >= start) & (place < start + size[:, None])
