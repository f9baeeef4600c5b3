"""Files of anyone's molecules, where every row is an attempt and none is left out.

CSV and TSV have a header with the named column; SMI has no header (a first line "smiles" is one),
the SMILES come first on a line and a name may follow; every record of an SDF, up to "$$$$", is an
attempt. All of them may be gzipped. What cannot be read as a row (not UTF-8, a quote that never
closes, a line of a megabyte) is an attempt that failed; the reading goes on behind it.

Memory is bounded by the number of attempts, not by what they hold: the file streams by.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from molflow.chem.molecule import Checked, without_place
from molflow.console import progress
from molflow.datasets.smiles_file import (
    DELIMITERS,
    NOT_TEXT,
    SMI,
    column_of,
    first_of,
    open_text,
)
from molflow.errors import InputError
from molflow.metrics.attempts import RECORD, Attempt, failed, judge_record, judge_smiles
from molflow.processes import in_chunks

SDF = ".sdf"
KINDS = (*DELIMITERS, SMI, SDF)
LONGEST_LINE = 100_000
"""Characters of a line; csv itself takes cells of up to 131,072."""
QUOTED_LINES = 100
"""Lines over which a quoted cell may go."""
SHOWN = 200
"""Characters of a text that are kept to show it."""
CHUNK = 500
END = "$$$$"
NOT_UTF_8 = "not UTF-8 text"

Judge = Callable[[str], Attempt]


@dataclass(frozen=True)
class Row:
    """One attempt. number: the line, from 1 and with the header, or the record of an SDF, from 1.
    reason: why it could not even be read as a row."""

    number: int
    text: str
    reason: str | None = None


@dataclass(frozen=True)
class Failure:
    """An attempt that is not strictly valid. index: among all attempts, from 0."""

    index: int
    row: int
    text: str
    reason: str


@dataclass
class Attempts:
    """All attempts of a source, filled as they are read; equal ones are one object.

    relaxed, valence: how many are valid in these senses, None where that has no meaning.
    """

    checked: list[Checked] = field(default_factory=list)
    relaxed: int | None = None
    valence: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)


def kind_of(path: Path) -> str:
    """The ending that says how to read the file. InputError for any other, and without a file."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in KINDS:
        raise InputError(f"samples={str(path)!r}: one of {', '.join(KINDS)} (.gz may follow)")
    if not path.is_file():
        raise InputError(f"samples={str(path)!r}: no such file")
    return ending


def judged(
    path: Path, smiles_column: str = "smiles", most: int | None = None
) -> Iterator[tuple[Row, Attempt]]:
    """Every attempt of the file (or the first ``most``), in order, judged in two processes.

    The texts are shortened to SHOWN. InputError where the file cannot be read at all, or has not
    exactly one column of that name.
    """
    judge = judge_record if kind_of(path) == SDF else judge_smiles
    rows = islice(read(path, smiles_column), most)
    work = _Judging(judge)
    for part in in_chunks(work, progress(rows, f"reading {path.name}", unit="attempts"), CHUNK):
        yield from part


@dataclass(frozen=True)
class _Judging:
    """A function of a chunk, by name, as another process needs it."""

    judge: Judge

    def __call__(self, rows: list[Row]) -> list[tuple[Row, Attempt]]:
        return [
            (
                Row(row.number, shortened(row.text), row.reason),
                self.judge(row.text) if row.reason is None else failed(row.reason),
            )
            for row in rows
        ]


def shortened(text: str) -> str:
    """On one line, of at most SHOWN characters, what is not to be printed as escapes."""
    words = " ".join(text[: 4 * SHOWN].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def read(path: Path, smiles_column: str = "smiles") -> Iterator[Row]:
    """The rows of the file, as it streams by. Errors as of ``judged``."""
    kind = kind_of(path)
    with open_text(path) as text:
        if kind == SDF:
            yield from _records(text)
        elif kind == SMI:
            yield from _smi(_lines(text), smiles_column)
        else:
            yield from _table(path, _lines(text), DELIMITERS[kind], smiles_column)


def _lines(text: TextIO) -> Iterator[Row]:
    """The lines, with their end. Of one that is too long the beginning is read and kept."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        reason = None
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            rest = _skip_line(text)
            reason = f"line of more than {LONGEST_LINE:,} characters" if rest else None
        if NOT_TEXT.search(line):
            reason = NOT_UTF_8
        yield Row(number, line, reason)


def _skip_line(text: TextIO) -> bool:
    """Reads to the end of the line; whether anything but its end was left."""
    found = False
    while rest := text.readline(LONGEST_LINE):
        found = found or rest != "\n"
        if rest.endswith("\n"):
            break
    return found


def _smi(lines: Iterator[Row], smiles_column: str) -> Iterator[Row]:
    header = {smiles_column.lower(), "smiles"}
    for line in lines:
        first = first_of(line.text)
        if line.reason is not None:
            yield line
        elif line.number > 1 or first.lower() not in header:
            yield Row(line.number, first)


def _table(path: Path, lines: Iterator[Row], delimiter: str, smiles_column: str) -> Iterator[Row]:
    rows = _cells(lines, delimiter)
    head, names = next(rows, (Row(1, ""), []))
    if head.reason is not None:
        raise InputError(f"{path}: row 1, the header: {head.reason}")
    column = column_of(path, names, smiles_column)
    for row, cells in rows:
        if row.reason is not None:
            yield row
        else:
            yield Row(row.number, cells[column].strip() if column < len(cells) else "")


def _cells(lines: Iterator[Row], delimiter: str) -> Iterator[tuple[Row, list[str]]]:
    """The rows of a table with their cells. A quote that does not close spoils its own line alone:
    the lines behind it are rows again."""
    waiting: deque[Row] = deque()
    stream = _returned_first(waiting, lines)
    for first in stream:
        taken, cells, reason = [first], list[str](), first.reason
        while reason is None:
            try:
                cells = next(csv.reader([x.text for x in taken], delimiter=delimiter, strict=True))
                break
            except csv.Error as error:
                open_ended = "unexpected end of data" in str(error)
                more = next(stream, None) if open_ended and len(taken) < QUOTED_LINES else None
                taken += [more] if more else []
                if more is None or more.reason is not None:
                    reason = f"no row of a table: {error}"
        if reason is not None:
            waiting.extendleft(reversed(taken[1:]))
        yield Row(first.number, first.text, reason), cells


def _returned_first(waiting: deque[Row], lines: Iterator[Row]) -> Iterator[Row]:
    """The lines that were given back, then the others."""
    while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        yield line


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
            reason = reason if line.reason in (None, NOT_UTF_8) else line.reason
    if reason is not None or any(part.strip() for part in parts):
        yield Row(number, "".join(parts), reason)


def collect(stream: Iterable[tuple[Row, Attempt]], tell: Callable[[Failure], None]) -> Attempts:
    """All attempts; ``tell`` hears of each that is not strictly valid, in order."""
    known: dict[Checked, Checked] = {}
    found, relaxed, valence = Attempts(), 0, 0
    for index, (row, attempt) in enumerate(stream):
        one = known.setdefault(attempt.checked, attempt.checked)
        found.checked.append(one)
        relaxed += attempt.relaxed
        valence += attempt.valence
        if one.reason is not None:
            found.reasons[without_place(one.reason)] += 1
            tell(Failure(index, row.number, row.text, one.reason))
    found.relaxed, found.valence = relaxed, valence
    return found
