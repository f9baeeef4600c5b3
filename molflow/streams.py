"""Streams of training batches: packed data as clean states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from molflow.datasets.batches import Batches, padding_widths
from molflow.datasets.loaders import Batch, Indices, MoleculeDataset, collate
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

    @cached_property
    def batches(self) -> Batches:
        """Which training molecules a step takes, and how far it pads them."""
        sizes = self.dataset.packed.sizes[self.dataset.splits["train"]]
        widths = padding_widths(sizes, self.dataset.max_atoms)
        return Batches(sizes, widths, self.batch_size, self.seed)

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, of one of a few shapes, the same for all ranks (see
        ``datasets.batches``)."""
        chosen, width = self.batches.at(step, rank, world)
        batch = collate(self.dataset.packed, self.dataset.splits["train"][chosen], width)
        if self.shown == 0:
            return self._state(batch)
        random = np.random.default_rng([self.seed, step, rank, PARTS])
        parts = draw_parts(batch.pairs, batch.sizes, self.shown, random)
        order = fragments_first(parts, batch.sizes, random)
        atoms, pairs = renumbered(batch.atoms, batch.pairs, order)
        parts = renumbered_parts(parts, order)
        state = self._state(replace(batch, atoms=atoms, pairs=pairs))
        given = {"atoms": parts.given_atoms(), "pairs": parts.given_pairs()}
        return state.hold({name: torch.from_numpy(mask) for name, mask in given.items()})

    def states(self, indices: Indices) -> State:
        """x_1 of the molecules at ``indices`` of the packed data, padded to the largest of the data
        set, nothing given."""
        return self._state(collate(self.dataset.packed, indices, self.dataset.max_atoms))

    def _state(self, batch: Batch) -> State:
        vocabulary = self.dataset.vocabulary
        return clean_state(
            torch.from_numpy(batch.atoms),
            torch.from_numpy(batch.pairs),
            torch.from_numpy(batch.sizes),
            (len(vocabulary.atoms), len(vocabulary.bonds)),
        )
