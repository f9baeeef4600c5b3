"""Charts are small hand-written SVG; the page's style sheet colours every series by its class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from molflow.console import written
from molflow.report.binning import Bins, bin_values, front, ticks
from molflow.report.values import Ess, Quantity, Report, Series

WIDTH, HEIGHT = 400, 216
TALL = 300
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 20, 26
NAME = 32
"""So many letters of a name fit along an axis."""
HALF = 0.5
"""A population is usually resampled below this share of the particles."""
BAND = (10, 50, 90)


def number(x: float | None) -> str:
    """Write four digits, as everywhere on the page; a dash for None and nan."""
    if x is None or math.isnan(x):
        return "–"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    return written(x).replace("-", "−")


def percent(share: float) -> str:
    """Write one decimal; a dash for nan."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


@dataclass(frozen=True)
class Plane:
    """A plane maps numbers to the chart's rectangle; y points up.

    Attributes:
        x: the range of x.
        y: the range of y.
        height: of the chart.
        bottom: the room below the rectangle.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = HEIGHT
    bottom: int = BOTTOM

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Place a point, to a tenth of a unit."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        right, low = WIDTH - RIGHT, self.height - self.bottom
        return round(LEFT + across * (right - LEFT), 1), round(low - up * (low - TOP), 1)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Write a polyline."""
        return "M" + "L".join("{:g} {:g}".format(*self.at(x, y)) for x, y in points)

    def box(self, x_0: float, x_1: float) -> str:
        """Write the attributes of a rectangle over the whole height."""
        (left, top), (right, low) = self.at(x_0, self.y[1]), self.at(x_1, self.y[0])
        return f"x={left:g} y={top:g} width={right - left:g} height={low - top:g}"

    def axes(self, percents: bool = False, title_x: str = "", title_y: str = "") -> str:
        """Write grid lines, ticks and titles.

        Args:
            percents: whether y is in percent.
            title_x: below the axis.
            title_y: above the axis.
        """
        parts = []
        for value in ticks(*self.y, 3):
            y = self.at(self.x[0], value)[1]
            text = f"{100 * value:g} %" if percents else number(value)
            parts.append(f'<path class=grid d="M{LEFT} {y:g}H{WIDTH - RIGHT}"/>')
            parts.append(f"<text x={LEFT - 5} y={y + 4:g} text-anchor=end>{text}</text>")
        low = self.height - self.bottom
        for value in ticks(*self.x):
            x = self.at(value, self.y[0])[0]
            parts.append(f"<text x={x:g} y={low + 16} text-anchor=middle>{number(value)}</text>")
        parts.append(f'<path class=axis d="M{LEFT} {low}H{WIDTH - RIGHT}"/>')
        if title_x:
            middle = (LEFT + WIDTH - RIGHT) / 2
            parts.append(
                f"<text class=name x={middle:g} y={self.height - 6} text-anchor=middle>"
                f"{escape(title_x)}</text>"
            )
        if title_y:
            parts.append(f"<text class=name x=2 y=12>{escape(title_y)}</text>")
        return "".join(parts)


def figure(content: str, label: str, height: int = HEIGHT) -> str:
    """Write the SVG element of a chart.

    Args:
        content: of the element.
        label: tells the chart to those who do not see it.
        height: of the chart.
    """
    return (
        f'<svg class=chart viewBox="0 0 {WIDTH} {height}" role=img aria-label="{escape(label)}">'
        f"{content}</svg>"
    )


def histogram(report: Report, quantity: Quantity) -> tuple[str, Bins | None]:
    """Write the chart of a quantity over its series, as shares of each, and give its bins.

    It is "" and None where no series has a value.

    Args:
        report: has the series.
        quantity: to draw.
    """
    series = report.values_of(quantity)
    if not series:
        return "", None
    bins = bin_values(series, quantity)
    steps = range(len(bins.edges) - 1)
    top = max(bins.share(name, k) for name in series for k in steps) or 1.0
    plane = Plane((bins.edges[0], bins.edges[-1]), (0, 1.08 * top))
    parts = [_target(plane, quantity), plane.axes(percents=True)]
    for name in series:
        corners = [(bins.edges[0], 0.0)]
        for k in steps:
            share = bins.share(name, k)
            corners += [(bins.edges[k], share), (bins.edges[k + 1], share)]
        corners.append((bins.edges[-1], 0.0))
        parts.append(f'<path class="line {name}" d="{plane.path(corners)}"/>')
    for k in steps:
        parts.append(
            f"<rect class=hover {plane.box(bins.edges[k], bins.edges[k + 1])}>"
            f"<title>{_bin_words(report, bins, k)}</title></rect>"
        )
    words = ", ".join(f"{report.labels[n]} {number(_median(v))}" for n, v in series.items())
    return figure("".join(parts), f"Histogram of {quantity.name}; medians: {words}"), bins


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _bin_words(report: Report, bins: Bins, k: int) -> str:
    lines = [f"{number(bins.edges[k])} to {number(bins.edges[k + 1])}"]
    for name, counts in bins.counts.items():
        share = percent(bins.share(name, k))
        lines.append(f"{report.labels[name]}: {counts[k]:,} of {bins.sizes[name]:,} ({share})")
    return "\n".join(lines)


def _target(plane: Plane, quantity: Quantity) -> str:
    """Draw the wanted region, as far as the axis shows it."""
    if quantity.target is None:
        return ""
    low, high = (min(max(end, plane.x[0]), plane.x[1]) for end in quantity.target)
    middle = plane.at((low + high) / 2, 0)[0]
    edges = "".join(
        f'<path class=edge d="{plane.path([(x, 0), (x, plane.y[1])])}"/>' for x in (low, high)
    )
    middle = min(max(middle, LEFT + 18), WIDTH - RIGHT - 18)
    word = f"<text class=target x={middle:g} y=13 text-anchor=middle>target</text>"
    return f"<rect class=target {plane.box(low, high)}></rect>{edges}{word}"


def ess_chart(ess: Ess) -> str:
    """Draw median and 10 to 90 % band of the groups' effective sample sizes against t."""
    plane = Plane((0, 1), (0, 1.04 * ess.particles), TALL, BOTTOM + 18)
    low, middle, high = np.percentile(np.asarray(ess.sizes, float), BAND, axis=1).tolist()
    times = list(ess.times)
    band = [*zip(times, high, strict=True), *reversed(list(zip(times, low, strict=True)))]
    line = list(zip(times, middle, strict=True))
    half = HALF * ess.particles
    dots = []
    for t, a, m, b in zip(times, low, middle, high, strict=True):
        x, y = plane.at(t, m)
        words = f"t = {number(t)}: median {number(m)}, {number(a)} to {number(b)}"
        dots.append(f"<circle class=guided cx={x:g} cy={y:g} r=3><title>{words}</title></circle>")
    content = (
        plane.axes(title_x="t", title_y="effective particles")
        + f'<path class="band guided" d="{plane.path(band)}Z"/>'
        + f'<path class=half d="{plane.path([(0, half), (1, half)])}"/>'
        + f'<path class="line guided open" d="{plane.path(line)}"/>{"".join(dots)}'
    )
    ends = f"{number(middle[0])} at t = {number(times[0])}, {number(middle[-1])} at the end"
    return figure(content, f"Effective sample size of {ess.particles} particles: {ends}", TALL)


def pareto_chart(report: Report, names: tuple[str, str], shown: frozenset[int]) -> str:
    """Draw both series over two quantities, and the front of the strictly valid attempts.

    It is "" where none has both numbers.

    Args:
        report: has the attempts.
        names: of the two quantities.
        shown: indices of the attempts with a card, to which the front's points link.
    """
    across, up = (next(q for q in report.quantities if q.name == name) for name in names)
    own = [
        (i, attempt.value(across.name), attempt.value(up.name))
        for i, attempt in enumerate(report.attempts)
        if attempt.reason is None
    ]
    own = [point for point in own if math.isfinite(point[1]) and math.isfinite(point[2])]
    other: list[tuple[float, float]] = []
    if report.guided:
        pairs = zip(across.unguided, up.unguided, strict=True)
        other = [(float(x), float(y)) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
    points = [*((x, y) for _, x, y in own), *other]
    if not own:
        return ""
    plane = Plane(_range([x for x, _ in points]), _range([y for _, y in points]), TALL, BOTTOM + 18)
    directions = (across.better or "high", up.better or "high")
    best = front([(x, y) for _, x, y in own], directions)
    corners = [own[k][1:] for k in best]
    content = [plane.axes(title_x=_axis(across), title_y=_axis(up))]
    content.append(_dots(plane, "unguided", other))
    content.append(_dots(plane, report.own, [(x, y) for _, x, y in own]))
    content.append(f'<path class=front d="{plane.path(corners)}"/>')
    for i, x, y in (own[k] for k in best):
        text = f"{report.attempts[i].smiles}\n{across.name} {number(x)}, {up.name} {number(y)}"
        cx, cy = plane.at(x, y)
        dot = (
            f'<circle class="best {report.own}" cx={cx:g} cy={cy:g} r=4.5>'
            f"<title>{escape(text)}</title></circle>"
        )
        label = escape(f"molecule {i}: {text}")
        content.append(f'<a href="#m{i}" aria-label="{label}">{dot}</a>' if i in shown else dot)
    label = f"{across.name} against {up.name}: {len(best)} of {len(own)} molecules on the front"
    svg = figure("".join(content), label, TALL)
    return svg.replace("role=img", "role=group", 1)  # an image would hide its links


def _axis(quantity: Quantity) -> str:
    name = quantity.name if len(quantity.name) <= NAME else quantity.name[: NAME - 1] + "…"
    return f"{name} ({quantity.better} is better)" if quantity.better else name


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.1 * abs(low) or 1.0
    return low - margin, high + margin


def _dots(plane: Plane, name: Series, points: Sequence[tuple[float, float]]) -> str:
    """Write one path of round dots: a line of no length each."""
    if not points:
        return ""
    path = "".join("M{:g} {:g}h0".format(*plane.at(x, y)) for x, y in points)
    return f'<path class="dots {name}" d="{path}"/>'
