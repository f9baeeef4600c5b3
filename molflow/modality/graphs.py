"""States can be graphs, which turn into molecules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.files import MOLECULES
from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import blank_state, to_graphs
from molflow.modality.kind import MOLECULAR, Law, Sizes

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.constraints import Constraint, Plan
    from molflow.chem.molecule import Checked


@dataclass(frozen=True)
class Graphs:
    """Molecules are graphs here: one variable an atom, one an unordered pair.

    ``Modality`` describes its methods.
    """

    vocabulary: Vocabulary
    things: str = MOLECULES
    molecular: bool = True
    headlines: tuple[str, ...] = MOLECULAR

    @property
    def classes(self) -> dict[str, int]:
        return {"atoms": len(self.vocabulary.atoms), "pairs": len(self.vocabulary.bonds)}

    def counts(self, size: int) -> dict[str, int]:
        return {"atoms": size, "pairs": pair_count(size)}

    def blank(self, sizes: Tensor, largest: int) -> State:
        atoms, pairs = self.classes.values()
        return blank_state(sizes, largest, (atoms, pairs))

    def things_of(self, x: State) -> list[Graph]:
        return to_graphs(x)

    def check(self, things: Sequence[Graph]) -> list[Checked]:
        from molflow.chem.molecule import check_many

        return check_many(things, self.vocabulary)

    def subject(self, strict: str) -> Chem.Mol:
        from molflow.chem.molecule import read_smiles

        return read_smiles(strict)

    def key(self, thing: Graph) -> bytes:
        return thing.atoms.tobytes() + b"|" + thing.pairs.tobytes()

    def written(self, thing: Graph) -> str:
        from molflow.chem.molecule import as_made

        return as_made(thing, self.vocabulary)

    def sketch(self, thing: Graph) -> Chem.Mol | None:
        from molflow.chem.molecule import build

        if not len(thing):
            return None
        mol = build(thing, self.vocabulary).GetMol()
        mol.UpdatePropertyCache(strict=False)
        return mol

    def measure(
        self, things: Sequence[Graph], checked: Sequence[Checked], known: Collection[str] | None
    ) -> dict[str, float]:
        from molflow.metrics.validity import measure_graphs

        return measure_graphs(things, checked, self.vocabulary, known)

    def describe(self, max_size: int) -> str:
        return f"up to {max_size} atoms of {' '.join(self.vocabulary.atoms)}"

    def plan(self, constraint: Constraint | None, prompt: str | None, max_size: int) -> Plan | None:
        from molflow.chem.constraints import plan

        if prompt is not None:
            raise InputError(f"prompt={prompt!r}: this model makes graphs; scaffold= keeps a part")
        return None if constraint is None else plan(constraint, self.vocabulary, max_size)

    def conditioned(self, law: Law, held: Plan) -> Law:
        from molflow.chem.holding import conditioned

        return conditioned(law, held)

    def held_state(self, held: Plan, sizes: Sizes, priority: NDArray[np.float64]) -> State:
        from molflow.chem.holding import held_state

        return held_state(held, sizes, priority)

    def allowed(self, held: Plan) -> Fields:
        from molflow.chem.holding import allowed_classes

        return allowed_classes(held)

    def kept(self, thing: Graph, held: Plan) -> bool:
        from molflow.chem.holding import kept

        return kept(thing, held)
