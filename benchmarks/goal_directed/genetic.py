"""The genetic algorithm to beat: Mol GA (Tripp and Hernandez-Lobato, arXiv 2310.09267).

The package mol-ga runs it with its own defaults: mutations and crossovers of Graph GA (Jensen,
Chem. Sci. 2019, 10, 3567). Parents are drawn evenly from logarithmically spaced quantiles of a
population of the 10,000 best. `pip install molflow[baselines]` installs it: MIT, version 0.2.1 of
2024, on NumPy, RDKit and joblib alone. Importing it turns RDKit's messages off for the whole
process. It carries molecules of ZINC250k, which are not used here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from benchmarks.goal_directed.calls import Budget, Spent, read
from molflow.chem.tasks import BenchmarkTask
from molflow.errors import InputError
from molflow.metrics.goal_directed import Call

OFFSPRING = 100
"""Children of a generation."""
STALE = 100
"""Generations in a row without a new molecule after which a run ends early."""


def run(task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]) -> list[Call]:
    """One run of the default genetic algorithm.

    Args:
        task: the oracle.
        budget: distinct molecules that may be scored.
        seed: of the run; the same seed gives the same calls in the same order.
        start: the first population as SMILES, scored first and in this order; it counts.

    Returns:
        Every call in its order; fewer than the budget where STALE generations found nothing new.

    Raises:
        InputError: mol-ga is not installed, or no molecule of `start` can be read.
    """
    try:
        from mol_ga import default_ga
        from mol_ga.graph_ga.gen_candidates import graph_ga_blended_generation
    except ImportError:
        raise InputError("the genetic algorithm needs mol-ga: pip install mol-ga") from None

    def children(*arguments: Any) -> set[str]:
        """A generation as mol-ga makes it; it could not read what is no molecule as a parent."""
        return {one for one in graph_ga_blended_generation(*arguments) if read(one) is not None}

    oracle = Budget(task, budget)
    try:
        oracle.score_all(start)
        if not oracle.scores:
            raise InputError("start: no molecule of it can be read")
        default_ga(
            starting_population_smiles=list(oracle.scores),
            scoring_function=_Generations(oracle, seed),
            max_generations=STALE * budget,
            offspring_size=OFFSPRING,
            offspring_gen_func=children,
            rng=random.Random(seed),
        )
    except Spent:
        pass
    return oracle.calls


class _Generations:
    """The scores of a generation for mol-ga; raises Spent at the end of a run."""

    def __init__(self, oracle: Budget, seed: int) -> None:
        self.oracle, self.stale = oracle, 0
        self.order = random.Random(f"order {seed}")

    def __call__(self, smiles: list[str]) -> list[float]:
        """Scores in the order of `smiles`, which is that of a set and differs between processes.

        The calls are made in an order of their own, drawn by the seed.
        """
        before = self.oracle.left
        calls = sorted(smiles)
        self.order.shuffle(calls)
        scores = {one: self.oracle.score(one) for one in calls}
        self.stale = 0 if self.oracle.left < before else self.stale + 1
        if self.stale >= STALE:
            raise Spent
        return [scores[one] for one in smiles]
