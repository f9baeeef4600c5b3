"""A column of a table that says which split a row belongs to."""

from __future__ import annotations

from pathlib import Path

from molflow.datasets.molecule_file import Row
from molflow.errors import InputError

SPLIT_CELLS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}
"""What a column of splits says, in any case, and the split that it means."""


def split_of(path: Path, row: Row, column: str) -> str:
    """The split that the cell of a row names; InputError with the choices for any other cell."""
    split = SPLIT_CELLS.get(row.split.lower())
    if split is None:
        choices = "train, val, test"
        raise InputError(f"{path}: row {row.number}: {column}={row.split!r}: one of {choices}")
    return split
