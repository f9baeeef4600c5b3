"""Calls of a score, and the file in which every one is written before the next is asked.

``calls.csv`` grows row by row. A row is a molecule with its score, its parts, the move that made it
and the calls that it came from. The state of a search is a function of these rows.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from molflow.chem.aggregation import Scored
from molflow.console import ESCAPED, atomic_write
from molflow.errors import InputError
from molflow.guidance.scores import SCORE, desirability_of, has_score

CALLS = "calls.csv"
FIRST = ("number", "smiles", SCORE)
LAST = ("error", "move", "setting", "parents", "round")


@dataclass(frozen=True)
class Question:
    """A molecule that is to be scored.

    Attributes:
        number: of the call, from 1.
        smiles: canonical, with its stereochemistry where a user gave it.
        move: how it was made.
        setting: of the move.
        parents: the numbers of the calls it came from.
        round: the batch that it belongs to, from 0.
    """

    number: int
    smiles: str
    move: str
    setting: float | None
    parents: tuple[int, ...]
    round: int


@dataclass(frozen=True)
class Call:
    """A question with its answer."""

    asked: Question
    scored: Scored

    @property
    def value(self) -> float:
        """The score; -inf where there is none, so that such a molecule is worse than any."""
        return self.scored.total if has_score(self.scored) else -math.inf


class CallsFile:
    """Calls in a file of a folder; it is opened for every row, and synced to the disk."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Name the file.

        Args:
            folder: where it lies.
            names: of the components of the score.
        """
        self.path, self.names = folder / CALLS, tuple(names)
        parts = (column for name in self.names for column in (name, desirability_of(name)))
        self.columns = (*FIRST, *parts, *LAST)

    def begin(self) -> None:
        """Write an empty file with its head, also in place of one without a call.

        InputError where there are calls.
        """
        self.require_new()
        with atomic_write(self.path) as path:
            path.write_text(_line(self.columns), encoding="utf-8")

    def require_new(self) -> None:
        """Raise InputError where there are calls."""
        if self.begun:
            raise InputError(f"out={self.path.parent}: {CALLS} is there; resume= goes on")

    @property
    def begun(self) -> bool:
        """Whether there is a file with a call in it."""
        try:
            return self.path.read_bytes().count(b"\n") > 1
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(f"cannot read {str(self.path)!r}: {error.strerror}") from None

    def add(self, call: Call) -> None:
        """Write one more row, which is on the disk when this returns."""
        with self.path.open("a", newline="", encoding="utf-8", errors=ESCAPED) as file:
            file.write(_line(cells(call, len(self.names))))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Call]:
        """Read all whole rows, by number. A row that was being written when the run died is cut
        off.

        Raises:
            InputError: the file is not there, or it is of another score.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {str(self.path)!r}: {error.strerror}") from None
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        rows = list(csv.reader(io.StringIO(whole.decode("utf-8"))))
        if not rows or tuple(rows[0]) != self.columns:
            raise InputError(f"{self.path}: other columns than {', '.join(self.columns)}")
        calls = [self._call(row, place) for place, row in enumerate(rows[1:], 2)]
        return sorted(calls, key=lambda call: call.asked.number)

    def _call(self, row: list[str], line: int) -> Call:
        try:
            row_of = dict(zip(self.columns, row, strict=True))
            error, setting = row_of["error"] or None, row_of["setting"]
            values = tuple(_number(row_of[name]) for name in self.names)
            wanted = tuple(_number(row_of[desirability_of(name)]) for name in self.names)
            return Call(
                Question(
                    int(row_of["number"]),
                    row_of["smiles"],
                    row_of["move"],
                    float(setting) if setting else None,
                    tuple(int(n) for n in row_of["parents"].split()),
                    int(row_of["round"]),
                ),
                Scored(_number(row_of[SCORE]), wanted, values, error),
            )
        except (ValueError, KeyError) as error_:
            raise InputError(f"{self.path}, line {line}: {error_}") from None


def cells(call: Call, parts: int) -> list[object]:
    """The row of a call. Numbers read back exactly.

    Args:
        call: a question with its answer.
        parts: components of the score; their cells are empty where it failed before it had them.
    """
    asked, scored = call.asked, call.scored
    unknown = (math.nan,) * parts
    pairs = zip(scored.values or unknown, scored.desirabilities or unknown, strict=True)
    return [
        asked.number,
        asked.smiles,
        repr(float(scored.total)) if has_score(scored) else "",
        *(_text(cell) for pair in pairs for cell in pair),
        "" if scored.error is None else " ".join(scored.error.split()),
        asked.move,
        "" if asked.setting is None else repr(float(asked.setting)),
        " ".join(map(str, asked.parents)),
        asked.round,
    ]


def _text(x: float) -> str:
    """A number that reads back exactly; nothing for nan."""
    return "" if math.isnan(x) else repr(float(x))


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(list(cells))
    return text.getvalue()
