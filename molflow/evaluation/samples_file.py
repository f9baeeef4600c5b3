"""Files of anyone's molecules, where every row is an attempt and none is left out.

Files are read as by `datasets.molecule_file`. A row that cannot be read is an attempt that failed.
Memory is bounded by the number of attempts, not by their texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from molflow.chem.molecule import Checked
from molflow.chem.sanitisation import without_place
from molflow.datasets.columns import ANY_COLUMNS, Columns
from molflow.datasets.molecule_file import SDF, Row, kind_of, read, shortened
from molflow.metrics.attempts import JudgedAttempt, failed, judge_record, judge_smiles
from molflow.processes import in_chunks
from molflow.progress import progress

CHUNK = 500

Judge = Callable[[str], JudgedAttempt]


@dataclass(frozen=True)
class Failure:
    """An attempt that is not strictly valid.

    Attributes:
        index: among all attempts, from 0.
        row: in the file, as `molecule_file.Row` counts.
        text: of the row, shortened.
        reason: why it is not valid.
    """

    index: int
    row: int
    text: str
    reason: str


@dataclass
class Attempts:
    """All attempts of a source, filled as they are read; equal ones are one object.

    Attributes:
        checked: the verdict on each.
        relaxed: how many are valid in this sense; None where that has no meaning.
        valence: how many pass RDKit's valence test; None where that has no meaning.
        reasons: how many are not strictly valid, by reason.
    """

    checked: list[Checked] = field(default_factory=list)
    relaxed: int | None = None
    valence: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)


def judged(
    path: Path,
    columns: Columns = ANY_COLUMNS,
    most: int | None = None,
    key: str = "samples",
    judge: Judge | None = None,
) -> Iterator[tuple[Row, JudgedAttempt]]:
    """Judge every attempt of a file, in order, in two processes. The texts are shortened.

    Args:
        path: the file.
        columns: the names of its columns.
        most: the first attempts alone, so many.
        key: the beginning of an error of the name.
        judge: by default that of the kind of file.

    Raises:
        InputError: the file cannot be read at all, or has not exactly one column of a name.
    """
    usual = judge_record if kind_of(path, key) == SDF else judge_smiles
    rows = islice(read(path, columns, key), most)
    work = _Judging(judge or usual)
    for part in in_chunks(work, progress(rows, f"reading {path.name}", unit="attempts"), CHUNK):
        yield from part


@dataclass(frozen=True)
class _Judging:
    """A function of a chunk, by name, as another process needs it."""

    judge: Judge

    def __call__(self, rows: list[Row]) -> list[tuple[Row, JudgedAttempt]]:
        return [
            (
                row._replace(text=shortened(row.text)),
                self.judge(row.text) if row.reason is None else failed(row.reason),
            )
            for row in rows
        ]


def collect(
    stream: Iterable[tuple[Row, JudgedAttempt]], tell: Callable[[Failure], None]
) -> Attempts:
    """Collect all attempts.

    Args:
        stream: rows and attempts.
        tell: is called with each that is not strictly valid, in order.
    """
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
