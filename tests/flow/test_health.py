"""The health of a flow map: nothing is found in exact ones, and what is wrong with others is."""

import math
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from molflow.flow import health
from molflow.flow.flow_map import Posterior, euler_step, posterior, step_fraction
from molflow.flow.health import (
    averaged,
    changed,
    distance,
    entropy,
    equivariance_error,
    padding_error,
    slope_error,
    survey,
    walk,
)
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.samplers import sample
from molflow.flow.state import State
from molflow.flow.times import time_steps

TIMES = time_steps(4)


def one_field(values: list, exists: list | None = None) -> State:
    """A state with the field "a" of the values, (B, D, K)."""
    points = torch.tensor(values, dtype=torch.float64)
    there = torch.ones(points.shape[:2]).bool() if exists is None else torch.tensor(exists)
    return State({"a": points}, {"a": there}, {"a": torch.zeros_like(there)})


def full(value: float, batch: int = 1) -> Tensor:
    return torch.full((batch,), value, dtype=torch.float64)


def means_of(mu: Posterior, starts: list[State], substeps: int = 4) -> dict:
    return averaged(survey(mu, starts, TIMES, substeps))


def noised(data: State, scale: float, normal_like: Callable, copies: int = 8) -> list[State]:
    """x_s at every time of TIMES but the last, of every point of data as often as asked."""
    x_1 = data[torch.arange(len(data)).repeat(copies)]
    x_0 = prior(x_1, normal_like(x_1, 0), scale)
    return [interpolate(x_0, x_1, full(s, len(x_1))) for s in TIMES[:-1]]


def worst(means: dict, measure: str) -> float:
    return max(value for (m, *_), value in means.items() if m == measure)


def by_euler(mu: Posterior, steps: int) -> Posterior:
    """mu_st that carries a jump to where many Euler steps from s to t go. One s and t a batch."""

    def jump(x: State, s: Tensor, t: Tensor) -> State:
        if bool((s == t).all()):
            return mu(x, s, s)
        start, end = float(s[0]), float(t[0])
        way = [start + (end - start) * k / steps for k in range(steps + 1)]
        return x + (1 / step_fraction(s, t)) * (sample(euler_step, mu, x, way) - x)

    return jump


def test_different_classes_are_a_square_root_of_two_apart():
    x, y = one_field([[[1, 0, 0]]]), one_field([[[0, 0, 1]]])
    assert distance(x, y)["a"].tolist() == pytest.approx([math.sqrt(2)])


def test_a_distance_is_a_mean_over_the_variables_that_exist():
    x = one_field([[[3, 4], [0, 0], [9, 9]]], [[True, True, False]])
    assert distance(x, 0 * x)["a"].tolist() == [2.5]


def test_an_example_without_variables_has_no_distance_and_counts_in_no_mean():
    x = one_field([[[3, 4]], [[3, 4]]], [[True], [False]])
    values = distance(x, 0 * x)
    assert values["a"].isnan().tolist() == [False, True]
    assert averaged([(0.0, 1.0, {"m": values})]) == {("m", "a", 0.0, 1.0): 5.0}


def test_the_entropy_of_even_odds_is_the_logarithm_of_the_classes():
    mu = one_field([[[0.25] * 4], [[0, 1, 0, 0]]])
    assert entropy(mu)["a"].tolist() == pytest.approx([math.log(4), 0])


def test_off_the_simplex_the_mean_entropy_is_undefined():
    mu = one_field([[[1.5, -0.5]], [[0.5, 0.5]]])
    mean = averaged([(0.0, 1.0, {"entropy": entropy(mu)})])
    assert math.isnan(mean["entropy", "a", 0.0, 1.0])


def test_changed_is_the_share_of_variables_and_any_says_whether_there_is_one():
    x = one_field([[[1, 0], [1, 0]], [[1, 0], [1, 0]]])
    y = one_field([[[0, 1], [1, 0]], [[0.6, 0.4], [1, 0]]])
    shares = changed(x, y)
    assert shares["a"].tolist() == [0.5, 0]
    assert shares["any"].tolist() == [1, 0]


def test_padding_is_never_changed():
    x = one_field([[[1, 0], [0, 1]]], [[True, False]])
    y = one_field([[[1, 0], [1, 0]]], [[True, False]])
    assert {name: share.tolist() for name, share in changed(x, y).items()} == {"a": [0], "any": [0]}


def test_a_walk_passes_the_times_by_euler_steps_between_them(exact_posterior, two_points, field):
    mu, x_s = exact_posterior(two_points, 1.0), 0.5 * two_points
    passed = list(walk(mu, x_s, [0.5, 0.75, 1.0], 2))
    assert [t for t, _ in passed] == [0.5, 0.75, 1.0]
    end = sample(euler_step, mu, x_s, [0.5, 0.625, 0.75, 0.875, 1.0])
    assert distance(passed[-1][1], end)[field].tolist() == [0, 0]


def test_the_semigroup_error_of_a_posterior_that_grows_with_s_is_known():
    # mu_st = s e: X_01(0) = 0, X_{0,1/2}(0) = 0, X_{1/2,1}(0) = e/2.
    e = one_field([[[1.0, 0.0]]])
    mu = lambda x, s, t: s * e  # noqa: E731
    means = averaged(survey(mu, [0 * e], [0.0, 1.0], 2))
    assert means["semigroup", "a", 0.0, 1.0] == pytest.approx(0.5)


def test_every_pair_of_times_is_measured_and_the_ends_once_more(two_points, exact_posterior):
    starts = [s * two_points for s in TIMES[:-1]]
    means = means_of(exact_posterior(two_points, 1.0), starts)
    pairs = {(s, t) for m, _, s, t in means if m == "semigroup"}
    assert pairs == {(s, t) for s in TIMES for t in TIMES if s < t}
    assert {(s, t) for m, _, s, t in means if m == "changed"} == {(s, 1.0) for s in TIMES[:-1]}
    assert {s for m, _, s, t in means if m == "entropy" and s == t} == set(TIMES[:-1])


def test_where_one_point_is_possible_everything_is_exact(exact_posterior, two_points, normal_like):
    data = two_points[:1]
    means = means_of(exact_posterior(data, 1.0), noised(data, 1.0, normal_like))
    assert max(means.values()) < 1e-12


def test_the_exact_map_is_consistent_sure_and_follows_the_flow(
    two_point_flow, field, exact_posterior, normal_like
):
    exact, diagonal = posterior(two_point_flow), exact_posterior(*vars(two_point_flow).values())

    def mu(x: State, s: Tensor, t: Tensor) -> State:
        return diagonal(x, s, t) if bool((s == t).all()) else exact(x, s, t)

    starts = noised(two_point_flow.data, two_point_flow.scale, normal_like)
    means = means_of(mu, starts, substeps=16)
    assert worst(means, "semigroup") < 1e-6
    assert worst(means, "flow") < 2 * worst(means, "flow_floor") < 0.05
    assert worst(means, "flow_euler") > 0.2
    assert worst(means, "changed") == 0
    assert max(means["entropy", field, s, 1.0] for s in TIMES[:-1]) < 1e-6
    assert means["entropy", field, 0.0, 0.0] > 0.3


def test_a_map_of_many_euler_steps_is_nearly_exact(two_points, exact_posterior, normal_like):
    mu = exact_posterior(two_points, 1.0)
    means = means_of(by_euler(mu, 64), noised(two_points, 1.0, normal_like))
    assert worst(means, "semigroup") < 0.02
    assert worst(means, "semigroup_euler") > 0.2


def test_a_map_that_ignores_its_end_is_no_better_than_euler_steps(
    two_points, exact_posterior, normal_like
):
    means = means_of(exact_posterior(two_points, 1.0), noised(two_points, 1.0, normal_like))
    for (measure, field, s, t), value in means.items():
        if measure in ("semigroup", "flow"):
            assert value == means[f"{measure}_euler", field, s, t]


def test_a_map_toward_one_point_is_consistent_and_leaves_the_flow(
    two_points, field, exact_posterior, normal_like
):
    diagonal, point = exact_posterior(two_points, 1.0), two_points[:1]

    def mu(x: State, s: Tensor, t: Tensor) -> State:
        if bool((s == t).all()):
            return diagonal(x, s, t)
        return x.with_values({n: point.values[n].expand_as(v) for n, v in x.values.items()})

    means = means_of(mu, noised(two_points, 1.0, normal_like))
    assert worst(means, "semigroup") < 1e-12
    assert means["flow", field, 0.75, 1.0] == pytest.approx(math.sqrt(2) / 3, rel=0.01)
    assert means["changed", "any", 0.75, 1.0] == 0.5


def test_the_walk_of_more_steps_errs_less(two_points, exact_posterior, normal_like):
    mu, starts = exact_posterior(two_points, 1.0), noised(two_points, 1.0, normal_like)
    coarse, fine = (worst(means_of(mu, starts, k), "flow_floor") for k in (4, 16))
    assert fine < coarse / 2


def test_the_slope_on_the_diagonal_is_the_velocity(network, random_states):
    x, s = random_states([1, 4, 9]), torch.tensor([0.0, 0.3, 0.9], dtype=torch.float64)
    assert slope_error(posterior(network), x, s) < 1e-12


def test_a_transport_of_another_slope_is_found(network, random_states, monkeypatch):
    def by_time(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
        return x + (t - s) * (mu(x, s, t) - x)

    monkeypatch.setattr(health, "flow_map", by_time)
    assert slope_error(posterior(network), random_states([4]), full(0.5)) > 0.1


def test_padding_changes_no_logit(network, network_with_positions, random_states):
    x = random_states([1, 4, 9])
    for net in (network, network_with_positions):
        assert padding_error(net, x, full(0.2, 3), full(0.7, 3)) < 1e-10


def test_attention_to_padding_is_found(network, random_states, monkeypatch):
    def no_mask(exists: Tensor, dtype: torch.dtype) -> Tensor:
        return torch.zeros_like(exists, dtype=dtype)[:, None, None]

    monkeypatch.setattr(sys.modules[type(network).__module__], "key_mask", no_mask)
    assert padding_error(network, random_states([4]), full(0.2), full(0.7)) > 1e-3


def test_a_mean_over_padding_is_found():
    x = one_field([[[1.0, 0.0], [0.0, 0.0]]], [[True, False]])
    pooled = lambda x, s, t: x.map(lambda v: v + v.mean(1, keepdim=True))  # noqa: E731
    # Alone 1 + 1, padded 1 + 1/2.
    assert padding_error(pooled, x, full(0), full(1)) == 0.5


def test_a_network_commutes_with_what_it_does_not_see():
    x = one_field([[[1.0, 2.0], [4.0, 8.0]]])
    flipped = lambda x: x.map(lambda v: v.flip(1))  # noqa: E731
    doubled = lambda x, s, t: 2 * x  # noqa: E731
    first = lambda x, s, t: x.map(lambda v: v[:, :1].expand_as(v))  # noqa: E731
    assert equivariance_error(doubled, x, full(0), full(1), flipped) == 0
    assert equivariance_error(first, x, full(0), full(1), flipped) == 6


def test_a_network_that_is_not_a_number_is_not_passed():
    x = one_field([[[1.0, 0.0]], [[-1.0, 0.0]]])
    broken = lambda x, s, t: x.map(lambda v: v.sqrt())  # noqa: E731
    assert math.isnan(padding_error(broken, x, full(0, 2), full(1, 2)))
