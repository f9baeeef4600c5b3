"""Streams of training batches: packed data as clean states."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from molflow.datasets.loaders import Batch, Indices, MoleculeDataset, batch_indices, collate
from molflow.flow.state import State
from molflow.graph.parts import draw_parts, fragments_first, renumbered, renumbered_parts
from molflow.graph.state import clean_state

PARTS = 1
"""Sets the random numbers of the shown parts apart from those of the shuffling."""


@dataclass(frozen=True)
class GraphStream:
    """Training molecules as clean states: a batch is a function of (seed, step, rank, world).

    shown: the share of examples of which random parts are given (see ``graph.parts``).
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
        parts = draw_parts(batch.pairs, batch.sizes, self.shown, random)
        order = fragments_first(parts, batch.sizes, random)
        atoms, pairs = renumbered(batch.atoms, batch.pairs, order)
        parts = renumbered_parts(parts, order)
        state = self._state(replace(batch, atoms=atoms, pairs=pairs))
        given = {"atoms": parts.given_atoms(), "pairs": parts.given_pairs()}
        return state.hold({name: torch.from_numpy(mask) for name, mask in given.items()})

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
