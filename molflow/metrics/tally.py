"""Attempts are counted as they come, so that any number of them can be.

A molecule is known by a 64-bit hash of its canonical SMILES: 8 bytes, however long that is. Among n
molecules some two differ and share a hash with a probability of at most n^2 / 2^65. It is 3 in a
million for 10 million molecules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from math import nan

import numpy as np
from numpy.typing import NDArray

from molflow.chem.molecule import Checked

Hashes = NDArray[np.uint64]


def hashes(texts: Iterable[str]) -> Hashes:
    """Hash texts, in order: BLAKE2b to 64 bits, the same on every machine."""
    digests = (blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


class Seen:
    """A set of hashes lies in sorted arrays, each at least twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[Hashes] = []

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    def add(self, some: Hashes) -> NDArray[np.bool_]:
        """Take hashes in, and tell which are new: of equal ones the first is.

        Args:
            some: (n,), in any order.

        Returns:
            (n,)
        """
        values, first = np.unique(some, return_index=True)
        new = np.ones(len(values), np.bool_)
        for run in self.runs:
            places = np.searchsorted(run, values).clip(max=len(run) - 1)
            new &= run[places] != values
        found = np.zeros(len(some), np.bool_)
        found[first[new]] = True
        self._keep(values[new])
        return found

    def _keep(self, values: Hashes) -> None:
        while self.runs and len(self.runs[-1]) < 2 * len(values):
            values = np.sort(np.concatenate([self.runs.pop(), values]), kind="stable")
        if len(values):
            self.runs.append(values)


@dataclass
class Counts:
    """Counts of attempts: see `Tally`. novel, vun: of those that ``known`` lacks."""

    attempts: int = 0
    plain: int = 0
    strict: int = 0
    relaxed: int = 0
    valence: int = 0
    novel: int = 0
    vun: int = 0


@dataclass
class Tally:
    """The counts behind validity, uniqueness and novelty, of attempts that come in parts.

    Attributes:
        known: canonical SMILES without stereochemistry, a set; None leaves novelty undefined.
        counts: of all attempts so far.
        kinds: the distinct largest fragments of plain-valid attempts.
        strict_kinds: the distinct strictly valid molecules.
    """

    known: Collection[str] | None
    counts: Counts = field(default_factory=Counts)
    kinds: Seen = field(default_factory=Seen)
    strict_kinds: Seen = field(default_factory=Seen)

    def add(self, checked: Sequence[Checked], relaxed: int = 0, valence: int = 0) -> list[int]:
        """Count attempts.

        Args:
            checked: of each.
            relaxed: how many of them are relaxed-valid.
            valence: how many are valence-valid.

        Returns:
            The places of those that are strictly valid and the first of their kind.
        """
        plain = [one.largest for one in checked if one.largest is not None]
        strict = {i: one.strict for i, one in enumerate(checked) if one.strict is not None}
        new = self.kinds.add(hashes(plain))
        first = self.strict_kinds.add(hashes(strict.values()))
        places = [i for i, is_first in zip(strict, first.tolist(), strict=True) if is_first]
        counts = self.counts
        counts.attempts += len(checked)
        counts.plain += len(plain)
        counts.strict += len(strict)
        counts.relaxed += relaxed
        counts.valence += valence
        if self.known is not None:
            counts.novel += sum(plain[i] not in self.known for i in np.flatnonzero(new).tolist())
            counts.vun += sum(strict[i] not in self.known for i in places)
        return places

    def restore(self, counts: Mapping[str, int], kinds: Hashes, strict_kinds: Hashes) -> None:
        """Go on from counts and from the hashes of what they are of."""
        self.counts = Counts(**{one.name: int(counts[one.name]) for one in fields(Counts)})
        self.kinds.add(kinds)
        self.strict_kinds.add(strict_kinds)

    def numbers(self) -> dict[str, float]:
        """Give the shares; undefined is nan.

        - strict_valid: sanitised and connected / attempts.
        - plain_valid: sanitised / attempts; of a disconnected molecule the largest fragment counts
          on.
        - relaxed_valid, valence_valid: in these senses of ``validity`` / attempts.
        - unique: distinct SMILES of largest fragments / plain-valid.
        - novel: those of the distinct that are not known / distinct.
        - vu, vun: distinct strictly valid molecules (that are not known) / attempts.
        """
        counts, distinct = self.counts, len(self.kinds)
        undefined = self.known is None
        return {
            "strict_valid": _ratio(counts.strict, counts.attempts),
            "plain_valid": _ratio(counts.plain, counts.attempts),
            "relaxed_valid": _ratio(counts.relaxed, counts.attempts),
            "valence_valid": _ratio(counts.valence, counts.attempts),
            "unique": _ratio(distinct, counts.plain),
            "novel": nan if undefined else _ratio(counts.novel, distinct),
            "vu": _ratio(len(self.strict_kinds), counts.attempts),
            "vun": nan if undefined else _ratio(counts.vun, counts.attempts),
        }


def _ratio(count: int, total: int) -> float:
    return count / total if total else nan
