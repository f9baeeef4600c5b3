"""The picture of the leaderboard: validity and FCD against network evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from benchmarks.leaderboard.entries import DATASETS, Entry
from benchmarks.leaderboard.panels import Mark, Panel, panels

NFE_TICKS = (1, 2, 4, 8, 16, 50, 100, 500, 1000)
SIDES = (7, -7)
HEIGHTS = (0, 9, -9, 18, -18, 27, -27, 36, -36, 45, -45, 54, -54)
"""Where a label may stand beside its point, in points; the first free place is taken."""


def draw(entries: Sequence[Entry], path: Path) -> None:
    """A PNG: methods of ours as lines, published ones as labelled points.

    Of every data set that has both a validity and an FCD at some number of evaluations.
    """
    rows = [panels(entries, name) for name in DATASETS]
    rows = [row for row in rows if all(panel.curves or panel.marks for panel in row)]
    count = max(1, len(rows))
    figure = Figure(figsize=(13, 4.9 * count + 0.4), dpi=110, layout="constrained")
    figure.suptitle(
        "Lines: computed here, plain validity and FCD of all valid against test. "
        "Points: as published, each by its own definition",
        fontsize=11,
    )
    canvas = FigureCanvasAgg(figure)
    places = figure.subplots(count, 2, squeeze=False)
    drawn = [
        (axes, panel)
        for line, row in zip(places, rows, strict=False)
        for axes, panel in zip(line, row, strict=True)
    ]
    for axes, panel in drawn:
        _plot(axes, panel)
    figure.draw_without_rendering()
    for axes, panel in drawn:
        _name(axes, panel, canvas.get_renderer())
    figure.savefig(path, format="png")


def _plot(axes: Axes, panel: Panel) -> None:
    for curve in panel.curves:
        axes.plot(curve.x, curve.y, curve.line, color=curve.colour, markersize=8, label=curve.label)
    for kind in dict.fromkeys(mark.kind for mark in panel.marks):
        chosen = [mark for mark in panel.marks if mark.kind == kind]
        x, y = [mark.x for mark in chosen], [mark.y for mark in chosen]
        axes.plot(x, y, panel.markers[kind], color="#444444", label=f"published, {kind}")
    axes.set(title=panel.title, xlabel="network evaluations a molecule", ylabel=panel.label)
    axes.set(xscale="log", yscale="log", xlim=(0.8, 4000))
    axes.set_xticks(NFE_TICKS, [str(tick) for tick in NFE_TICKS])
    low, high = axes.get_ylim()
    low, high = low / 1.3, high * 1.3
    shown = {tick: text for tick, text in panel.ticks.items() if low <= tick <= high}
    axes.set_yticks(list(shown), list(shown.values()))
    axes.minorticks_off()
    axes.set_ylim((high, low) if panel.falling else (low, high))
    axes.grid(alpha=0.3)
    axes.legend(
        fontsize=7,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=1,
        frameon=False,
        handlelength=3,
    )


def _name(axes: Axes, panel: Panel, renderer: RendererAgg) -> None:
    """Writes each name in the first place beside its point where it covers nothing."""
    frame = axes.get_window_extent(renderer)
    taken = _covered(axes, panel)
    for mark in sorted(panel.marks, key=lambda mark: (mark.x, mark.y)):
        for side, height in ((side, height) for height in HEIGHTS for side in SIDES):
            text = _annotate(axes, mark, side, height)
            text.update_positions(renderer)
            # The text alone: with its arrow it would cover its own point.
            box = Text.get_window_extent(text, renderer)
            inside = frame.containsx(box.x0) and frame.containsx(box.x1)
            inside = inside and frame.containsy(box.y0) and frame.containsy(box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()
        else:
            _annotate(axes, mark, SIDES[0], HEIGHTS[0])


def _annotate(axes: Axes, mark: Mark, side: int, height: int) -> Annotation:
    return axes.annotate(
        mark.name,
        (mark.x, mark.y),
        (side, height),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        va="center",
        fontsize=7.5,
        arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "#888888", "shrinkA": 0, "shrinkB": 2},
    )


def _covered(axes: Axes, panel: Panel) -> list[Bbox]:
    """Boxes of pixels around the points, and along the lines, that no name may cover."""
    spots = [(mark.x, mark.y) for mark in panel.marks]
    to_pixels = axes.transData.transform
    boxes = [_box(x, y, 5) for x, y in to_pixels(spots)] if spots else []
    for curve in panel.curves:
        corners = to_pixels(np.column_stack([curve.x, curve.y]))
        for start, end in pairwise(corners):
            boxes += [_box(x, y, 2) for x, y in np.linspace(start, end, 30)]
    return boxes


def _box(x: float, y: float, margin: float) -> Bbox:
    return Bbox.from_extents(x - margin, y - margin, x + margin, y + margin)
