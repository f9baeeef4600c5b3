"""Particles against closed forms: the tilted law of two points, weights that telescope, groups."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from molflow.flow.flow_map import euler_step, flow_map, posterior
from molflow.flow.interpolant import prior
from molflow.flow.particles import (
    Selection,
    WeightedParticles,
    best_of,
    effective_size,
    particles,
    systematic,
)
from molflow.flow.samplers import Step, decoded, renoised, sample
from molflow.flow.state import State
from molflow.flow.times import time_steps


def smooth(x: State, s: Tensor, t: Tensor) -> State:
    """A point of every simplex that depends on everything, far from any vertex."""
    return (x * (0.5 + s + t)).softmax()


def two_variables(b: int, k: int = 3) -> State:
    """b examples of two free variables, all 0."""
    yes = torch.ones(b, 2).bool()
    return State({"a": torch.zeros(b, 2, k).double()}, {"a": yes}, {"a": ~yes})


def score(x_1: State) -> Tensor:
    """Not a sum over the variables: 0, 1, 2 by whether and where the two classes agree."""
    first, second = x_1.argmax()["a"].unbind(1)
    return ((first == second) * (1.0 + (first == 2))).double()


def kernels(x: State, normal_like: Callable, steps: int, amount: float = 1.0) -> list[Step]:
    return [renoised(x.with_values(normal_like(x, 100 + k)), amount) for k in range(steps)]


def uniforms(steps: int, groups: int, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(steps - 1, groups, generator=generator, dtype=torch.float64)


def same(x: State, y: State, atol: float = 0.0) -> bool:
    return all(torch.allclose(v, y.values[name], rtol=0, atol=atol) for name, v in x.values.items())


@pytest.fixture(scope="module")
def walk(normal_like) -> Callable[..., WeightedParticles]:
    """Particles of ``smooth`` rewarded by ``score``."""

    def run(strength: float, groups: int = 30, group: int = 8, steps: int = 4, amount: float = 1.0):
        x_0 = two_variables(groups * group)
        x_0 = x_0.with_values(normal_like(x_0, 0))
        selection = Selection(score, strength, group, uniforms(steps, groups))
        moves = kernels(x_0, normal_like, steps, amount)
        return particles(moves, smooth, x_0, time_steps(steps), selection)

    return run


# The law.


def shares_and_errors(weights: Tensor, hits: Tensor) -> tuple[Tensor, Tensor]:
    """sum w h / sum w over independent groups, and its standard error by the delta method.

    weights: (G, M). hits: (G, M, C).
    """
    top, bottom = (weights[..., None] * hits).sum(1), weights.sum(1)
    shares = top.sum(0) / bottom.sum()
    residuals = top - shares * bottom[:, None]
    return shares, residuals.square().sum(0).sqrt() / bottom.sum()


@pytest.mark.parametrize("strength", [4.0, -3.0])
def test_at_the_exact_map_two_points_come_out_tilted_by_exp_lambda_r(
    two_points, field, two_point_flow, normal_like, strength
):
    # p = 1/2 each, r = 0 and 1: the second has the share 1 / (1 + exp(-lambda)).
    groups, group, steps = 120, 6, 3
    like = two_points[torch.zeros(groups * group, dtype=torch.long)]
    fresh = [prior(like, normal_like(like, k), two_point_flow.scale) for k in range(steps + 1)]

    def second(x_1: State) -> Tensor:
        agrees = x_1.argmax()[field] == two_points.argmax()[field][1]
        return agrees.all(1).double()

    made = particles(
        [renoised(noise, 1.0) for noise in fresh[1:]],
        posterior(two_point_flow),
        fresh[0],
        time_steps(steps),
        Selection(second, strength, group, uniforms(steps, groups)),
    )
    weights = made.log_weights.exp().view(groups, group)
    shares, errors = shares_and_errors(weights, made.rewards.view(groups, group, 1))
    expected = 1 / (1 + torch.tensor(-strength).double().exp())
    assert shares.item() == pytest.approx(expected.item(), abs=4 * errors.item())
    assert made.trace.resampled.any()
    assert errors.item() < 0.03
    # The mean weight is the normalising constant, (1 + exp(lambda)) / 2.
    constants = weights.mean(1)
    assert constants.mean().item() == pytest.approx(
        (1 + torch.tensor(strength).double().exp().item()) / 2,
        abs=4 * constants.std().item() / groups**0.5,
    )


def test_nine_outcomes_come_out_in_the_sampler_s_own_shares_tilted(normal_like):
    # The law at lambda = 0, from many plain samples: what is tilted is the sampler, not the data.
    n, groups, group, strength, times = 20_000, 1500, 8, 2.0, [0, 0.6, 0.8, 1]
    x_0 = two_variables(n)
    x_0 = x_0.with_values(normal_like(x_0, 50))
    plain = sample(kernels(x_0, normal_like, 3), smooth, x_0, times)
    outcome = cells(plain)
    law = outcome.mean(0)
    tilted = law * (strength * score_of_cells()).exp()
    # Both sides are estimates; the tilted law's own error by the delta method, one row per sample.
    expected, expected_error = shares_and_errors(
        (strength * score(decoded(plain))).exp()[:, None], outcome[:, None]
    )
    assert torch.allclose(expected, tilted / tilted.sum())
    x_0 = two_variables(groups * group)
    x_0 = x_0.with_values(normal_like(x_0, 51))
    made = particles(
        kernels(x_0, normal_like, 3),
        smooth,
        x_0,
        times,
        Selection(score, strength, group, uniforms(3, groups)),
    )
    assert made.trace.resampled.any(1).tolist() == [True, True, False]
    shares, errors = shares_and_errors(
        made.log_weights.exp().view(groups, group), cells(made.x).view(groups, group, 9)
    )
    bounds = 4 * (errors.square() + expected_error.square()).sqrt()
    assert ((shares - expected).abs() < bounds).all()
    assert bounds.max() < 0.05
    assert (law - expected).abs().max() > 0.1


def cells(x: State) -> Tensor:
    """(B, 9): which of the nine outcomes, one-hot."""
    first, second = x.argmax()["a"].unbind(1)
    return torch.nn.functional.one_hot(3 * first + second, 9).double()


def score_of_cells() -> Tensor:
    classes = torch.tensor(list(product(range(3), repeat=2)))
    return score(State({"a": torch.nn.functional.one_hot(classes, 3).double()}, {}, {}))


# The weights.


def test_without_resampling_the_weights_telescope_to_exp_lambda_r_of_the_end(walk):
    # At this strength no group loses half of its effective size.
    made = walk(0.2)
    assert not made.trace.resampled.any()
    assert made.trace.ess.min() < 7.9
    assert torch.allclose(made.log_weights, 0.2 * made.rewards, rtol=0, atol=1e-12)
    assert torch.equal(made.rewards, score(decoded(made.x)))


def test_weights_become_their_mean_where_a_group_is_resampled(normal_like):
    # Two groups of four at the first of two steps, t = 1/2: rewards as the classes say. In the
    # first group one particle of weight e^3 among three of weight 1 (ESS < 2), in the second all 0.
    x_0 = two_variables(8)
    x_0 = x_0.with_values(
        {"a": torch.eye(3).double()[[0, 0, 2, 0, 0, 0, 0, 0], None].repeat(1, 2, 1)}
    )
    moves = [renoised(two_variables(8), 1.0), flow_map]
    asked = []

    def reward(x_1: State) -> Tensor:
        asked.append(x_1)
        return 6 * (x_1.argmax()["a"][:, 0] == 2).double()

    made = particles(
        moves, smooth, x_0, [0, 0.5, 1], Selection(reward, 1.0, 4, torch.full((1, 2), 0.5))
    )
    weights = torch.tensor([1, 1, 20.085536923187668, 1]).double()
    assert made.trace.ess[0].tolist() == pytest.approx(
        [weights.sum().item() ** 2 / weights.square().sum().item(), 4]
    )
    assert made.trace.resampled.tolist() == [[True, False], [False, False]]
    # Places 1/8, 3/8, ...: all in the third particle, whose share of the weight is from .09 to .96.
    assert made.trace.ancestors.tolist() == [[1, 4], [1, 4]]
    assert made.rewards.tolist() == [6] * 4 + [0] * 4
    # After: mean weight, times exp(6 - 6 / 2) for the first group.
    mean = weights.mean().log().item()
    assert made.log_weights.tolist() == pytest.approx([mean + 3] * 4 + [0] * 4)
    assert len(asked) == 2


def test_the_last_step_never_resamples(walk):
    made = walk(20.0)
    assert made.trace.resampled[:3].any(1).tolist() == [True, True, True]
    assert not made.trace.resampled[3].any()
    assert (made.trace.ess[3] < 4).any()


def test_resampling_happens_below_half_the_particles_alone(walk):
    trace = walk(5.0).trace
    assert torch.equal(trace.resampled[:3], trace.ess[:3] < 4)
    assert 0 < trace.resampled.sum() < 90


def test_copies_part_at_the_noise_of_their_own(walk):
    made = walk(20.0)
    shared = made.trace.ancestors[3] == 1
    assert shared.any()
    values = made.x.values["a"].view(30, 8, 6)[shared]
    assert all(len(group.unique(dim=0)) > 1 for group in values)


# What stays as it was.


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_at_strength_0_nothing_is_resampled_and_samples_are_the_unguided_ones(
    walk, normal_like, amount
):
    made = walk(0.0, amount=amount)
    x_0 = two_variables(240)
    x_0 = x_0.with_values(normal_like(x_0, 0))
    plain = sample(kernels(x_0, normal_like, 4, amount), smooth, x_0, time_steps(4))
    assert same(made.x, plain)
    assert not made.trace.resampled.any()
    assert made.trace.ess.flatten().tolist() == pytest.approx([8] * 120)
    assert made.trace.ancestors.flatten().tolist() == [8] * 120
    assert made.log_weights.tolist() == [0] * 240


def test_a_group_is_the_same_alone_as_among_others(normal_like):
    def run(first: int, last: int) -> WeightedParticles:
        rows = slice(8 * first, 8 * last)
        moves = [renoised(noise[rows], 1.0) for noise in noises]
        selection = Selection(score, 8.0, 8, uniforms(4, 2)[:, first:last])
        return particles(moves, smooth, x_0[rows], time_steps(4), selection)

    blank = two_variables(16)
    x_0 = blank.with_values(normal_like(blank, 0))
    noises = [blank.with_values(normal_like(blank, k)) for k in range(1, 5)]
    both, parts = run(0, 2), [run(0, 1), run(1, 2)]
    assert both.trace.resampled.any(0).tolist() == [True, True]
    for g, part in enumerate(parts):
        assert same(part.x, both.x[slice(8 * g, 8 * g + 8)], 1e-14)
        assert torch.equal(part.trace.resampled[:, 0], both.trace.resampled[:, g])
        assert torch.equal(part.trace.ancestors[:, 0], both.trace.ancestors[:, g])
        assert torch.allclose(part.log_weights, both.log_weights[8 * g : 8 * g + 8], atol=1e-12)


def test_given_variables_and_padding_hold_in_rewards_and_at_the_end(
    random_states, field, normal_like
):
    noisy = random_states([2, 2, 3, 3], 4)
    x_0 = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    seen = []

    def reward(x_1: State) -> Tensor:
        seen.append(x_1)
        return x_1.values[field][..., 2].sum(1)

    moves = kernels(x_0, normal_like, 3)
    made = particles(moves, smooth, x_0, time_steps(3), Selection(reward, 9.0, 2, uniforms(3, 2)))
    for name, free in x_0.free.items():
        held = ~free & ~x_0.given[name]
        for state in (made.x, *seen):
            assert torch.equal(state.values[name][held], 0 * state.values[name][held])
        for state in seen:
            assert set(state.values[name][free].flatten().tolist()) == {0, 1}


# What it costs.


@pytest.mark.parametrize(
    ("step", "evaluations"),
    [
        (renoised(two_variables(4), 1.0), 3),
        (renoised(two_variables(4), 0.5), 5),
        (flow_map, 5),
        (euler_step, 5),
    ],
)
def test_evaluations_are_counted_and_a_jump_to_the_end_is_not_made_twice(step, evaluations):
    asked, rewarded = [], []

    def mu(x: State, s: Tensor, t: Tensor) -> State:
        asked.append((s[0].item(), t[0].item()))
        return smooth(x, s, t)

    def reward(x_1: State) -> Tensor:
        rewarded.append(x_1)
        return score(x_1)

    selection = Selection(reward, 1.0, 2, uniforms(3, 2))
    made = particles(step, mu, two_variables(4), time_steps(3), selection)
    assert made.evaluations == len(asked) == evaluations
    assert len(rewarded) == 3


def test_one_step_weighs_the_ends_and_looks_nowhere_else(normal_like):
    x_0 = two_variables(4)
    x_0 = x_0.with_values(normal_like(x_0, 0))
    made = particles(flow_map, smooth, x_0, [0, 1], Selection(score, 3.0, 2, torch.empty(0, 2)))
    assert made.evaluations == 1
    assert same(made.x, sample(flow_map, smooth, x_0, [0, 1]))
    assert made.log_weights.tolist() == (3 * score(decoded(made.x))).tolist()


# Parts.


def test_systematic_resampling_takes_every_particle_its_share_of_times():
    weights = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25] * 4]).double()
    index = systematic(weights.log() + 7, torch.tensor([0.25, 0.9]).double())
    # Places 1/16, 5/16, 9/16, 13/16 and .225, .475, .725, .975.
    assert index.tolist() == [[0, 0, 1, 2], [0, 1, 2, 3]]


def test_systematic_resampling_is_unbiased():
    weights = torch.tensor([0.61, 0.04, 0.3, 0.05]).double()
    starts = (torch.arange(10_000).double() + 0.5) / 10_000
    index = systematic(weights.log().expand(10_000, 4), starts)
    counts = torch.nn.functional.one_hot(index, 4).sum(1)
    assert counts.double().mean(0).tolist() == pytest.approx((4 * weights).tolist(), abs=1e-3)
    assert ((counts - 4 * weights).abs() < 1).all()


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_a_particle_of_weight_0_is_never_taken(uniform):
    weights = torch.tensor([[0.0, 0.1, 0.2, 0.7, 0.0]])
    index = systematic(weights.log(), torch.tensor([uniform]))
    assert set(index[0].tolist()) <= {1, 2, 3}


def test_sums_that_are_rounded_below_1_lead_to_no_particle_that_is_not_there():
    # In float32 these weights sum to 1 - 2^-23; the last place is there too.
    log_weights = -0.01 * torch.arange(1000.0)[None]
    index = systematic(log_weights, torch.tensor([1 - 2**-24]))
    assert index.max() == 999


@pytest.mark.parametrize(
    ("weights", "size"), [([1, 1, 1, 1], 4), ([1, 0, 0, 0], 1), ([1, 1, 0, 0], 2), ([3, 1], 1.6)]
)
def test_the_effective_size_counts_the_particles_that_matter(weights, size):
    assert effective_size(torch.tensor(weights).double().log() - 900).item() == pytest.approx(size)


def test_the_best_of_each_group_is_found_and_of_equals_the_first():
    assert best_of(torch.tensor([1.0, 3, 3, 2, 0, -1, -5, -2, -2]), 3).tolist() == [1, 3, 7]


def test_a_group_of_one_is_its_own_best():
    assert best_of(torch.tensor([1.0, 3]), 1).tolist() == [0, 1]
