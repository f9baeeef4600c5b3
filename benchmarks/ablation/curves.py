"""The curves of benchmarks.ablation: quality against minutes of training, for every run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ablation.orders import MEASURES, Group, groups
from benchmarks.ablation.plan import METHODS
from benchmarks.ablation.results import Results


def draw(results: Results, path: Path) -> None:
    """Write a PNG: a row for each measure, a column for each number of steps.

    Points are means over the seeds, bars reach from the worst to the best.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 7.5), layout="constrained")
    panels = figure.subplots(len(MEASURES), len(METHODS), sharex=True, sharey="row")
    for row, measure in zip(panels, MEASURES, strict=True):
        for axes, steps in zip(row, METHODS, strict=True):
            for label, points in curves(results, measure, steps).items():
                x, middle, below, above = zip(*points, strict=True)
                bars = [below, above]
                axes.errorbar(x, middle, bars, label=label, marker="o", markersize=4, capsize=3)
            axes.set_title(f"{steps} {METHODS[steps]}")
            axes.grid(alpha=0.3)
            if measure != "vu":
                axes.set(xlabel="minutes of training", yscale="log")
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter("{x:g}")
        row[0].set_ylabel(MEASURES[measure])
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(f"{results.settings['n']:,} molecules a point; bars: from seed to seed")
    figure.savefig(path, format="png", dpi=110)


def curves(
    results: Results, measure: str, steps: int
) -> dict[str, list[tuple[float, float, float, float]]]:
    """label -> (minutes, mean, mean - worst, best - mean) at every checkpoint.

    Args:
        results: of the ablation.
        measure: one of ``orders.MEASURES``.
        steps: of sampling.
    """
    scale = 100 if measure == "vu" else 1
    minutes = {cell["minutes"] for entry in results.runs.values() for cell in entry["cells"]}
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for at in sorted(minutes):
        for group in groups(results, measure, steps, at):
            found.setdefault(group.name, []).append((at, *_bar(group, scale)))
    return found


def _bar(group: Group, scale: float) -> tuple[float, float, float]:
    values = [scale * value for value in group.values]
    middle = sum(values) / len(values)
    return middle, middle - min(values), max(values) - middle
