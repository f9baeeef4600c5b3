"""Strings are states: each position is a variable of the field "tokens".

There are two layouts. With drawn lengths the positions behind a string do not exist. Its length is
drawn before it, as the number of atoms of a graph is. With a fixed length all positions exist. A
string that may be shorter fills the rest with an end symbol, and finds its length itself.

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
    """Make x_1, one-hot, from classes.

    Args:
        ids: (B, L) int64; behind the lengths they may be anything.
        lengths: (B,), 1 to L; all L where a string has a fixed length.
        classes: K.
        dtype: of the values.
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
    """Make a state of the right shape with every value 0, where sampling puts its noise.

    Args:
        lengths: (B,), 1 to L.
        max_length: L.
        classes: K.
        dtype: of the values.
    """
    if not ((lengths >= 1) & (lengths <= max_length)).all():
        raise ValueError(f"lengths {sorted(set(lengths.tolist()))}: 1 to {max_length}")
    exists = torch.arange(max_length, device=lengths.device) < lengths[:, None]
    values = torch.zeros(len(lengths), max_length, classes, dtype=dtype, device=lengths.device)
    return State({"tokens": values}, {"tokens": exists}, {"tokens": torch.zeros_like(exists)})


def to_tokens(x: State, end_class: int | None = None) -> list[NDArray[np.int64]]:
    """Take the likeliest class of every position, cut at the length.

    Args:
        x: the states.
        end_class: each string is also cut before its first; None: the vocabulary has no end.
    """
    likeliest = x.argmax()["tokens"].cpu().numpy()
    lengths = x.exists["tokens"].sum(1).cpu().numpy()
    if end_class is not None:
        ends = likeliest == end_class
        lengths = np.minimum(lengths, np.where(ends.any(1), ends.argmax(1), likeliest.shape[1]))
    return [ids[:length] for ids, length in zip(likeliest, lengths, strict=True)]
