"""Molecules as files: CSV with every attempt, SMI and SDF with the strictly valid ones."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from molflow.chem.molecule import Checked
from molflow.console import ESCAPED, atomic_write
from molflow.progress import progress


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; None is an empty cell.

    Args:
        path: of the file.
        columns: the header.
        rows: as many cells each.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_smi(path: Path, checked: Sequence[Checked]) -> None:
    """Write the strictly valid molecules, a SMILES and its index a line.

    Args:
        path: of the file.
        checked: every attempt.
    """
    with atomic_write(path) as temporary, temporary.open("w") as file:
        file.writelines(f"{one.smiles} {i}\n" for i, one in enumerate(checked) if not one.reason)


def write_sdf(
    path: Path,
    checked: Sequence[Checked],
    scores: Sequence[float | None],
    chosen: Collection[int] | None = None,
) -> None:
    """Write the strictly valid molecules with 2D coordinates.

    Their title is the index; index, SMILES and score are their tags.

    Args:
        path: of the file.
        checked: every attempt.
        scores: of every attempt, None where there is none; empty where nothing is scored.
        chosen: indices of attempts to write; None is all.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    with atomic_write(path) as temporary, Chem.SDWriter(str(temporary)) as writer:
        for i, one in enumerate(progress(checked, f"writing {path.name}", unit="molecules")):
            if chosen is not None and i not in chosen:
                continue
            if one.mol is None or one.smiles is None or one.reason is not None:
                continue
            flat = Chem.Mol(one.mol)
            rdDepictor.Compute2DCoords(flat)
            flat.SetProp("_Name", str(i))
            flat.SetProp("index", str(i))
            flat.SetProp("SMILES", one.smiles)
            score = scores[i] if scores else None
            if score is not None:
                flat.SetProp("score", f"{score:.6g}")
            writer.write(flat)
