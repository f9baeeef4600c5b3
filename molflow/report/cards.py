"""The grid has cards of molecules, which the script sorts, filters and searches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from molflow.chem.sanitisation import without_place
from molflow.progress import progress
from molflow.report.charts import number
from molflow.report.drawing import Drawing, draw
from molflow.report.values import Attempt, Quantity, Report

SHOWN = 2000
"""A page has so many cards at most; the top of the grid says which are left out."""
FAILED_SHOWN = 0.1
"""This share of the cards is kept for attempts that are not strictly valid."""


def select(report: Report) -> list[int]:
    """Choose the attempts that get a card, as indices in the order of their cards.

    They come by the first quantity with a direction, best first, those without a number last. Where
    no quantity has one they come by index. More than SHOWN are cut, the strictly valid and the
    others apart.
    """
    order = sorted(range(len(report.attempts)), key=lambda i: (*_rank(report, i), i))
    if len(order) <= SHOWN:
        return order
    failed = [i for i in order if report.attempts[i].reason is not None]
    kept = max(round(SHOWN * FAILED_SHOWN), SHOWN - (len(order) - len(failed)))
    dropped = set(failed[kept:])
    left = SHOWN - min(kept, len(failed))
    valid = [i for i in order if report.attempts[i].reason is None]
    dropped.update(valid[left:])
    return [i for i in order if i not in dropped]


def _rank(report: Report, index: int) -> tuple[bool, float]:
    first = leading(report)
    if first is None:
        return False, 0.0
    value = report.attempts[index].value(first.name)
    if not math.isfinite(value):
        return True, 0.0
    return False, -value if first.better == "high" else value


def leading(report: Report) -> Quantity | None:
    """Name the quantity that orders the cards at first."""
    return next((q for q in report.quantities if q.better), None)


def drawings(report: Report) -> dict[int, Drawing]:
    """Draw the attempts that get a card: index -> drawing, in the order of their cards."""
    chosen = progress(select(report), "drawing", unit="molecules")
    return {i: draw(report.attempts[i]) for i in chosen}


def molecules(report: Report, drawn: Mapping[int, Drawing]) -> str:
    """Write the section of the page.

    Args:
        report: the page's values.
        drawn: index -> drawing of the attempts that get a card.
    """
    times = Counter(attempt.smiles for attempt in report.attempts)
    cards = "".join(
        _card(report, i, picture, times[report.attempts[i].smiles]) for i, picture in drawn.items()
    )
    return (
        f"<section id=grid><h2>Molecules</h2>{_failures(report, list(drawn))}{_controls()}"
        f"<ol id=molecules>{cards}</ol><p id=empty hidden></p></section>"
    )


def _failures(report: Report, chosen: Sequence[int]) -> str:
    """Tell which attempts failed and how often, and which got no card."""
    total = len(report.attempts)
    reasons = Counter(category(a) for a in report.attempts if a.reason is not None)
    failed = sum(reasons.values())
    words = f"{total - failed:,} of {total:,} attempts are strictly valid."
    if reasons:
        items = "".join(
            f"<li>{count:,} × {escape(reason)}</li>" for reason, count in reasons.most_common()
        )
        words += (
            f" The other {failed:,}, by reason:</p><ul class=reasons>{items}</ul><p class=note>"
        )
    if len(chosen) < total:
        shown = sum(report.attempts[i].reason is None for i in chosen)
        first = leading(report)
        rule = f"the best by {escape(first.name)}" if first else "the first"
        words += (
            f"The grid holds {shown:,} of the {total - failed:,} strictly valid molecules and "
            f"{len(chosen) - shown:,} of the {failed:,} others, {rule}; "
            "tables and charts count all."
        )
    return f"<p class=note>{words}</p>"


def category(attempt: Attempt) -> str:
    """Give the reason, whichever atom it was at; "" where the attempt is strictly valid."""
    if attempt.reason is None:
        return ""
    return without_place(attempt.reason) or "no reason given"


def _controls() -> str:
    """Write empty selects, which the script fills: without scripts there is nothing to control."""
    return (
        "<form class=controls id=controls hidden>"
        "<label>Sort by <select id=sort></select></label>"
        "<button type=button id=direction></button>"
        "<label>Show <select id=show></select></label>"
        "<label>Find by <select id=by><option value=structure>structure"
        "<option value=text>text of SMILES</select></label>"
        "<label class=wide><span id=asks></span><input id=search type=search list=groups "
        "autocomplete=off autocapitalize=off spellcheck=false aria-describedby=fault></label>"
        "<datalist id=groups></datalist>"
        "<label class=check><input type=checkbox id=distinct>Distinct</label>"
        "<label class=check><input type=checkbox id=starred>Starred <span id=stars>0</span></label>"
        "<p id=fault role=status></p><span class=saves>Save what is shown "
        "<button type=button id=csv>CSV</button><button type=button id=sdf>SDF</button></span>"
        "<output id=count aria-live=polite></output></form>"
    )


def _card(report: Report, index: int, drawing: Drawing, times: int) -> str:
    attempt = report.attempts[index]
    kind, word = "", ""
    if attempt.reason is not None:
        kind, word = (
            ("invalid", "Invalid") if attempt.smiles is None else ("apart", "Not strictly valid")
        )
    reason = f"<p class=why><b>{word}</b> {escape(attempt.reason or '')}</p>" if word else ""
    values = ""
    if any(not math.isnan(attempt.value(q.name)) for q in report.quantities):
        values = "".join(
            f"<div><dt>{escape(q.name)}<dd>{number(attempt.value(q.name))}</div>"
            for q in report.quantities
        )
        values = f"<dl>{values}</dl>"
    name = f" class={kind}" if kind else ""
    picture = drawing.svg or "<div class=mol>nothing to draw</div>"
    return (
        f"<li id=m{index}{name}><a href=#m{index}>{index}</a>{picture}"
        f"{_smiles(attempt, times)}{reason}{values}\n"
    )


def _smiles(attempt: Attempt, times: int) -> str:
    """Write the SMILES, to be copied, and how many attempts gave it where there are several."""
    if attempt.smiles is None:
        return "<p class=smiles>no SMILES</p>"
    repeats = f"<p class=times>{times:,} attempts gave it</p>" if times > 1 else ""
    return f"<button type=button class=smiles>{escape(attempt.smiles)}</button>{repeats}"


def card_height(report: Report) -> str:
    """Write the rough height of a card that has not been laid out yet."""
    return f"#molecules>li{{contain-intrinsic-size:auto {196 + 20 * len(report.quantities)}px}}"
