"""Graphs are states: each atom is a variable, and so is each unordered pair."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, pair_count


def graph_masks(sizes: Tensor, max_atoms: int) -> Fields:
    """(B,) numbers of atoms -> which atoms (B, N) and pairs (B, P) exist.

    The pairs of n atoms are the first n(n-1)/2, whatever N (see ``graph.graph``).
    """
    atoms = torch.arange(max_atoms, device=sizes.device)
    pairs = torch.arange(pair_count(max_atoms), device=sizes.device)
    return {
        "atoms": atoms < sizes[:, None],
        "pairs": pairs < (sizes * (sizes - 1) // 2)[:, None],
    }


def clean_state(
    atoms: Tensor,
    pairs: Tensor,
    sizes: Tensor,
    classes: tuple[int, int],
    dtype: torch.dtype = torch.float32,
) -> State:
    """Make x_1, one-hot, from padded classes.

    Args:
        atoms: (B, N) int64.
        pairs: (B, P) int64.
        sizes: (B,) int64.
        classes: (A, E), the classes of an atom and of a pair.
        dtype: of the values.
    """
    exists = graph_masks(sizes, atoms.shape[1])
    values = {
        "atoms": one_hot(atoms, classes[0]).to(dtype) * exists["atoms"][..., None],
        "pairs": one_hot(pairs, classes[1]).to(dtype) * exists["pairs"][..., None],
    }
    return State(values, exists, {name: torch.zeros_like(m) for name, m in exists.items()})


def blank_state(sizes: Tensor, max_atoms: int, classes: tuple[int, int]) -> State:
    """Make a state of the right shape with every value 0, where sampling puts its noise.

    Args:
        sizes: (B,) int64.
        max_atoms: N.
        classes: (A, E), the classes of an atom and of a pair.
    """
    exists = graph_masks(sizes, max_atoms)
    values = {
        "atoms": torch.zeros(len(sizes), max_atoms, classes[0], device=sizes.device),
        "pairs": torch.zeros(len(sizes), pair_count(max_atoms), classes[1], device=sizes.device),
    }
    return State(values, exists, {name: torch.zeros_like(m) for name, m in exists.items()})


def to_graphs(x: State) -> list[Graph]:
    """Take the likeliest class of every variable and cut padding away."""
    likeliest = {name: value.to(torch.int16).cpu().numpy() for name, value in x.argmax().items()}
    sizes = x.exists["atoms"].sum(1).cpu().numpy().astype(np.int64)
    return [
        Graph(likeliest["atoms"][b, :n], likeliest["pairs"][b, : pair_count(n)])
        for b, n in enumerate(sizes.tolist())
    ]
