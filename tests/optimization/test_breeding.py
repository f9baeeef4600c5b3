"""Batches of children: places that a model leaves empty, and a population without members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from molflow.chem.aggregation import Scored
from molflow.optimization.breeding import Arm, Breeder
from molflow.optimization.calls import Call, Question
from molflow.optimization.moves import Child
from molflow.optimization.population import Population


@dataclass(frozen=True)
class Barren:
    """A move of a model that makes nothing."""

    name: str = "barren"
    settings: tuple[float | None, ...] = (None,)
    model: bool = True

    def make(self, population, setting, random):
        return Child(None)


@dataclass(frozen=True)
class Longer:
    """A move that adds carbon atoms to a parent."""

    name: str = "longer"
    settings: tuple[float | None, ...] = (None,)
    model: bool = False

    def make(self, population, setting, random):
        parent = population.draw(random)
        more = "C" * int(random.integers(1, 9))
        return Child(more + parent.asked.smiles, (parent.asked.number,))


BREEDER = Breeder([Arm(Barren(), None), Arm(Longer(), None)], seed=0)
WANTED = np.array([5, 0])


def test_places_that_a_model_left_empty_go_to_moves_that_need_none():
    population = Population(None)
    population.add([Call(Question(1, "O", "start", None, (), 0), Scored(1.0, (), ()))])
    litter = BREEDER.fill(1, WANTED, population, {"O"})
    assert len(litter.born) == 5
    assert {one.arm for one in litter.born} == {1}


def test_moves_that_need_a_parent_wait_until_there_is_one():
    litter = BREEDER.fill(0, WANTED, Population(None), set())
    assert litter.born == []
    assert list(litter.counts) == ["barren"]
