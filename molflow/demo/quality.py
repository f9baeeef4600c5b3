"""The quality of a model at a number of steps is what its card says, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

CARD = "README.md"
STEPS = re.compile(r"(\d+)(?:\s*,\s*(.*))?")
SHOWN = ("strict valid", "unique", "novel", "FCD")
"""Columns of a card that the page shows; those that begin so are shown too."""


@dataclass(frozen=True)
class Row:
    """One row of the table of a card.

    Attributes:
        steps: of the walk.
        setting: beside the usual one, such as ``noise_scale=0.75``; "" is the usual one.
        cells: column -> number as the card writes it.
    """

    steps: int
    setting: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Card:
    """A card tells of quality in the sentences before its table, and in the rows of that."""

    note: str = ""
    rows: tuple[Row, ...] = ()

    def at(self, steps: int) -> list[Row]:
        """Choose the rows at this number of steps, or else the usual ones on both sides of it."""
        exact = [row for row in self.rows if row.steps == steps]
        if exact:
            return exact
        usual = [row for row in self.rows if not row.setting]
        below = max((row.steps for row in usual if row.steps < steps), default=None)
        above = min((row.steps for row in usual if row.steps > steps), default=None)
        return [row for row in usual if row.steps in (below, above)]


def read_card(folder: Path) -> Card:
    """Read the card of a model; an empty one where there is none or it has no table of steps."""
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return Card()
    before, found, table = text.partition("\n| steps |")
    if not found:
        return Card()
    header, _, *lines = f"| steps |{table}".splitlines()
    columns = _cells(header)
    rows = []
    for line in lines:
        cells = _cells(line)
        match = STEPS.fullmatch(cells[0].replace("`", "")) if cells else None
        if match is None or len(cells) != len(columns):
            break
        setting = (match[2] or "").strip()
        rows.append(Row(int(match[1]), setting, dict(zip(columns[1:], cells[1:], strict=True))))
    note = before.rstrip().rpartition("\n\n")[2]
    return Card(" ".join(note.replace("`", "").split()), tuple(rows))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


def quality_html(card: Card, steps: int) -> str:
    """Write the rows of a card that concern a number of steps as a small table."""
    rows = card.at(steps)
    if not rows:
        return "<p class=mf-note>No quality is known: this model has no card with a table.</p>"
    columns = [name for name in rows[0].cells if name.startswith(SHOWN)]
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns)
    body = "".join(_row(row, columns) for row in rows)
    exact = any(row.steps == steps for row in rows)
    beside = "" if exact else f" At {steps} steps nothing was measured: see the nearest numbers."
    return (
        f"<div class=mf-scroll><table class=mf-quality><thead><tr><th scope=col>steps</th>{head}"
        f"</tr></thead><tbody>{body}</tbody></table></div>"
        f"<details class=mf-note><summary>From the model's card.{beside}</summary>"
        f"{escape(card.note)}</details>"
    )


def _row(row: Row, columns: Sequence[str]) -> str:
    told = escape(row.setting).replace("=", "=<wbr>")
    setting = f"<small>{told}</small>" if told else ""
    cells = "".join(f"<td>{_cell(row.cells[name])}</td>" for name in columns)
    return f"<tr><th scope=row>{row.steps}{setting}</th>{cells}</tr>"


def _cell(text: str) -> str:
    """Put the deviation of a mean below it."""
    mean, sign, deviation = text.partition("±")
    return (
        f"{escape(mean.strip())}<small>± {escape(deviation.strip())}</small>"
        if sign
        else escape(mean)
    )
