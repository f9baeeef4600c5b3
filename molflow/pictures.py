"""Pictures of what a model does: molecules, the loss of a run, a trajectory."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from molflow.chem.molecule import Checked


def draw_molecules(checked: Sequence[Checked], path: Path, columns: int = 6) -> None:
    """A PNG with a grid of molecules; those that are not strictly valid show their reason."""
    from rdkit import Chem
    from rdkit.Chem import Draw

    mols = [c.mol if c.mol is not None else Chem.Mol() for c in checked]
    image = Draw.MolsToGridImage(
        mols,
        molsPerRow=columns,
        subImgSize=(220, 170),
        legends=[c.reason or c.smiles or "" for c in checked],
        returnPNG=False,
    )
    image.save(path, format="PNG")


def read_logs(folder: Path) -> list[dict[str, float]]:
    """The rows of every ``metrics.csv`` under ``folder``, resumed parts in order; blanks left out."""
    rows: list[dict[str, float]] = []
    for path in sorted(folder.glob("logs/*/metrics.csv"), key=lambda p: int(p.parent.name)):
        with path.open(newline="") as file:
            rows += [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    return rows


def draw_run(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Two panels against the step: losses; validity, uniqueness and novelty of the trials."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, shares = figure.subplots(1, 2)
    panels = [
        (losses, ("train/loss", "valid/loss"), "loss (nats)"),
        (shares, ("trial/strict_valid", "trial/unique", "trial/novel"), "share of a trial"),
    ]
    for axes, names, label in panels:
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                marker = "" if name.startswith("train") else "o"
                axes.plot(*zip(*points, strict=True), label=name, marker=marker, markersize=3)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.has_data():
            axes.legend()
    shares.set_ylim(0, 1.02)
    figure.savefig(path, format="png", dpi=120)
