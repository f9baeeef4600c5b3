"""The molecules of a run on the page: cards, their order, and files of those that are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from molflow.chem.describing import DESCRIBED
from molflow.config import SampleConfig
from molflow.errors import InputError
from molflow.files import CSV, SDF
from molflow.guidance.scores import SCORE
from molflow.report.charts import number, percent
from molflow.report.drawing import attempts, draw
from molflow.report.values import Attempt
from molflow.samples import Samples, joined
from molflow.saving import write_csv, write_sdf

ALL, VALID, DISTINCT = KINDS = ("all", "valid", "valid, distinct")
INDEX = "index"
ORDERS = (INDEX, SCORE, *DESCRIBED)
PICTURED = {"qed": "QED", "logp": "logP", "sa": "SA", "tpsa": "TPSA", "mw": "weight"}
"""Properties as the page calls them."""


@dataclass(frozen=True)
class Made:
    """The molecules of a run so far.

    Attributes:
        config: of the run.
        samples: in the order of their index.
        values: property or score -> number, of each; what is not known is left out.
        cards: of each, as HTML.
    """

    config: SampleConfig
    samples: Samples
    values: tuple[dict[str, float], ...]
    cards: tuple[str, ...]


def extended(made: Made | None, config: SampleConfig, part: Samples) -> Made:
    """Add the next batch of a run.

    Args:
        made: what the run has made before, None at its beginning.
        config: of the run.
        part: the batch.
    """
    rows = [_values(part, i) for i in range(len(part))]
    shown = attempts(part.things, part.checked, part.spec.modality, rows)
    first = 0 if made is None else len(made.samples)
    cards = tuple(_card(first + i, attempt) for i, attempt in enumerate(shown))
    if made is None:
        return Made(config, part, tuple(rows), cards)
    samples = joined([made.samples, part])
    return Made(config, samples, (*made.values, *rows), (*made.cards, *cards))


def _values(samples: Samples, place: int) -> dict[str, float]:
    score = None if samples.scored is None else samples.scores[place]
    found = {} if score is None else {SCORE: score}
    found |= samples.properties[place]
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _card(index: int, attempt: Attempt) -> str:
    kind = "" if attempt.reason is None else " mf-failed"
    picture = draw(attempt).svg or "<div class=mol>nothing to draw</div>"
    rows = "".join(
        f"<div><dt>{PICTURED.get(name, name)}<dd>{number(value)}</div>"
        for name, value in attempt.values.items()
    )
    why = "" if attempt.reason is None else f"<p class=mf-why>{escape(attempt.reason)}</p>"
    return (
        f'<li class="mf-card{kind}"><label><input type=checkbox class=mf-pick value={index}> '
        f"{index}</label>{picture}<code>{escape(attempt.smiles or 'no SMILES')}</code>{why}"
        f"<dl>{rows}</dl></li>"
    )


def chosen(made: Made, kind: str, order: str, largest_first: bool) -> list[int]:
    """Choose the molecules that are shown, as indices in the order in which they are shown.

    Args:
        made: the molecules.
        kind: one of KINDS.
        order: one of ORDERS; what has no such number comes last.
        largest_first: the direction.
    """
    if kind not in KINDS or order not in ORDERS:
        raise InputError(f"shown={kind!r} by {order!r}: one of {KINDS} by one of {ORDERS}")
    known = _indices(made.samples, kind)
    if order == INDEX:
        return known[::-1] if largest_first else known
    sign = -1 if largest_first else 1

    def rank(i: int) -> tuple[bool, float]:
        value = made.values[i].get(order)
        return value is None, 0.0 if value is None else sign * value

    return sorted(known, key=rank)


def _indices(samples: Samples, kind: str) -> list[int]:
    if kind == ALL:
        return list(range(len(samples)))
    valid = [i for i, one in enumerate(samples.checked) if one.strict is not None]
    if kind == VALID:
        return valid
    first: dict[str | None, int] = {}
    for i in valid:
        first.setdefault(samples.checked[i].strict, i)
    return list(first.values())


def gallery(made: Made, indices: Sequence[int]) -> str:
    """Write the cards of these molecules."""
    if not indices:
        return "<p class=mf-note>None of the molecules so far is of this kind.</p>"
    return f"<ol class=mf-cards>{''.join(made.cards[i] for i in indices)}</ol>"


def summary(made: Made, wanted: int) -> str:
    """Say how far a run is and what it has reached, of all attempts so far."""
    samples = made.samples
    n, valid = len(samples), len(_indices(samples, VALID))
    distinct = len(_indices(samples, DISTINCT))
    share = f"{valid} strictly valid ({percent(valid / n)}), {distinct} of them distinct"
    seconds = samples.network_seconds + samples.chemistry_seconds
    scored = [row[SCORE] for row in made.values if SCORE in row]
    best = f"; best score {number(max(scored))}" if scored else ""
    return (
        f"<p class=mf-status><b>{n} of {wanted} molecules</b>: {share}{best}; "
        f"{seconds:.1f} s on {escape(str(samples.walk))}</p>"
    )


def wanted_of(picked: str, shown: Sequence[int], count: int) -> list[int]:
    """Read which molecules a file is to hold: those that are ticked, or all that are shown.

    Args:
        picked: indices between commas, as the browser sends them.
        shown: indices.
        count: molecules of the run.

    Raises:
        InputError: the browser sent something else.
    """
    words = picked.split(",") if picked else []
    if not all(word.isascii() and word.isdigit() and len(word) < 6 for word in words):
        raise InputError("picked: indices between commas are needed")
    found = sorted({int(word) for word in words if int(word) < count})
    return found or sorted(shown)


def csv_text(made: Made, indices: Collection[int]) -> str:
    """Write samples.csv of these molecules, as ``Samples.save`` does."""
    columns = made.samples.table()
    rows = list(zip(*columns.values(), strict=True))

    def write(path: Path) -> None:
        write_csv(path, list(columns), (rows[i] for i in indices))

    return _text(CSV, write)


def sdf_text(made: Made, indices: Collection[int]) -> str:
    """Write samples.sdf of these molecules, as ``Samples.save`` does; only valid ones are in it."""
    samples = made.samples
    chosen = [i for i in indices if samples.checked[i].strict is not None]
    scores = None if samples.scored is None else [samples.scores[i] for i in chosen]

    def write(path: Path) -> None:
        write_sdf(path, [(i, samples.checked[i]) for i in chosen], scores)

    return _text(SDF, write)


def _text(name: str, write: Callable[[Path], None]) -> str:
    with TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_text(encoding="utf-8")
