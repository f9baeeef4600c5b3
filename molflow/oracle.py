"""A scorer of molecules as a reward of states: decoded, checked, each distinct one scored once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from molflow.chem.molecule import Checked, check, read_smiles
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.graph.state import to_graphs

if TYPE_CHECKING:
    from molflow.chem.aggregation import Scored
    from molflow.chem.scoring import Scorer


class Oracle:
    """A reward (``flow.guidance.Reward``) that asks a scorer, and counts.

    What is not strictly valid, and what the scorer has no score for, is worth ``invalid``. The
    scorer gets a molecule with its atoms in the order of its canonical SMILES, whatever the graph.
    asked: states that were judged. calls: molecules that the scorer was asked about; a molecule
    that comes again, as any graph, costs none.
    """

    def __init__(self, scorer: Scorer, vocabulary: Vocabulary, invalid: float = 0.0) -> None:
        if not math.isfinite(invalid):
            raise InputError(f"guidance.invalid={invalid}: a finite number is needed")
        self.scorer, self.vocabulary, self.invalid = scorer, vocabulary, invalid
        self.asked = 0
        self.of_graph: dict[bytes, float] = {}
        self.of_smiles: dict[str, Scored] = {}

    @property
    def calls(self) -> int:
        """Molecules that the scorer was asked about."""
        return len(self.of_smiles)

    def __call__(self, x: State) -> Tensor:
        """(B,) float64 rewards of clean states."""
        graphs = to_graphs(x)
        self.asked += len(graphs)
        keys = [graph.atoms.tobytes() + b"|" + graph.pairs.tobytes() for graph in graphs]
        new = {
            key: graph for key, graph in zip(keys, graphs, strict=True) if key not in self.of_graph
        }
        checked = [check(graph, self.vocabulary) for graph in new.values()]
        for key, one in zip(new, self.judge(checked), strict=True):
            self.of_graph[key] = self.reward(one)
        return torch.tensor([self.of_graph[key] for key in keys], dtype=torch.float64)

    def judge(self, checked: Sequence[Checked]) -> list[Scored | None]:
        """The scores of what is strictly valid, None for the rest."""
        smiles = [one.smiles if one.reason is None else None for one in checked]
        new = dict.fromkeys(
            name for name in smiles if name is not None and name not in self.of_smiles
        )
        # Read anew: sums over atoms differ in their last digits with the order of the atoms, and
        # the same molecule first came as another graph in another batch.
        found = self.scorer.score_many([read_smiles(name) for name in new])
        self.of_smiles |= dict(zip(new, found, strict=True))
        return [None if name is None else self.of_smiles[name] for name in smiles]

    def reward(self, scored: Scored | None) -> float:
        """What a molecule is worth to guidance: a finite number."""
        if scored is None or scored.error is not None or not math.isfinite(scored.total):
            return self.invalid
        return scored.total
