"""The exact flow map of two data points, as a network: what losses off the diagonal vanish at."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from molflow.flow.flow_map import share
from molflow.flow.state import State
from molflow.graph.state import clean_state

BISECTIONS = 60


@dataclass(frozen=True)
class TwoPointFlow:
    """(x_s, s, t) -> log mu_st of the exact flow map when x_1 is one of two points, even odds.

    data: the two points, clean, all variables free. scale: standard deviation of the prior.
    With m their midpoint and h half their distance, x_t - t m is a mixture of two Gaussians at
    -t h and t h of deviation (1-t) scale along the axis, and one Gaussian across it. So the flow
    scales the offset across by (1-t)/(1-s) and matches distribution functions along the axis:
    F_t(Y) = F_s(y). Bisection finds Y, one Newton step makes it differentiable in t. s <= t, s < 1;
    at t = 1 the value is right, the derivative along t is not.
    """

    data: State
    scale: float

    def __call__(self, x: State, s: Tensor, t: Tensor) -> State:
        weight = (1 + self.mean(self.coordinate(x, s), s, t)) / 2
        points = self.data.values
        mu = {
            name: torch.einsum("mb,mdk->bdk", torch.stack([1 - weight, weight]), points[name])
            for name in points
        }
        # Classes of neither point: probability 1e-30, so that the logarithm has a derivative.
        return x.with_values({name: (value + 1e-30).log() for name, value in mu.items()})

    def coordinate(self, x: State, s: Tensor) -> Tensor:
        """(B,): y, the place of x - s m along the axis from the first point to the second."""
        y = torch.zeros_like(s)
        for name, (first, second) in self.data.values.items():
            offset = x.values[name] - s[:, None, None] * (first + second) / 2
            y = y + (offset * (second - first) / (2 * self.half)).sum((1, 2))
        return y

    @property
    def half(self) -> Tensor:
        squares = [(q - p).square().sum() for p, q in self.data.values.values()]
        return torch.stack(squares).sum().sqrt() / 2

    def probabilities(self, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """F_t(y) and 1/2 - F_t(y) for y <= 0, both to full relative precision."""
        below, above = ((y + c * t * self.half) / ((1 - t) * self.scale) for c in (1, -1))
        normal = torch.special.ndtr
        return (normal(below) + normal(above)) / 2, (normal(-below) - normal(above)) / 2

    def density(self, y: Tensor, t: Tensor) -> Tensor:
        """F_t'(y)."""
        deviation = (1 - t) * self.scale
        each = [
            (-((y - centre * t * self.half) / deviation).square() / 2).exp() for centre in (-1, 1)
        ]
        return (each[0] + each[1]) / (2 * deviation * (2 * torch.pi) ** 0.5)

    def moved(self, y: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Y with F_t(Y) = F_s(y), for y <= 0; where F is near 1/2, by matching 1/2 - F."""
        low, high = y - self.half, torch.zeros_like(y)
        low_level, high_level = self.probabilities(y, s)

        def excess(place: Tensor) -> Tensor:
            reached, missing = self.probabilities(place, t)
            return torch.where(low_level < 0.25, reached - low_level, high_level - missing)

        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = excess(middle) < 0
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return low - excess(low) / self.density(low, t)

    def mean(self, y: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """(B,) in [-1, 1]: mu_st = m + mean * (second - first) / 2."""
        side, y = torch.where(y > 0, 1.0, -1.0), -y.abs()
        at_end, apart = t >= 1, t > s
        inside = torch.where(apart & ~at_end, t, (1 + s) / 2)
        went = share(s, inside)
        away = (self.moved(y, s, inside) - (1 - went) * y) / (went * self.half)
        diagonal = torch.tanh(t * self.half * y / ((1 - t) * self.scale).square())
        mean = torch.where(at_end, -1.0, torch.where(apart, away, diagonal))
        return -side * mean.clamp(-1, 1)


@pytest.fixture(scope="session")
def two_points() -> State:
    """Two clean graphs of three atoms that differ in two atoms and two bonds."""
    return clean_state(
        torch.tensor([[0, 0, 0], [2, 1, 0]]),
        torch.tensor([[1, 0, 1], [1, 1, 0]]),
        torch.tensor([3, 3]),
        (8, 4),
        torch.float64,
    )


@pytest.fixture(scope="session", params=[0.5, 1.0], ids=lambda scale: f"scale {scale}")
def two_point_flow(request, two_points) -> TwoPointFlow:
    """The exact flow map of ``two_points`` as logits."""
    return TwoPointFlow(two_points, request.param)
