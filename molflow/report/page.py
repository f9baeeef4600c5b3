"""The page has tables, charts and cards in one HTML file that reads nothing from anywhere.

Every text that came from outside is escaped. Beyond that, the page's own security policy lets no
script run but the one whose hash it names, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

from molflow.console import atomic_write
from molflow.report.cards import card_height, drawings, molecules
from molflow.report.charts import ess_chart, histogram, number, pareto_chart, percent
from molflow.report.embedded import data
from molflow.report.values import Quantity, Report, Section, Series

SCRIPTS = ("smarts.js", "molfile.js", "page.js")
"""The page's script is these files, one after the other."""


def write_report(path: Path, report: Report) -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the file.
        report: the page's values.

    Raises:
        InputError: the place cannot be written.
    """
    page = render(report)
    with atomic_write(path) as temporary:
        temporary.write_text(page, "utf-8", errors="replace")


def render(report: Report) -> str:
    """Write the page as text."""
    drawn = drawings(report)
    styles = _resource("page.css") + card_height(report)
    script = '"use strict";\n' + "".join(map(_resource, SCRIPTS))
    policy = (
        f"default-src 'none'; style-src {_hash(styles)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    body = "".join(
        (
            _header(report),
            f"<div class=pair>{_measures(report)}{_goals(report)}</div>",
            *(_section(section) for section in report.sections),
            _distributions(report),
            _sampling(report, frozenset(drawn)),
            molecules(report, drawn),
            _config(report),
        )
    )
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f'<meta http-equiv=Content-Security-Policy content="{policy}">'
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{styles}</style></head>\n"
        f"<body>{body}<script type=application/json id=data>{data(report, drawn)}</script>"
        f"<script>{script}</script></body></html>\n"
    )


def _header(report: Report) -> str:
    sections = {
        "summary": "Summary",
        **{section.key: section.title for section in report.sections},
        "distributions": "Distributions" if report.quantities else "",
        "sampling": "Sampling" if report.ess or report.fronts else "",
        "grid": f"Molecules ({len(report.attempts):,})",
        "config": "Configuration",
    }
    links = "".join(f"<a href=#{key}>{word}</a>" for key, word in sections.items() if word)
    return (
        f"<header><h1>{escape(report.title)}</h1><p class=lead>{escape(report.summary)}</p>"
        f'<nav aria-label="Sections">{links}</nav></header><main>'
    )


def _section(section: Section) -> str:
    return f"<section id={section.key}><h2>{escape(section.title)}</h2>{section.html}</section>"


def _measures(report: Report) -> str:
    heads: list[Series] = ["unguided", "guided"] if report.guided else ["unguided"]
    rows = []
    for measure in report.table:
        cells = (measure.unguided, measure.guided)[: len(heads)]
        texts = [
            percent(math.nan if x is None else x) if measure.share else number(x) for x in cells
        ]
        rows.append(
            f"<tr><th scope=row>{escape(measure.name)}{_doc(measure.doc)}</th>"
            + "".join(f"<td>{text}</td>" for text in texts)
        )
    title = "Before and after" if report.guided else "What was reached"
    columns = "".join(f"<th scope=col>{_swatch(report, name)}</th>" for name in heads)
    return (
        f"<section id=summary><h2>{title}</h2><table class=measures><thead><tr>"
        f"<th scope=col>measure</th>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "</section>"
    )


def _doc(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _swatch(report: Report, name: Series) -> str:
    return f'<span class="swatch {name}"></span>{report.labels[name]}'


def _legend(report: Report, names: Sequence[Series], target: bool = False) -> str:
    items = [_swatch(report, name) for name in names]
    if target:
        items.append('<span class="swatch target"></span>target')
    return f"<ul class=legend>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _goals(report: Report) -> str:
    """Write target against achieved: the mean of every series, and its share within the target."""
    wanted = [q for q in report.quantities if q.target or q.better]
    if not wanted:
        return ""
    heads = list(report.labels)
    rows = []
    for quantity in wanted:
        series = report.values_of(quantity)
        cells = "".join(f"<td>{_achieved(quantity, series.get(name, []))}</td>" for name in heads)
        rows.append(
            f"<tr><th scope=row>{escape(quantity.name)}<small>{_goal(quantity)}</small></th>{cells}"
        )
    columns = "".join(f"<th scope=col>{_swatch(report, name)}</th>" for name in heads)
    return (
        "<section id=goals><h2>Target against achieved</h2><table class=measures><thead><tr>"
        f"<th scope=col>wanted</th>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "<p class=note>Means over all molecules that have the number, repeated ones too; below "
        "them the share that lies in the target.</p></section>"
    )


def _goal(quantity: Quantity) -> str:
    if quantity.target is None:
        return "as high as possible" if quantity.better == "high" else "as low as possible"
    low, high = quantity.target
    if math.isinf(low):
        return f"at most {number(high)}"
    if math.isinf(high):
        return f"at least {number(low)}"
    return f"{number(low)} to {number(high)}"


def _achieved(quantity: Quantity, values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean = number(float(np.mean(values)))
    if quantity.target is None:
        return mean
    return f"{mean}<small>{percent(sum(map(quantity.hits, values)) / len(values))} in</small>"


def _distributions(report: Report) -> str:
    if not report.quantities:
        return ""
    legend = _legend(report, list(report.labels), any(q.target for q in report.quantities))
    plots = "".join(_distribution(report, quantity) for quantity in report.quantities)
    return (
        "<section id=distributions><h2>Distributions</h2>"
        f"{legend}<div class=charts>{plots}</div></section>"
    )


def _distribution(report: Report, quantity: Quantity) -> str:
    chart, bins = histogram(report, quantity)
    if bins is None:
        chart = "<p class=note>No molecule has this number.</p>"
    medians = ", ".join(
        f"{report.labels[name]} {number(float(np.median(values)))}"
        for name, values in report.values_of(quantity).items()
    )
    outside = bins.outside if bins else 0
    beyond = f" Beyond the axis: {outside:,}." if outside else ""
    note = f"Medians: {medians}.{beyond}" if medians else ""
    return (
        f"<figure><figcaption><h3>{escape(quantity.name)}</h3>{_doc(quantity.doc)}</figcaption>"
        f"{chart}<p class=note>{note}</p></figure>"
    )


def _sampling(report: Report, shown: frozenset[int]) -> str:
    figures = []
    if report.ess:
        note = (
            "Median over the groups; the band holds 10 to 90 % of them, the dashed line is half "
            f"of the {report.ess.particles:,} particles."
        )
        figures.append(_figure("Effective sample size", ess_chart(report.ess), note))
    for names in report.fronts:
        chart = pareto_chart(report, names, shown)
        note = (
            "The line is the Pareto front of the strictly valid molecules: none is better in both."
        )
        figures.append(_figure(f"{names[0]} against {names[1]}", chart, note))
    if not figures:
        return ""
    legend = _legend(report, ["unguided", "guided"] if report.guided else ["unguided"])
    return (
        f"<section id=sampling><h2>Sampling</h2>{legend}"
        f"<div class=charts>{''.join(figures)}</div></section>"
    )


def _figure(title: str, chart: str, note: str) -> str:
    chart = chart or "<p class=note>No molecule has both numbers.</p>"
    return (
        f"<figure><figcaption><h3>{escape(title)}</h3></figcaption>{chart}"
        f"<p class=note>{note}</p></figure>"
    )


def _config(report: Report) -> str:
    text = yaml.safe_dump(dict(report.config), sort_keys=False, allow_unicode=True)
    return (
        "<section id=config><details><summary><h2>Configuration</h2></summary>"
        f"<pre tabindex=0>{escape(text)}</pre></details></section></main>"
    )


def _resource(name: str) -> str:
    return files("molflow.report").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
