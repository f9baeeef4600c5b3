"""Molecules that are evaluated, and the data set that they are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molflow.chem.molecule import Checked, largest_fragment
from molflow.evaluation.samples_file import Attempts
from molflow.metrics import chemnet
from molflow.metrics.describing import Described, FeaturedMolecules, Floats, describe, mean_nspdk
from molflow.metrics.distribution import Statistics, reference_statistics

LONG = chemnet.LENGTH - 1
"""The most characters of a SMILES that fits ChemNet's usual window."""
LONG_BATCH = 8


@dataclass(frozen=True, eq=False)
class Subject:
    """Attempts, and the features of those that are molecules.

    Attributes:
        attempts: of a file or of a model.
        wanted: names of features (``metrics.describing``) that are looked up.
        device: on which ChemNet runs.
    """

    attempts: Attempts
    wanted: Sequence[str]
    device: str = "cpu"

    def __len__(self) -> int:
        return self.attempts.tally.counts.attempts

    @property
    def checked(self) -> Sequence[Checked]:
        """Of the attempts that are kept; what is counted is counted of all."""
        return self.attempts.checked

    @cached_property
    def largest(self) -> list[str]:
        """The largest fragment of every plain-valid attempt."""
        return [one.largest for one in self.checked if one.largest is not None]

    @cached_property
    def whole(self) -> list[str]:
        """Every plain-valid attempt, disconnected ones as they are."""
        return [one.smiles for one in self.checked if one.smiles is not None]

    @cached_property
    def strict(self) -> list[str]:
        """Every strictly valid attempt."""
        return [one.strict for one in self.checked if one.strict is not None]

    @cached_property
    def described(self) -> Described:
        return describe([*self.largest, *self.whole], self.wanted)

    def population(self, smiles: Sequence[str]) -> FeaturedMolecules:
        """Some of ``largest`` or ``whole`` with their features."""
        return FeaturedMolecules(smiles, self.described)

    def chemnet(self, smiles: Sequence[str]) -> Statistics:
        """Statistics of ChemNet's activations of some of ``largest`` or ``whole``, repetitions
        counting.
        """
        times = Counter(smiles)
        return Statistics.of(self.activations(list(times)), list(times.values()))

    def activations(self, smiles: Sequence[str]) -> NDArray[np.float32]:
        """(n, 512): activations of ChemNet, of some of ``largest`` or ``whole``."""
        return self._activations.pick(smiles)

    def nspdk(self, smiles: Sequence[str]) -> Floats:
        """The mean features of molecules, repetitions counting."""
        return mean_nspdk(smiles)

    @cached_property
    def _activations(self) -> _Activations:
        return _Activations.of([*self.largest, *self.whole], self.device)


@dataclass(frozen=True, eq=False)
class _Activations:
    """ChemNet's rows of distinct molecules, by SMILES."""

    places: Mapping[str, int]
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, smiles: Sequence[str], device: str) -> _Activations:
        """A very long SMILES has a window of its own and leaves that of the others as it is."""
        distinct = list(dict.fromkeys(smiles))
        short = [one for one in distinct if len(one) <= LONG]
        rows = [chemnet.activations(short, device=device)]
        long = [one for one in distinct if len(one) > LONG]
        if long:
            rows.append(chemnet.activations(long, LONG_BATCH, device))
        places = {one: place for place, one in enumerate([*short, *long])}
        return cls(places, np.concatenate(rows))

    def pick(self, smiles: Sequence[str]) -> NDArray[np.float32]:
        return self.rows[[self.places[one] for one in smiles]]


@dataclass(frozen=True, eq=False)
class Reference:
    """A data set by its splits, all canonical SMILES of ``smiles.identified`` molecules.

    Attributes:
        name: of the data set.
        splits: "train" and, where there are such, "valid", "test" and "test_scaffolds". They hold
            the molecules whole, which the suites of MOSES and GuacaMol compare.
        cache: the folder in which their features are kept.
        device: on which ChemNet runs.
        files: split -> the user's file that it is of.
        left_out: file or data set -> reason -> how many of its molecules are in no split.
        stereo: file or data set -> how many of its molecules told stereochemistry, which nothing
            here compares.
    """

    name: str
    splits: Mapping[str, Sequence[str]]
    cache: Path | None = None
    device: str = "cpu"
    files: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stereo: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def training(self) -> frozenset[str]:
        """The largest fragments of the training set."""
        return frozenset(self.largest["train"])

    @cached_property
    def largest(self) -> Mapping[str, Sequence[str]]:
        """The largest fragment of every molecule, by split, for the standard suite."""
        return {
            name: [largest_fragment(one) for one in smiles] for name, smiles in self.splits.items()
        }

    def lacks(self, split: str) -> str:
        """The obstacle to numbers against a split that is not there."""
        ways = {"test": "reference_test= or split_column=", "valid": "split_column="}
        advice = f"; {ways[split]} names one" if self.files and split in ways else ""
        return f"{self.name} has no split {split}: no number against it{advice}"

    def population(self, smiles: Sequence[str], wanted: Sequence[str]) -> FeaturedMolecules:
        """Molecules of a split with their features, from the cache where it has them."""
        return FeaturedMolecules(smiles, describe(smiles, wanted, self.cache))

    def chemnet(self, smiles: Sequence[str]) -> Statistics:
        """Statistics of ChemNet's activations of molecules of a split, from the cache where it has
        them.
        """
        return reference_statistics(smiles, self.cache, self.device)

    def nspdk(self, smiles: Sequence[str]) -> Floats:
        """The mean features of molecules of a split, from the cache where it has them."""
        return mean_nspdk(smiles, self.cache)

    @cached_property
    def moses_training(self) -> frozenset[str]:
        """The molecules that are not novel in MOSES, whose training set our validation set is a
        part of.
        """
        held = self.splits["valid"] if self.name == "moses" else ()
        return frozenset(self.splits["train"]).union(held)

    def describe(self) -> dict[str, Any]:
        """Its name, the number of molecules of each split, and a hash that no others have."""
        digest = sha256()
        for name, smiles in self.splits.items():
            digest.update(f"\n{name}\n".encode())
            digest.update("\n".join(sorted(smiles)).encode())
        sizes = {name: len(smiles) for name, smiles in self.splits.items()}
        return {
            "name": self.name,
            "splits": sizes,
            "sha256": digest.hexdigest(),
            "files": dict(self.files),
            "left_out": {name: dict(reasons) for name, reasons in self.left_out.items()},
        }
