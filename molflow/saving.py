"""Molecules as files: tables with every attempt, SMI and SDF with the chosen ones."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from molflow.chem.molecule import Checked
from molflow.console import ESCAPED, atomic_write
from molflow.errors import InputError
from molflow.progress import progress

SMI_ENDING, SDF_ENDING, GZIP_ENDING, PARQUET_ENDING = ".smi", ".sdf", ".gz", ".parquet"
WHOLE = frozenset({"index", "fragments"})
TEXTS = frozenset({"smiles", "reason", "refused", "error", "as_made"})
TRUTHS = frozenset({"valid", "connected", "kept", "substructure"})
"""Columns of a Parquet file by type; all others are numbers."""

Molecules = Sequence[tuple[int, Checked]]
"""Strictly valid molecules, each with its index."""


def write_csv(path: Path, columns: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> None:
    """Write a table; None is an empty cell.

    Args:
        path: of the file; where it ends with .gz, it is compressed.
        columns: the header; None for a part that continues another.
        rows: as many cells each.
    """
    with atomic_write(path) as temporary, _text(temporary) as file:
        writer = csv.writer(file, lineterminator="\n")
        if columns is not None:
            writer.writerow(columns)
        writer.writerows(rows)


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """A file for text; compressed, it holds neither a name nor a time, so that it is the same
    whenever it is made."""
    if not path.name.endswith(GZIP_ENDING):
        with path.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file:
            yield file
        return
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8", newline="", errors=ESCAPED) as file,
    ):
        yield file


def write_parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a table as Parquet; None is null.

    Args:
        path: of the file.
        columns: name -> cells.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("parquet: needs pyarrow; pip install pyarrow") from None
    kinds = (
        (WHOLE, pyarrow.int64()),
        (TEXTS, pyarrow.string()),
        (TRUTHS, pyarrow.bool_()),
        (columns.keys(), pyarrow.float64()),
    )
    schema = [(name, next(kind for names, kind in kinds if name in names)) for name in columns]
    table = pyarrow.table(dict(columns), schema=pyarrow.schema(schema))
    with atomic_write(path) as temporary:
        pyarrow.parquet.write_table(table, temporary)


def write_smi(path: Path, molecules: Molecules) -> None:
    """Write molecules, a SMILES and its index a line.

    Args:
        path: of the file.
        molecules: to write.
    """
    with atomic_write(path) as temporary, temporary.open("w") as file:
        file.writelines(f"{one.smiles} {index}\n" for index, one in molecules)


def write_sdf(
    path: Path,
    molecules: Molecules,
    scores: Sequence[float | None] | None = None,
    before: int = 0,
) -> None:
    """Write molecules with 2D coordinates.

    Their title is the index; index, SMILES and score are their tags.

    Args:
        path: of the file.
        molecules: to write.
        scores: of each, None where there is none; None where nothing is scored.
        before: records of earlier parts of the same file, which are counted on.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    shown = progress(molecules, f"writing {path.name}", unit="molecules")
    with atomic_write(path) as temporary, temporary.open("w") as file:
        for place, (index, one) in enumerate(shown):
            assert one.mol is not None, "no molecule"
            flat = Chem.Mol(one.mol)
            rdDepictor.Compute2DCoords(flat)
            flat.SetProp("_Name", str(index))
            flat.SetProp("index", str(index))
            flat.SetProp("SMILES", one.smiles or "")
            score = None if scores is None else scores[place]
            if score is not None:
                flat.SetProp("score", f"{score:.6g}")
            file.write(Chem.SDWriter.GetText(flat, molid=before + place))
