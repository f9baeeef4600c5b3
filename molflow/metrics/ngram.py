"""A smoothed n-gram model of symbols is a yardstick for text, and a sampler to stand beside one.

It has interpolated Witten-Bell smoothing (Witten and Bell 1991; Chen and Goodman 1998, eq. 2.16):

    P(c | h) = (n(hc) + T(h) P(c | h')) / (n(h) + T(h))

n(hc) is how often the symbol c follows the context h in the fitted text, and n(h) the sum over c.
T(h) is how many different c follow, and h' is h without its oldest symbol. Below the empty context
lies the uniform law 1 / K. A context that never occurs passes on to h'. So every probability is
positive and those of all c sum to 1.

The formula is a mixture. With probability n(h) / (n(h) + T(h)) it gives a symbol that followed h,
otherwise it passes on to h'. That is how `sample` draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from molflow.progress import progress

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

LARGEST_KEY = 2**62


@dataclass(frozen=True)
class Level:
    """A level holds the n-grams of one n, as numbers in base K, the newest symbol last.

    Attributes:
        keys: (U,), those that occur, ascending.
        cumulative: (U + 1,), running sum of how often.
        contexts: (V,), the first n - 1 symbols of each, ascending.
        first: (V + 1,), n-grams first[v] to first[v + 1] continue context v.
    """

    keys: Ids
    cumulative: Ids
    contexts: Ids
    first: Ids

    @classmethod
    def of(cls, grams: Ids, classes: int) -> Level:
        """Count all n-grams of a text (m,), repetitions included.

        Args:
            grams: the keys.
            classes: K.
        """
        keys, counts = np.unique(grams, return_counts=True)
        contexts, first = np.unique(keys // classes, return_index=True)
        cumulative = np.concatenate([[0], np.cumsum(counts)])
        return cls(keys, cumulative, contexts, np.append(first, len(keys)))

    def counts(self, keys: Ids) -> Ids:
        """n(hc) of each key: how often it occurs, 0 where it does not."""
        place, found = _find(self.keys, keys)
        return np.where(found, self.cumulative[place + 1] - self.cumulative[place], 0)

    def contents(self, contexts: Ids) -> tuple[Ids, Ids, Ids]:
        """n(h), T(h) and where the occurrences of h begin, for each context; 0, 0 for unseen."""
        place, found = _find(self.contexts, contexts)
        begin, end = self.first[place], self.first[place + 1]
        start = self.cumulative[begin]
        total = np.where(found, self.cumulative[end] - start, 0)
        return total, np.where(found, end - begin, 0), start


def _find(ascending: Ids, wanted: Ids) -> tuple[Ids, NDArray[np.bool_]]:
    """Find where each stands among ``ascending`` (not empty), and whether it does."""
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return place, ascending[place] == wanted


@dataclass(frozen=True)
class NGram:
    """P(c | the up to order - 1 symbols before it) over K classes; see the module.

    Attributes:
        classes: K.
        levels: the n-grams of every n from 1 on.
    """

    classes: int
    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        """Tell the longest n: a symbol and the order - 1 before it."""
        return len(self.levels)

    @classmethod
    def fit(cls, sequences: Sequence[NDArray[np.integer]], order: int, classes: int) -> NGram:
        """Count n-grams in sequences; none spans two of them.

        Three million symbols at order 6 take seconds.

        Args:
            sequences: of classes below ``classes``.
            order: the longest n.
            classes: K.

        Raises:
            ValueError: there is no sequence of ``order`` symbols, a class is out of range, or
                classes^order does not fit an int64.
        """
        if order < 1 or classes < 1 or classes**order > LARGEST_KEY:
            raise ValueError(
                f"order {order} over {classes} classes: 1 to 2^62 n-grams are possible"
            )
        if max(map(len, sequences), default=0) < order:
            raise ValueError(f"no sequence of at least {order} symbols")
        grams = progress(_grams(sequences, order, classes), "counting n-grams", order, "orders")
        return cls(classes, tuple(Level.of(keys[inside], classes) for keys, inside in grams))

    def log2_probabilities(self, sequences: Sequence[NDArray[np.integer]]) -> Floats:
        """log2 P of every symbol, given those before it in its sequence: (sum of lengths,).

        The first symbol of a sequence has the empty context, the second one of one symbol, ...
        """
        p = np.full(sum(map(len, sequences)), 1 / self.classes)
        grams = _grams(sequences, self.order, self.classes)
        for level, (keys, inside) in zip(self.levels, grams, strict=True):
            keys = keys[inside]
            total, kinds, _ = level.contents(keys // self.classes)
            seen, lower = total > 0, p[inside]
            # The smallest sum of an unseen context is 0: there the lower order stands.
            mixed = (level.counts(keys) + kinds * lower) / np.maximum(total + kinds, 1)
            p[inside] = np.where(seen, mixed, lower)
        return np.log2(p)

    def bits_per_character(self, sequences: Sequence[NDArray[np.integer]]) -> float:
        """The mean of -log2 P over all symbols of all sequences; nan where there is none."""
        bits = -self.log2_probabilities(sequences)
        return float(bits.mean()) if len(bits) else nan

    def perplexity(self, sequences: Sequence[NDArray[np.integer]]) -> float:
        """2^(bits per character): K for a uniform law, less for text that the model expects."""
        return float(2 ** self.bits_per_character(sequences))

    def sample(self, n: int, length: int, generator: np.random.Generator) -> Ids:
        """Draw n sequences from P, symbol after symbol: (n, length).

        Args:
            n: how many.
            length: symbols of each.
            generator: of the random numbers.
        """
        made = np.zeros((n, length), np.int64)
        for position in range(length):
            context = made[:, max(0, position - self.order + 1) : position]
            made[:, position] = self._draw(context, generator)
        return made

    def _draw(self, context: Ids, generator: np.random.Generator) -> Ids:
        """Draw a symbol after each context (B, up to order - 1): (B,)."""
        drawn = generator.integers(self.classes, size=len(context))
        waiting = np.ones(len(context), bool)
        for size in range(context.shape[1], -1, -1):
            level = self.levels[size]
            key = np.zeros(len(context), np.int64)
            for column in context[:, context.shape[1] - size :].T:
                key = key * self.classes + column
            total, kinds, start = level.contents(key)
            # A point of the n(h) + T(h): an occurrence of h, or one that hands on to h'.
            point = generator.integers(np.maximum(total + kinds, 1))
            chosen = waiting & (point < total)
            place = np.searchsorted(level.cumulative, (start + point)[chosen], side="right") - 1
            drawn[chosen] = level.keys[place] % self.classes
            waiting &= ~chosen
        return drawn


def _grams(
    sequences: Sequence[NDArray[np.integer]], order: int, classes: int
) -> Iterator[tuple[Ids, NDArray[np.bool_]]]:
    """Give, for n = 1 to order, the n-gram (m,) that ends at every symbol, and if it is whole."""
    flat = np.concatenate([np.zeros(0, np.int64), *sequences]).astype(np.int64)
    if len(flat) and not 0 <= flat.min() <= flat.max() < classes:
        raise ValueError(f"classes {flat.min()} to {flat.max()}, expected 0 to {classes - 1}")
    lengths = np.array([len(one) for one in sequences], np.int64)
    before = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keys = np.zeros(len(flat), np.int64)
    for n in range(order):
        keys[n:] += flat[: len(flat) - n] * classes**n
        yield keys, before >= n
