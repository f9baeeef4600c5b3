"""The population of a search: the best calls so far, and the parents that are drawn from them.

It is kept diverse by scaffold (Bemis and Murcko 1996): of one scaffold only the best few stay.
Parents are drawn by rank: first a fraction q = 10^(-3 u) of the population with u uniform, then one
of it at random. So every power of ten of ranks is drawn equally often (Tripp and Hernandez-Lobato,
arXiv 2310.09267).
"""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from functools import lru_cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

from molflow.optimization.calls import Call

DECADES = 3.0
"""Parents are drawn from so many powers of ten of ranks."""
MOST = 10_000
"""The most molecules of a population."""


@lru_cache(maxsize=50_000)
def scaffold_of(smiles: str) -> str:
    """The Murcko scaffold as canonical SMILES, "" of a molecule without rings."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
        return "" if mol is None else Chem.MolToSmiles(GetScaffoldForMol(mol))


class Population:
    """Calls by falling score; the earlier one of equals is before the other."""

    def __init__(self, per_scaffold: int | None) -> None:
        """Begin without calls.

        Args:
            per_scaffold: the most molecules of one scaffold, None for no limit. Those without rings
                are not limited.
        """
        self.per_scaffold = per_scaffold
        self.all: list[tuple[float, int, Call]] = []
        self.ranked: list[Call] = []

    def __len__(self) -> int:
        return len(self.ranked)

    def add(self, calls: list[Call]) -> None:
        """Add calls; those without a score do not become parents."""
        for call in calls:
            if math.isfinite(call.value):
                insort(self.all, (-call.value, call.asked.number, call))
        kept, seen = [], Counter[str]()
        for _, _, call in self.all:
            if self.per_scaffold is not None:
                scaffold = scaffold_of(call.asked.smiles)
                seen[scaffold] += bool(scaffold)
                if seen[scaffold] > self.per_scaffold:
                    continue
            kept.append(call)
            if len(kept) == MOST:
                break
        self.ranked = kept

    def scored(self) -> list[Call]:
        """All calls that have a score, best first."""
        return [call for _, _, call in self.all]

    def draw(self, random: np.random.Generator) -> Call:
        """Draw a parent. IndexError where there is none."""
        fraction = 10 ** (-DECADES * random.random())
        count = max(1, math.ceil(fraction * len(self.ranked)))
        return self.ranked[int(random.integers(count))]

    def threshold(self, rank: int) -> float:
        """The score at this rank of all calls, -inf while there are fewer."""
        return -self.all[rank - 1][0] if len(self.all) >= rank else -math.inf
