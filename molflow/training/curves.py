"""The curves of a run: what it logged, read from its folder and drawn against the step."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path


def read_logs(folder: Path) -> list[dict[str, float]]:
    """Read the rows of every ``metrics.csv`` of a run folder, resumed parts in order, no blanks.

    Steps that a crash made a later part take again are that part's. A row that was being written
    when the run died is left out.
    """
    rows: list[dict[str, float]] = []
    for path in sorted(folder.glob("logs/*/metrics.csv"), key=lambda p: int(p.parent.name)):
        written = path.read_text()
        whole = io.StringIO(written[: written.rfind("\n") + 1])
        part = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(whole)]
        part = [row for row in part if "step" in row]
        first = part[0]["step"] if part else math.inf
        rows = [row for row in rows if row["step"] < first] + part
    return rows


FIRST_SHARES = ("trial/strict_valid", "trial/words_in_vocabulary")
"""A trial is judged by these, in its usual steps, or in as few as the ending of the name says."""

FEW = 20
"""Up to so many rows each is a point: a line of one would not be seen."""
LATER_SHARES = ("trial/unique", "trial/novel")


def draw_run(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Draw losses against the step, and where there were trials, their numbers that are shares.

    Args:
        rows: of ``read_logs``.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    found = {name for row in rows for name in row}
    firsts = sorted(name for name in found if name.startswith(FIRST_SHARES))
    trials = [name for name in (*firsts, *LATER_SHARES) if name in found]
    figure = Figure(figsize=(10 if trials else 5, 4), layout="constrained")
    losses, *others = figure.subplots(1, 2 if trials else 1, squeeze=False)[0]
    panels = [(losses, ["train/loss", "valid/loss"], "loss (nats)")]
    panels += [(shares, trials, "share of a trial") for shares in others]
    for axes, names, label in panels:
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                many = name.startswith("train") and len(points) > FEW
                marker = "" if many else "o"
                axes.plot(*zip(*points, strict=True), label=name, marker=marker, markersize=3)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.has_data():
            axes.legend()
        else:
            axes.text(0.5, 0.5, "nothing was logged", transform=axes.transAxes, ha="center")
    for shares in others:
        shares.set_ylim(0, 1.02)
    trained = sorted(row["train/loss"] for row in rows if "train/loss" in row)
    if len(trained) > FEW:  # the fall from the uniform guess would flatten all that follows
        losses.set_ylim(0.95 * trained[0], 1.1 * trained[int(0.97 * len(trained))])
    figure.savefig(path, format="png", dpi=120)
