"""The page of a search shows its best molecules: when, by which moves, from which ancestors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from molflow.chem.describing import described
from molflow.config import OptimizeConfig, to_plain
from molflow.metrics.goal_directed import auc_top, top_mean
from molflow.optimization.asking import ScoreRecipe
from molflow.optimization.bandit import BEST
from molflow.optimization.calls import Call
from molflow.optimization.population import scaffold_of
from molflow.report.charts import BOTTOM, TALL, Plane, figure, number, percent
from molflow.report.drawing import draw
from molflow.report.quantities import score_values, wanted
from molflow.report.values import Attempt, Measure, Report, Section

if TYPE_CHECKING:
    from molflow.guidance.scores import Remembered
    from molflow.optimization.search import Search

SHOWN = 300
"""The page has so many molecules, the best ones."""
SCAFFOLDS = 12
TOPS = {1: "training", 10: "guided", 100: "unguided"}
"""A curve is the mean of so many best ones; its colour has this class."""
LOOKS = 200
"""A curve has so many points."""
KINDS = ("attempts", "calls", "passed over", "repeated", "invalid", "outside")


def search_report(config: OptimizeConfig, search: Search, recipe: ScoreRecipe) -> Report:
    """Gather the page's values. A user's function is not asked again.

    Args:
        config: of the search.
        search: its calls.
        recipe: opens the scorer.
    """
    from contextlib import closing

    from molflow.guidance.scores import Remembered

    with closing(recipe.open()) as scorer:
        remembered = Remembered(scorer)
        quantities, fronts = wanted(remembered)
        shown = search.best(SHOWN)
        return Report(
            title=f"The best molecules toward {remembered.describe()}",
            summary=_summary(config, search),
            table=_measures(search),
            quantities=quantities,
            attempts=[_attempt(call, remembered) for call in shown],
            config=to_plain(config),
            fronts=fronts,
            sections=_sections(search),
            name="best molecules",
        )


def _sections(search: Search) -> list[Section]:
    found = [
        Section("curve", "Course", _curve(search)),
        Section("moves", "Moves", _moves(search)),
        Section("scaffolds", "Scaffolds", _scaffolds(search)),
    ]
    if best := search.best(1):
        found.append(Section("lineage", "Lineage of the best", _lineage(search, best[0])))
    return found


def _summary(config: OptimizeConfig, search: Search) -> str:
    made = "moves without a model" if config.checkpoint is None else f"model {config.checkpoint}"
    words = f"{len(search.calls):,} of {search.budget:,} calls by {made}, seed {config.seed}."
    if len(search.calls) < search.budget:
        words += " The search ended early, as nothing new was found."
    return words


def _measures(search: Search) -> list[Measure]:
    scores = [call.value for call in search.calls if math.isfinite(call.value)]
    curve = [call.value if math.isfinite(call.value) else 0.0 for call in search.calls]
    scaffolds = {scaffold_of(call.asked.smiles) for call in search.calls}
    rows = [
        Measure("calls", len(search.calls), doc="distinct molecules that were scored"),
        Measure("without a score", len(search.calls) - len(scores), doc="they cost their call"),
        Measure("scaffolds", len(scaffolds), doc="distinct, of Murcko"),
        Measure("area under the ten best", auc_top(curve, search.budget), doc="as PMO has it"),
    ]
    if not scores:
        return rows
    tops = [Measure("best score", max(scores))]
    tops += [Measure(f"mean of the {k} best", top_mean(scores, k)) for k in (10, 100)]
    return [*tops, *rows]


def _attempt(call: Call, scorer: Remembered) -> Attempt:
    from rdkit import Chem

    mol = Chem.MolFromSmiles(call.asked.smiles)
    values = {**described(mol), **score_values(call.scored, scorer)}
    return Attempt(call.asked.smiles, None, mol, values)


def _curve(search: Search) -> str:
    """Draw means of the best so far against calls."""
    scores = [call.value for call in search.calls if math.isfinite(call.value)]
    if len(scores) < 2:
        return "<p class=note>Fewer than two scores.</p>"
    every = max(1, len(scores) // LOOKS)
    places = [*range(every, len(scores), every), len(scores)]
    lines = {k: [(n, top_mean(scores[:n], k)) for n in places if n >= k] for k in TOPS}
    lines = {k: points for k, points in lines.items() if len(points) > 1}
    values = [y for points in lines.values() for _, y in points]
    low, high = min(values), max(values)
    plane = Plane((0, len(scores)), (low, high + 0.04 * (high - low or 1)), TALL, BOTTOM + 18)
    paths = "".join(
        f'<path class="line open {TOPS[k]}" d="{plane.path(points)}"/>'
        for k, points in lines.items()
    )
    words = ", ".join(
        f"mean of the {k} best {number(points[-1][1])}" for k, points in lines.items()
    )
    content = plane.axes(title_x="calls", title_y="score") + paths
    legend = "".join(
        f'<li><span class="swatch {TOPS[k]}"></span>{f"mean of the {k} best" if k > 1 else "best"}'
        for k in lines
    )
    chart = figure(content, f"Score against calls; at the end {words}", TALL)
    return f"<ul class=legend>{legend}</ul><div class=charts><figure>{chart}</figure></div>"


def _moves(search: Search) -> str:
    """Tell the fate of the children of every move, and the gain by their calls."""
    hundred = {call.asked.number for call in search.best(BEST)}
    calls = Counter(call.asked.move for call in search.calls)
    kept = Counter(c.asked.move for c in search.calls if c.asked.number in hundred)
    rows = []
    for move in sorted({*search.counts, *calls}):
        counts = search.counts.get(move, Counter())
        cells = [calls[move] if kind == "calls" else counts[kind] for kind in KINDS]
        rows.append((move, *(f"{n:,}" for n in cells), f"{kept[move]:,}"))
    arms = [
        (f"{move}{'' if setting is None else f' {setting:g}'}", percent(float(chance)))
        for (move, setting), chance in zip(search.arms, search.bandit.chances(), strict=True)
    ]
    note = (
        f"<p class=note>A call pays off where it stands among the {BEST} best when it is asked; "
        "chances are the bandit's at the end (discounted Thompson sampling).</p>"
    )
    heads = ("move", *KINDS, f"of the {BEST} best")
    return (
        html_table(heads, rows) + html_table(("move and setting", "chance to pay off"), arms) + note
    )


def _scaffolds(search: Search) -> str:
    """List the scaffolds of the hundred best, most often first."""
    best: dict[str, list[Call]] = {}
    for call in search.best(BEST):
        best.setdefault(scaffold_of(call.asked.smiles), []).append(call)
    ordered = sorted(best.items(), key=lambda item: -len(item[1]))[:SCAFFOLDS]
    rows = [(name or "no ring", f"{len(c):,}", number(c[0].value)) for name, c in ordered]
    note = f"<p class=note>{len(best):,} scaffolds among the {BEST} best.</p>"
    return note + html_table(("scaffold", "molecules", "best score"), rows)


def _lineage(search: Search, call: Call) -> str:
    """Draw a molecule and its first parents, from the first ancestor on."""
    from rdkit import Chem

    by_number = {one.asked.number: one for one in search.calls}
    line = [call]
    while line[-1].asked.parents and line[-1].asked.parents[0] in by_number:
        line.append(by_number[line[-1].asked.parents[0]])
    figures = []
    for one in reversed(line):
        mol = Chem.MolFromSmiles(one.asked.smiles)
        others = one.asked.parents[1:]
        how = one.asked.move + (f", with call {others[0]}" if others else "")
        picture = draw(Attempt(one.asked.smiles, None, mol)).svg
        figures.append(
            f"<figure><figcaption><h3>call {one.asked.number}, score {number(one.value)}</h3>"
            f"<small>{escape(how)}</small></figcaption>{picture}"
            f"<p class=note>{escape(one.asked.smiles)}</p></figure>"
        )
    return f"<div class=charts>{''.join(figures)}</div>"


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of texts, all escaped; the first cell of a row is its head."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th scope=row>{escape(first)}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        for first, *rest in rows
    )
    return f"<table class=measures><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
