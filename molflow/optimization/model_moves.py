"""Moves of a model: fresh molecules, parents noised, parts of parents kept, two parts linked.

Every move makes a draft (``graph.moves``), and `Finisher` walks all drafts of a batch to molecules
(``flow.moves``). As in training, atoms of parents come in the order of the canonical SMILES, and
parts that are kept come first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from molflow.chem.constraints import Plan
from molflow.chem.holding import DIGITS, SINGLE
from molflow.chem.molecule import Unusable, canonical_order, read_smiles, to_graph
from molflow.chem.properties import PROPERTIES
from molflow.chem.satisfying import place_of_scaffold
from molflow.chem.vocabulary import strip_charges
from molflow.graph.graph import Graph
from molflow.graph.moves import Draft, blank_draft, grown, part_of, whole
from molflow.graph.parts import Bools, Ints, to_square
from molflow.model.spec import ModelSpec
from molflow.optimization.calls import Call
from molflow.optimization.moves import Child, Random
from molflow.optimization.population import Population

SPREAD = 2.5
"""The standard deviation, in atoms, of the size of a child beside its parent's."""
TRIES = 20
ASKED = 0.7
"""A request names each property of its parent so often."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The common ground of a model's moves: its molecules and the constraint.

    Attributes:
        spec: of the model.
        plan: the constraint.
        law: of sizes, (max_size + 1,), given the plan.
        known: graphs of parents by canonical SMILES.
    """

    spec: ModelSpec
    plan: Plan | None
    law: np.ndarray
    known: dict[str, Graph | None] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Atoms of the scaffold, the first of every graph."""
        return 0 if self.plan is None else len(self.plan.scaffold)

    @property
    def sizes(self) -> tuple[int, int]:
        """The least and the most atoms."""
        return (1, self.spec.max_size) if self.plan is None else self.plan.sizes

    def graph(self, call: Call) -> Graph | None:
        """The graph of a call, the scaffold first; None where the model has no such molecules."""
        smiles = call.asked.smiles
        if smiles not in self.known:
            self.known[smiles] = self.read(smiles)
        return self.known[smiles]

    def read(self, smiles: str) -> Graph | None:
        """The graph of a SMILES, its atoms in canonical order; None where there is none."""
        from rdkit import Chem

        try:
            mol = canonical_order(read_smiles(smiles))
            place = () if self.plan is None else place_of_scaffold(mol, self.plan)
            if place is None or mol.GetNumAtoms() > self.spec.max_size:
                return None
            if place:
                rest = [i for i in range(mol.GetNumAtoms()) if i not in place]
                mol = Chem.RenumberAtoms(mol, [*place, *rest])
            return to_graph(mol, self.spec.vocabulary)  # type: ignore[arg-type]
        except Unusable:
            return None

    def parent(self, population: Population, random: Random) -> tuple[Call, Graph] | None:
        """A parent that the model can read, of at least three atoms; None after TRIES draws."""
        for _ in range(TRIES):
            call = population.draw(random)
            graph = self.graph(call)
            if graph is not None and len(graph) > 2:
                return call, graph
        return None

    def size_near(self, size: int, least: int, random: Random) -> int:
        """A random number of atoms near a size.

        Args:
            size: of the parent.
            least: the fewest atoms, where the plan allows so many.
            random: a generator.
        """
        low, high = self.sizes
        near = round(size + SPREAD * random.standard_normal())
        return int(np.clip(near, max(low, min(least, high)), high))

    def any_size(self, population: Population, random: Random) -> int:
        """A size by the law of training, or near that of a parent, each half of the time."""
        if len(population) and random.random() < 0.5:
            found = self.parent(population, random)
            if found is not None:
                return self.size_near(len(found[1]), 1, random)
        upto = np.cumsum(self.law)
        return int(np.searchsorted(upto, random.random() * upto[-1], side="right"))

    def held(self, draft: Draft, random: Random) -> Draft:
        """The draft with all that the plan holds: its scaffold, and atoms of counted elements.

        As far as that goes, these atoms are at the places where the parent has them.
        """
        if self.plan is None:
            return draft
        from molflow.chem.holding import held_state

        priority = self._places(self.plan, draft, random)
        state = held_state(self.plan, np.array([len(draft)]), priority[None])
        classes, given = state.argmax(), state.given
        atoms, pairs = (given[name][0].numpy() for name in ("atoms", "pairs"))
        return replace(
            draft,
            atoms=np.where(atoms, classes["atoms"][0].numpy(), draft.atoms),
            pairs=np.where(pairs, classes["pairs"][0].numpy(), draft.pairs),
            given_atoms=draft.given_atoms | atoms,
            given_pairs=draft.given_pairs | pairs,
        )

    def _places(self, plan: Plan, draft: Draft, random: Random) -> np.ndarray:
        """Random numbers by which counted atoms find their places; the parent's own come first."""
        priority, names = random.random(len(draft)), plan.vocabulary.atoms
        known = draft.given_atoms if draft.time == 0 else np.ones(len(draft), np.bool_)
        priority[known] -= 1
        taken: set[int] = set(range(len(plan.scaffold)))
        for rank, a in enumerate(plan.drawn.tolist()):
            own = [
                i
                for i in range(len(draft))
                if known[i]
                and i not in taken
                and strip_charges(names[draft.atoms[i]]) == strip_charges(names[a])
            ]
            free = [i for i in range(len(draft)) if not known[i] and i not in taken]
            if own or free:
                chosen = (own or free)[0]
                priority[chosen] = 2 + len(plan.drawn) - rank
                taken.add(chosen)
        return self._with_ends(plan, draft, priority, random)

    def _with_ends(
        self, plan: Plan, draft: Draft, priority: np.ndarray, random: Random
    ) -> np.ndarray:
        """The same, their last digits in the order in which marks take new atoms: first those that
        the parent has there."""
        if not len(plan.marks):
            return priority
        n, first = len(draft), len(plan.scaffold)
        single = (draft.given_pairs | (draft.time > 0)) & (draft.pairs == SINGLE)
        bonds = to_square(single[None], n)[0]
        left = random.permutation(np.arange(first, n)).tolist()
        left.sort(key=lambda j: bool(bonds[plan.marks, j].any()))
        digits = np.full(n, 1 - 1 / (len(plan.marks) + 1))
        for rank, atom in enumerate(plan.marks.tolist()):
            own = [j for j in left if bonds[atom, j]]
            if own or left:
                end = (own or left)[0]
                left.remove(end)
                digits[end] = rank / (len(plan.marks) + 1)
        return (np.floor(priority * DIGITS) + digits) / DIGITS


@dataclass(frozen=True)
class Fresh:
    """A molecule from noise alone."""

    ground: Ground
    name: str = "fresh"
    settings: tuple[float | None, ...] = (None,)
    model: bool = True

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        size = self.ground.any_size(population, random)
        return Child(self.ground.held(blank_draft(size), random))


@dataclass(frozen=True)
class Noise:
    """A parent noised to the time of the setting, and finished from there."""

    ground: Ground
    name: str = "noise"
    settings: tuple[float | None, ...] = (0.15, 0.25, 0.35, 0.45, 0.6)
    model: bool = True

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        found = self.ground.parent(population, random)
        if found is None or setting is None:
            return Child(None)
        call, graph = found
        return Child(self.ground.held(whole(graph, setting), random), (call.asked.number,))


@dataclass(frozen=True)
class Regrow:
    """A connected part of a parent, with the setting's share of its atoms.

    The rest is anew, with another number of atoms.
    """

    ground: Ground
    name: str = "regrow"
    settings: tuple[float | None, ...] = (0.3, 0.5, 0.7, 0.85)
    model: bool = True

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        found = self.ground.parent(population, random)
        if found is None or setting is None:
            return Child(None)
        graph, numbers = found[1], (found[0].asked.number,)
        part = _part(self.ground, graph, setting, random)
        size = self.ground.size_near(len(graph), len(part[0]) + 1, random)
        if size <= len(part[0]):
            return Child(None, numbers)
        return Child(self.ground.held(grown([(graph, *part)], size, random), random), numbers)


@dataclass(frozen=True)
class Link:
    """Parts of two parents, each with the setting's share of atoms, and new atoms between them."""

    ground: Ground
    name: str = "link"
    settings: tuple[float | None, ...] = (0.35, 0.6)
    model: bool = True

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        found = [self.ground.parent(population, random) for _ in range(2)]
        if found[0] is None or found[1] is None or setting is None:
            return Child(None)
        (one, first), (other, second) = found[0], found[1]
        numbers = (one.asked.number, other.asked.number)
        parts = [
            (first, *_part(self.ground, first, setting, random)),
            (second, *part_of(second, max(1, round(setting * len(second))), random)),
        ]
        kept = sum(len(part[1]) for part in parts)
        size = self.ground.size_near((len(first) + len(second)) // 2, kept + 1, random)
        if size <= kept:
            return Child(None, numbers)
        return Child(self.ground.held(grown(parts, size, random), random), numbers)


@dataclass(frozen=True)
class Request:
    """A fresh molecule that is asked to have a parent's properties.

    They are those that the model was trained with, and each is asked for or left open.
    """

    ground: Ground
    name: str = "request"
    settings: tuple[float | None, ...] = (None,)
    model: bool = True

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        found = self.ground.parent(population, random)
        if found is None:
            return Child(None)
        (parent, graph), numbers = found, (found[0].asked.number,)
        mol = read_smiles(parent.asked.smiles)
        row = []
        for standard in self.ground.spec.condition:
            value, _ = PROPERTIES[standard.name].value(mol, {})
            inside = float(np.clip(value, standard.low, standard.high))
            row.append(standard.of(inside) if random.random() < ASKED else float("nan"))
        size = self.ground.size_near(len(graph), 1, random)
        draft = replace(blank_draft(size), context=tuple(row))
        return Child(self.ground.held(draft, random), numbers)


def _part(ground: Ground, graph: Graph, share: float, random: Random) -> tuple[Ints, Bools]:
    """A part of a parent that has at least the scaffold and one atom, and leaves one out."""
    wanted = int(np.clip(round(share * len(graph)), max(1, ground.first), len(graph) - 1))
    return part_of(graph, wanted, random, ground.first)
