"""The grid of times and the laws of times."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.flow.times import logit_normal, stratified, time_steps, uniform


def test_four_steps_are_quarters():
    assert time_steps(4) == [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]


@given(steps=st.integers(1, 300))
def test_steps_join_from_exactly_0_to_exactly_1(steps):
    grid = time_steps(steps)
    assert len(grid) == steps
    assert grid[0][0] == 0.0
    assert grid[-1][1] == 1.0
    assert all(before[1] == after[0] for before, after in pairwise(grid))


@given(offset=st.floats(0, 1, exclude_max=True, width=32), batch=st.integers(1, 64))
def test_stratified_numbers_are_spaced_evenly_around_the_unit_circle(offset, batch):
    u = stratified(torch.tensor(offset, dtype=torch.float64), batch)
    assert ((u >= 0) & (u < 1)).all()
    angles = (2 * math.pi * batch * (u - u[0])).double()
    assert torch.allclose(angles.cos(), torch.ones(batch).double(), atol=1e-8)
    assert u.unique().numel() == batch


def test_one_stratified_number_is_its_offset():
    assert stratified(torch.tensor(0.3), 1).tolist() == [torch.tensor(0.3).item()]


def test_the_uniform_law_changes_nothing():
    u = torch.linspace(0, 1, 5)
    assert torch.equal(uniform(u), u)


@pytest.mark.parametrize(("z", "u"), [(0.0, 0.5), (1.0, 0.8413447460685429), (-2.0, 0.0227501319)])
def test_the_logit_normal_law_maps_normal_quantiles_through_the_sigmoid(z, u):
    t = logit_normal(torch.tensor([u], dtype=torch.float64)).item()
    assert t == pytest.approx(1 / (1 + math.exp(-z)), abs=1e-8)


@pytest.mark.parametrize("law", [uniform, logit_normal])
def test_laws_reach_from_0_to_1_and_increase(law):
    t = law(torch.linspace(0, 1, 101))
    assert ((t >= 0) & (t <= 1)).all()
    assert (t[2:-1] > t[1:-2]).all()
    assert torch.allclose(t + t.flip(0), torch.ones(101), atol=1e-3)
