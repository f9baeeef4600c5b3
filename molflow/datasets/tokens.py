"""Token sequences as the training sees them: splits, the law of lengths, and batches.

A sequence has as many variables as tokens, and positions beyond it do not exist. Its length is
drawn from the law of the training set, like the number of atoms of a molecule. So no token ends a
text, and no class of the vocabulary is spent on it.

As an option, all sequences are as long as the longest, and an end fills the positions behind the
text. Then the model finds the length itself.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molflow.console import atomic_write
from molflow.datasets.batches import Batches
from molflow.datasets.loaders import Indices, MoleculeDataset, positions
from molflow.datasets.names import require_name
from molflow.datasets.store import starts
from molflow.errors import InputError
from molflow.progress import progress
from molflow.sequence.vocabulary import TokenVocabulary, split


@dataclass(frozen=True)
class PackedTokens:
    """M sequences, one behind the other.

    Attributes:
        ids: (T,) uint16, the classes of all.
        starts: (M + 1,); sequence i owns ids[starts[i] : starts[i + 1]].
        rows: (M,), where each comes from in its source.

    Raises:
        ValueError: the lengths do not fit together.
    """

    ids: NDArray[np.uint16]
    starts: Indices
    rows: Indices

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.rows) + 1 or self.starts[-1] != len(self.ids):
            raise ValueError(
                f"{len(self.starts)} starts up to {self.starts[-1]} and {len(self.rows)} rows "
                f"for {len(self.ids)} tokens"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Indices:
        """(M,): tokens of each sequence."""
        return np.diff(self.starts)

    def sequence(self, index: int) -> Indices:
        """The classes of sequence ``index``."""
        return self.ids[self.starts[index] : self.starts[index + 1]].astype(np.int64)


@dataclass(frozen=True)
class TokenBatch:
    """B sequences padded to L tokens: tokens (B, L) int64, 0 beyond the sequence; lengths (B,)."""

    tokens: Indices
    lengths: Indices


def collate_tokens(packed: PackedTokens, indices: Indices, max_length: int) -> TokenBatch:
    """Pad sequences to one length.

    Args:
        packed: the sequences.
        indices: (B,), into them.
        max_length: the length, in tokens.

    Raises:
        ValueError: a sequence is longer.
    """
    first, last = packed.starts[indices][:, None], packed.starts[indices + 1][:, None]
    lengths = (last - first)[:, 0]
    if lengths.max(initial=0) > max_length:
        raise ValueError(f"a sequence of {lengths.max()} tokens in a batch of at most {max_length}")
    positions = first + np.arange(max_length)
    inside = positions < last
    tokens = np.zeros(positions.shape, np.int64)
    tokens[inside] = packed.ids[positions[inside]]
    return TokenBatch(tokens, lengths)


@dataclass(frozen=True)
class TokenDataset:
    """Packed sequences and their splits.

    Attributes:
        name: of the data set.
        packed: the sequences of all splits.
        splits: "train", "valid" and "test" to indices (m,) into ``packed``.
        vocabulary: the meaning of the classes.
        dropped: how many of the source could not be used, by reason.
        report: the CSV file that lists them, if there is one.
        molecules: (M,), the canonical SMILES without stereo of each; empty where they are no
            molecules.
        stereo: how many of the source told stereochemistry, which is left out.
    """

    name: str
    packed: PackedTokens
    splits: Mapping[str, Indices]
    vocabulary: TokenVocabulary
    dropped: Mapping[str, int]
    report: Path | None = None
    molecules: Sequence[str] = ()
    stereo: int = 0

    @property
    def max_size(self) -> int:
        """The length of the longest sequence of all splits."""
        return int(max(self.packed.lengths[part].max(initial=0) for part in self.splits.values()))

    def size_law(self) -> NDArray[np.float64]:
        """(max_size + 1,): the share of training sequences of n tokens at index n; sums to 1."""
        lengths = self.packed.lengths[self.splits["train"]]
        return np.bincount(lengths, minlength=self.max_size + 1) / len(lengths)

    def batches(self, batch_size: int, seed: int) -> Callable[[int, int, int], TokenBatch]:
        """(step, rank, world) -> a training batch: a function of all these numbers alone.

        Strings are chosen and padded as ``datasets.batches`` says.
        """
        train = self.splits["train"]
        lengths = self.packed.lengths[train]
        batches = Batches.of(lengths, self.max_size, batch_size, seed)

        def batch(step: int, rank: int, world: int) -> TokenBatch:
            places, width = batches.at(step, rank, world)
            return collate_tokens(self.packed, train[places], width)

        return batch

    def texts(self, split: str) -> list[str]:
        """The texts of the sequences of a split, in the order of its indices."""
        return [self.vocabulary.decode(self.packed.sequence(i)) for i in self._part(split)]

    def smiles(self, split: str) -> list[str]:
        """The canonical SMILES without stereo of a split. InputError where it is of other texts."""
        part = self._part(split)
        if not self.molecules:
            raise InputError(f"{self.name} has no molecules")
        return [self.molecules[i] for i in part]

    def _part(self, split: str) -> Indices:
        require_name(f"split of {self.name}", split, tuple(self.splits))
        return self.splits[split]


def tokenised(
    name: str, molecules: MoleculeDataset, scheme: str = "smiles", end: bool = False
) -> TokenDataset:
    """Cut the canonical SMILES without stereo of a data set into tokens; its splits are the same.

    A molecule that has no such tokens is left out of its split and counted.
    ``dropped-<scheme>.csv`` lists it behind the rows that the molecules left out. The vocabulary is
    the tokens that occur.

    Args:
        name: of the new data set.
        molecules: the data set.
        scheme: smiles or selfies.
        end: whether an end fills all to the length of the longest.

    Raises:
        InputError: the package selfies is not installed, or nothing is left to train on.
    """
    require_name("scheme", scheme, ("smiles", "selfies"))
    _require_scheme(scheme)
    chosen = np.unique(np.concatenate(list(molecules.splits.values())))
    everything = molecules.packed.smiles_at(chosen)
    numbers: dict[str, int] = {}
    runs, kept, lost = [], [], []
    for i, smiles in enumerate(progress(everything, "cutting into tokens", unit="molecules")):
        try:
            symbols = split(smiles, scheme)
        except ValueError:
            lost.append(i)
            continue
        runs.append(np.array([numbers.setdefault(s, len(numbers)) for s in symbols], np.uint16))
        kept.append(i)
    rows = chosen[kept]
    splits = {part: positions(indices, rows) for part, indices in molecules.splits.items()}
    if not len(splits["train"]):
        raise InputError(f"{molecules.name}: no molecule of the training split has {scheme} tokens")
    packed, vocabulary = _packed(runs, numbers, molecules.packed.ids[rows], scheme)
    if end:
        packed, vocabulary = _ended(packed, vocabulary)
    dropped, report = molecules.dropped, molecules.report
    if lost:
        reason = f"no {scheme} tokens"
        dropped = {**dropped, reason: len(lost)}
        drops = zip(molecules.packed.ids[chosen[lost]], (everything[i] for i in lost), strict=True)
        report = _listed(report, scheme, [(int(row), smiles, reason) for row, smiles in drops])
    return TokenDataset(
        name,
        packed,
        splits,
        vocabulary,
        dropped,
        report,
        tuple(everything[i] for i in kept),
        molecules.stereo,
    )


def _require_scheme(scheme: str) -> None:
    """InputError where not even methane can be cut: the package that translates is not here."""
    try:
        split("C", scheme)
    except ValueError as error:
        raise InputError(str(error)) from error


def _listed(report: Path, scheme: str, drops: Sequence[tuple[int, str, str]]) -> Path:
    """Where the rows of ``report`` stand, and behind them (row, smiles, reason) of more."""
    target = report.with_name(f"dropped-{scheme}.csv")
    with atomic_write(target) as path:
        shutil.copyfile(report, path)
        with path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(drops)
    return target


def _packed(
    runs: list[NDArray[np.uint16]], numbers: dict[str, int], rows: Indices, scheme: str
) -> tuple[PackedTokens, TokenVocabulary]:
    """Runs of symbols numbered as they came, over the sorted vocabulary of all symbols."""
    vocabulary = TokenVocabulary(tuple(sorted(numbers)), scheme)
    table = np.array([vocabulary.symbol_class[symbol] for symbol in numbers], np.uint16)
    lengths = np.array([len(run) for run in runs], np.int64)
    return PackedTokens(table[np.concatenate(runs)], starts(lengths), rows), vocabulary


def _ended(
    packed: PackedTokens, vocabulary: TokenVocabulary
) -> tuple[PackedTokens, TokenVocabulary]:
    """All sequences as long as the longest, over a vocabulary with an end."""
    ended = replace(vocabulary, end=True)
    length, count = int(packed.lengths.max()), len(packed)
    ids = np.full((count, length), ended.end_class, np.uint16)
    ids[np.arange(length) < packed.lengths[:, None]] = packed.ids
    lengths = np.full(count, length, np.int64)
    return PackedTokens(ids.ravel(), starts(lengths), packed.rows), ended
