"""Properties of the molecules of a data set, computed once and kept by their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import rdBase

from molflow.chem.molecule import read_smiles
from molflow.chem.properties import PROPERTIES
from molflow.console import atomic_write
from molflow.datasets.packing import CHUNK
from molflow.datasets.store import Packed
from molflow.plugins import packages
from molflow.processes import in_chunks
from molflow.progress import progress

FORMAT = 1

Values = NDArray[np.float32]


def property_values(packed: Packed, folder: Path, names: Sequence[str]) -> Values:
    """(M, C): the properties of these names of every molecule; nan where one is not defined.

    They are kept in a file for each property. Its name holds the content of the molecules, RDKit's
    version, and the packages of a property that is not molflow's. A missing or damaged file is made
    anew.

    Args:
        packed: M molecules.
        folder: of the files.
        names: C names of ``chem.properties.PROPERTIES``.
    """
    places = {name: folder / f"{name}-{_key(packed, name)}.npy" for name in names}
    columns = {name: _load(path, len(packed)) for name, path in places.items()}
    missing = tuple(name for name, column in columns.items() if column is None)
    if missing:
        made = _compute(packed, missing)
        for name, column in zip(missing, made.T, strict=True):
            _save(places[name], column)
            columns[name] = column
    found = [column for column in columns.values() if column is not None]
    return np.stack(found, 1) if found else np.zeros((len(packed), 0), np.float32)


def _key(packed: Packed, name: str) -> str:
    molecules = hashlib.sha256(packed.text).hexdigest()
    facts: list[object] = [molecules, name, version("rdkit"), FORMAT]
    if name not in PROPERTIES.own:
        facts.append(packages())
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _load(path: Path, count: int) -> Values | None:
    try:
        column = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = isinstance(column, np.ndarray) and column.dtype == np.float32
    return column if sound and column.shape == (count,) else None


def _save(path: Path, column: Values) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, column)


def _compute(packed: Packed, names: tuple[str, ...]) -> Values:
    parts = progress(
        in_chunks(partial(_chunk, names=names), packed.smiles, CHUNK),
        f"computing {', '.join(names)}",
        total=-(-len(packed) // CHUNK),
        unit="k molecules",
    )
    return np.concatenate(list(parts))


def _chunk(smiles: list[str], names: tuple[str, ...]) -> Values:
    rows = []
    with rdBase.BlockLogs():
        for one in smiles:
            mol = read_smiles(one)
            rows.append([PROPERTIES[name].value(mol)[0] for name in names])
    return np.array(rows, np.float32)
