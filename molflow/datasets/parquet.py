"""Parquet files of molecules, read as they stream by; an extra, as pyarrow is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from molflow.datasets.columns import Columns, column_of
from molflow.datasets.molecule_file import Row
from molflow.errors import InputError

PARQUET = ".parquet"
BATCH = 10_000
"""Rows in memory at once."""


def open_parquet(path: Path) -> Any:
    """The file as pyarrow reads it; InputError where it cannot, or is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{path}: needs pyarrow; pip install pyarrow") from None
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"cannot read {str(path)!r}: {reason}") from None


def columns_of(path: Path) -> list[str]:
    """The names of the columns."""
    return list(open_parquet(path).schema_arrow.names)


def read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows, numbered from 1; null is empty. InputError where there is no column of SMILES."""
    names = columns_of(path)
    name = names[column_of(path, names, columns.smiles)]
    number = 0
    for batch in open_parquet(path).iter_batches(BATCH, columns=[name]):
        for cell in batch.column(0).to_pylist():
            number += 1
            yield Row(number, "" if cell is None else str(cell).strip())
