"""The files of a search beside its calls: the best molecules, a picture, the record of the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from molflow.console import ESCAPED, atomic_write
from molflow.errors import InputError
from molflow.files import RECORD
from molflow.guidance.scores import SCORE
from molflow.metrics.goal_directed import auc_top, top_mean
from molflow.optimization.calls import Call, CallsFile, cells
from molflow.optimization.population import scaffold_of
from molflow.optimization.search import Search
from molflow.saving import write_csv

BEST_CSV, BEST_SDF, GRID, PAGE = "best.csv", "best.sdf", "grid.png", "report.html"
BEST, DRAWN, COLUMNS = 100, 24, 6
PACKAGES = ("molflow", "torch", "numpy", "rdkit")


def write_best(folder: Path, log: CallsFile, best: Sequence[Call]) -> None:
    """Write best.csv with the columns of calls.csv, best.sdf with 2D coordinates, grid.png.

    Args:
        folder: of the search.
        log: has the columns.
        best: calls, best first.
    """
    from rdkit import Chem
    from rdkit.Chem import Draw, rdDepictor

    rows = (cells(call, len(log.names)) for call in best)
    write_csv(folder / BEST_CSV, log.columns, rows)
    mols = [Chem.MolFromSmiles(call.asked.smiles) for call in best]
    with atomic_write(folder / BEST_SDF) as path, Chem.SDWriter(str(path)) as writer:
        for mol, call in zip(mols, best, strict=True):
            rdDepictor.Compute2DCoords(mol)
            for name, value in {
                "_Name": str(call.asked.number),
                "SMILES": call.asked.smiles,
                SCORE: f"{call.value:.6g}",
            }.items():
                mol.SetProp(name, value)
            writer.write(mol)
    if not mols:
        (folder / GRID).unlink(missing_ok=True)
        return
    legends = [f"{call.value:.4g}  ({call.asked.number})" for call in best[:DRAWN]]
    picture = Draw.MolsToGridImage(mols[:DRAWN], COLUMNS, (240, 200), legends)
    with atomic_write(folder / GRID) as path:
        picture.save(path, format="PNG")


def write_record(folder: Path, content: Mapping[str, Any]) -> None:
    """Write run.json."""
    with atomic_write(folder / RECORD) as path:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", "utf-8", errors=ESCAPED)


def read_record(folder: Path) -> dict[str, Any]:
    """Read run.json of a search. InputError where there is none, or it is damaged."""
    path = folder / RECORD
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"resume={folder}: no search there: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: truncated or not JSON ({error})") from None
    if not isinstance(plain, dict) or not isinstance(plain.get("config"), dict):
        raise InputError(f"{path}: not the record of a search")
    return plain


def reached(search: Search) -> dict[str, Any]:
    """The numbers of a search: the best scores, the fate of its calls, those without a score."""
    scores = [call.value for call in search.calls]
    known = [value for value in scores if math.isfinite(value)]
    errors = [call for call in search.calls if not math.isfinite(call.value)]
    # PMO's curve begins at 0: a molecule without a score is worth nothing there.
    curve = [value if math.isfinite(value) else 0.0 for value in scores]
    return {
        "calls": len(search.calls),
        "best": max(known) if known else None,
        "mean_of_10": top_mean(known, 10) if known else None,
        "mean_of_100": top_mean(known, 100) if known else None,
        "auc_10": auc_top(curve, search.budget),
        "scaffolds": len({scaffold_of(call.asked.smiles) for call in search.calls}),
        "without_score": len(errors),
        "moves": {move: dict(counts) for move, counts in sorted(search.counts.items())},
    }
