"""Moves that need no model, the protocol of a move, and a user's own function as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from molflow.errors import InputError
from molflow.graph.moves import Draft
from molflow.optimization.calls import Call
from molflow.optimization.crossing import chain_crossover, ring_crossover
from molflow.optimization.edits import editable, edited, finished
from molflow.optimization.population import Population

Random = np.random.Generator
Own = Callable[[str, str, Random], str | None]
"""A user's move: (SMILES of a parent, of another, random numbers) -> SMILES, or None."""


@dataclass(frozen=True)
class Child:
    """The result of a move and its parents.

    Attributes:
        made: a SMILES, a draft that the model finishes, or nothing.
        parents: numbers of their calls.
    """

    made: str | Draft | None
    parents: tuple[int, ...] = ()


class Move(Protocol):
    """A way to new molecules.

    Attributes:
        name: of the move.
        settings: the values that it is tried with, each an arm of the bandit; (None,) where it has
            none.
        model: whether it asks the network.
    """

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> tuple[float | None, ...]: ...

    @property
    def model(self) -> bool: ...

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        """Make one child of a population that has members.

        Args:
            population: the parents.
            setting: one of ``settings``.
            random: a generator.
        """
        ...


@dataclass(frozen=True)
class Mutate:
    """One, two or three small edits of a parent (``optimization.edits``)."""

    largest: int
    name: str = "mutate"
    settings: tuple[float | None, ...] = (1.0, 2.0, 3.0)
    model: bool = False

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        parent = population.draw(random)
        mol = editable(parent.asked.smiles)
        assert setting is not None
        made = None if mol is None else edited(mol, int(setting), random)
        return Child(finished(made, self.largest), (parent.asked.number,))


@dataclass(frozen=True)
class Crossover:
    """Parts of two parents joined (``optimization.crossing``).

    The setting is the number of cuts of each. A child is edited once more with probability
    `EDITED`.
    """

    largest: int
    name: str = "crossover"
    settings: tuple[float | None, ...] = (1.0, 2.0)
    model: bool = False

    EDITED = 0.05

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        parents = two(population, random)
        first, second = (editable(one.asked.smiles) for one in parents)
        numbers = tuple(one.asked.number for one in parents)
        if first is None or second is None:
            return Child(None, numbers)
        cross = chain_crossover if setting == 1 else ring_crossover
        made = cross(first, second, random)
        smiles = finished(made, self.largest)
        if smiles is not None and random.random() < self.EDITED:
            mol = editable(smiles)
            smiles = None if mol is None else finished(edited(mol, 1, random), self.largest)
        return Child(smiles, numbers)


@dataclass(frozen=True)
class OwnMove:
    """A user's function as a move."""

    function: Own
    settings: tuple[float | None, ...] = (None,)
    model: bool = False

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", "own")

    def make(self, population: Population, setting: float | None, random: Random) -> Child:
        first, second = two(population, random)
        made = self.function(first.asked.smiles, second.asked.smiles, random)
        if made is not None and not isinstance(made, str):
            raise InputError(f"move {self.name}: returned {type(made).__name__}, a SMILES is due")
        return Child(made, (first.asked.number, second.asked.number))


def two(population: Population, random: Random) -> tuple[Call, Call]:
    """Draw two parents, distinct where the population has several."""
    first = second = population.draw(random)
    for _ in range(10):
        second = population.draw(random)
        if second is not first:
            break
    return first, second
