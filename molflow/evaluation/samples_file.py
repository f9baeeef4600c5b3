"""Files of anyone's molecules, where every row is an attempt and none is left out.

Files are read as by `datasets.molecule_file`. A row that cannot be read is an attempt that failed.
All are counted, by hashes of their molecules; the first ``MOST`` are kept to be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from molflow.chem.molecule import Checked
from molflow.chem.sanitisation import without_place
from molflow.datasets.columns import ANY_COLUMNS, Columns
from molflow.datasets.molecule_file import SDF, Row, kind_of, read, shortened
from molflow.datasets.parquet import PARQUET, read_parquet
from molflow.metrics.attempts import JudgedAttempt, failed, judge_record, judge_smiles
from molflow.metrics.tally import Tally
from molflow.processes import in_chunks
from molflow.progress import progress

CHUNK = 500
COUNTED = 10_000
"""So many are counted at once."""
MOST = 100_000
"""Attempts that are kept, the first ones."""

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
    """All attempts of a source, filled as they are read.

    Attributes:
        tally: counts all.
        checked: the verdict on each of the first MOST; equal ones are one object.
        relaxed: how many are valid in this sense; None where that has no meaning.
        valence: how many pass RDKit's valence test; None where that has no meaning.
        reasons: how many are not strictly valid, by reason.
    """

    tally: Tally
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
    if path.suffix.lower() == PARQUET:
        usual, found = judge_smiles, read_parquet(path, columns)
    else:
        usual = judge_record if kind_of(path, key) == SDF else judge_smiles
        found = read(path, columns, key)
    rows = islice(found, most)
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
    stream: Iterable[tuple[Row, JudgedAttempt]],
    tell: Callable[[Failure], None],
    training: Collection[str] | None = None,
) -> Attempts:
    """Collect all attempts.

    Args:
        stream: rows and attempts.
        tell: is called with each that is not strictly valid, in order.
        training: canonical SMILES of largest fragments, a set, that novelty is against.
    """
    known: dict[Checked, Checked] = {}
    found = Attempts(Tally(training))
    rows = enumerate(stream)
    while part := list(islice(rows, COUNTED)):
        attempts = [attempt for _, (_, attempt) in part]
        found.tally.add(
            [one.checked for one in attempts],
            sum(one.relaxed for one in attempts),
            sum(one.valence for one in attempts),
        )
        for one in attempts[: MOST - len(found.checked)]:
            found.checked.append(known.setdefault(one.checked, one.checked))
        for index, (row, attempt) in part:
            if attempt.checked.reason is not None:
                found.reasons[without_place(attempt.checked.reason)] += 1
                tell(Failure(index, row.number, row.text, attempt.checked.reason))
    found.relaxed, found.valence = found.tally.counts.relaxed, found.tally.counts.valence
    return found
