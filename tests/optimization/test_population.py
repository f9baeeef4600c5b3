"""The population: by score, diverse by scaffold, parents by rank."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from molflow.chem.aggregation import Scored
from molflow.optimization.calls import Call, Question
from molflow.optimization.population import Population, scaffold_of


def call(number: int, smiles: str, score: float) -> Call:
    return Call(Question(number, smiles, "start", None, (), 0), Scored(score, (), ()))


def test_the_better_come_first_and_of_equals_the_earlier():
    population = Population(None)
    population.add([call(1, "C", 0.1), call(2, "CC", 0.5), call(3, "CCC", 0.5)])
    assert [one.asked.number for one in population.ranked] == [2, 3, 1]


def test_of_a_scaffold_only_the_best_stay_and_molecules_without_rings_all():
    population = Population(1)
    rings = [call(1, "Cc1ccccc1", 0.1), call(2, "CCc1ccccc1", 0.5)]
    population.add([*rings, call(3, "CC", 0.2), call(4, "CCC", 0.3)])
    assert [one.asked.number for one in population.ranked] == [2, 4, 3]


def test_the_threshold_counts_all_calls():
    population = Population(1)
    population.add([call(1, "Cc1ccccc1", 0.1), call(2, "CCc1ccccc1", 0.5)])
    assert population.threshold(2) == 0.1
    assert population.threshold(3) == -np.inf


def test_every_power_of_ten_of_ranks_is_drawn_equally_often():
    population = Population(None)
    population.add([call(k, "C" * k, 1 / k) for k in range(1, 1001)])
    random = np.random.default_rng(0)
    drawn = Counter(population.draw(random).asked.number for _ in range(6000))
    first = sum(drawn[k] for k in range(1, 11)) / 6000
    # A third of the fractions are of the ten best; 1/10 and 1/100 of the others fall there too.
    assert first == pytest.approx(1 / 3 * (1 + 0.39 + 0.039), abs=0.03)


def test_the_scaffold_of_a_chain_is_empty():
    assert scaffold_of("CCO") == ""
    assert scaffold_of("CCc1ccccc1") == "c1ccccc1"
