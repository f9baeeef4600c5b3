"""The rows of benchmarks.text as a table, as examples, and as curves against evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.console import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]

COLUMNS = (
    "words_in_vocabulary",
    "bits_per_character",
    "perplexity",
    "entropy",
    "entropy_ratio",
    "distinct_4",
    "distinct_8",
    "words",
)
PANELS = {
    "words_in_vocabulary": "words in the vocabulary (%)",
    "perplexity": "perplexity of the characters",
    "entropy": "entropy of a text (bits)",
    "distinct_8": "distinct runs of 8 characters (%)",
}
PERCENT = ("words_in_vocabulary", "distinct_8")
LINES = {"held_out": "-", "training": "--", "unigram": ":", "bigram": "-.", "5-gram": (0, (5, 4))}
SHOWN = 64
"""Characters of an example that are printed."""


def show(rows: Sequence[Row], n: int) -> None:
    """A table of all numbers, and the beginning of one text of every row."""
    table(
        f"{n:,} texts a row",
        ("method", "steps", *COLUMNS),
        [(row["method"], row["steps"] or "", *(row[name] for name in COLUMNS)) for row in rows],
    )
    table(
        "the first text of each, from its beginning",
        ("method", "steps", "text"),
        [(row["method"], row["steps"] or "", repr(row["examples"][0][:SHOWN])) for row in rows],
    )


def draw(rows: Sequence[Row], n: int, path: Path) -> None:
    """A PNG: words, perplexity, entropy and variety against the network evaluations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    ticks = sorted({row["evaluations"] for row in rows if row["steps"]})
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        _plot(axes, rows, name, 100 if name in PERCENT else 1)
        axes.set(xlabel="network evaluations a text", ylabel=label, xscale="log")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.minorticks_off()
        if name == "perplexity":
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.suptitle(f"{n:,} texts a point; level lines: real text and n-gram samplers")
    figure.savefig(path, format="png", dpi=120)


def _plot(axes: Axes, rows: Sequence[Row], name: str, scale: float) -> None:
    """A curve for each method, a level line for each anchor."""
    for method in dict.fromkeys(row["method"] for row in rows):
        found = [row for row in rows if row["method"] == method]
        values = [scale * row[name] for row in found]
        if method in LINES:
            axes.axhline(values[0], color="#777777", linestyle=LINES[method], label=method)
        else:
            x = [row["evaluations"] for row in found]
            axes.plot(x, values, label=method, marker="o", markersize=4)
