"""Several desirabilities of one molecule at once: their weighted means and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molflow.plugins import Table


@dataclass(frozen=True)
class Scored:
    """The score of one molecule.

    Attributes:
        total: larger is better. Of an Objective it lies in [0, 1], and is 0 after an error. Of a
            user's function (`scoring.ScoreFile`) it is the function's own unbounded number, and nan
            after an error.
        desirabilities: one per component, in the order of the scorer's names.
        values: one per component, in the same order; a value that could not be computed is nan.
        error: one line, or None.
    """

    total: float
    desirabilities: tuple[float, ...]
    values: tuple[float, ...]
    error: str | None = None


def geometric(desirabilities: Sequence[float], weights: Sequence[float]) -> float:
    """prod d_i^(w_i / sum w). It is 0 where one d_i is 0."""
    total = sum(weights)
    return math.prod(d ** (w / total) for d, w in zip(desirabilities, weights, strict=True))


def arithmetic(desirabilities: Sequence[float], weights: Sequence[float]) -> float:
    """sum w_i d_i / sum w."""
    return sum(w * d for d, w in zip(desirabilities, weights, strict=True)) / sum(weights)


AGGREGATIONS = Table[Callable[[Sequence[float], Sequence[float]], float]](
    "aggregations", {"geometric": geometric, "arithmetic": arithmetic}
)


def pareto_front(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mark the rows of values (n, c) that no other row dominates; (n,) bool, larger is better.

    A row dominates another if it is as large in every column and larger in one. So equal rows are
    on the front together. A row with a nan is not on it.
    """
    front = ~np.isnan(values).any(axis=1)
    distinct, origin = np.unique(values[front], axis=0, return_inverse=True)
    # In this descending order a row can only be dominated by rows before it; (c, n) is the faster.
    columns = np.ascontiguousarray(distinct[::-1].T)
    alive = np.arange(len(distinct))
    place = 0
    while place < len(alive):
        kept = np.ones(len(alive), dtype=np.bool_)
        kept[place + 1 :] = (columns[:, place + 1 :] > columns[:, place, None]).any(axis=0)
        if not kept.all():
            columns, alive = columns[:, kept], alive[kept]
        place += 1
    best = np.zeros(origin.max(initial=-1) + 1, dtype=np.bool_)
    best[len(best) - 1 - alive] = True
    front[front] = best[origin.reshape(-1)]
    return front
