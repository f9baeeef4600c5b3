"""Times: the grid that sampling walks and the laws that training draws from.

Laws are deterministic functions of uniform numbers that the caller draws.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TimeLaw = Callable[[Tensor], Tensor]
"""(B,) uniform on (0, 1) -> (B,) times in [0, 1]."""


def time_steps(steps: int) -> list[tuple[float, float]]:
    """[(s, t)] with s = k / steps, t = (k + 1) / steps: from 0 to 1 in equal steps."""
    return [(k / steps, (k + 1) / steps) for k in range(steps)]


def stratified(offset: Tensor, batch: int) -> Tensor:
    """(offset + k / B) mod 1 for k < B: uniform numbers spread evenly over a batch.

    offset: a uniform scalar. Each number is uniform on [0, 1); together they cover the interval, so
    that the loss of a batch varies less (Kingma et al. 2021, "Variational Diffusion Models").
    """
    return (offset + torch.arange(batch, device=offset.device) / batch) % 1


def uniform(u: Tensor) -> Tensor:
    """t = u."""
    return u


def logit_normal(u: Tensor) -> Tensor:
    """t = sigmoid(z) with z standard normal: more of the middle (Esser et al. 2024)."""
    return torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6)).sigmoid()
