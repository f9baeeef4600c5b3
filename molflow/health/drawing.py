"""A picture shows a flow map's health: its errors and its entropy over the grid of times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.health.findings import fields_and_times, no_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from molflow.flow.health import Key

NUMBERED = 12


def draw_health(means: Mapping[Key, float], path: Path) -> None:
    """Draw a row for each field: two heat maps over (s, t), and entropies against s.

    The heat maps show the semigroup error and the distance from the flow, the curves the entropy of
    mu_s1 and mu_ss (see ``flow.health``). A frame in red marks where the map is no better than
    Euler steps.

    Args:
        means: of the measures.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    fields, times = fields_and_times(means)
    figure = Figure(figsize=(16, 4.6 * len(fields)), layout="constrained")
    panels = figure.subplots(len(fields), 3, squeeze=False)
    for field, (semigroup, flow, curves) in zip(fields, panels, strict=True):
        _show_errors(semigroup, means, times, "semigroup", field)
        semigroup.set_title(f"{field}: $|X_{{u,t}}(X_{{s,u}}) - X_{{s,t}}|$, $u$ midway")
        _show_errors(flow, means, times, "flow", field)
        flow.set_title(f"{field}: $|X_{{s,t}}$ - fine Euler walk$|$")
        for label, end in (("$\\mu_{s,1}$, where a jump ends", 1.0), ("$\\mu_{s,s}$", None)):
            nats = [means["entropy", field, s, s if end is None else end] for s in times[:-1]]
            curves.plot(times[:-1], nats, marker="o", markersize=3, label=label)
        curves.set(xlabel="s", ylabel="nats a variable", title=f"{field}: entropy", xlim=(0, 1))
        curves.set_ylim(bottom=0)
        curves.grid(alpha=0.3)
        curves.legend()
    figure.suptitle("0 is exact, 1.41 a wrong class; red frame: no better than Euler steps")
    figure.savefig(path, format="png", dpi=100)


def _show_errors(
    axes: Axes, means: Mapping[Key, float], times: Sequence[float], measure: str, field: str
) -> None:
    """Draw the pairs s < t as a heat map with numbers, on one scale for all pictures."""
    from matplotlib.patches import Rectangle

    count = len(times) - 1
    cells = [[means.get((measure, field, s, t), math.nan) for t in times[1:]] for s in times[:-1]]
    axes.imshow(cells, vmin=0, vmax=1, cmap="viridis_r")
    for row, column in combinations_with_replacement(range(count), 2):
        error, place = cells[row][column], (column - 0.46, row - 0.46)
        if count <= NUMBERED:
            ink = "white" if error > 0.5 else "black"
            axes.text(column, row, f"{error:.2f}", ha="center", va="center", color=ink, fontsize=8)
        if no_better(means, measure, field, times[row], times[column + 1]):
            axes.add_patch(Rectangle(place, 0.92, 0.92, fill=False, edgecolor="red", lw=1.5))
    axes.set_xticks(range(count), [f"{t:.3g}" for t in times[1:]])
    axes.set_yticks(range(count), [f"{s:.3g}" for s in times[:-1]])
    axes.set(xlabel="t", ylabel="s")
