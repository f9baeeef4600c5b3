"""Strings as states: one variable a position, the field "tokens".

Two layouts. Drawn lengths: the positions behind a string do not exist, and its length is drawn
before it, as the number of atoms of a graph is. Fixed length: all positions exist; a string that
may be shorter fills the rest with an end symbol, and finds its length itself.

Legend: B strings, L positions, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molflow.flow.state import State


def token_state(
    ids: Tensor, lengths: Tensor, classes: int, dtype: torch.dtype = torch.float32
) -> State:
    """x_1, one-hot, from classes (B, L) int64, whatever they are behind the lengths (B,).

    lengths: 1 to L; all L where a string has a fixed length.
    """
    x = blank_tokens(lengths, ids.shape[1], classes, dtype)
    exists = x.exists["tokens"]
    # Written once: at thousands of classes an integer one-hot would be twice the state.
    hot = x.values["tokens"].scatter_(
        2, ids.where(exists, 0)[..., None], exists[..., None].to(dtype)
    )
    return x.with_values({"tokens": hot})


def blank_tokens(
    lengths: Tensor, max_length: int, classes: int, dtype: torch.dtype = torch.float32
) -> State:
    """A state of the right shape with every value 0: where sampling puts its noise."""
    if not ((lengths >= 1) & (lengths <= max_length)).all():
        raise ValueError(f"lengths {sorted(set(lengths.tolist()))}: 1 to {max_length}")
    exists = torch.arange(max_length, device=lengths.device) < lengths[:, None]
    values = torch.zeros(len(lengths), max_length, classes, dtype=dtype, device=lengths.device)
    return State({"tokens": values}, {"tokens": exists}, {"tokens": torch.zeros_like(exists)})


def to_tokens(x: State, end_class: int | None = None) -> list[NDArray[np.int64]]:
    """The likeliest class of every position, cut at the length and before the first ``end_class``
    (None: the vocabulary has no end)."""
    likeliest = x.argmax()["tokens"].cpu().numpy()
    lengths = x.exists["tokens"].sum(1).cpu().numpy()
    if end_class is not None:
        ends = likeliest == end_class
        lengths = np.minimum(lengths, np.where(ends.any(1), ends.argmax(1), likeliest.shape[1]))
    return [ids[:length] for ids, length in zip(likeliest, lengths, strict=True)]
