"""The oracle as PMO's protocol allows it: a budget of distinct molecules, every call recorded.

A molecule is known by its canonical isomeric SMILES. One that comes again, and a string that is no
molecule, cost nothing. (PMO's own program lets 10,001 molecules pass where it says 10,000; here the
budget is exact.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from rdkit import Chem, rdBase

from molflow.chem.smiles import LONGEST
from molflow.chem.tasks import BenchmarkTask
from molflow.errors import InputError
from molflow.metrics.goal_directed import Call


class Method(Protocol):
    """A way to optimise."""

    def __call__(
        self, task: BenchmarkTask, budget: int, seed: int, start: Sequence[str]
    ) -> list[Call]:
        """The calls of one run, at most `budget`. start: molecules to begin from; they count."""


class Spent(Exception):
    """A molecule would have cost a call beyond the budget."""


class Budget:
    """Scores molecules until as many distinct ones were scored as are allowed."""

    def __init__(self, task: BenchmarkTask, calls: int) -> None:
        """calls: how many distinct molecules may be scored. InputError below 1."""
        if calls < 1:
            raise InputError(f"budget={calls}: at least 1 call")
        self.task, self.allowed = task, calls
        self.scores: dict[str, float] = {}

    @property
    def calls(self) -> list[Call]:
        """(canonical isomeric SMILES, score) of every call, in order."""
        return list(self.scores.items())

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return self.allowed - len(self.scores)

    def score(self, smiles: str) -> float:
        """The score of a molecule, the task's `invalid` of a string that is none.

        A molecule without a score, because the oracle fails on it, costs a call and scores
        `invalid` too.

        Raises:
            Spent: the molecule is new, and no call is left.
        """
        mol = read(smiles)
        if mol is None:
            return self.task.invalid
        key = Chem.MolToSmiles(mol)
        if key not in self.scores:
            if not self.left:
                raise Spent
            scored = self.task.objective.score(mol)
            self.scores[key] = self.task.invalid if scored.error else scored.total
        return self.scores[key]

    def score_all(self, smiles: Iterable[str]) -> list[float]:
        """`score` of each, in order."""
        return [self.score(one) for one in smiles]


def read(smiles: str) -> Chem.Mol | None:
    """The molecule of a SMILES, None where there is none."""
    if len(smiles) > LONGEST:
        return None
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    return mol if mol is not None and mol.GetNumAtoms() else None
