"""The script reads values and structures that stand on the page as JSON, one of each a card."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from importlib.resources import files

from molflow.report.cards import category, leading
from molflow.report.drawing import Drawing
from molflow.report.structures import Kind, structure
from molflow.report.values import Report


def groups() -> list[tuple[str, str]]:
    """List the groups and rings that can be searched for by name, each with its SMARTS."""
    text = files("molflow.report").joinpath("groups.csv").read_text("utf-8")
    return [(row["name"], row["smarts"]) for row in csv.DictReader(text.splitlines())]


def data(report: Report, drawn: Mapping[int, Drawing]) -> str:
    """Write all that the script sorts, filters, searches and saves by.

    In it no "<" can end the element.

    Args:
        report: the page's values.
        drawn: index -> drawing of the attempts that get a card.
    """
    reasons = list(dict.fromkeys(category(report.attempts[i]) for i in drawn))
    first = leading(report)
    kinds: dict[Kind, int] = {}
    structures = [
        None
        if one.smiles is None or one.mol is None or not drawing.points
        else structure(one.mol, drawing.points, kinds)
        for one, drawing in ((report.attempts[i], drawing) for i, drawing in drawn.items())
    ]
    content = {
        "quantities": [{"name": q.name, "better": q.better} for q in report.quantities],
        "sorted": [q.name for q in report.quantities].index(first.name) if first else -1,
        "reasons": reasons,
        "rows": [
            [i, reasons.index(category(report.attempts[i]))]
            + [_json_number(report.attempts[i].value(q.name)) for q in report.quantities]
            for i in drawn
        ],
        "kinds": list(kinds),
        "structures": structures,
        "groups": groups(),
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json_number(x: float) -> float | None:
    return float(f"{x:.6g}") if math.isfinite(x) else None
