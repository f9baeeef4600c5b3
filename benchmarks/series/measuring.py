"""Measures of samples of a model against a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from rdkit import Chem

from benchmarks.series.making import Rule
from molflow.chem.molecule import Checked
from molflow.metrics.similarity import fingerprints, nearest_similarities
from molflow.metrics.validity import from_checked

Numbers = dict[str, float]
PROTOCOL = {
    "in_series": "strictly valid with the part of the series / attempts",
    "strict_valid": "the whole molecule sanitises unrepaired and is connected / attempts",
    "distinct": "distinct strictly valid / strictly valid",
    "new": "distinct strictly valid outside the training part of the series / strictly valid",
    "hits": "distinct, outside the training part and in the series / attempts",
    "found": "held-out molecules of the series among the samples / held-out molecules",
    "snn": "mean over distinct strictly valid ones of the Tanimoto similarity to the nearest "
    "molecule of the training part (Morgan, radius 2, 2,048 bits)",
    "held_out_snn": "the same of the molecules of the series that are held out",
}


@dataclass(frozen=True)
class Reference:
    """A series.

    Attributes:
        rule: of the series.
        training: molecules that were trained on.
        held_out: molecules that were used neither for training nor for choosing.
    """

    rule: Rule
    training: Sequence[str]
    held_out: Sequence[str]


def measure(checked: Sequence[Checked], reference: Reference) -> Numbers:
    """The numbers of PROTOCOL."""
    known = set(reference.training)
    strict = [one.strict for one in checked if one.strict is not None]
    distinct = dict.fromkeys(strict)
    molecules = {smiles: Chem.MolFromSmiles(smiles) for smiles in distinct}
    inside = {smiles for smiles, mol in molecules.items() if reference.rule.holds(mol)}
    held_out = [Chem.MolFromSmiles(smiles) for smiles in reference.held_out]
    attempts = len(checked)
    return {
        "in_series": sum(smiles in inside for smiles in strict) / attempts,
        "strict_valid": from_checked(checked, None)["strict_valid"],
        "distinct": _share(len(distinct), len(strict)),
        "new": _share(len(distinct.keys() - known), len(strict)),
        "hits": len(inside - known) / attempts,
        "found": _share(len(inside & set(reference.held_out)), len(reference.held_out)),
        "snn": _nearness(list(molecules.values()), reference),
        "held_out_snn": _nearness(held_out, reference),
    }


def _share(count: int, total: int) -> float:
    return count / total if total else nan


def _nearness(molecules: Sequence[Chem.Mol], reference: Reference) -> float:
    """The mean similarity to the nearest training molecule, nan of none."""
    if not molecules:
        return nan
    training = fingerprints(Chem.MolFromSmiles(one) for one in reference.training)
    return float(nearest_similarities(fingerprints(molecules), training).mean())
