"""Guidance against enumeration: every draw of a small exact posterior, weighted by hand."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from molflow.flow.flow_map import Posterior, euler_step, flow_map, posterior
from molflow.flow.guidance import (
    Gradient,
    Record,
    best_draw,
    guided,
    look_ahead,
    score_gradient,
    uphill,
    value_gradient,
)
from molflow.flow.interpolant import prior
from molflow.flow.samplers import Step, decoded, draw, renoised, sample
from molflow.flow.state import Fields, State
from molflow.flow.times import time_steps

OUTCOMES = torch.tensor(list(product(range(3), repeat=2)))
SCORES = torch.tensor([[0.3, -1, 2], [0, 0.7, -0.4], [1.5, 0.2, 0.9]], dtype=torch.float64)


def clean(classes: Tensor, k: int = 3) -> State:
    """(B, D) classes -> one-hot, all variables free."""
    hot = torch.nn.functional.one_hot(classes, k).double()
    yes = torch.ones_like(classes).bool()
    return State({"a": hot}, {"a": yes}, {"a": ~yes})


def at(time: float, x: State) -> Tensor:
    return x.everywhere(time)


def score(x_1: State) -> Tensor:
    """Not a sum over the variables: a table of the nine outcomes."""
    classes = x_1.argmax()["a"]
    return SCORES[classes[:, 0], classes[:, 1]]


@pytest.fixture(scope="module")
def class_numbers(field) -> Callable[[State], Tensor]:
    """The sum of the class numbers of all atoms or tokens."""
    return lambda x_1: (x_1.values[field] * torch.arange(8)).sum((1, 2))


def choosing(classes: Tensor) -> Fields:
    """Uniform numbers that draw these classes wherever they are possible: (B, D) -> (B, D, 3)."""
    return clean(classes).values


def same(x: State, y: State, atol: float = 0.0) -> bool:
    return all(torch.allclose(v, y.values[name], rtol=0, atol=atol) for name, v in x.values.items())


def smooth(x: State, s: Tensor, t: Tensor) -> State:
    """A point of every simplex that depends on everything."""
    return (x * (0.5 + s + t)).softmax()


def counted(mu: Posterior) -> tuple[Posterior, list[tuple[float, float]]]:
    asked: list[tuple[float, float]] = []

    def asking(x: State, s: Tensor, t: Tensor) -> State:
        asked.append((s[0].item(), t[0].item()))
        return mu(x, s, t)

    return asking, asked


def never(x_1: State) -> Tensor:
    raise AssertionError("a reward was asked for")


@pytest.fixture(scope="module")
def uniform_like() -> Callable[[State, int], Fields]:
    def numbers(x: State, seed: int) -> Fields:
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.rand(v.shape, generator=generator, dtype=v.dtype)
            for name, v in x.values.items()
        }

    return numbers


@pytest.fixture(scope="module")
def mu(exact_posterior) -> Posterior:
    """The exact posterior of four objects of two variables; the second time is not looked at."""
    return exact_posterior(clean(torch.tensor([[0, 0], [1, 2], [2, 1], [2, 2]])), 1.0)


@pytest.fixture(scope="module")
def x(normal_like) -> State:
    """Three noisy states of two variables."""
    like = clean(torch.zeros(3, 2, dtype=torch.long))
    return like.with_values(normal_like(like, 0))


# The look-ahead.


def some_entropy(x: State, s: Tensor, t: Tensor) -> State:
    """mu_{s,1} is uniform for the first example and nearly certain for the others; mu_{s,s} is
    (1/2, 1/2, 0) for all."""
    if not (t == 1).all():
        return x.map(lambda v: torch.tensor([0.5, 0.5, 0.0]).double().expand_as(v))
    first = torch.arange(len(x))[:, None, None] == 0
    sure = torch.tensor([1.0, 0.0, 0.0]).double()
    return x.map(lambda v: torch.where(first, 1 / 3, sure.expand_as(v)))


def test_endpoints_are_drawn_from_the_jump_where_it_has_entropy_and_else_from_the_diagonal(x):
    ahead = look_ahead(some_entropy, x, at(0.2, x), 0.5)
    assert ahead.entropy.tolist() == pytest.approx([1.0986122886681098, 0, 0])
    assert ahead.jumped.tolist() == [True, False, False]
    assert ahead.mu.values["a"][0].flatten().tolist() == pytest.approx([1 / 3] * 6)
    assert ahead.mu.values["a"][1:].flatten().tolist() == [0.5, 0.5, 0.0] * 4
    assert ahead.evaluations == 2


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_diagonal_is_not_evaluated_where_nothing_needs_it(x, floor):
    asking, asked = counted(smooth)
    ahead = look_ahead(asking, x, at(0.25, x), floor)
    assert asked == [(0.25, 1.0)]
    assert ahead.jumped.all()
    assert ahead.evaluations == 1


def test_the_entropy_is_a_mean_over_the_free_variables_of_all_fields(random_states, field):
    # Two atoms and their pair, one atom held: log 8 and log 4 in the mean, nothing for padding.
    # Two tokens, one held: log 8.
    nats = {"atoms": (2.0794415416798357 + 1.3862943611198906) / 2, "tokens": 2.0794415416798357}
    noisy = random_states([2], 3)
    held = noisy.hold(
        {name: torch.arange(m.shape[1]) < (name == field) for name, m in noisy.exists.items()}
    )
    flat = look_ahead(lambda x, s, t: (0.0 * x).softmax(), held, at(0.0, held), 0.0)
    assert flat.entropy.item() == pytest.approx(nats[field])


def test_given_variables_are_drawn_clean_and_padding_is_drawn_0(random_states, uniform_like):
    noisy = random_states([1, 2, 3], 4)
    x = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    x_1 = draw(look_ahead(smooth, x, at(0.3, x), 0.5).mu, uniform_like(x, 1))
    for name, free in x.free.items():
        assert torch.equal(x_1.values[name][~free], x.values[name][~free])
        assert torch.equal(x_1.values[name][free].amax(-1), torch.ones(int(free.sum())).double())
        assert torch.equal(x_1.values[name][free].sum(-1), torch.ones(int(free.sum())).double())


# The gradient of the expected reward.


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("time", [0.0, 0.2, 0.5])
def test_the_mean_of_the_estimate_over_all_draws_is_the_exact_gradient(x, mu, k, time):
    def expected(values: Tensor) -> Tensor:
        probability = mu(one.with_values({"a": values}), at(time, one), at(1.0, one)).values["a"][0]
        each = probability[0, OUTCOMES[:, 0]] * probability[1, OUTCOMES[:, 1]]
        return (each * SCORES[OUTCOMES[:, 0], OUTCOMES[:, 1]]).sum()

    one = x[:1]
    leaf = one.values["a"].clone().requires_grad_()
    exact = torch.autograd.grad(expected(leaf), leaf)[0]
    # One example of the batch for every combination of k outcomes.
    combinations = torch.tensor(list(product(range(9), repeat=k)))
    many = x[torch.zeros(len(combinations), dtype=torch.long)]
    uniforms = [choosing(OUTCOMES[combinations[:, i]]) for i in range(k)]
    found = score_gradient(mu, many, at(time, many), score, uniforms, 0.0)
    p = mu(one, at(time, one), at(1.0, one)).values["a"][0]
    outcome = p[0, OUTCOMES[:, 0]] * p[1, OUTCOMES[:, 1]]
    weights = outcome[combinations].prod(1)
    assert weights.sum().item() == pytest.approx(1)
    mean = (weights[:, None, None] * found.slope.values["a"]).sum(0)
    assert torch.allclose(mean, exact[0], rtol=0, atol=1e-12)
    assert (exact.abs().max() > 0.01) == (time > 0)


def test_the_gradient_is_exactly_zero_where_all_draws_have_one_reward(x, mu, uniform_like):
    uniforms = [uniform_like(x, seed) for seed in range(3)]
    tenth = score_gradient(
        mu, x, at(0.4, x), lambda x_1: torch.full((3,), 0.1, dtype=torch.float64), uniforms, 0.0
    )
    assert torch.equal(tenth.slope.values["a"], torch.zeros(3, 2, 3).double())


def test_the_gradient_is_found_where_gradients_are_off_and_leaves_no_trace(x, mu, uniform_like):
    uniforms = [uniform_like(x, seed) for seed in (1, 2)]
    with torch.no_grad():
        off = score_gradient(mu, x, at(0.4, x), score, uniforms, 0.0)
    on = score_gradient(mu, x, at(0.4, x), score, uniforms, 0.0)
    assert same(on.slope, off.slope)
    assert off.slope.values["a"].abs().max() > 0
    for tensor in (on.slope.values["a"], on.ahead.mu.values["a"], x.values["a"], on.rewards):
        assert not tensor.requires_grad


def test_the_rewards_are_those_of_the_draws(x, mu):
    classes = torch.tensor([[2, 2], [2, 2], [2, 2]]), torch.tensor([[0, 0], [1, 2], [2, 1]])
    found = score_gradient(mu, x, at(0.4, x), score, [choosing(c) for c in classes], 0.0)
    assert found.rewards.tolist() == [[0.9, 0.9, 0.9], [0.3, -0.4, 0.2]]


def test_the_gradient_goes_through_the_posterior_that_was_drawn_from(x, uniform_like):
    # mu_{t,1} = softmax(4 x) has little entropy, mu_{t,t} = softmax(x) is taken: a quarter of it.
    def mu(x: State, s: Tensor, t: Tensor) -> State:
        return (x * (1 + 3 * t)).softmax()

    uniforms = [choosing(torch.tensor([[0, 0]] * 3)), choosing(torch.tensor([[2, 1]] * 3))]
    found = score_gradient(mu, x, at(0.0, x), score, uniforms, 2.0)
    assert not found.ahead.jumped.any()
    assert found.evaluations == 4
    # (r_1 - r_2) (grad log mu(first) - grad log mu(second)) / 2, grad log softmax_c = e_c - mu.
    first, second = clean(torch.tensor([[0, 0]] * 3)), clean(torch.tensor([[2, 1]] * 3))
    by_hand = 0.5 * (score(first) - score(second)) * (first - second)
    assert same(found.slope, by_hand, 1e-12)


def test_the_gradient_is_zero_on_given_and_padded_variables(
    random_states, field, class_numbers, uniform_like
):
    noisy = random_states([1, 2, 3], 4)
    x = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    uniforms = [uniform_like(x, seed) for seed in range(4)]

    def mixed(x: State, s: Tensor, t: Tensor) -> State:
        return x.map(lambda v: (v + v.mean(1, keepdim=True)).softmax(-1))

    found = score_gradient(mixed, x, at(0.3, x), class_numbers, uniforms, 0.0)
    for name, free in x.free.items():
        assert torch.equal(found.slope.values[name][~free], 0 * x.values[name][~free])
    assert found.slope.values[field].abs().max() > 0


# Steps bent uphill.


def test_strength_0_is_the_step_itself_and_evaluates_nothing_more(x, mu, uniform_like):
    asking, asked = counted(mu)
    step = guided(flow_map, never, 0.0, [uniform_like(x, 1), uniform_like(x, 2)], 0.5)
    made = step(asking, x, at(0.0, x), at(0.5, x))
    assert asked == [(0.0, 0.5)]
    assert same(made, flow_map(mu, x, at(0.0, x), at(0.5, x)))


@pytest.fixture(scope="module")
def exact(two_points, two_point_flow, exact_posterior) -> Posterior:
    """The exact map of two points. Where it jumps to the end it has no gradient: it is a vertex."""
    diagonal = exact_posterior(two_points, two_point_flow.scale)

    def mu(x: State, s: Tensor, t: Tensor) -> State:
        if torch.equal(s, t):
            return diagonal(x, s, t)
        with torch.no_grad():
            return posterior(two_point_flow)(x, s, t)

    return mu


@pytest.fixture(scope="module")
def noise(two_points, two_point_flow, normal_like) -> Callable[[int], State]:
    def start(n: int) -> State:
        like = two_points[torch.zeros(n, dtype=torch.long)]
        return prior(like, normal_like(like, 3), two_point_flow.scale)

    return start


@pytest.fixture(scope="module")
def second(two_points, field) -> Callable[[State], Tensor]:
    """How many atoms or tokens are those of the second point, at most 3; the first has one."""
    return lambda x_1: (x_1.values[field] * two_points.values[field][1]).sum((1, 2))


@pytest.fixture(scope="module")
def toward(two_points, noise) -> Callable[..., Step]:
    """A flow map step of five examples guided by a reward; the first draw is the first point, the
    second the second."""

    def step(
        reward: Callable[[State], Tensor], strength: float, record: Record | None = None
    ) -> Step:
        draws = [
            {name: v[i].expand(5, -1, -1) for name, v in two_points.values.items()} for i in (0, 1)
        ]
        return guided(flow_map, reward, strength, draws, 5.0, record)

    return step


@pytest.mark.parametrize("time", [0.75, 1.0])
@pytest.mark.parametrize("strength", [0.25, -0.5, 2.0])
def test_a_guided_step_starts_from_a_state_moved_uphill(
    exact, toward, second, noise, two_points, two_point_flow, time, strength
):
    # The posterior knows one direction only: the axis from the first point to the second.
    x = noise(5)
    s, t = at(0.5, x), at(time, x)
    moved = euler_step(exact, x, s, t) - x
    length = sum(v.square().sum((1, 2)) for v in moved.values.values()).sqrt()
    by_hand = x.with_values(
        {
            name: v + (strength * length / (2 * two_point_flow.half))[:, None, None] * (q - p)
            for (name, v), (p, q) in zip(x.values.items(), two_points.values.values(), strict=True)
        }
    )
    made = toward(second, strength)(exact, x, s, t)
    assert same(made, flow_map(exact, by_hand, s, t), 1e-9)


def test_the_scale_of_the_reward_changes_nothing(exact, toward, second, noise):
    x = noise(5)
    made, tiny = (
        toward(reward, 0.5)(exact, x, at(0.5, x), at(0.75, x))
        for reward in (second, lambda x_1: 1e-200 * second(x_1))
    )
    assert same(made, tiny, 1e-12)


def test_a_zero_gradient_adds_nothing(exact, toward, noise):
    x, told = noise(5), []
    step = toward(
        lambda x_1: torch.full((5,), 0.1, dtype=torch.float64),
        2.0,
        lambda s, found: told.append(s.tolist()),
    )
    made = step(exact, x, at(0.5, x), at(0.75, x))
    assert same(made, flow_map(exact, x, at(0.5, x), at(0.75, x)))
    assert told == [[0.5] * 5]


@pytest.mark.parametrize("fault", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_adds_nothing_to_its_example(x, mu, fault):
    draws = [choosing(torch.tensor([classes] * 3)) for classes in ([0, 0], [1, 2])]

    def ascent(mu: Posterior, x: State, t: Tensor) -> Gradient:
        found = score_gradient(mu, x, t, score, draws, 0.0)
        spoiled = found.slope.values["a"].clone()
        spoiled[1, 0, 0] = fault
        return Gradient(x.with_values({"a": spoiled}), found.ahead, found.rewards)

    s, t = at(0.4, x), at(0.7, x)
    made, plain = uphill(flow_map, ascent, 0.5)(mu, x, s, t), flow_map(mu, x, s, t)
    moved = (made.values["a"] - plain.values["a"]).abs().amax((1, 2))
    assert moved[1] == 0
    assert moved[[0, 2]].min() > 1e-3


@pytest.mark.parametrize(
    ("floor", "evaluations"), [(0.0, [(0.5, 1.0)]), (5.0, [(0.5, 1.0), (0.5, 0.5)])]
)
def test_a_guided_step_evaluates_the_look_ahead_and_the_step(x, uniform_like, floor, evaluations):
    asking, asked = counted(smooth)
    told = []
    step = guided(
        flow_map,
        score,
        0.5,
        [uniform_like(x, 1), uniform_like(x, 2)],
        floor,
        lambda s, found: told.append(found.evaluations),
    )
    step(asking, x, at(0.5, x), at(0.75, x))
    assert asked == [*evaluations, (0.5, 0.75)]
    # A backward pass for every forward pass.
    assert told == [2 * len(evaluations)]


def test_guidance_from_x_0_raises_the_reward_at_one_step(uniform_like, normal_like):
    # A map whose look-ahead has entropy. The reward is the number of variables of class 2.
    like = clean(torch.zeros(400, 4, dtype=torch.long))
    x_0 = like.with_values(normal_like(like, 1))
    uniforms = [uniform_like(x_0, seed) for seed in range(8)]

    def twos(x_1: State) -> Tensor:
        return x_1.values["a"][..., 2].sum(1)

    plain, better = (
        sample(guided(flow_map, twos, strength, uniforms, 0.0), smooth, x_0, time_steps(1))
        for strength in (0.0, 0.5)
    )
    assert twos(decoded(plain)).mean().item() == pytest.approx(4 / 3, abs=0.2)
    assert twos(decoded(better)).mean() > 2


def test_the_exact_flow_map_is_guided_toward_the_rewarded_point(exact, second, noise, uniform_like):
    # Unguided half of the examples end at each point. At time 0 the exact map has no gradient.
    x_0 = noise(100)

    def share(strength: float) -> float:
        bent = [
            guided(flow_map, second, strength, [uniform_like(x_0, 8 * k + i) for i in range(8)], 5)
            for k in range(2)
        ]
        x_1 = decoded(sample([flow_map, *bent], exact, x_0, [0, 0.3, 0.6, 1]))
        return (second(x_1) == 3).double().mean().item()

    assert share(0.5) > 0.65
    assert share(-0.5) < 0.35


def test_an_example_is_guided_alone_as_in_a_batch(x, uniform_like):
    uniforms = [uniform_like(x, 1), uniform_like(x, 2)]
    together = guided(euler_step, score, 0.5, uniforms, 0.9)(smooth, x, at(0.2, x), at(0.7, x))
    for b in range(3):
        one = x[b : b + 1]
        alone = guided(euler_step, score, 0.5, [{"a": u["a"][b : b + 1]} for u in uniforms], 0.9)(
            smooth, one, at(0.2, one), at(0.7, one)
        )
        assert same(together[b : b + 1], alone, 1e-14)


def test_a_molecule_of_one_atom_has_no_pair_and_is_guided(
    random_states, field, class_numbers, uniform_like
):
    x = random_states([1, 1], 1)
    uniforms = [uniform_like(x, seed) for seed in range(8)]
    step = guided(flow_map, class_numbers, 0.5, uniforms, 0.0)
    made = step(smooth, x, at(0.0, x), at(1.0, x))
    assert torch.isfinite(made.values[field]).all()
    assert not same(made, flow_map(smooth, x, at(0.0, x), at(1.0, x)), 1e-3)


# The best of some draws.


def test_of_two_even_classes_the_better_is_found_by_two_draws_in_three_of_four(uniform_like):
    n = 4_000
    x = clean(torch.zeros(n, 1, dtype=torch.long))
    step = best_draw(
        flow_map, lambda x_1: x_1.values["a"][:, 0, 1], [uniform_like(x, 1), uniform_like(x, 2)]
    )
    made = step(some_entropy_halves, x, at(0.0, x), at(1.0, x))
    # The argmax of equals is the first class: only the draws find the second.
    assert decoded(made).values["a"][:, 0, 1].mean().item() == pytest.approx(
        0.75, abs=4 * (0.75 * 0.25 / n) ** 0.5
    )


def some_entropy_halves(x: State, s: Tensor, t: Tensor) -> State:
    return x.map(lambda v: torch.tensor([0.5, 0.5, 0.0]).double().expand_as(v))


def test_the_best_draw_is_never_worse_than_the_step_and_the_best_of_what_was_drawn(x, uniform_like):
    uniforms = [uniform_like(x, seed) for seed in range(4)]
    s, t = at(0.0, x), at(1.0, x)
    told: list[Tensor] = []
    made = best_draw(flow_map, score, uniforms, 2.0, told.append)(smooth, x, s, t)
    mu = smooth(x, s, t)
    options = torch.stack([score(decoded(mu)), *(score(draw(mu, u, 2.0)) for u in uniforms)])
    assert torch.equal(score(decoded(made)), options.amax(0))
    assert torch.equal(torch.stack(told), options.amax(0)[None])
    assert (options.amax(0) > options[0]).any()


def test_the_best_draw_costs_the_evaluations_of_the_step(x, uniform_like):
    asking, asked = counted(smooth)
    best_draw(flow_map, score, [uniform_like(x, 1)])(asking, x, at(0.0, x), at(1.0, x))
    assert asked == [(0.0, 1.0)]


@pytest.mark.parametrize("time", [0.5, 1.0])
def test_where_no_draw_is_better_the_step_is_itself(x, uniform_like, time):
    s, t = at(0.0, x), at(time, x)
    step = best_draw(flow_map, lambda x_1: torch.ones(3).double(), [uniform_like(x, 1)])
    assert same(step(smooth, x, s, t), flow_map(smooth, x, s, t))


def test_the_best_draw_can_be_noised_again(x, normal_like, uniform_like):
    noise = x.with_values(normal_like(x, 7))
    step = best_draw(renoised(noise, 1.0), score, [choosing(torch.tensor([[0, 2]] * 3))])
    made = step(smooth, x, at(0.0, x), at(0.25, x))
    # The largest score of all, drawn for every example.
    assert same(made, 0.75 * noise + 0.25 * clean(torch.tensor([[0, 2]] * 3)), 1e-12)


def test_the_best_draw_holds_given_variables_and_padding(random_states, uniform_like):
    noisy = random_states([1, 2, 3], 4)
    x = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    seen = []

    def reward(x_1: State) -> Tensor:
        seen.append(x_1)
        *_, last = x_1.values.values()
        return last[..., 1].sum(1)

    step = best_draw(flow_map, reward, [uniform_like(x, seed) for seed in range(3)])
    made = step(smooth, x, at(0.3, x), at(1.0, x))
    for name, free in x.free.items():
        for state in (made, *seen):
            assert torch.equal(state.values[name][~free], x.values[name][~free])
        for state in seen:
            assert set(state.values[name][free].flatten().tolist()) == {0, 1}


# A surrogate.


def test_the_gradient_of_a_value_is_that_through_the_look_ahead(x):
    weights = torch.arange(3, dtype=torch.float64).square()

    def value(mu: State) -> Tensor:
        return (mu.values["a"] * weights).sum((1, 2))

    for floor, end in ((0.0, 1.0), (9.0, 0.25)):
        mu, asked = counted(smooth)
        found = value_gradient(mu, x, at(0.25, x), value, floor)
        scale = 0.5 + 0.25 + end
        soft = (x.values["a"] * scale).softmax(-1)
        slope = scale * soft * (weights - (soft * weights).sum(-1, keepdim=True))
        assert torch.allclose(found.slope.values["a"], slope, rtol=0, atol=1e-12)
        assert torch.allclose(found.rewards, (soft * weights).sum((1, 2))[None])
        assert found.evaluations == 2 * len(asked)
        assert not found.ahead.mu.values["a"].requires_grad


def test_a_value_that_ignores_the_state_has_no_gradient(x):
    found = value_gradient(smooth, x, at(0.5, x), lambda mu: mu.values["a"].sum((1, 2)) * 0, 0.0)
    assert (found.slope.values["a"] == 0).all()


def test_a_value_is_not_climbed_on_given_variables(x):
    held = x.hold({"a": torch.tensor([[True, False]]).expand(len(x), 2)})
    found = value_gradient(smooth, held, at(0.5, x), lambda mu: mu.values["a"][..., 0].sum(1), 0.0)
    assert (found.slope.values["a"][:, 0] == 0).all()
    assert (found.slope.values["a"][:, 1] != 0).all()
