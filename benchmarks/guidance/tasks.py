"""Objectives of benchmarks.guidance: eight tasks, each an objective of molflow as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from molflow.errors import InputError

if TYPE_CHECKING:
    from molflow.chem.objective import Objective
    from molflow.datasets.loaders import MoleculeDataset

REFERENCE = "the first molecule of the validation split with as many atoms as any there"
TASKS = {
    "qed": "qed:max",
    "logp0": "logp:0±0.5",
    "logp2": "logp:2±0.5",
    "logp-2": "logp:-2±0.5",
    "sa": "sa:min",
    "tpsa60": "tpsa:60±10",
    "qed_sa": "qed:max,sa:min",
    "similarity": "similarity({reference}):max",
}


@dataclass(frozen=True)
class Aim:
    """An interval that a property should lie in: "logp:2±0.5" asks for 1.5 to 2.5."""

    component: int
    low: float
    high: float

    @property
    def target(self) -> float:
        """The middle of the interval."""
        return (self.low + self.high) / 2


def aim(objective: Objective) -> Aim | None:
    """The first interval that an objective asks for; None where it has directions alone."""
    for place, component in enumerate(objective.components):
        low, high = component.transform.wanted
        if math.isfinite(low) and math.isfinite(high):
            return Aim(place, low, high)
    return None


def reference(data: MoleculeDataset) -> str:
    """REFERENCE, which no training has seen. InputError where the split is empty."""
    split = data.splits["valid"]
    if not len(split):
        raise InputError(f"{data.name}: no molecule in valid to be similar to")
    place = int(data.packed.sizes[split].argmax())
    return data.smiles("valid")[place]


def require_known(names: list[str]) -> None:
    """InputError for a name that no task has."""
    for name in names:
        if name not in TASKS:
            raise InputError(f"tasks={name!r}: any of {', '.join(TASKS)}")
