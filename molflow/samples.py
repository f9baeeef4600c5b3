"""What sampling returns: molecules in the order of their index, the invalid ones included."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

from molflow.checkpoint import ModelSpec
from molflow.chem.constraints import Plan
from molflow.chem.holding import kept
from molflow.chem.molecule import Checked
from molflow.graph.graph import Graph
from molflow.guides import Steering
from molflow.metrics.validity import measure
from molflow.walk import Walk

if TYPE_CHECKING:
    from rdkit import Chem


@dataclass(frozen=True, repr=False)
class Samples:
    """Generated molecules in the order of their index, valid or not.

    ``samples[3]`` is what chemistry says of molecule 3, ``samples[:24]`` the first 24.

    graphs: what the network made. checked: what chemistry says of each. walk: how it was made.
    network_seconds, chemistry_seconds: wall time of the two parts; the scores that guidance asks
    for are in the first. plan: of the constraints. steering: what guidance did.
    """

    graphs: list[Graph]
    checked: list[Checked]
    spec: ModelSpec
    walk: Walk
    network_seconds: float
    chemistry_seconds: float
    plan: Plan | None = None
    steering: Steering | None = None

    @property
    def evaluations(self) -> float:
        """Network evaluations per molecule."""
        return self.walk.evaluations if self.steering is None else self.steering.evaluations

    def __len__(self) -> int:
        return len(self.graphs)

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.checked)

    @overload
    def __getitem__(self, index: int) -> Checked: ...

    @overload
    def __getitem__(self, index: slice) -> Samples: ...

    def __getitem__(self, index: int | slice) -> Checked | Samples:
        if isinstance(index, int):
            return self.checked[index]
        return replace(self, graphs=self.graphs[index], checked=self.checked[index])

    def __repr__(self) -> str:
        valid = sum(reason is None for reason in self.reasons)
        return f"Samples({len(self):,} molecules, {valid:,} valid)"

    @cached_property
    def molecules(self) -> list[Chem.Mol | None]:
        """A molecule that passed sanitisation and is connected, or None; see ``reasons``."""
        return [c.mol if c.connected else None for c in self.checked]

    @cached_property
    def smiles(self) -> list[str | None]:
        """Canonical SMILES of every molecule that passes sanitisation, None for the others."""
        return [c.smiles for c in self.checked]

    @cached_property
    def reasons(self) -> list[str | None]:
        """Why a molecule is not strictly valid, None for those that are."""
        return [c.reason for c in self.checked]

    @cached_property
    def kept(self) -> list[bool]:
        """Whether each graph has all that the constraints ask for."""
        plan = self.plan
        return [plan is None or kept(graph, plan) for graph in self.graphs]

    def metrics(self, training: Collection[str] | None = None) -> dict[str, float]:
        """The validities, uniqueness and novelty (see ``metrics.validity``).

        training: a set of canonical SMILES without stereochemistry; None leaves novelty undefined.
        """
        return measure(self.graphs, self.spec.vocabulary, training)
