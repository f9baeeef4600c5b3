"""A training that is asked for in Python, as the command line that would ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from molflow.datasets.names import DATASETS, NEEDS_A_FILE
from molflow.datasets.store import cache_folder
from molflow.errors import InputError
from molflow.saving import write_csv


def command_of(
    data: str | Path | Iterable[str], out: str | Path, options: Mapping[str, Any]
) -> list[str]:
    """The arguments of ``python -m molflow.train``.

    Args:
        data: SMILES, a file of them, or a data set by its name.
        out: the run folder.
        options: key -> value.

    Raises:
        InputError: something among the data is no text.
    """
    return [*_source(data), f"out={out}", *map(_written, options.items())]


def _source(data: str | Path | Iterable[str]) -> list[str]:
    """Overrides that name the data; SMILES are kept in the cache, by their content."""
    if isinstance(data, str) and data in DATASETS and data not in NEEDS_A_FILE:
        return [f"dataset={data}"]
    if isinstance(data, str | Path):
        return ["dataset=smiles_file", f"dataset.path={Path(data).expanduser()}"]
    smiles = list(data)
    for index, one in enumerate(smiles):
        if not isinstance(one, str):
            raise InputError(f"data[{index}]={one!r}: a SMILES is needed")
    name = sha256("\n".join(smiles).encode()).hexdigest()[:16]
    path = cache_folder() / "given" / f"{name}.csv"
    write_csv(path, ("smiles",), ((one,) for one in smiles))
    return ["dataset=smiles_file", f"dataset.path={path}", "dataset.smiles_column=smiles"]


def _written(option: tuple[str, Any]) -> str:
    """A key and its value as a command line has them."""
    name, value = option
    if value is None or isinstance(value, bool):
        value = "null" if value is None else str(value).lower()
    return f"{name}={value}"
