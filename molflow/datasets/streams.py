"""Streams of training batches: packed data as clean states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from molflow.datasets.batches import Batches
from molflow.datasets.loaders import Batch, Indices, MoleculeDataset, collate
from molflow.datasets.tokens import TokenBatch, TokenDataset, collate_tokens
from molflow.flow.state import State
from molflow.graph.parts import draw_parts, fragments_first, renumbered, renumbered_parts
from molflow.graph.state import clean_state
from molflow.sequence.parts import draw_shown
from molflow.sequence.state import token_state

PROBED = 32
"""So many batches tell how much of the others is padding."""

PARTS = 1
"""Sets the random numbers of the shown parts apart from those of the shuffling."""


@dataclass(frozen=True)
class GraphStream:
    """Training molecules as clean states: a batch is a function of (seed, step, rank, world).

    Attributes:
        dataset: the molecules.
        batch_size: molecules of one rank and step.
        seed: of the shuffling, and of the parts that are shown.
        shown: the share of examples of which random parts are given (see ``graph.parts``).
        context: (M, C), numbers that are known of every molecule of the packed data; nan where one
            is not.
    """

    dataset: MoleculeDataset
    batch_size: int
    seed: int
    shown: float = 0.0
    context: NDArray[np.float32] | None = None

    @cached_property
    def batches(self) -> Batches:
        """The choice of training molecules for every step, and how far it pads them."""
        sizes = self.dataset.packed.sizes[self.dataset.splits["train"]]
        return Batches.of(sizes, self.dataset.max_atoms, self.batch_size, self.seed)

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, of one of a few shapes, the same for all ranks (see
        ``datasets.batches``).

        Args:
            step: from 0.
            rank: of this process.
            world: the number of processes.
        """
        places, width = self.batches.at(step, rank, world)
        chosen = self.dataset.splits["train"][places]
        batch = collate(self.dataset.packed, chosen, width)
        if self.shown == 0:
            return self._state(batch, chosen)
        random = np.random.default_rng([self.seed, step, rank, PARTS])
        parts = draw_parts(batch.pairs, batch.sizes, self.shown, random)
        order = fragments_first(parts, batch.sizes, random)
        atoms, pairs = renumbered(batch.atoms, batch.pairs, order)
        parts = renumbered_parts(parts, order)
        state = self._state(replace(batch, atoms=atoms, pairs=pairs), chosen)
        given = {"atoms": parts.given_atoms(), "pairs": parts.given_pairs()}
        return state.hold({name: torch.from_numpy(mask) for name, mask in given.items()})

    def sizes(self, indices: Indices) -> Indices:
        """The sizes of the molecules at ``indices`` of the packed data."""
        return self.dataset.packed.sizes[indices].astype(np.int64)

    def states(self, indices: Indices, width: int | None = None) -> State:
        """x_1 of some molecules, with nothing given.

        Args:
            indices: (B,), of the molecules in the packed data.
            width: atoms to pad to, by default those of the largest molecule of the data set.
        """
        width = self.dataset.max_size if width is None else width
        return self._state(collate(self.dataset.packed, indices, width), indices)

    def _state(self, batch: Batch, indices: Indices) -> State:
        vocabulary = self.dataset.vocabulary
        state = clean_state(
            torch.from_numpy(batch.atoms),
            torch.from_numpy(batch.pairs),
            torch.from_numpy(batch.sizes),
            (len(vocabulary.atoms), len(vocabulary.bonds)),
        )
        if self.context is None:
            return state
        return state.knowing(torch.from_numpy(self.context[indices]))


@dataclass(frozen=True)
class TokenStream:
    """Training strings as clean states: the same as ``GraphStream``.

    Attributes:
        dataset: the strings.
        batch_size: strings of one rank and step.
        seed: of the shuffling, and of the tokens that are shown.
        shown: the share of examples of which some tokens are given (see ``sequence.parts``).
    """

    dataset: TokenDataset
    batch_size: int
    seed: int
    shown: float = 0.0

    @cached_property
    def batches(self) -> Callable[[int, int, int], TokenBatch]:
        """(step, rank, world) -> the strings of a step."""
        return self.dataset.batches(self.batch_size, self.seed)

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, of one of a few shapes, the same for all ranks. Arguments as of
        ``GraphStream``.
        """
        batch = self.batches(step, rank, world)
        state = self._state(batch)
        if self.shown == 0:
            return state
        random = np.random.default_rng([self.seed, step, rank, PARTS])
        given = draw_shown(batch.lengths, batch.tokens.shape[1], self.shown, random)
        return state.hold({"tokens": torch.from_numpy(given)})

    def sizes(self, indices: Indices) -> Indices:
        """The lengths of the strings at ``indices`` of the packed data."""
        return self.dataset.packed.lengths[indices]

    def states(self, indices: Indices, width: int | None = None) -> State:
        """x_1 of some strings, with nothing given.

        Args:
            indices: (B,), of the strings in the packed data.
            width: tokens to pad to, by default those of the longest string of the data set.
        """
        width = self.dataset.max_size if width is None else width
        return self._state(collate_tokens(self.dataset.packed, indices, width))

    def _state(self, batch: TokenBatch) -> State:
        ids, lengths = torch.from_numpy(batch.tokens), torch.from_numpy(batch.lengths)
        return token_state(ids, lengths, self.dataset.vocabulary.classes)


def padding(stream: GraphStream | TokenStream) -> dict[str, float]:
    """field -> the share of its variables that only fill up a batch, in the first PROBED ones."""
    masks = [stream.batch(step, 0, 1).exists for step in range(PROBED)]
    counts = {name: sum(mask[name].numel() for mask in masks) for name in masks[0]}
    there = {name: sum(int(mask[name].sum()) for mask in masks) for name in masks[0]}
    return {name: 1 - there[name] / max(1, counts[name]) for name in counts}
