"""What sampling returns: molecules or texts in the order of their index, invalid ones included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast, overload

from molflow.chem.molecule import Checked
from molflow.errors import InputError
from molflow.graph.graph import Graph
from molflow.guidance.guided import Steering
from molflow.modality import Graphs, Held, Known, Strings, Thing
from molflow.model.checkpoint import ModelSpec
from molflow.model.conditions import Aim
from molflow.sampling.walk import Walk

if TYPE_CHECKING:
    from rdkit import Chem


@dataclass(frozen=True, repr=False)
class Samples:
    """Generated molecules in the order of their index, valid or not; or generated texts.

    ``samples[3]`` is what chemistry says of molecule 3, ``samples[:24]`` the first 24.

    things: what the network made, a graph or a text each. checked: what chemistry says of each.
    walk: how it was made. network_seconds, chemistry_seconds: wall time of the two parts; the
    scores that guidance asks for are in the first. plan: of the constraints. steering: what
    guidance did. aim: what properties were asked for.
    """

    things: list[Thing]
    checked: list[Checked]
    spec: ModelSpec
    walk: Walk
    network_seconds: float
    chemistry_seconds: float
    plan: Held | None = None
    steering: Steering | None = None
    aim: Aim | None = None

    @property
    def evaluations(self) -> float:
        """Network evaluations per molecule."""
        if self.steering is not None:
            return self.steering.evaluations
        return self.walk.evaluations * (1 if self.aim is None else self.aim.evaluations)

    def __len__(self) -> int:
        return len(self.things)

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.checked)

    @overload
    def __getitem__(self, index: int) -> Checked: ...

    @overload
    def __getitem__(self, index: slice) -> Samples: ...

    def __getitem__(self, index: int | slice) -> Checked | Samples:
        if isinstance(index, int):
            return self.checked[index]
        return replace(self, things=self.things[index], checked=self.checked[index])

    def __repr__(self) -> str:
        valid = sum(reason is None for reason in self.reasons)
        return f"Samples({len(self):,} {self.spec.modality.things}, {valid:,} valid)"

    @property
    def graphs(self) -> list[Graph]:
        """What the network made; InputError where it makes strings."""
        if not isinstance(self.spec.modality, Graphs):
            raise InputError(
                "this model makes strings of tokens, no graphs: samples.texts has them"
            )
        return cast("list[Graph]", self.things)

    @property
    def texts(self) -> list[str]:
        """What the network wrote; InputError where it makes graphs."""
        if not isinstance(self.spec.modality, Strings):
            raise InputError("this model makes graphs, no texts: samples.smiles writes them")
        return cast("list[str]", self.things)

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
        """Whether each has all that the constraints ask for."""
        plan, modality = self.plan, self.spec.modality
        return [plan is None or modality.kept(thing, plan) for thing in self.things]

    def metrics(self, training: Known | None = None) -> dict[str, float]:
        """The validities, uniqueness and novelty (see ``metrics.validity``), or of texts what
        ``metrics.text`` measures.

        training: a set of canonical SMILES without stereochemistry, None leaves novelty undefined;
        of texts a ``metrics.text.Reference``, None leaves what it is needed for.
        """
        return self.spec.modality.measure(self.things, self.checked, training)
