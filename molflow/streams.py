"""Streams of training batches: packed data as clean states."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from molflow.datasets.loaders import Batch, Indices, MoleculeDataset, batch_indices, collate
from molflow.flow.state import State
from molflow.graph.parts import connected_parts, shown_first
from molflow.graph.state import clean_state, graph_masks

PARTS = 1
"""Sets the random numbers of the shown parts apart from those of the shuffling."""


@dataclass(frozen=True)
class GraphStream:
    """Training molecules as clean states: a batch is a function of (seed, step, rank, world).

    shown: the share of examples of which a random connected part is given, atoms and bonds.
    """

    dataset: MoleculeDataset
    batch_size: int
    seed: int
    shown: float = 0.0

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, padded to the largest molecule of the data set (one shape for all)."""
        train = self.dataset.splits["train"]
        chosen = train[batch_indices(len(train), self.batch_size, self.seed, step, rank, world)]
        if self.shown == 0:
            return self.states(chosen)
        batch = collate(self.dataset.packed, chosen, self.dataset.max_atoms)
        random = np.random.default_rng([self.seed, step, rank, PARTS])
        wanted = random.integers(1, np.maximum(batch.sizes, 2))
        wanted *= (random.random(len(chosen)) < self.shown) & (batch.sizes > 1)
        part = connected_parts(batch.pairs, batch.sizes, wanted, random.random(batch.atoms.shape))
        atoms, pairs = shown_first(batch.atoms, batch.pairs, part, batch.sizes)
        state = self._state(replace(batch, atoms=atoms, pairs=pairs))
        return state.hold(graph_masks(torch.from_numpy(part.sum(1)), self.dataset.max_atoms))

    def states(self, indices: Indices) -> State:
        """x_1 of the molecules at ``indices`` of the packed data, nothing given."""
        return self._state(collate(self.dataset.packed, indices, self.dataset.max_atoms))

    def _state(self, batch: Batch) -> State:
        vocabulary = self.dataset.vocabulary
        return clean_state(
            torch.from_numpy(batch.atoms),
            torch.from_numpy(batch.pairs),
            torch.from_numpy(batch.sizes),
            (len(vocabulary.atoms), len(vocabulary.bonds)),
        )
