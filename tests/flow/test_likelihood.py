"""The bound on the likelihood: the entropy at the exact posterior, above it at any other."""

import math

import pytest
import torch

from molflow.flow.interpolant import prior
from molflow.flow.likelihood import REACH, nats, time_at

SCALE = 0.5
DRAWS = 20_000


@pytest.fixture(scope="module")
def draws() -> torch.Tensor:
    """r: one in each of equal parts of [0, REACH], in random order."""
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(DRAWS, generator=generator, dtype=torch.float64)
    order = torch.randperm(DRAWS, generator=generator)
    return ((torch.arange(DRAWS) + uniform) / DRAWS * REACH)[order]


def total(field_nats, x) -> torch.Tensor:
    """(B,): nats of whole examples."""
    return sum(value * x.free[name].sum(-1) for name, value in field_nats.items())


def test_the_signal_is_r_times_the_noise_at_the_time_of_r():
    r = torch.tensor([0.0, 0.5, 3.0, 8.0], dtype=torch.float64)
    t = time_at(r, SCALE)
    torch.testing.assert_close(t / (SCALE * (1 - t)), r)


def test_one_of_two_points_takes_a_bit(two_point_flow, normal_like, draws):
    flow, scale = two_point_flow, two_point_flow.scale
    side = torch.randint(2, (DRAWS,), generator=torch.Generator().manual_seed(1))
    x_1 = flow.data[side]
    found = total(nats(flow, prior(x_1, normal_like(x_1, 2), scale), x_1, draws, scale), x_1)
    error = found.std().item() / DRAWS**0.5
    assert error < 0.05 * math.log(2)
    assert found.mean().item() == pytest.approx(math.log(2), abs=4 * error)


@pytest.fixture(scope="module")
def chances(classes):
    """field -> (K,): unequal probabilities of the classes."""
    return {
        name: torch.arange(1, k + 1, dtype=torch.float64).square()
        / sum(i * i for i in range(k + 1))
        for name, k in classes.items()
    }


@pytest.fixture(scope="module")
def independent(chances, clean, normal_like):
    """Examples of variables that are drawn independently, x_0 and x_1."""
    generator = torch.Generator().manual_seed(3)
    x_1 = clean([[0] * 3] * 8_000, [[0] * 3] * 8_000, [3] * 8_000)
    values = {}
    for name, value in x_1.values.items():
        ids = torch.multinomial(
            chances[name], value.shape[:2].numel(), replacement=True, generator=generator
        )
        values[name] = torch.nn.functional.one_hot(ids, value.shape[2]).to(value).view_as(value)
    x_1 = x_1.with_values(values)
    return prior(x_1, normal_like(x_1, 4), SCALE), x_1


def exact(chances, spoiled: float = 0.0):
    """The posterior of independent variables, log p(k) + t x_k / ((1 - t) sigma)^2, or one that
    trusts its point too much."""

    def net(x, s, t):
        trust = (s / ((1 - s) * SCALE).square())[:, None, None] * (1 + spoiled)
        return x.with_values({n: chances[n].log() + trust * v for n, v in x.values.items()})

    return net


def test_independent_variables_take_their_entropy(chances, independent, draws):
    x_0, x_1 = independent
    found = nats(exact(chances), x_0, x_1, draws[: len(x_1)], SCALE)
    for name, value in found.items():
        error = value.std().item() / len(x_1) ** 0.5
        entropy = -(chances[name] * chances[name].log()).sum().item()
        assert error < 0.05 * entropy
        assert value.mean().item() == pytest.approx(entropy, abs=4 * error)


def test_a_network_that_errs_takes_more(chances, independent, draws):
    x_0, x_1 = independent
    right = nats(exact(chances), x_0, x_1, draws[: len(x_1)], SCALE)
    wrong = nats(exact(chances, 1.0), x_0, x_1, draws[: len(x_1)], SCALE)
    for name in right:
        more = wrong[name] - right[name]
        assert more.mean().item() > 4 * more.std().item() / len(x_1) ** 0.5


def test_what_is_given_takes_nothing(chances, independent, draws):
    x_0, x_1 = independent
    held = x_1.hold(x_1.exists)
    x_0 = x_0.where_free(held)
    found = nats(exact(chances), x_0, held, draws[: len(x_1)], SCALE)
    assert not any(value.any() for value in found.values())
