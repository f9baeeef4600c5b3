"""Properties that stand beside every molecule: in tables, on pages and in data frames."""

from __future__ import annotations

import math

from rdkit import Chem

from molflow.chem.properties import PROPERTIES

DESCRIBED = ("qed", "logp", "sa", "tpsa", "mw")
"""Names of properties (see ``chem.properties``), which are those of their columns too."""


def described(mol: Chem.Mol) -> dict[str, float]:
    """Compute DESCRIBED of a sanitised molecule, nan where RDKit cannot say."""
    row: dict[str, float] = {}
    for name in DESCRIBED:
        try:
            row[name] = float(PROPERTIES[name].compute(mol))
        except Exception:  # A table lacks a number rather than a sampling its table.
            row[name] = math.nan
    return row
