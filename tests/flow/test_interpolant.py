"""The straight path between noise and data."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.flow.interpolant import interpolate, prior
from molflow.flow.state import State

TIMES = st.floats(0, 1, width=32)


@pytest.fixture(scope="module")
def x_1() -> State:
    """Two one-hot examples of three variables: one is given, one is padding."""
    values = torch.tensor([[[1.0, 0], [0, 1], [0, 0]], [[0, 1], [1, 0], [1, 0]]])
    return State(
        {"a": values},
        {"a": torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()},
        {"a": torch.tensor([[1, 0, 0], [0, 0, 0]]).bool()},
    )


@pytest.fixture(scope="module")
def x_0(x_1, normal_like) -> State:
    return prior(x_1, normal_like(x_1, 0), 0.5)


def test_the_prior_is_the_noise_times_its_scale(x_1, normal_like):
    noise = normal_like(x_1, 0)
    assert torch.equal(prior(x_1, noise, 0.5).values["a"][1], 0.5 * noise["a"][1])


def test_the_prior_leaves_given_variables_clean_and_padding_zero(x_1, x_0):
    assert x_0.values["a"][0, 0].tolist() == [1, 0]
    assert x_0.values["a"][0, 2].tolist() == [0, 0]


def test_the_path_starts_at_the_noise(x_0, x_1):
    assert torch.equal(interpolate(x_0, x_1, torch.zeros(2)).values["a"], x_0.values["a"])


def test_the_path_ends_at_the_data(x_0, x_1):
    assert torch.equal(interpolate(x_0, x_1, torch.ones(2)).values["a"], x_1.values["a"])


def test_every_example_has_its_own_time(x_0, x_1):
    x_t = interpolate(x_0, x_1, torch.tensor([0.0, 1.0])).values["a"]
    assert torch.equal(x_t[0], x_0.values["a"][0])
    assert torch.equal(x_t[1], x_1.values["a"][1])


@given(t=TIMES)
def test_the_path_is_straight(x_0, x_1, t):
    x_t = interpolate(x_0, x_1, torch.full((2,), t)).to(torch.float64).values["a"]
    start, end = x_0.values["a"].double(), x_1.values["a"].double()
    assert torch.allclose(x_t, start + t * (end - start), atol=1e-6, rtol=0)


@given(t=TIMES)
def test_given_and_padded_variables_stay_bit_for_bit(x_0, x_1, t):
    x_t = interpolate(x_0, x_1, torch.full((2,), t))
    assert torch.equal(x_t.values["a"][~x_1.free["a"]], x_1.values["a"][~x_1.free["a"]])
