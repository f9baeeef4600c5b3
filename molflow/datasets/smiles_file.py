"""Molecules from any CSV, TSV or SMI file, plain or gzip, with a vocabulary and sizes of their own.

CSV and TSV have a header with the named column; SMI has no header, the SMILES come first on a line
and a name may follow. Rows are counted as lines of the file from 1, the header included. Rows that
hold no usable molecule, molecules that came before, and those of more than 256 atoms where no other
limit is given, are left out, counted by reason and listed.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from molflow.datasets.loaders import SPLITS, Indices, MoleculeDataset
from molflow.datasets.names import VOCABULARIES, require_name
from molflow.datasets.packing import LARGEST, Recipe, Row
from molflow.datasets.prepare import prepare
from molflow.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SMI = ".smi"
NAMES_SHOWN = 20
NOT_TEXT = re.compile("[\0\udc80-\udcff]")


def load(
    path: str | Path | None,
    cache: Path | None = None,
    smiles_column: str = "smiles",
    max_atoms: int | None = None,
    vocabulary: str = "charged",
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> MoleculeDataset:
    """The distinct molecules of a file, split at random by `seed`.

    cache: where the prepared molecules are kept, by default `cache_folder()`. max_atoms: larger
    molecules are left out, by default those above `packing.LARGEST`. fractions: shares of train,
    valid and test. InputError names the file, and the row or the columns, where it cannot be read,
    holds no usable molecule or too many kinds of atoms.
    """
    if path is None:
        raise InputError("dataset.path is not given: a .csv, .tsv or .smi file")
    path = Path(path)
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    sound = len(fractions) == 3 and min(fractions) >= 0 and abs(sum(fractions) - 1) < 1e-6
    if not sound or fractions[0] == 0:
        raise InputError(f"fractions {tuple(fractions)}: train, valid, test > 0, >= 0, >= 0, sum 1")
    _suffix(path)
    limit = LARGEST if max_atoms is None else max_atoms
    recipe = Recipe(smiles_column, vocabulary == "charged", limit, distinct=True)
    packed, report = prepare(path, cache, lambda: read(path, smiles_column), recipe)
    return MoleculeDataset(
        path.name.split(".")[0], packed, split_indices(len(packed), fractions, seed), report
    )


def split_indices(n: int, fractions: Sequence[float], seed: int) -> dict[str, Indices]:
    """Shuffled indices below n by split; valid and test are rounded down, train takes the rest.

    Of two or more, valid has one at least where it is to have any.
    """
    valid, test = int(fractions[1] * n), int(fractions[2] * n)
    valid = max(valid, int(n > 1 and fractions[1] > 0))
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, [n - valid - test, n - test])
    return dict(zip(SPLITS, parts, strict=True))


def read(path: Path, smiles_column: str = "smiles") -> Iterator[Row]:
    """(row, text of the SMILES cell) of the file, "" for an empty one, as it streams by."""
    suffix = _suffix(path)
    lines = _lines(path)
    if suffix == SMI:
        return _read_smi(lines, smiles_column)
    return _read_table(path, lines, DELIMITERS[suffix], smiles_column)


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    suffix = Path(name).suffix
    if suffix not in (*DELIMITERS, SMI):
        raise InputError(f"dataset.path={str(path)!r}: one of .csv, .tsv, .smi (.gz may follow)")
    return suffix


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The text of a plain or .gz file: any line ending, no byte-order mark, bytes that are not
    UTF-8 as what NOT_TEXT finds. InputError where it cannot be read, also while it is read."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with (
            opened(path, "rb") as stream,
            io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape") as text,
        ):
            yield text
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {str(path)!r}: {reason}") from error


def _lines(path: Path) -> Iterator[str]:
    """The lines of the file, or an InputError where one is not UTF-8."""
    with open_text(path) as text:
        for row, line in enumerate(text, start=1):
            if NOT_TEXT.search(line):
                raise InputError(f"{path}: row {row} is not UTF-8 text")
            yield line


def _read_smi(lines: Iterator[str], smiles_column: str) -> Iterator[Row]:
    header = {smiles_column.lower(), "smiles"}
    for row, line in enumerate(lines, start=1):
        first = first_of(line)
        if row > 1 or first.lower() not in header:
            yield row, first


def first_of(line: str) -> str:
    """The SMILES of a line of a SMI file, "" where a tab comes before any."""
    return next(iter(line.split("\t", maxsplit=1)[0].split(maxsplit=1)), "")


def _read_table(
    path: Path, lines: Iterator[str], delimiter: str, smiles_column: str
) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        column = column_of(path, next(reader, []), smiles_column)
        for cells in reader:
            yield reader.line_num, cells[column].strip() if column < len(cells) else ""
    except csv.Error as error:
        raise InputError(f"{path}: row {reader.line_num}: {error}") from error


def column_of(path: Path, header: list[str], name: str) -> int:
    """The position of the one column of that name; InputError where there is none or several."""
    names = [cell.strip() for cell in header]
    if names.count(name) > 1:
        raise InputError(f"{path}: {names.count(name)} columns are named {name!r}")
    if name not in names:
        shown = ", ".join(repr(cell[:NAMES_SHOWN]) for cell in names[:NAMES_SHOWN])
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        raise InputError(f"{path}: no column {name!r}; row 1 names {shown or 'none'}{more}")
    return names.index(name)
