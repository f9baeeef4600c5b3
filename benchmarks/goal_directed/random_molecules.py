"""The floor: molecules of a data set in random order, without any search."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.goal_directed.calls import Budget, Spent
from molflow.chem.tasks import BenchmarkTask
from molflow.metrics.goal_directed import Call


def run(task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]) -> list[Call]:
    """Scores molecules of `start` in an order drawn by the seed until the budget is spent.

    Args:
        task: the oracle.
        budget: distinct molecules that may be scored.
        seed: of the order.
        start: the molecules of a data set, as SMILES.

    Returns:
        Every call in its order; fewer than the budget where `start` has fewer distinct molecules.
    """
    oracle = Budget(task, budget)
    order = random.Random(seed).sample(range(len(start)), len(start))
    try:
        for place in order:
            oracle.score(start[place])
    except Spent:
        pass
    return oracle.calls
