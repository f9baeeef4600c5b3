"""A histogram's bins are placed here, and filled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molflow.report.values import Quantity, Series

BINS = 26
WHOLE = 40
"""Up to so many whole numbers get a bin each."""
TAIL = 0.002
"""This share of a series may lie beyond either end of the axis (the page counts it)."""


@dataclass(frozen=True)
class Bins:
    """All series of a histogram share these bins.

    Attributes:
        edges: (K + 1,), ascending.
        counts: series -> (K,); the last bin holds its upper edge too.
        sizes: series -> all its values.
        outside: the values of all series that no bin holds.
    """

    edges: tuple[float, ...]
    counts: Mapping[Series, tuple[int, ...]]
    sizes: Mapping[Series, int]
    outside: int

    def share(self, name: Series, index: int) -> float:
        """Give the share of a series that lies in one bin.

        Args:
            name: of the series.
            index: of the bin.
        """
        return self.counts[name][index] / self.sizes[name]


def bin_values(series: Mapping[Series, Sequence[float]], quantity: Quantity) -> Bins:
    """Bin all series alike.

    Whole numbers get a bin each, centred on the number; others about BINS bins with round edges.

    Args:
        series: of finite values, at least one.
        quantity: its target lies on the axis too.
    """
    ends = [x for x in quantity.target or () if math.isfinite(x)]
    edges = _edges([np.asarray(values, float) for values in series.values()], ends)
    counts = {
        name: tuple(np.histogram(values, edges)[0].tolist()) for name, values in series.items()
    }
    sizes = {name: len(values) for name, values in series.items()}
    outside = sum(sizes.values()) - sum(map(sum, counts.values()))
    return Bins(tuple(edges.tolist()), counts, sizes, outside)


def _edges(series: Sequence[np.ndarray], ends: Sequence[float]) -> np.ndarray:
    low = min(*(np.quantile(v, TAIL, method="lower") for v in series), *ends, math.inf)
    high = max(*(np.quantile(v, 1 - TAIL, method="higher") for v in series), *ends, -math.inf)
    if high - low <= WHOLE and all((values == np.round(values)).all() for values in series):
        return np.arange(math.floor(low), math.ceil(high) + 2) - 0.5
    step = round_step((high - low) / BINS) if high > low else round_step(abs(low) / 10 or 1.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    # Rounded, so that 0.3 lies where its decimals say.
    return np.round(np.arange(first, max(last, first + 1) + 1) * step, 12)


def round_step(step: float) -> float:
    """Give the least of 1, 2, 2.5, 5 times a power of ten that is not below `step` > 0."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Give about `wanted` round numbers from low to high > low.

    Args:
        low: the least.
        high: the largest.
        wanted: how many.
    """
    step = round_step((high - low) / wanted)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def front(points: Sequence[tuple[float, float]], better: tuple[str, str]) -> list[int]:
    """Find the indices of the Pareto front, along the first coordinate from its best.

    A point is on the front if no other is at least as good in both and better in one. Of equal
    points the first stands for all.

    Args:
        points: two coordinates each.
        better: "high" or "low" for each coordinate.
    """
    signs = [1 if way == "high" else -1 for way in better]
    gains = [(signs[0] * x, signs[1] * y) for x, y in points]
    found: list[int] = []
    best = -math.inf
    for i in sorted(range(len(gains)), key=lambda i: (-gains[i][0], -gains[i][1], i)):
        if gains[i][1] > best:
            best = gains[i][1]
            found.append(i)
    return found
