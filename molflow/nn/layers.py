"""Networks are conditioned on time and size, normalised adaptively, and write attention out.

Everything here supports forward-mode differentiation, because the losses of flow maps take the
derivative of the network along time. Hence RMS normalisation: the double derivative of
``layer_norm`` is wrong in torch 2.13. Hence attention as two products:
``scaled_dot_product_attention`` has no forward AD.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FREQUENCIES = 16
HIGHEST = 32.0
NEAR = 3.0
"""A head starts with this logit of its neighbour."""


def fourier_features(time: Tensor) -> Tensor:
    """(B,) in [0, 1] -> (B, 32): cos and sin of pi f t, f spaced in logarithm from 1/2 to 32.

    Frequencies are scaled to times in [0, 1]. Those made for 0..1000 would leave most channels
    constant, and much higher ones would make the derivative along time noise.
    """
    exponents = torch.linspace(math.log(0.5), math.log(HIGHEST), FREQUENCIES, device=time.device)
    angles = math.pi * exponents.exp().to(time.dtype) * time[:, None]
    return torch.cat([angles.cos(), angles.sin()], -1)


class Condition(nn.Module):
    """(s, t, size, y) -> (B, C): an MLP on the features of s, t, t - s, the embedded size and y.

    The layer that reads y starts as 0 and has no bias, so that unknown numbers add exactly nothing.
    Without y this is the condition of a network that was made without.

    Args:
        width: C.
        max_size: the largest size.
        contexts: how many numbers y has; any of them may be unknown.
    """

    def __init__(self, width: int, max_size: int, contexts: int = 0) -> None:
        super().__init__()
        self.size = nn.Embedding(max_size + 1, width)
        self.times = nn.Linear(3 * 2 * FREQUENCIES, width)
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.context = nn.Linear(2 * contexts, width, bias=False) if contexts else None
        if self.context is not None:
            nn.init.zeros_(self.context.weight)

    def forward(self, s: Tensor, t: Tensor, size: Tensor, context: Tensor | None = None) -> Tensor:
        """Embed times and size.

        Args:
            s: (B,) in [0, 1].
            t: (B,) in [0, 1].
            size: (B,) int64.
            context: y, (B, contexts), nan where unknown.
        """
        features = torch.cat([fourier_features(time) for time in (s, t, t - s)], -1)
        hidden = self.times(features) + self.size(size)
        if self.context is not None and context is not None:
            hidden = hidden + self.context(known_and_values(context).to(hidden.dtype))
        condition: Tensor = self.mlp(hidden)
        return condition


def known_and_values(context: Tensor) -> Tensor:
    """(B, C), nan where unknown -> (B, 2 C): which are known, and their values, 0 elsewhere."""
    known = ~context.isnan()
    return torch.cat([known.to(context.dtype), context.where(known, 0.0)], -1)


class AdaptiveNorm(nn.Module):
    """RMS norm with scale and shift read from the condition: x (B, D, C), c -> (B, D, C).

    It is zero-initialised: at the start it is a plain norm.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.read = zero_linear(condition, 2 * width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """rms_norm(x) (1 + scale(c)) + shift(c)."""
        scale, shift = self.read(c)[:, None].chunk(2, -1)
        return F.rms_norm(x, x.shape[-1:]) * (1 + scale) + shift


class Gate(nn.Module):
    """A branch's output times a gate read from the condition: x (B, D, C), c -> (B, D, C).

    It is zero-initialised: at the start every branch is closed and the network passes its input on.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.read = zero_linear(condition, width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """gate(c) x."""
        gated: Tensor = self.read(c)[:, None] * x
        return gated


class Mlp(nn.Sequential):
    """Linear, SiLU, Linear, with a hidden layer ``expand`` times as wide."""

    def __init__(self, width: int, expand: int = 4) -> None:
        super().__init__(
            nn.Linear(width, expand * width), nn.SiLU(), nn.Linear(expand * width, width)
        )


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """Make a linear layer that starts as 0, for gates, modulations and heads."""
    linear = nn.Linear(inputs, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def position_table(places: int, channels: int) -> nn.Parameter:
    """Make a learned vector (C,) for each place: (places, C), small at first.

    It has no values on the meta device, where shapes alone count: torch would import its compiler
    for them, which takes seconds.
    """
    table = torch.empty(places, channels)
    return nn.Parameter(table if table.is_meta else 0.02 * torch.randn(places, channels))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, H C) -> (B, H, N, C)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, N, C) -> (B, N, H C)."""
    return x.transpose(1, 2).flatten(2)


def attention_logits(q: Tensor, k: Tensor) -> Tensor:
    """q_i k_j / sqrt(C): two of (B, H, N, C) -> (B, H, N, N)."""
    return q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5


def neighbours(heads: int, length: int) -> Tensor:
    """Make a logit for each distance j - i from 1 - L to L - 1: (H, 2 L - 1).

    It is NEAR where a head is to start (at -1, 1, -2, 2, ...) and 0 elsewhere.
    """
    logits = torch.zeros(heads, 2 * length - 1)
    for head in range(heads):
        distance = (head // 2 + 1) * (1 if head % 2 else -1)
        if abs(distance) < length:
            logits[head, length - 1 + distance] = NEAR
    return logits


def distance_tables(depth: int, heads: int, length: int) -> nn.Parameter:
    """Make learned logits like ``neighbours``, for each of so many blocks: (depth, H, 2 L - 1)."""
    return nn.Parameter(neighbours(heads, length).expand(depth, -1, -1).contiguous())


def at_distances(distances: Tensor, length: int) -> Tensor:
    """(H, 2 L - 1) logits by the distance j - i, as of ``neighbours`` -> (H, N, N), N <= L."""
    place = torch.arange(length, device=distances.device)
    return distances[:, place - place[:, None] + distances.shape[1] // 2]


def key_mask(exists: Tensor, dtype: torch.dtype) -> Tensor:
    """Give the summand of the logits, 0, or -inf on padding: (B, N) bool -> (B, 1, 1, N)."""
    return torch.zeros_like(exists, dtype=dtype).masked_fill(~exists, -torch.inf)[:, None, None]
