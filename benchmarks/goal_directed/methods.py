"""Methods of the benchmark by name: molflow's search, with a model or without, and baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.goal_directed import genetic, random_molecules
from benchmarks.goal_directed.calls import Budget, Method, Spent
from molflow.chem.tasks import BenchmarkTask
from molflow.errors import InputError
from molflow.metrics.goal_directed import Call

if TYPE_CHECKING:
    from molflow.generator import Generator

WITHOUT_MODEL = ("mutate", "crossover")
ROUND = 256
"""Fresh molecules that are sampled at once."""
GUIDED = 32
"""Molecules that a guided sampling wants at once."""
STALE = 20
"""Rounds without a new molecule after which a baseline ends early."""


@dataclass(frozen=True)
class Way:
    """A method of the benchmark.

    Attributes:
        make: from the model to the method.
        model: whether it needs one.
        about: its description.
        pool: whether it draws from all molecules of the data set instead of beginning with some.
    """

    make: Callable[[Generator | None], Method]
    model: bool
    about: str
    pool: bool = False


def searched(model: Generator | None, moves: Sequence[str] | None, learn: int = 0) -> Method:
    """molflow's search (``python -m molflow.optimize``) with these moves, None for all."""

    def run(task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]) -> list[Call]:
        import molflow

        named = {} if moves is None else {"moves": moves}
        search = molflow.optimize(
            model, task.objective, calls=budget, start=start, seed=seed, learn=learn, **named
        )
        return [
            (call.asked.smiles, task.invalid if call.scored.error else call.scored.total)
            for call in search.calls
        ]

    return run


def fresh(model: Generator | None) -> Method:
    """Molecules of the model as they come; ``start`` is not used."""
    assert model is not None

    def run(task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]) -> list[Call]:
        oracle, stale, rounds = Budget(task, budget), 0, 0
        while oracle.left and stale < STALE:
            before = oracle.left
            samples = model.sample(ROUND, seed=seed * 100_000 + rounds)
            _score(oracle, [one.strict for one in samples])
            stale = 0 if oracle.left < before else stale + 1
            rounds += 1
        return oracle.calls

    return run


def guided(model: Generator | None) -> Method:
    """The guide "search": every molecule is searched alone; what its oracle was asked counts."""
    assert model is not None

    def run(task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]) -> list[Call]:
        import molflow

        oracle, stale, rounds = Budget(task, budget), 0, 0
        scorer = _Asked(oracle)
        while oracle.left and stale < STALE:
            before = oracle.left
            guide = molflow.guide("search", scorer)
            try:
                model.sample(GUIDED, seed=seed * 100_000 + rounds, guide=guide)
            except Spent:
                break
            stale = 0 if oracle.left < before else stale + 1
            rounds += 1
        return oracle.calls

    return run


class _Asked:
    """A budget as a scorer for guides."""

    def __init__(self, oracle: Budget) -> None:
        self.oracle = oracle

    @property
    def names(self) -> tuple[str, ...]:
        return ("task",)

    def score_many(self, mols: Sequence) -> list:
        from rdkit import Chem

        from molflow.chem.aggregation import Scored

        totals = [self.oracle.score(Chem.MolToSmiles(mol)) for mol in mols]
        return [Scored(total, (total,), (total,)) for total in totals]

    def describe(self) -> str:
        return self.oracle.task.name

    def close(self) -> None:
        pass


def _score(oracle: Budget, smiles: Sequence[str | None]) -> None:
    with suppress(Spent):
        oracle.score_all(one for one in smiles if one is not None)


WAYS: dict[str, Way] = {
    "random": Way(lambda model: random_molecules.run, False, "training molecules", pool=True),
    "fresh": Way(fresh, True, "fresh molecules of the model"),
    "guide": Way(guided, True, "the guide search, molecule by molecule"),
    "mol_ga": Way(lambda model: genetic.run, False, "mol-ga with its defaults"),
    "genetic": Way(
        partial(searched, moves=WITHOUT_MODEL), False, "molflow.optimize without its model"
    ),
    "molflow": Way(partial(searched, moves=None), True, "molflow.optimize"),
    "learning": Way(
        partial(searched, moves=None, learn=10), True, "molflow.optimize, learning on the way"
    ),
}


def require_ways(names: Sequence[str]) -> None:
    """InputError for a name that no method has."""
    for name in names:
        if name not in WAYS:
            raise InputError(f"methods: {name!r}: any of {', '.join(WAYS)}")
