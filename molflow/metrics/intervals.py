"""Numbers come with the range that chance alone makes likely, at 95 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

Z = 1.959964
"""The normal quantile of 97.5 % is this."""
DRAWS = 1000
SEED = 1


@dataclass(frozen=True)
class Estimate:
    """An estimate is a number and its interval.

    Attributes:
        value: the number.
        low: the lower end, nan where none is stated.
        high: the upper end, nan where none is stated.
    """

    value: float
    low: float = nan
    high: float = nan


def share(count: int, total: int) -> Estimate:
    """count / total with Wilson's interval (J. Am. Stat. Assoc. 22, 209, 1927); nan of none.

    (p + z^2/2n ± z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n). The trials are taken as
    independent. For shares of distinct molecules this is an approximation, about right where few
    repeat and wide where many do.
    """
    if total == 0:
        return Estimate(nan)
    p, square = count / total, Z * Z / total
    middle = p + square / 2
    half = Z * math.sqrt(p * (1 - p) / total + square / (4 * total))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return Estimate(p, max(0.0, low), min(1.0, high))


def mean(values: Sequence[float]) -> Estimate:
    """Average values, and bootstrap the interval.

    It has the percentiles of DRAWS draws of as many values by a fixed seed. Values that are nan are
    left out. The mean is nan of none, and has no interval of fewer than two. The order of the
    values changes nothing.
    """
    known = np.asarray(values, np.float64)
    known = np.sort(known[~np.isnan(known)])
    n = len(known)
    if n == 0:
        return Estimate(nan)
    if n == 1:
        return Estimate(float(known[0]))
    generator = np.random.default_rng(SEED)
    means = [known[generator.integers(n, size=n)].mean() for _ in range(DRAWS)]
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(known.mean()), float(low), float(high))
