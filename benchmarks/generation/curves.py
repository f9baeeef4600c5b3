"""The rows of benchmarks.generation as tables and as curves against network evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.console import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]

SHARES = ("strict_valid", "plain_valid", "relaxed_valid", "unique", "vu", "vun", "novel")
EVALUATIONS = "evaluations"
SPEEDS = ("per_second_network", "per_second_decoding", "per_second")
FCDS = {
    "fcd_unique_validation": "FCD, unique valid\nagainst validation",
    "fcd_all_test": "FCD, all valid\nagainst test",
}
LINES = {"training": "--", "redraw": ":"}


def show(rows: Sequence[Row], n: int) -> None:
    """Two tables: shares in percent; FCD with its number of molecules, and speed."""
    title = f"{n:,} molecules, mean ± standard deviation over the seeds"
    heads = ("method", "steps", "seeds")
    starts = [(row["method"], row["steps"] or "", row["seeds"]) for row in rows]
    shares = [[_cell(row, name, 100, 2) for name in SHARES] for row in rows]
    table(
        f"percent of {title}",
        (*heads, *SHARES),
        [(*start, *cells) for start, cells in zip(starts, shares, strict=True)],
    )
    rest = [
        [text for name in FCDS for text in (_cell(row, name, 1, 3), _cell(row, f"{name}_n", 1, 0))]
        + [_cell(row, name, 1, 0) for name in (EVALUATIONS, *SPEEDS)]
        for row in rows
    ]
    columns = [text for name in FCDS for text in (name, "n")] + [
        EVALUATIONS,
        "network/s",
        "decoding/s",
        "both/s",
    ]
    table(
        f"FCD and molecules a second, {title}",
        (*heads, *columns),
        [(*start, *cells) for start, cells in zip(starts, rest, strict=True)],
    )


def _cell(row: Row, name: str, scale: float, digits: int) -> str:
    """Such as "95.13 ±0.20"; counts and speeds without their spread, nothing where not measured."""
    if name not in row["mean"]:
        return ""
    mean, spread = scale * row["mean"][name], scale * row["spread"][name]
    if math.isnan(spread) or not digits:
        return f"{mean:,.{digits}f}"
    return f"{mean:,.{digits}f} ±{spread:.{digits}f}"


def draw(rows: Sequence[Row], n: int, path: Path) -> None:
    """A PNG: validity, uniqueness, both FCD and speed against the network evaluations."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(11, 9), layout="constrained")
    panels = {
        "strict_valid": "strictly valid (%)",
        "unique": "unique of valid (%)",
        "vun": "strictly valid, unique and novel (%)",
        "per_second": "molecules a second, with decoding",
        **FCDS,
    }
    for axes, (name, label) in zip(figure.subplots(3, 2).flat, panels.items(), strict=True):
        scale = 1 if name in FCDS or name in SPEEDS else 100
        _plot(axes, rows, name, scale)
        axes.set(xlabel="network evaluations a molecule", ylabel=label, xscale="log")
        ticks = sorted({row["steps"] for row in rows if row["steps"]})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.minorticks_off()
        if scale == 1:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.grid(alpha=0.3)
        if axes.has_data():
            axes.legend(fontsize=8)
    figure.suptitle(f"{n:,} molecules a point; dashed and dotted: molecules of the training set")
    figure.savefig(path, format="png", dpi=120)


def _plot(axes: Axes, rows: Sequence[Row], name: str, scale: float) -> None:
    """A curve with bars of one spread for each method, a level line for each anchor."""
    for method in dict.fromkeys(row["method"] for row in rows):
        of_method = [row for row in rows if row["method"] == method and name in row["mean"]]
        means = [scale * row["mean"][name] for row in of_method]
        if method in LINES:
            for level in means:
                axes.axhline(level, color="#777777", linestyle=LINES[method], label=method)
        elif means:
            spreads = [scale * row["spread"][name] for row in of_method]
            bars = [0 if math.isnan(spread) else spread for spread in spreads]
            x = [row["mean"][EVALUATIONS] for row in of_method]
            axes.errorbar(x, means, bars, label=method, marker="o", markersize=4, capsize=3)
