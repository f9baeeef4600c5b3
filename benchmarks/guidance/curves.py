"""The picture of benchmarks.guidance: reward against looks, a panel for each task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.guidance.plan import UNGUIDED
from benchmarks.guidance.rows import ERRORS, Row, best, chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of Okabe and Ito: told apart with every kind of colour vision; markers differ too."""
MARKERS = "osD^vPX"
COLUMNS = 4


def draw(rows: Sequence[Row], objectives: Mapping[str, str], n: int, path: Path) -> None:
    """A PNG: the best row of each method at each budget, bars of two standard errors."""
    from matplotlib.figure import Figure

    found = best(rows)
    columns = min(len(objectives), COLUMNS)
    lines = math.ceil(len(objectives) / columns)
    figure = Figure(figsize=(3.6 * columns + 1, 3.3 * lines + 1.2), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).flat
    for (task, text), axes in zip(objectives.items(), panels, strict=False):
        _plot(axes, chosen(found, task=task))
        axes.set_title(text if len(text) < 36 else task, fontsize=10)
        ticks = sorted({row["budget"] for row in found if row["budget"]})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set(xlabel="looks a molecule", ylabel="reward")
        axes.grid(alpha=0.3)
    for axes in list(panels):
        axes.set_axis_off()
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles))
    figure.suptitle(
        f"{n:,} molecules a point, every method at its best number of steps; "
        f"bars: {ERRORS} standard errors"
    )
    figure.savefig(path, format="png", dpi=110)


def _plot(axes: Axes, rows: Sequence[Row]) -> None:
    """A line for each way, a level one with its band for unguided."""
    for row in chosen(rows, way=UNGUIDED):
        axes.axhline(row["reward"], color="#777777", linestyle="--", label=UNGUIDED)
        bar = ERRORS * row["reward_error"]
        if not math.isnan(bar):
            low, high = row["reward"] - bar, row["reward"] + bar
            axes.axhspan(low, high, color="#777777", alpha=0.2, linewidth=0)
    ways = [way for way in dict.fromkeys(row["way"] for row in rows) if way != UNGUIDED]
    for place, way in enumerate(ways):
        points = sorted(chosen(rows, way=way), key=lambda row: row["looks"])
        bars = [ERRORS * row["reward_error"] for row in points]
        axes.errorbar(
            [row["looks"] for row in points],
            [row["reward"] for row in points],
            [0 if math.isnan(bar) else bar for bar in bars],
            label=way,
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            markersize=5,
            capsize=3,
        )
