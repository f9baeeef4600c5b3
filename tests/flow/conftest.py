"""What tests of the mathematics run on: graphs and strings, a network of each, the exact flow map.

A test that asks for a state or a network gets those of both modalities, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from molflow.flow.flow_map import step_fraction
from molflow.flow.state import State
from molflow.graph.state import clean_state
from molflow.sequence.state import token_state

BISECTIONS = 60
CLASSES = {"atoms": 8, "pairs": 4, "tokens": 8}


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

    def away(self, y: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """What ``mean`` is for y <= 0 and s < t < 1."""
        went = step_fraction(s, t)
        return (self.moved(y, s, t) - (1 - went) * y) / (went * self.half)

    def mean(self, y: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """(B,) in [-1, 1]: mu_st = m + mean * (second - first) / 2."""
        side, y = torch.where(y > 0, 1.0, -1.0), -y.abs()
        at_end, apart = t >= 1, t > s
        inside = torch.where(apart & ~at_end, t, (1 + s) / 2)
        away = self.away(y, s, inside) if (apart & ~at_end).any() else torch.zeros_like(y)
        diagonal = torch.tanh(t * self.half * y / ((1 - t) * self.scale).square())
        mean = torch.where(at_end, -1.0, torch.where(apart, away, diagonal))
        return -side * mean.clamp(-1, 1)


@pytest.fixture(scope="session", params=["graphs", "strings"])
def modality(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def field(modality) -> str:
    """The variables that graphs and strings of one size have as many of."""
    return {"graphs": "atoms", "strings": "tokens"}[modality]


@pytest.fixture(scope="session")
def classes(modality) -> dict[str, int]:
    """field -> K, of every field."""
    fields = {"graphs": ["atoms", "pairs"], "strings": ["tokens"]}[modality]
    return {name: CLASSES[name] for name in fields}


@pytest.fixture(scope="session")
def random_states(request, modality) -> Callable[..., State]:
    """(sizes, largest) -> a noisy state, 0 on padding."""
    return request.getfixturevalue(
        {"graphs": "random_graphs", "strings": "random_tokens"}[modality]
    )


@pytest.fixture(scope="session")
def clean(modality) -> Callable[[list, list, list], State]:
    """(classes of atoms or tokens, of pairs, sizes) -> x_1; a string has no pairs."""

    def state(variables: list[list[int]], pairs: list[list[int]], sizes: list[int]) -> State:
        ids, sizes = torch.tensor(variables), torch.tensor(sizes)
        if modality == "strings":
            return token_state(ids, sizes, CLASSES["tokens"], torch.float64)
        kinds = (CLASSES["atoms"], CLASSES["pairs"])
        return clean_state(ids, torch.tensor(pairs).long(), sizes, kinds, torch.float64)

    return state


@pytest.fixture(scope="session")
def fresh_network(modality, full_size, full_sequence) -> Callable[..., nn.Module]:
    """(type of its numbers) -> the network at its default size, with positions, not trained."""

    def fresh(dtype: torch.dtype = torch.float64) -> nn.Module:
        return full_sequence(dtype) if modality == "strings" else full_size(True, dtype)

    return fresh


@pytest.fixture(scope="session", name="network")
def network_fixture(modality, network, sequence_network) -> nn.Module:
    """Full size, float64, off zero; that of graphs without positions. Not to be changed."""
    return {"graphs": network, "strings": sequence_network}[modality]


@pytest.fixture(scope="session", name="network_with_positions")
def with_positions_fixture(modality, network_with_positions, sequence_network) -> nn.Module:
    """The same, that of graphs with positions. Not to be changed."""
    return {"graphs": network_with_positions, "strings": sequence_network}[modality]


@pytest.fixture(scope="session")
def two_points(clean) -> State:
    """Two clean examples of three atoms, or tokens, that differ in two of them and in two bonds."""
    return clean([[0, 0, 0], [2, 1, 0]], [[1, 0, 1], [1, 1, 0]], [3, 3])


@pytest.fixture(scope="session", params=[0.5, 1.0], ids=lambda scale: f"scale {scale}")
def two_point_flow(request, two_points) -> TwoPointFlow:
    """The exact flow map of ``two_points`` as logits."""
    return TwoPointFlow(two_points, request.param)
