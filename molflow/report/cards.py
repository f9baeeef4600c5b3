"""The grid has cards of molecules, and the values that the script sorts and filters them by."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from html import escape

from molflow.chem.sanitisation import without_place
from molflow.progress import progress
from molflow.report.charts import number
from molflow.report.drawing import draw_svg
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


def molecules(report: Report, chosen: Sequence[int]) -> str:
    """Write the section of the page.

    Args:
        report: the page's values.
        chosen: indices of the attempts that get a card.
    """
    cards = "".join(_card(report, i) for i in progress(chosen, "drawing", unit="molecules"))
    return (
        f"<section id=grid><h2>Molecules</h2>{_failures(report, chosen)}{_controls()}"
        f"<ol id=molecules>{cards}</ol></section>"
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
        "<label class=wide>SMILES contains "
        "<input id=search type=search autocomplete=off spellcheck=false placeholder='c1ccccc1'>"
        "</label><output id=count aria-live=polite></output></form>"
    )


def _card(report: Report, index: int) -> str:
    attempt = report.attempts[index]
    kind, word = "", ""
    if attempt.reason is not None:
        kind, word = (
            ("invalid", "Invalid") if attempt.smiles is None else ("apart", "Not strictly valid")
        )
    picture = draw_svg(attempt) or "<div class=mol>nothing to draw</div>"
    smiles = (
        f"<button type=button class=smiles>{escape(attempt.smiles)}</button>"
        if attempt.smiles is not None
        else "<p class=smiles>no SMILES</p>"
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
    return f"<li id=m{index}{name}><a href=#m{index}>{index}</a>{picture}{smiles}{reason}{values}\n"


def card_height(report: Report) -> str:
    """Write the rough height of a card that has not been laid out yet."""
    return f"#molecules>li{{contain-intrinsic-size:auto {196 + 20 * len(report.quantities)}px}}"


def data(report: Report, chosen: Sequence[int]) -> str:
    """Write the values that the script sorts and filters by, one row for every card.

    In it no "<" can end the element.

    Args:
        report: the page's values.
        chosen: indices of the attempts that get a card.
    """
    reasons = list(dict.fromkeys(category(report.attempts[i]) for i in chosen))
    first = leading(report)
    content = {
        "quantities": [{"name": q.name, "better": q.better} for q in report.quantities],
        "sorted": [q.name for q in report.quantities].index(first.name) if first else -1,
        "reasons": reasons,
        "rows": [
            [i, reasons.index(category(report.attempts[i]))]
            + [_json_number(report.attempts[i].value(q.name)) for q in report.quantities]
            for i in chosen
        ],
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json_number(x: float) -> float | None:
    return float(f"{x:.6g}") if math.isfinite(x) else None
