"""The grid of times and the laws of times."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.flow.times import (
    logit_normal,
    quantile_steps,
    stratified,
    time_steps,
    triangle,
    uniform,
    with_corner,
    with_ends,
)


def test_four_steps_are_quarters():
    assert time_steps(4) == [0.0, 0.25, 0.5, 0.75, 1.0]


@given(steps=st.integers(1, 300))
def test_steps_are_equal_from_exactly_0_to_exactly_1(steps):
    grid = time_steps(steps)
    assert len(grid) == steps + 1
    assert grid[0] == 0.0
    assert grid[-1] == 1.0
    assert grid == pytest.approx([k / steps for k in range(steps + 1)])


@given(steps=st.integers(1, 300))
def test_quantiles_of_the_uniform_law_are_equal_steps(steps):
    assert quantile_steps(steps, uniform) == pytest.approx(time_steps(steps))


@given(steps=st.integers(1, 300))
def test_quantiles_increase_from_exactly_0_to_exactly_1(steps):
    grid = quantile_steps(steps, logit_normal(-0.2, 1.0))
    assert len(grid) == steps + 1
    assert (grid[0], grid[-1]) == (0.0, 1.0)
    assert all(s < t for s, t in pairwise(grid))


def test_the_median_halves_a_law():
    assert quantile_steps(2, logit_normal(mean=1.0))[1] == pytest.approx(1 / (1 + math.exp(-1)))


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
    t = logit_normal()(torch.tensor([u], dtype=torch.float64)).item()
    assert t == pytest.approx(1 / (1 + math.exp(-z)), abs=1e-8)


def test_the_median_of_the_logit_normal_law_is_the_sigmoid_of_its_mean():
    t = logit_normal(mean=-1.0, spread=0.3)(torch.tensor([0.5], dtype=torch.float64))
    assert t.item() == pytest.approx(1 / (1 + math.e), abs=1e-12)


@pytest.mark.parametrize("law", [uniform, logit_normal()])
def test_laws_reach_from_0_to_1_and_increase(law):
    t = law(torch.linspace(0, 1, 101))
    assert ((t >= 0) & (t <= 1)).all()
    assert (t[2:-1] > t[1:-2]).all()
    assert torch.allclose(t + t.flip(0), torch.ones(101), atol=1e-3)


def grid_of_the_square(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The n^2 midpoints of the unit square: an average over them is an integral."""
    points = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    u, v = torch.meshgrid(points, points, indexing="ij")
    return u.flatten(), v.flatten()


def test_the_triangle_sorts_its_two_numbers():
    s, t = triangle(torch.tensor([0.2, 0.9, 0.5]), torch.tensor([0.7, 0.1, 0.5]))
    assert s.tolist() == torch.tensor([0.2, 0.1, 0.5]).tolist()
    assert t.tolist() == torch.tensor([0.7, 0.9, 0.5]).tolist()


def test_the_triangle_is_covered_evenly():
    # Uniform on s <= t: P(t <= c) = c^2, P(s > c) = (1-c)^2, P(t - s <= c) = 1 - (1-c)^2.
    s, t = triangle(*grid_of_the_square(400))
    assert (t <= 0.6).double().mean().item() == pytest.approx(0.36, abs=1e-3)
    assert (s > 0.6).double().mean().item() == pytest.approx(0.16, abs=1e-3)
    assert (t - s <= 0.25).double().mean().item() == pytest.approx(0.4375, abs=1e-2)


@pytest.mark.parametrize("law", [uniform, logit_normal(-0.4, 0.7)])
def test_the_share_of_a_law_is_what_its_quantile_was_asked_for(law):
    u = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    assert torch.allclose(law.cdf(law(u)), u, atol=1e-12)


@pytest.mark.parametrize("law", [uniform, logit_normal(-0.4, 0.7)])
def test_a_place_has_its_share_of_the_law_before_it(law):
    s, t, r = torch.rand(3, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    s, t = torch.minimum(s, t), torch.maximum(s, t)
    place, within = law.place(s, t, r), law.cdf(t) - law.cdf(s)
    assert ((place >= 0) & (place <= 1)).all()
    told = (t - s > 1e-3) & (within > 1e-3)
    shares = (law.cdf(s + place * (t - s)) - law.cdf(s)) / within
    assert told.sum() > 150
    assert torch.allclose(shares[told], r[told], atol=1e-10)
    assert torch.equal(place[~told], r[~told])


def test_the_place_between_0_and_1_is_where_the_law_is():
    nothing, r = torch.zeros(3), torch.tensor([0.1, 0.5, 0.9])
    law = logit_normal(-0.4, 0.7)
    assert torch.allclose(law.place(nothing, nothing + 1, r), law(r), atol=1e-5)
    assert torch.equal(law.place(r, r, r), r)


@pytest.mark.parametrize("law", [uniform, logit_normal(-0.4, 0.7)])
def test_a_third_of_the_pairs_begins_at_0_one_ends_at_1_and_the_others_follow_the_law(law):
    s, t = with_ends(law)(*grid_of_the_square(300))
    from_0, to_1 = s == 0, t == 1
    for third in (from_0, to_1, ~from_0 & ~to_1):
        assert third.double().mean().item() == pytest.approx(1 / 3, abs=1e-3)
    assert not (from_0 & to_1).any()
    assert (s <= t).all()
    c = law(torch.tensor(0.6, dtype=torch.float64))
    for times in (t[from_0], s[to_1]):
        assert (times <= c).double().mean().item() == pytest.approx(0.6, abs=3e-3)
    assert (t[~from_0 & ~to_1] <= c).double().mean().item() == pytest.approx(0.36, abs=3e-3)
    assert (s[~from_0 & ~to_1] > c).double().mean().item() == pytest.approx(0.16, abs=3e-3)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.5])
def test_the_corner_has_its_share_and_the_rest_keeps_its_law(share):
    s, t = with_corner(triangle, share)(*grid_of_the_square(400))
    corner = (s == 0) & (t == 1)
    assert corner.double().mean().item() == pytest.approx(share, abs=1e-3)
    assert (t[~corner] <= 0.6).double().mean().item() == pytest.approx(0.36, abs=3e-3)
    assert (s[~corner] > 0.6).double().mean().item() == pytest.approx(0.16, abs=3e-3)


def test_without_a_share_the_corner_changes_nothing():
    u, v = grid_of_the_square(10)
    for mixed, plain in zip(with_corner(triangle, 0.0)(u, v), triangle(u, v), strict=True):
        assert torch.equal(mixed, plain)


def test_the_first_number_decides_on_the_corner_and_is_stretched_beyond_it():
    u = torch.tensor([0.0, 0.24, 0.25, 0.625, 0.8125], dtype=torch.float64)
    s, t = with_corner(triangle, 0.25)(u, torch.full_like(u, 0.6))
    assert s.tolist() == pytest.approx([0, 0, 0, 0.5, 0.6])
    assert t.tolist() == pytest.approx([1, 1, 0.6, 0.6, 0.75])


@given(
    share=st.floats(0, 0.99),
    u=st.floats(0, 1, width=32, exclude_max=True),
    v=st.floats(0, 1, width=32, exclude_max=True),
)
def test_pairs_are_ordered_times(share, u, v):
    for law in (triangle, with_ends(uniform), with_ends(logit_normal())):
        s, t = with_corner(law, share)(torch.tensor([u]), torch.tensor([v]))
        assert 0 <= s.item() <= t.item() <= 1
