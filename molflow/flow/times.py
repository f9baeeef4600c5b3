"""Times: the grid that sampling walks and the laws that training draws from.

Laws are deterministic functions of uniform numbers that the caller draws.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TimeLaw = Callable[[Tensor], Tensor]
"""(B,) uniform on (0, 1) -> (B,) times in [0, 1]."""

PairLaw = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Two independent (B,), uniform on (0, 1) -> (s, t), both (B,), 0 <= s <= t <= 1."""


def time_steps(steps: int) -> list[float]:
    """The uniform grid: the ``steps`` + 1 times k / steps, from 0 to 1."""
    return [k / steps for k in range(steps + 1)]


def quantile_steps(steps: int, law: TimeLaw) -> list[float]:
    """The ``steps`` + 1 times from 0 to 1 between which ``law`` has equal shares."""
    shares = torch.arange(1, steps, dtype=torch.float64) / steps
    return [0.0, *law(shares).tolist(), 1.0]


def stratified(offset: Tensor, batch: int) -> Tensor:
    """(offset + k / B) mod 1 for k < B: uniform numbers spread evenly over a batch.

    offset: a uniform scalar. Each number is uniform on [0, 1); together they cover the interval, so
    that the loss of a batch varies less (Kingma et al. 2021, "Variational Diffusion Models").
    """
    return (offset + torch.arange(batch, device=offset.device) / batch) % 1


def uniform(u: Tensor) -> Tensor:
    """t = u."""
    return u


def logit_normal(mean: float = 0.0, spread: float = 1.0) -> TimeLaw:
    """t = sigmoid(mean + spread z), z standard normal: more of the middle (Esser et al. 2024)."""

    def law(u: Tensor) -> Tensor:
        return (mean + spread * torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))).sigmoid()

    return law


def triangle(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """(s, t) = the smaller and the larger: uniform on the triangle s <= t."""
    return torch.minimum(u, v), torch.maximum(u, v)


def with_corner(law: PairLaw, share: float) -> PairLaw:
    """``law``, but (0, 1) with probability ``share`` in [0, 1): the pair of one-step sampling.

    The first number decides: below ``share`` it gives the corner, the rest is stretched to (0, 1).
    """

    def mixed(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        corner, (s, t) = u < share, law((u - share) / (1 - share), v)
        return s.masked_fill(corner, 0.0), t.masked_fill(corner, 1.0)

    return mixed
