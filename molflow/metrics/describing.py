"""RDKit is asked everything once for each distinct molecule, in two processes.

Metrics compare populations: molecules as often as they occur, each with its features. The features
of a reference are kept on disk. Their name says which molecules, which feature and which RDKit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.DataStructs import BitVectToBinaryText, CreateFromBinaryText, ExplicitBitVect

from molflow.chem.properties import PROPERTIES
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.metrics import filters, guacamol, moses, nspdk, similarity
from molflow.metrics.similarity import fingerprints
from molflow.processes import in_chunks
from molflow.progress import progress

Floats = NDArray[np.float64]
Column = NDArray[Any] | list[str]

FORMAT = 1
"""It changes whenever a feature's definition does."""
CHUNK = 250


@dataclass(frozen=True)
class Feature:
    """A feature is one question about a molecule.

    Attributes:
        compute: gives a number, an array or a text.
        missing: the answer where RDKit fails, and for a molecule that it cannot read again.
    """

    compute: Callable[[Chem.Mol], Any]
    missing: Any = nan

    @property
    def is_text(self) -> bool:
        """Tell whether the answers are texts."""
        return isinstance(self.missing, str)


def _property(name: str) -> Feature:
    return Feature(PROPERTIES[name].compute)


def _print(make: Callable[[list[Chem.Mol]], list[ExplicitBitVect]], bits: int) -> Feature:
    """Pack a fingerprint, eight bits a number."""

    def compute(mol: Chem.Mol) -> NDArray[np.uint8]:
        return np.frombuffer(BitVectToBinaryText(make([mol])[0]), np.uint8)

    return Feature(compute, np.zeros(bits // 8, np.uint8))


FEATURES: dict[str, Feature] = {
    "logp": _property("logp"),
    "sa": _property("sa"),
    "qed": _property("qed"),
    "weight": _property("mw"),
    "print": _print(fingerprints, similarity.BITS),
    "moses_print": _print(moses.moses_fingerprints, moses.BITS),
    "guacamol_print": _print(guacamol.guacamol_fingerprints, guacamol.BITS),
    "fragments": Feature(lambda mol: " ".join(moses.fragments(mol).elements()), ""),
    "scaffold": Feature(lambda mol: moses.scaffold(mol) or "", ""),
    "passes": Feature(lambda mol: float(filters.passes_filters(mol))),
    "guacamol": Feature(
        lambda mol: np.array(guacamol.descriptors(mol), np.float64),
        np.full(len(guacamol.DESCRIPTORS), nan),
    ),
}
"""Features by name. Fragments and scaffolds are SMILES, several with spaces between them."""


@dataclass(frozen=True, eq=False)
class Described:
    """These are distinct molecules with their features.

    Attributes:
        rows: canonical SMILES -> row.
        columns: feature -> an array with a row each, or texts.
    """

    rows: Mapping[str, int]
    columns: Mapping[str, Column]


def describe(
    smiles: Iterable[str], wanted: Collection[str], cache: Path | None = None
) -> Described:
    """Compute every feature of ``wanted`` of the distinct molecules of ``smiles``.

    Args:
        smiles: of molecules.
        wanted: names of FEATURES.
        cache: a folder that keeps the columns; damaged ones are made anew.

    Raises:
        ValueError: a feature is not known.
    """
    unknown = set(wanted) - set(FEATURES)
    if unknown:
        raise ValueError(f"features {sorted(unknown)}: known are {', '.join(FEATURES)}")
    distinct = sorted(set(smiles))
    paths = {} if cache is None or not distinct else _paths(cache, distinct, wanted)
    columns = {name: column for name, path in paths.items() if (column := _load(path)) is not None}
    lacking = tuple(name for name in FEATURES if name in wanted and name not in columns)
    made = _compute(distinct, lacking)
    for name in lacking:
        if name in paths:
            _save(paths[name], made[name])
    return Described({one: row for row, one in enumerate(distinct)}, {**columns, **made})


def _compute(distinct: list[str], names: tuple[str, ...]) -> dict[str, Column]:
    if not names:
        return {}
    stream = progress(distinct, f"describing by {', '.join(names)}", unit="molecules")
    parts = list(in_chunks(_Describing(names), stream, CHUNK))
    columns: dict[str, Column] = {}
    for name in names:
        feature = FEATURES[name]
        if feature.is_text:
            columns[name] = [text for part in parts for text in part[name]]
        else:
            empty = np.asarray(feature.missing)[None][:0]
            columns[name] = np.concatenate([empty, *(part[name] for part in parts)])
    return columns


@dataclass(frozen=True)
class _Describing:
    """This is a function of a chunk by the names of features, as another process needs it."""

    names: tuple[str, ...]

    def __call__(self, smiles: list[str]) -> dict[str, Column]:
        with rdBase.BlockLogs():
            mols = [Chem.MolFromSmiles(one) for one in smiles]
            return {name: self._column(FEATURES[name], mols) for name in self.names}

    @staticmethod
    def _column(feature: Feature, mols: Sequence[Chem.Mol | None]) -> Column:
        values = [_asked(feature, mol) for mol in mols]
        return values if feature.is_text else np.stack([np.asarray(value) for value in values])


def _asked(feature: Feature, mol: Chem.Mol | None) -> Any:
    if mol is None:
        return feature.missing
    try:
        value = feature.compute(mol)
    except InputError:  # An installation that lacks a model: no answer to be kept.
        raise
    except Exception:  # RDKit's models fail on odd molecules in ways of their own.
        return feature.missing
    return feature.missing if value is None else value


def _paths(cache: Path, distinct: list[str], wanted: Collection[str]) -> dict[str, Path]:
    content = _content(distinct)
    return {name: cache / f"{name}-{content}.npz" for name in wanted}


def _content(molecules: Sequence[Any]) -> str:
    """Hash the molecules: the same for the same molecules and the same RDKit alone."""
    facts = [FORMAT, version("rdkit"), molecules]
    return sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _save(path: Path, column: Column) -> None:
    stored = column
    if isinstance(column, list):
        stored = np.frombuffer("\n".join(column).encode("ascii"), np.uint8)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, values=stored, text=isinstance(column, list))


def _load(path: Path) -> Column | None:
    """Read a column that `_save` wrote, None where it is not there or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = file["values"]
            return values.tobytes().decode("ascii").split("\n") if file["text"] else values
    # Damage shows as whatever the archive or the arrays stumble over.
    except Exception:
        return None


@dataclass(frozen=True, eq=False)
class FeaturedMolecules:
    """A population has molecules, each as often as it occurs, with their features."""

    smiles: Sequence[str]
    described: Described

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Find the row of each molecule: (n,)."""
        return np.array([self.described.rows[one] for one in self.smiles], np.int64)

    @property
    def distinct(self) -> FeaturedMolecules:
        """Keep each once, in the order in which they first occur."""
        return FeaturedMolecules(list(dict.fromkeys(self.smiles)), self.described)

    def first(self, n: int) -> FeaturedMolecules:
        """Keep the first ``n``, or all where there are fewer."""
        return FeaturedMolecules(self.smiles[:n], self.described)

    def array(self, feature: str) -> Floats:
        """Give the feature of each molecule: (n, ...)."""
        column = self.described.columns[feature]
        assert isinstance(column, np.ndarray)
        return column[self.rows]

    def prints(self, feature: str) -> list[ExplicitBitVect]:
        """Give the fingerprint of each molecule."""
        packed, read = self.described.columns[feature], dict[int, ExplicitBitVect]()
        assert isinstance(packed, np.ndarray)
        for row in dict.fromkeys(self.rows.tolist()):
            read[row] = CreateFromBinaryText(packed[row].tobytes())
        return [read[row] for row in self.rows.tolist()]

    def counts(self, feature: str) -> Counter[str]:
        """Count how often each word of a text feature occurs."""
        texts, times = self.described.columns[feature], Counter(self.rows.tolist())
        assert isinstance(texts, list)
        found: Counter[str] = Counter()
        for row, count in times.items():
            for word in texts[row].split():
                found[word] += count
        return found


def mean_nspdk(smiles: Iterable[str], cache: Path | None = None) -> Floats:
    """Average `nspdk.mean_features` over molecules, repetitions counting: (65537,); nan of none.

    Args:
        smiles: of the molecules.
        cache: as of ``describe``.
    """
    counted = sorted(Counter(smiles).items())
    path = cache / f"nspdk-{_content(counted)}.npz" if cache is not None and counted else None
    kept = None if path is None else _load(path)
    if kept is not None:
        return np.asarray(kept)
    stream = progress(counted, "NSPDK features", unit="molecules")
    total, n = np.zeros(2**nspdk.BITS + 1), 0
    for part, count in in_chunks(_nspdk_sum, stream, CHUNK):
        total, n = total + part, n + count
    mean = total / n if n else np.full_like(total, nan)
    if path is not None:
        _save(path, mean)
    return mean


def _nspdk_sum(counted: list[tuple[str, int]]) -> tuple[Floats, int]:
    """Sum the features of a chunk, and count its molecules."""
    with rdBase.BlockLogs():
        read = [(Chem.MolFromSmiles(smiles), count) for smiles, count in counted]
    known = [(mol, count) for mol, count in read if mol is not None]
    counts = [count for _, count in known]
    n = sum(counts)
    if not n:
        return np.zeros(2**nspdk.BITS + 1), 0
    return n * nspdk.mean_features([mol for mol, _ in known], counts=counts), n
