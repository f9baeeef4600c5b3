"""Parts of strings, shown clean in training so that sampling can keep what a user gives.

What is shown, in a share of the examples, is what prompts are: a run of positions, everything but a
run (a gap to fill, at an end a beginning to go on from), or positions scattered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUN, GAP = 0.35, 0.35
"""Shares of the examples that show something; the rest shows scattered positions."""


def draw_shown(
    lengths: NDArray[np.int64], max_length: int, fraction: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """(B, L): what a ``fraction`` of the strings shows, of one position to all but one, every
    number equally likely; the others nothing.

    lengths: (B,), the positions that exist; a string of one shows nothing.
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
    """(B, L): ``size`` positions in a row, at every start within ``lengths`` equally likely."""
    start = random.integers(0, lengths - size + 1)[:, None]
    return (place >= start) & (place < start + size[:, None])
