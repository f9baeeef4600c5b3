"""Sampling walks a grid of times, and training draws times from laws.

Laws are deterministic functions of uniform numbers that the caller draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST, NEAR = 1e-6, 1e-3
"""Times and shares are told apart as near as this to 0 and 1, and to each other."""

PairLaw = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Two independent (B,), uniform on (0, 1) -> (s, t), both (B,), 0 <= s <= t <= 1."""


@dataclass(frozen=True)
class TimeLaw:
    """A law of times in [0, 1]; it maps shares u (B,), in (0, 1), to times (B,).

    Attributes:
        quantile: u -> t, increasing.
        cdf: its inverse, the probability of all times before t.
    """

    quantile: Callable[[Tensor], Tensor]
    cdf: Callable[[Tensor], Tensor]

    def __call__(self, u: Tensor) -> Tensor:
        return self.quantile(u)

    def place(self, s: Tensor, t: Tensor, r: Tensor) -> Tensor:
        """(u - s) / (t - s), where u splits the law between s and t by the share r in (0, 1).

        It is r itself where hardly any of the law lies between s and t, and where t is next to s.
        """
        before, within = self.cdf(s), self.cdf(t) - self.cdf(s)
        u = self.quantile(before + r * within)
        place = (u - s) / (t - s).clamp(min=NEAR)
        return torch.where((within > NEAR) & (t - s > NEAR), place.clamp(0, 1), r)


def time_steps(steps: int) -> list[float]:
    """The uniform grid: the ``steps`` + 1 times k / steps, from 0 to 1."""
    return [k / steps for k in range(steps + 1)]


def quantile_steps(steps: int, law: TimeLaw) -> list[float]:
    """Give the ``steps`` + 1 times from 0 to 1 between which ``law`` has equal shares."""
    shares = torch.arange(1, steps, dtype=torch.float64) / steps
    return [0.0, *law(shares).tolist(), 1.0]


def stratified(offset: Tensor, batch: int) -> Tensor:
    """(offset + k / B) mod 1 for k < B: uniform numbers spread evenly over a batch.

    Each number is uniform on [0, 1). Together they cover the interval, so that the loss of a batch
    varies less (Kingma et al. 2021, "Variational Diffusion Models").

    Args:
        offset: a uniform scalar.
        batch: B.
    """
    return (offset + torch.arange(batch, device=offset.device) / batch) % 1


uniform = TimeLaw(lambda u: u, lambda t: t)
"""t = u."""


def logit_normal(mean: float = 0.0, spread: float = 1.0) -> TimeLaw:
    """t = sigmoid(mean + spread z), z standard normal: more of the middle (Esser et al. 2024)."""

    def quantile(u: Tensor) -> Tensor:
        return (mean + spread * torch.special.ndtri(_inside(u))).sigmoid()

    def cdf(t: Tensor) -> Tensor:
        return torch.special.ndtr((_inside(t).logit() - mean) / spread)

    return TimeLaw(quantile, cdf)


def _inside(x: Tensor) -> Tensor:
    return x.clamp(SMALLEST, 1 - SMALLEST)


def triangle(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """(s, t) = the smaller and the larger: uniform on the triangle s <= t."""
    return torch.minimum(u, v), torch.maximum(u, v)


def with_ends(law: TimeLaw) -> PairLaw:
    """Mix (0, t), (s, 1) and pairs s <= t, a third each, all times between by ``law``.

    A jump from 0 to 1 is learned from jumps from 0 and to 1, which hardly occur in the triangle.
    The first number decides which: its thirds, each stretched to (0, 1).
    """

    def pairs(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        third = (3 * u).floor()
        first, second = law(3 * u - third), law(v)
        s = torch.where(third == 1, second, torch.minimum(first, second))
        t = torch.where(third == 0, second, torch.maximum(first, second))
        return s.masked_fill(third == 0, 0.0), t.masked_fill(third == 1, 1.0)

    return pairs


def with_corner(law: PairLaw, fraction: float) -> PairLaw:
    """Mix (0, 1), the pair of one-step sampling, into ``law``.

    The first number decides: below ``fraction`` it gives the corner, the rest is stretched to (0,
    1).

    Args:
        law: of the other pairs.
        fraction: the probability of the corner, in [0, 1).
    """

    def mixed(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        corner, (s, t) = u < fraction, law((u - fraction) / (1 - fraction), v)
        return s.masked_fill(corner, 0.0), t.masked_fill(corner, 1.0)

    return mixed
