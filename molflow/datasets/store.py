"""A whole data set of labelled graphs in a few integer arrays, and where it is kept on disk.

Molecules lie one behind the other: the atoms of all, the pairs of all, and the sizes that cut them
apart. Pairs have the order of `molflow.graph.graph`. QM9 takes 9 MB and loads in 0.03 s.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from functools import cache, cached_property
from getpass import getuser
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from numpy.typing import NDArray

from molflow.chem.molecule import Vocabulary
from molflow.console import atomic_write
from molflow.graph.graph import Graph

FORMAT = 3
"""It changes with the arrays and with the rule by which molecules are read."""
CLASS_LIMIT = 127


def cache_folder() -> Path:
    """The folder where prepared data sets are kept: `named_cache`, if it can be written.

    Otherwise it is a folder for temporary files, which is said once.
    """
    named = named_cache()
    obstacle = obstacle_in(named)
    return named if obstacle is None else _fallback(named, obstacle)


def named_cache() -> Path:
    """The folder MOLFLOW_CACHE, or else ~/.cache/molflow."""
    named = os.environ.get("MOLFLOW_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "molflow"


def obstacle_in(folder: Path) -> str | None:
    """The reason why nothing can be written in a folder, or None where it can.

    The folder need not be there yet.
    """
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not place.is_dir():
        return f"{place} is no folder"
    allowed = os.access(place, os.W_OK | os.X_OK)
    return None if allowed else f"no permission to write in {place}"


@cache
def _fallback(named: Path, obstacle: str) -> Path:
    folder = Path(gettempdir()) / f"molflow-{getuser()}"
    print(
        f"warning: cannot keep prepared data in {named}: {obstacle}; they go to {folder}, and "
        "MOLFLOW_CACHE=<folder> names another place",
        file=sys.stderr,
    )
    return folder


@dataclass(frozen=True)
class Packed:
    """M molecules as graphs over one vocabulary.

    Attributes:
        vocabulary: the meaning of the classes.
        sizes: (M,) int16, atoms of each, at least 1.
        atoms: (sum of sizes,) int8, classes of the vocabulary.
        pairs: (sum of n(n-1)/2,) int8, classes of the vocabulary.
        ids: (M,) int64, where each comes from in its source.
        text: the canonical SMILES without stereo, ASCII, one a line.
        dropped: how many molecules of the source are not here, by reason.
        stereo: how many that could be used were written with stereochemistry.

    Raises:
        ValueError: the lengths do not fit together.
    """

    vocabulary: Vocabulary
    sizes: NDArray[np.int16]
    atoms: NDArray[np.int8]
    pairs: NDArray[np.int8]
    ids: NDArray[np.int64]
    text: bytes
    dropped: dict[str, int]
    stereo: int = 0

    def __post_init__(self) -> None:
        lines = self.text.count(b"\n") + 1 if self.text else 0
        found = {"atoms": len(self.atoms), "pairs": len(self.pairs), "ids": len(self.ids)}
        expected = {
            "atoms": int(self.atom_starts[-1]),
            "pairs": int(self.pair_starts[-1]),
            "ids": len(self),
        }
        if found != expected or lines != len(self):
            raise ValueError(f"{found} and {lines} SMILES where {expected} belong")

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def atom_starts(self) -> NDArray[np.int64]:
        """(M+1,): molecule i owns atoms[atom_starts[i] : atom_starts[i + 1]]."""
        return starts(self.sizes.astype(np.int64))

    @cached_property
    def pair_starts(self) -> NDArray[np.int64]:
        """(M+1,): molecule i owns pairs[pair_starts[i] : pair_starts[i + 1]]."""
        sizes = self.sizes.astype(np.int64)
        return starts(sizes * (sizes - 1) // 2)

    @cached_property
    def text_starts(self) -> NDArray[np.int64]:
        """(M+1,): molecule i owns text[text_starts[i] : text_starts[i + 1] - 1]."""
        if not len(self):
            return np.zeros(1, np.int64)
        (ends,) = np.nonzero(np.frombuffer(self.text, np.uint8) == ord("\n"))
        return np.concatenate([[0], ends + 1, [len(self.text) + 1]])

    @cached_property
    def smiles(self) -> list[str]:
        """The canonical SMILES of every molecule, decoded at the first use."""
        return self.text.decode("ascii").split("\n") if len(self) else []

    def smiles_at(self, indices: NDArray[np.int64]) -> list[str]:
        """The canonical SMILES of the molecules at `indices` (m,) alone, in that order."""
        return [line.decode("ascii") for line in self._lines(indices)]

    def _lines(self, indices: NDArray[np.int64]) -> list[bytes]:
        first, last = self.text_starts[indices], self.text_starts[indices + 1] - 1
        return [self.text[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True)]

    @property
    def max_atoms(self) -> int:
        """The size of the largest molecule, 0 if there is none."""
        return int(self.sizes.max(initial=0))

    def graph(self, index: int) -> Graph:
        """Molecule `index` as a Graph of int64 classes."""
        atoms = self.atoms[self.atom_starts[index] : self.atom_starts[index + 1]]
        pairs = self.pairs[self.pair_starts[index] : self.pair_starts[index + 1]]
        return Graph(atoms.astype(np.int64), pairs.astype(np.int64))

    def take(self, indices: NDArray[np.int64]) -> Packed:
        """The molecules at `indices` (m,), in that order."""
        return replace(
            self,
            sizes=self.sizes[indices],
            atoms=self.atoms[spans(self.atom_starts, indices)],
            pairs=self.pairs[spans(self.pair_starts, indices)],
            ids=self.ids[indices],
            text=b"\n".join(self._lines(indices)),
        )

    def save(self, path: Path) -> None:
        """Write an uncompressed npz with a JSON header, through a temporary file."""
        header = {
            "format": FORMAT,
            "vocabulary": self.vocabulary.to_dict(),
            "dropped": self.dropped,
            "stereo": self.stereo,
        }
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                text=np.frombuffer(self.text, dtype=np.uint8),
                sizes=self.sizes,
                atoms=self.atoms,
                pairs=self.pairs,
                ids=self.ids,
            )

    @classmethod
    def load(cls, path: Path) -> Packed:
        """Read what `save` wrote. FileNotFoundError without it; ValueError if it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(arrays.pop("header").tobytes())
            if header["format"] != FORMAT:
                raise ValueError(f"format {header['format']}, expected {FORMAT}")
            return cls(
                vocabulary=Vocabulary.from_dict(header["vocabulary"]),
                text=arrays.pop("text").tobytes(),
                dropped=header["dropped"],
                stereo=header["stereo"],
                **arrays,
            )
        except FileNotFoundError:
            raise
        # Damage shows as whatever the archive, the header or the arrays stumble over.
        except Exception as error:
            raise ValueError(f"{path}: not a packed data set: {error}") from error


def starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M+1,): the running sum of (M,) lengths, from 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def spans(starts: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in the flat array of the runs at `indices`, one run behind the other."""
    lengths = np.diff(starts)[indices]
    total = int(lengths.sum())
    shift = starts[:-1][indices] - (np.cumsum(lengths) - lengths)
    return np.arange(total, dtype=np.int64) + np.repeat(shift, lengths)
