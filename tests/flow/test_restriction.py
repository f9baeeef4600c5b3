"""Restricted posteriors: the forbidden get nothing, the allowed keep their proportions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.restriction import restrict, restricted
from molflow.flow.samplers import drawn, heun_step, renoised, sample
from molflow.flow.state import State
from molflow.flow.times import time_steps

FORBIDDEN = torch.tensor([True, False, True, True])


def state(rows: list[list[float]], held: list[bool] | None = None) -> State:
    """One example whose variables are ``rows``."""
    values = torch.tensor([rows])
    exists = torch.ones(values.shape[:2], dtype=torch.bool)
    return State({"x": values}, {"x": exists}, {"x": torch.tensor([held or [False] * len(rows)])})


def noise(seed: int, classes: int = 4, dtype: torch.dtype = torch.float32) -> State:
    """Three examples of five variables; the first variable is given, the last of example 2 pads."""
    generator = torch.Generator().manual_seed(seed)
    exists = torch.ones(3, 5, dtype=torch.bool)
    exists[2, 4] = False
    given = torch.zeros_like(exists)
    given[:, 0] = True
    values = torch.randn(3, 5, classes, generator=generator, dtype=dtype) * exists[..., None]
    return State({"x": values}, {"x": exists}, {"x": given})


def wild(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """A posterior of nothing in particular, sharp and dependent on everything."""
    return (20 * x.map(torch.sin) * (1 + s + t)).softmax()


def test_the_rest_is_scaled_to_sum_to_one():
    mu = state([[0.1, 0.5, 0.3, 0.1], [0.25, 0.25, 0.25, 0.25]])
    cut = restrict(mu, {"x": FORBIDDEN})
    expected = torch.tensor([[[0.2, 0.0, 0.6, 0.2], [1 / 3, 0.0, 1 / 3, 1 / 3]]])
    torch.testing.assert_close(cut.values["x"], expected)


def test_every_variable_can_have_classes_of_its_own():
    mu = state([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    allowed = torch.tensor([[[True, True, False], [False, True, True]]])
    expected = torch.tensor([[[2 / 3, 1 / 3, 0.0], [0.0, 0.5, 0.5]]])
    torch.testing.assert_close(restrict(mu, {"x": allowed}).values["x"], expected)


def test_where_the_allowed_mass_is_zero_it_is_uniform_over_the_allowed():
    mu = state([[-2000.0, 0.0, -2000.0, -2000.0]]).softmax()
    assert mu.values["x"].tolist() == [[[0, 1, 0, 0]]]
    allowed = torch.tensor([True, False, False, True])
    assert restrict(mu, {"x": allowed}).values["x"].tolist() == [[[0.5, 0, 0, 0.5]]]


def test_a_mass_that_nearly_underflows_keeps_its_proportions():
    mu = state([[1e-30, 1.0, 3e-30, 0.0]])
    cut = restrict(mu, {"x": FORBIDDEN}).values["x"]
    torch.testing.assert_close(cut, torch.tensor([[[0.25, 0.0, 0.75, 0.0]]]))


def test_given_variables_are_not_touched():
    mu = state([[0.1, 0.5, 0.3, 0.1], [0.1, 0.5, 0.3, 0.1]], held=[True, False])
    cut = restrict(mu, {"x": FORBIDDEN}).values["x"]
    assert torch.equal(cut[0, 0], mu.values["x"][0, 0])
    assert cut[0, 1, 1] == 0


def test_padding_stays_zero():
    mu = noise(0).softmax().on_free()
    assert restrict(mu, {"x": FORBIDDEN}).values["x"][2, 4].tolist() == [0, 0, 0, 0]


def test_a_given_variable_needs_no_allowed_class():
    mu = state([[0.5, 0.5]], held=[True])
    allowed = torch.tensor([False, False])
    assert restrict(mu, {"x": allowed}).values["x"].tolist() == [[[0.5, 0.5]]]


def test_a_field_that_is_not_named_is_unrestricted():
    mu = noise(0).softmax()
    assert torch.equal(restrict(mu, {}).values["x"], mu.values["x"])


def test_with_every_class_allowed_nothing_changes():
    mu = noise(1, dtype=torch.float64).softmax()
    everything = restrict(mu, {"x": torch.ones(4, dtype=torch.bool)})
    torch.testing.assert_close(everything.values["x"], mu.values["x"], rtol=1e-14, atol=0)


def test_gradients_are_finite_where_the_allowed_mass_is_zero():
    logits = torch.tensor([[[-2000.0, 0.0, -2000.0, -2000.0], [0.0, 1.0, 2.0, 3.0]]])
    logits.requires_grad_()
    mu = state([[0.0] * 4] * 2).with_values({"x": logits}).softmax()
    cut = restrict(mu, {"x": FORBIDDEN}).values["x"]
    (gradient,) = torch.autograd.grad(cut.square().sum(), logits)
    assert gradient.isfinite().all()
    assert gradient[0, 1].abs().max() > 0


@given(
    seed=st.integers(0, 2**31),
    allowed=st.lists(st.booleans(), min_size=4, max_size=4).filter(any),
    scale=st.sampled_from([0.0, 1.0, 100.0, 1e4]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_free_variables_are_points_of_the_restricted_simplex(seed, allowed, scale, dtype):
    mu = (scale * noise(seed, dtype=dtype)).softmax()
    mask = torch.tensor(allowed)
    cut = restrict(mu, {"x": mask}).values["x"][mu.free["x"]]
    assert (cut >= 0).all()
    assert (cut[:, ~mask] == 0).all()
    assert (cut.sum(-1) - 1).abs().max() < 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", ["euler", "flow_map", "heun", "renoised", "drawn"])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_no_sampler_ends_at_a_forbidden_class(name, steps, seed):
    x_0 = noise(seed)
    uniform = {"x": torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(seed))}
    step = {
        "euler": euler_step,
        "flow_map": flow_map,
        "heun": heun_step,
        "renoised": renoised(noise(seed + 1), 1.0),
        "drawn": drawn(flow_map, uniform, 1.0),
    }[name]
    allowed = {"x": torch.tensor([True, False, False, True])}
    x_1 = sample(step, restricted(wild, allowed), x_0, time_steps(steps))
    assert set(x_1.argmax()["x"][x_1.free["x"]].tolist()) <= {0, 3}
    assert torch.equal(x_1.values["x"][:, 0], x_0.values["x"][:, 0])
