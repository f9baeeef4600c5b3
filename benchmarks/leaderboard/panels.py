"""The content of the leaderboard's picture: curves of ours and published points, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, product

from benchmarks.leaderboard.entries import Entry, Row
from benchmarks.leaderboard.tables import TITLES

MARKERS = {
    "strict": "s",
    "plain": "o",
    "relaxed": "^",
    "valence-only": "D",
    "corrected": "v",
    "unstated": "X",
}
VARIANTS = {
    "fcd_all_test": "all valid against test",
    "fcd_unique_validation": "unique valid against validation",
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Of Okabe and Ito, one for each of our methods, beginning anew where they do not suffice."""
LINES = (".-", "*--")
"""Of all the colours once, and then of all again."""
INVALID_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50)
FCD_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class Curve:
    """One of our methods: y at each number of evaluations x, by the definition most published."""

    x: tuple[int, ...]
    y: tuple[float, ...]
    colour: str
    line: str
    label: str


@dataclass(frozen=True)
class Mark:
    """A published figure; kind: the definition behind its marker."""

    x: int
    y: float
    kind: str
    name: str


@dataclass(frozen=True)
class Panel:
    """One picture of the figure."""

    title: str
    label: str
    curves: list[Curve]
    marks: list[Mark]
    ticks: dict[float, str]
    markers: dict[str, str]
    falling: bool = False


def panels(entries: Sequence[Entry], dataset: str) -> list[Panel]:
    """Validity and FCD of a data set.

    Validity is drawn as the invalid share on a falling logarithmic axis, so that 99 and 99.8 stand
    apart. 100 % has no place on it and is left out.
    """
    ours: list[Entry] = []
    published: list[Entry] = []
    for entry in entries:
        if entry.about.dataset == dataset:
            (ours if entry.about.source.kind == "computed" else published).append(entry)
    marks = [(e.about, row) for e in published for row in e.rows if row.nfe]
    valid = [
        Mark(row.nfe or 0, 100 - row.valid, about.protocol.validity, about.method)
        for about, row in marks
        if row.valid is not None and row.valid < 100
    ]
    distances = [
        Mark(row.nfe or 0, value, VARIANTS[name], about.method)
        for about, row in marks
        for name in VARIANTS
        if (value := getattr(row, name)) is not None
    ]
    ticks = {tick: f"{100 - tick:g}" for tick in INVALID_TICKS}
    title = TITLES[dataset]
    kinds = dict(zip(VARIANTS.values(), "os", strict=True))
    return [
        Panel(title, "valid (% of attempts)", _curves(ours, "valid"), valid, ticks, MARKERS, True),
        Panel(
            title,
            "FCD",
            _curves(ours, "fcd_all_test"),
            distances,
            {t: f"{t:g}" for t in FCD_TICKS},
            kinds,
        ),
    ]


def _curves(ours: Sequence[Entry], name: str) -> list[Curve]:
    """One for each of our methods that a network made and that has a figure of that name."""
    drawn = zip(cycle(product(LINES, COLOURS)), filter(_walked, ours), strict=False)
    found = [_curve(entry, name, colour, line) for (line, colour), entry in drawn]
    return [curve for curve in found if curve.x]


def _walked(entry: Entry) -> list[Row]:
    """The rows that a network made, by its evaluations."""
    return sorted((row for row in entry.rows if row.nfe), key=lambda row: row.nfe or 0)


def _curve(entry: Entry, name: str, colour: str, line: str) -> Curve:
    """The figures of that name, where a logarithm has a place for them."""
    found = [(row.nfe or 0, getattr(row, name)) for row in _walked(entry)]
    known = [(x, 100 - y if name == "valid" else y) for x, y in found if y is not None]
    points = [(x, y) for x, y in known if y > 0]
    x, y = tuple(x for x, _ in points), tuple(y for _, y in points)
    return Curve(x, y, colour, line, entry.about.method)
