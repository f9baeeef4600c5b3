"""Files of anyone's molecules as rows, one behind the other, none of them left out.

CSV, TSV and TXT have a header with a column of SMILES, between commas, semicolons or tabs. SMI, and
a TXT without such a header, have the SMILES first on a line, and a name may follow. Every record of
an SDF, up to "$$$$", is a row. All of them may be gzipped.

A row is judged by the cells that are used, whatever the others hold. One that cannot be read (not
UTF-8, a quote that never closes, a line of a megabyte) says so, and the reading goes on behind it.
Memory is bounded by the longest row: the file streams by.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TextIO

from molflow.chem.smiles import RECORD
from molflow.datasets.columns import ANY_COLUMNS, USUAL, Columns, column_of
from molflow.errors import InputError

DELIMITERS = {".csv": ",;\t", ".tsv": "\t,;", ".txt": "\t,;"}
"""The delimiters of each kind of table, the likeliest first."""
SMI, TXT, SDF = ".smi", ".txt", ".sdf"
KINDS = (".csv", ".tsv", TXT, SMI, SDF)
CHOICES = f"one of {', '.join(KINDS)} (.gz may follow)"
LONGEST_LINE = 100_000
"""The most characters of a line; csv itself takes cells of up to 131,072."""
QUOTED_LINES = 100
"""A quoted cell may go over so many lines."""
SHOWN = 200
"""So many characters of a text are kept to show it."""
END = "$$$$"
NOT_UTF_8 = "not UTF-8 text"
NOT_TEXT = re.compile("[\0\udc80-\udcff]")
OPEN_QUOTE, MISPLACED = "unexpected end of data", "expected after"
"""Words of the csv module's errors."""


class Row(NamedTuple):
    """One row.

    Attributes:
        number: the line, from 1 and with the header, or the record of an SDF, from 1.
        text: the SMILES or the record.
        reason: why it could not even be read.
        split: the cell of the column of splits, where one is asked for.
    """

    number: int
    text: str
    reason: str | None = None
    split: str = ""


def kind_of(path: Path, key: str) -> str:
    """The ending that says how to read the file.

    Args:
        path: the file.
        key: the beginning of an error.

    Raises:
        InputError: there is no such file, or it has another ending.
    """
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in KINDS:
        raise InputError(f"{key}={str(path)!r}: {CHOICES}")
    if not path.is_file():
        wrong = "a folder, where a file is needed" if path.is_dir() else "no such file"
        raise InputError(f"{key}={str(path)!r}: {wrong}")
    return ending


def read(path: Path, columns: Columns = ANY_COLUMNS, key: str = "path") -> Iterator[Row]:
    """The rows of the file, as it streams by.

    Args:
        path: the file.
        columns: the names of its columns.
        key: the beginning of an error of the name.

    Raises:
        InputError: the file cannot be read at all, or has not exactly one column of a name.
    """
    kind = kind_of(path, key)
    with open_text(path) as text:
        if kind == SDF:
            yield from _records(text)
        elif kind == SMI:
            yield from _smi(_lines(text), columns)
        else:
            yield from _table(path, kind, _lines(text), columns)


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open the text of a plain or .gz file.

    Any line ending counts, a byte-order mark does not, and NOT_TEXT finds bytes that are not UTF-8.

    Raises:
        InputError: the file cannot be read, also while it is read.
    """
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


def shortened(text: str) -> str:
    """A text on one line, of at most SHOWN characters, those that cannot be printed as escapes."""
    words = " ".join(text[: 4 * SHOWN].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def layout(path: Path, columns: Columns = ANY_COLUMNS, key: str = "path") -> str:
    """The way in which `read` finds the SMILES of a file, in words. InputError as of `read`.

    Files of one content and one layout have the same rows, whatever their names.
    """
    kind = kind_of(path, key)
    if kind == SDF:
        return "records"
    with open_text(path) as text:
        lines = _lines(text)
        first = next(lines, Row(1, ""))
        delimiter = None if kind == SMI else _delimiter(path, kind, first.text, columns)
        if delimiter is None:
            return "lines after a header" if _is_header(first, columns) else "lines"
        names = _header(path, _cells(chain([first], lines), delimiter))
        return f"column {column_of(path, names, columns.smiles)} between {delimiter!r}"


def has_column(path: Path, name: str) -> bool:
    """Whether the file is a table with exactly one column of exactly that name."""
    kind = kind_of(path, "path")
    if kind in (SMI, SDF):
        return False
    with open_text(path) as text:
        header = text.readline(LONGEST_LINE)
    cells = (next(csv.reader([header], delimiter=mark), []) for mark in DELIMITERS[kind])
    return any(one.count(name) == 1 for one in cells)


def _lines(text: TextIO) -> Iterator[Row]:
    """The lines, with their end. Of one that is too long the beginning is read and kept."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        reason = None
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            rest = _skip_line(text)
            reason = f"line of more than {LONGEST_LINE:,} characters" if rest else None
        yield Row(number, line, reason)


def _skip_line(text: TextIO) -> bool:
    """Reads to the end of the line; whether anything but its end was left."""
    found = False
    while rest := text.readline(LONGEST_LINE):
        found = found or rest != "\n"
        if rest.endswith("\n"):
            break
    return found


def _used(number: int, text: str, split: str = "") -> Row:
    """The row of these cells, which failed where they are no text."""
    return Row(number, text, NOT_UTF_8 if NOT_TEXT.search(text) else None, split)


def _smi(lines: Iterator[Row], columns: Columns) -> Iterator[Row]:
    if columns.split is not None:
        raise InputError(f"column {columns.split!r}: a file of SMILES lines has no columns")
    for line in lines:
        if line.reason is not None:
            yield line
        elif line.number > 1 or not _is_header(line, columns):
            yield _used(line.number, _first_of(line.text))


def _is_header(line: Row, columns: Columns) -> bool:
    return _first_of(line.text).lower() in {(columns.smiles or "").lower(), *USUAL}


def _first_of(line: str) -> str:
    """The SMILES of a line of a SMI file, "" where a tab comes before any."""
    return next(iter(line.split("\t", maxsplit=1)[0].split(maxsplit=1)), "")


def _table(path: Path, kind: str, lines: Iterator[Row], columns: Columns) -> Iterator[Row]:
    first = next(lines, Row(1, ""))
    delimiter = _delimiter(path, kind, first.text, columns)
    lines = chain([first], lines)
    if delimiter is None:
        yield from _smi(lines, columns)
        return
    rows = _cells(lines, delimiter)
    names = _header(path, rows)
    column = column_of(path, names, columns.smiles)
    other = None if columns.split is None else column_of(path, names, columns.split)
    for row, cells in rows:
        if column >= len(cells) and row.reason is not None:
            yield row
            continue
        split = cells[other].strip() if other is not None and other < len(cells) else ""
        yield _used(row.number, cells[column].strip() if column < len(cells) else "", split)


def _header(path: Path, rows: Iterator[tuple[Row, list[str]]]) -> list[str]:
    head, names = next(rows)
    if head.reason is not None:
        raise InputError(f"{path}: row 1, the header: {head.reason}")
    return names


def _delimiter(path: Path, kind: str, header: str, columns: Columns) -> str | None:
    """The first delimiter that finds the column in the header, else the likeliest; None where a TXT
    is no table."""
    for delimiter in DELIMITERS[kind]:
        try:
            names = next(csv.reader([header], delimiter=delimiter), [])
            column_of(path, names, columns.smiles)
        except (InputError, csv.Error):
            continue
        if kind != TXT or len(names) > 1:
            return delimiter
    named = columns != ANY_COLUMNS and any(mark in header for mark in DELIMITERS[kind])
    return DELIMITERS[kind][0] if kind != TXT or named else None


def _cells(lines: Iterator[Row], delimiter: str) -> Iterator[tuple[Row, list[str]]]:
    """The rows of a table with their cells. A quote that does not close spoils its own line alone,
    from there on: the lines behind it are rows again."""
    waiting: deque[Row] = deque()

    def following() -> Row | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (first := following()) is not None:
        taken, cells, reason = [first], list[str](), first.reason
        while reason is None:
            try:
                cells = next(csv.reader([x.text for x in taken], delimiter=delimiter, strict=True))
                break
            except csv.Error as error:
                open_ended = OPEN_QUOTE in str(error)
                more = following() if open_ended and len(taken) < QUOTED_LINES else None
                taken += [more] if more else []
                if more is None or more.reason is not None:
                    reason = f"no row of a table: {error}"
        if reason is not None:
            waiting.extendleft(reversed(taken[1:]))
            if MISPLACED not in reason:  # All but the last cell of the line is whole.
                cells = next(csv.reader([first.text], delimiter=delimiter))[:-1]
        yield Row(first.number, first.text, reason), cells


def _records(text: TextIO) -> Iterator[Row]:
    """The records of an SDF; what follows the last "$$$$" is one too, if it is not blank.

    Titles and data are often in other encodings, and say nothing of the molecule.
    """
    number, parts, size, reason = 1, list[str](), 0, None
    for line in _lines(text):
        if line.text.rstrip() == END:
            yield Row(number, "".join(parts), reason)
            number, parts, size, reason = number + 1, [], 0, None
            continue
        size += len(line.text)
        if size > RECORD:
            reason = f"record of more than {RECORD:,} characters"
        else:
            parts.append(NOT_TEXT.sub("?", line.text))
            reason = line.reason or reason
    if reason is not None or any(part.strip() for part in parts):
        yield Row(number, "".join(parts), reason)
