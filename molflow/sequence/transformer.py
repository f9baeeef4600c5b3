"""The sequence transformer attends in both directions, at distances that rotations measure.

Positions enter three times. Queries and keys are rotated (Su et al. 2021, "RoFormer"), so that
attention knows how far apart two tokens are and in which direction. Every distance and head has a
learned logit (Raffel et al. 2020, "T5"). Every place has a learned embedding. Of pure noise queries
and keys say nothing, and rotations of nothing tell no distance. So the logits start with each head
at a neighbour of its own. Without that a network takes long to look at neighbours at all.

Legend: B strings, L positions, K classes, C width, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from molflow.flow.state import State
from molflow.nn.layers import (
    AdaptiveNorm,
    Condition,
    Gate,
    Mlp,
    at_distances,
    attention_logits,
    distance_tables,
    key_mask,
    merge_heads,
    position_table,
    split_heads,
    zero_linear,
)

LONGEST_PERIOD = 10_000.0
TRUST = 4.0
"""The factor of the likelihood starts from this 1 / sigma^2 of the usual noise."""
CLOSEST = 0.15
"""This is the least 1 - s in that likelihood: later the point itself has decided."""


def rotations(length: int, channels: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of i w_c, each (L, channels / 2), w from 1 down to 1 / 10,000."""
    half = channels // 2
    c = torch.arange(half, dtype=like.dtype, device=like.device)
    place = torch.arange(length, dtype=like.dtype, device=like.device)
    angles = place[:, None] * (-math.log(LONGEST_PERIOD) / half * c).exp()
    return angles.cos(), angles.sin()


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channels c and c + C/2 by the angle of their position: (B, H, L, C), same type."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


def said_by_noise(x: Tensor, s: Tensor) -> Tensor:
    """s / (1 - s)^2 x_s: the log-likelihood of each class given its own noisy point alone.

    It is so up to 1 / sigma^2 and a constant, as N(x_s; s e_k, (1 - s)^2 sigma^2) has it. (B, L,
    K), s (B,).
    """
    return (s / (1 - s).clamp(min=CLOSEST).square())[:, None, None] * x


class Block(nn.Module):
    """A block attends over all positions, then passes each through an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = AdaptiveNorm(width, width)
        self.norm_mlp = AdaptiveNorm(width, width)
        self.gate_attention = Gate(width, width)
        self.gate_mlp = Gate(width, width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.mlp = Mlp(width)

    def forward(
        self, h: Tensor, c: Tensor, bias: Tensor, rotation: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Update the tokens.

        Args:
            h: (B, L, C).
            c: (B, C).
            bias: (B, H, L, L), of the logits, -inf where a key is padding.
            rotation: cos and sin of ``rotations``.
        """
        h = h + self.gate_attention(self._attend(self.norm_attention(h, c), bias, rotation), c)
        changed: Tensor = h + self.gate_mlp(self.mlp(self.norm_mlp(h, c)), c)
        return changed

    def _attend(self, h: Tensor, bias: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """sum_j softmax_j((R_i q_i) (R_j k_j) / sqrt(C) + b_ij) v_j."""
        q, k, v = (split_heads(x, self.heads) for x in self.qkv(h).chunk(3, -1))
        logits = attention_logits(rotated(q, *rotation), rotated(k, *rotation))
        mixed: Tensor = self.out(merge_heads((logits + bias).softmax(-1).to(v.dtype) @ v))
        return mixed


class SequenceTransformer(nn.Module):
    """(x_s, s, t) -> logits for every token: the network of the flow map.

    The condition is (s, t) and the length. Of each token the network sees its point of R^K, of
    which the embedding is a linear map, and whether it is given. The logits of padded tokens are
    meaningless.

    Args:
        classes: K.
        max_length: of the longest string.
        width: channels, an even number for each head.
        depth: blocks.
        heads: of attention.
    """

    def __init__(
        self, classes: int, max_length: int, width: int = 192, depth: int = 6, heads: int = 6
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width={width}: a multiple of {2 * heads}, twice heads={heads}")
        self.max_length = max_length
        self.channels = width // heads
        self.condition = Condition(width, max_length)
        self.tokens_in = nn.Linear(classes, width)
        self.position = position_table(max_length, width)
        self.given_in = nn.Parameter(torch.zeros(width))
        self.distances = distance_tables(depth, heads, max_length)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = AdaptiveNorm(width, width)
        self.tokens_out = zero_linear(width, classes)
        self.trust = nn.Parameter(torch.tensor([TRUST]))

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        """Give logits with the shape of x; s <= t are (B,)."""
        values, exists, given = x.values["tokens"], x.exists["tokens"], x.given["tokens"]
        if values.shape[1] > self.max_length:
            raise ValueError(f"{values.shape[1]} positions: the network has {self.max_length}")
        c = self.condition(s, t, exists.sum(-1))
        # The indicator is added, not appended, which would copy the state.
        h = self.tokens_in(values) + given[..., None] * self.given_in
        h = h + self.position[: h.shape[1]]
        keys, rotation = key_mask(exists, h.dtype), rotations(h.shape[1], self.channels, s)
        for block, distances in zip(self.blocks, self.distances, strict=True):
            h = block(h, c, at_distances(distances, h.shape[1]) + keys, rotation)
        told = self.trust * said_by_noise(values, s)
        return x.with_values({"tokens": self.tokens_out(self.norm(h, c)) + told})
