"""Losses off the diagonal: zero at an exact flow map, right gradients, finite at every time."""

import math
from copy import deepcopy
from functools import partial
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, jvp
from torch.nn import functional as F

from molflow.flow.distillation import (
    ECLD_DERIVED,
    ECLD_GRAPH,
    ECLD_TEXT,
    EcldForm,
    csd_loss,
    csd_official_loss,
    ecld_loss,
    psd_loss,
    semigroup_weight,
)
from molflow.flow.flow_map import flow_map, posterior
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.state import Fields, State, mean_over_free


def psd_with(r: float):
    return lambda net, teacher, x_s, s, t: psd_loss(net, teacher, x_s, s, t, torch.full_like(t, r))


LOSSES = {
    "csd": csd_loss,
    "csd_official": csd_official_loss,
    "ecld_graph": partial(ecld_loss, form=ECLD_GRAPH),
    "ecld_text": partial(ecld_loss, form=ECLD_TEXT),
    "ecld_derived": partial(ecld_loss, form=ECLD_DERIVED),
    "psd": psd_with(0.3),
}
VANISHING = ["csd", "csd_official", "psd"]
EDGES = [(0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0), (1 - 2**-24, 1.0)]


def all_losses(names=tuple(LOSSES)):
    return pytest.mark.parametrize("loss", [LOSSES[name] for name in names], ids=names)


def total(fields: Fields) -> torch.Tensor:
    return torch.stack([value.sum() for value in fields.values()]).sum()


def times(*values: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype)


def gradients(fields: Fields, net: nn.Module) -> dict[str, torch.Tensor | None]:
    found = torch.autograd.grad(total(fields), list(net.parameters()), allow_unused=True)
    return dict(zip(dict(net.named_parameters()), found, strict=True))


def uninformed(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """A teacher that knows nothing: all logits 0."""
    return 0 * x


@pytest.fixture(scope="module")
def on_path(two_points, normal_like):
    """scale, times s (B,) -> points of the path of the two-point flow at those times."""

    def points(scale: float, s: torch.Tensor) -> State:
        x_1 = two_points[torch.arange(len(s)) % 2]
        return interpolate(prior(x_1, normal_like(x_1, 5), scale), x_1, s)

    return points


@pytest.fixture(scope="module")
def pairs():
    """Pairs (s, t) apart from each other, some of them to the end, and two on the diagonal."""
    grid = [(s, t) for s in (0.0, 0.1, 0.4, 0.7) for t in (0.2, 0.5, 0.9, 1.0) if s < t]
    s, t = torch.tensor([*grid, (0.0, 0.0), (0.6, 0.6)], dtype=torch.float64).T
    return s, t


@pytest.fixture(scope="module")
def x_s(random_states, field) -> State:
    """Examples of size 1 to 4 padded to 5, noisy, with the first variable of the last one given."""
    noisy = random_states([1, 2, 3, 4], 5)
    given = {name: torch.zeros_like(mask) for name, mask in noisy.exists.items()}
    given[field][3, 0] = True
    return noisy.hold(given)


S, T = times(0.0, 0.2, 0.5, 0.1), times(0.3, 0.9, 0.6, 0.8)


@pytest.fixture(scope="module")
def other(perturbed, fresh_network):
    """Another full-size network: a teacher of its own."""
    return perturbed(fresh_network(), seed=7).eval()


@pytest.fixture(scope="module")
def single(perturbed, fresh_network):
    """A full-size network in single precision. Not to be changed."""
    return perturbed(fresh_network(torch.float32))


# The exact flow map of two points.


def test_the_two_point_map_has_the_exact_posterior_on_its_diagonal(
    two_point_flow, two_points, exact_posterior, on_path
):
    t = times(0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    x_t = on_path(two_point_flow.scale, t)
    made = posterior(two_point_flow)(x_t, t, t)
    known = exact_posterior(two_points, two_point_flow.scale)(x_t, t, t)
    for name in x_t.values:
        assert torch.allclose(made.values[name], known.values[name], rtol=0, atol=1e-12)


def test_off_the_diagonal_the_two_point_map_tends_to_it(two_point_flow, on_path):
    s = times(0.1, 0.3, 0.5, 0.7)
    x_s = on_path(two_point_flow.scale, s)
    on, off = (posterior(two_point_flow)(x_s, s, t) for t in (s, s + 1e-6))
    for name in x_s.values:
        assert torch.allclose(on.values[name], off.values[name], rtol=0, atol=1e-4)


def test_the_two_point_map_does_not_move_where_s_is_t(two_point_flow, on_path):
    t = times(0.0, 0.2, 0.5, 0.9)
    x_t = on_path(two_point_flow.scale, t)
    moved = flow_map(posterior(two_point_flow), x_t, t, t)
    assert all(torch.equal(moved.values[name], x_t.values[name]) for name in x_t.values)


@given(grid=st.tuples(*[st.integers(0, 19)] * 3).map(sorted))
def test_two_short_jumps_of_the_two_point_map_equal_a_long_one(two_point_flow, on_path, grid):
    s, u, t = (torch.full((4,), k / 20, dtype=torch.float64) for k in grid)
    x_s, mu = on_path(two_point_flow.scale, s), posterior(two_point_flow)
    twice, once = flow_map(mu, flow_map(mu, x_s, s, u), u, t), flow_map(mu, x_s, s, t)
    for name in x_s.values:
        assert torch.allclose(twice.values[name], once.values[name], rtol=0, atol=1e-10)


def test_the_two_point_map_moves_along_its_own_velocity(two_point_flow, on_path, pairs):
    s, t = (time[(pairs[0] < pairs[1]) & (pairs[1] < 1)] for time in pairs)
    x_s, mu = on_path(two_point_flow.scale, s), posterior(two_point_flow)
    moved, slope = jvp(lambda time: flow_map(mu, x_s, s, time).values, (t,), (torch.ones_like(t),))
    x_t = x_s.with_values(moved)
    velocity = (mu(x_t, t, t) - x_t) * (1 / (1 - t))
    for name in x_s.values:
        assert torch.allclose(slope[name], velocity.values[name], atol=1e-9)


@all_losses(VANISHING)
def test_at_the_exact_flow_map_lagrangian_and_semigroup_losses_vanish(
    loss, two_point_flow, on_path, pairs
):
    s, t = pairs
    values = loss(two_point_flow, two_point_flow, on_path(two_point_flow.scale, s), s, t)
    assert max(value.abs().max().item() for value in values.values()) < 1e-12


@pytest.mark.parametrize("r", [0.01, 0.5, 0.99])
def test_the_semigroup_loss_vanishes_wherever_the_jump_is_cut(two_point_flow, on_path, pairs, r):
    s, t = pairs
    x_s = on_path(two_point_flow.scale, s)
    values = psd_with(r)(two_point_flow, two_point_flow, x_s, s, t)
    assert max(value.abs().max().item() for value in values.values()) < 1e-12


@all_losses(["csd", "csd_official"])
def test_a_teacher_that_knows_the_diagonal_alone_suffices(
    loss, two_point_flow, two_points, exact_posterior, on_path, pairs
):
    s, t = pairs
    mu = exact_posterior(two_points, two_point_flow.scale)
    values = loss(
        two_point_flow,
        lambda x, s, t: mu(x, s, t).map(lambda p: (p + 1e-30).log()),
        on_path(two_point_flow.scale, s),
        s,
        t,
    )
    assert max(value.abs().max().item() for value in values.values()) < 1e-12


@all_losses(VANISHING)
def test_a_map_that_moves_toward_the_diagonal_posterior_is_not_exact(loss, two_point_flow, on_path):
    s, t = times(0.0, 0.3), times(0.5, 0.8)

    def straight(x, s, t):
        return two_point_flow(x, s, s)

    values = loss(straight, two_point_flow, on_path(two_point_flow.scale, s), s, t)
    assert min(value.min().item() for value in values.values()) > 1e-5


@all_losses(["ecld_graph", "ecld_text", "ecld_derived"])
def test_ecld_does_not_vanish_at_the_exact_flow_map(loss, two_point_flow, on_path):
    s, t = times(0.0, 0.1), times(0.2, 0.4)
    values = loss(two_point_flow, two_point_flow, on_path(two_point_flow.scale, s), s, t)
    assert min(value.min().item() for value in values.values()) > 0.01


@all_losses(VANISHING)
def test_the_live_teacher_has_nothing_to_teach_on_the_diagonal(loss, network, x_s):
    values = loss(network, network, x_s, T, T)
    assert max(value.abs().max().item() for value in values.values()) < 1e-14


# Values by hand: one variable of two classes, logits (0, t), a teacher at (1/2, 1/2).

SIGMOID = 1 / (1 + math.exp(-0.75))
SLOPE = SIGMOID * (1 - SIGMOID)
ENTROPY = -0.5 * (math.log(SIGMOID) + math.log(1 - SIGMOID))


def by_hand(loss) -> float:
    """``loss`` from s = 1/2 to t = 3/4: (t-s)/(1-s) = 1/2, g = 1/8."""
    x_s = State(
        {"a": times(0.3, -0.2)[None, None]},
        {"a": torch.ones(1, 1).bool()},
        {"a": torch.zeros(1, 1).bool()},
    )

    def net(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return x.with_values({"a": torch.stack([0 * t, t], -1)[:, None]})

    return loss(net, uninformed, x_s, times(0.5), times(0.75))["a"].item()


@all_losses(["csd", "csd_official"])
def test_csd_is_the_squared_residual(loss):
    assert by_hand(loss) == pytest.approx(2 * (SIGMOID + SLOPE / 8 - 0.5) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (ECLD_GRAPH, 4 * ENTROPY + 2 * (1 / 2) * 2 * SLOPE**2),
        (ECLD_TEXT, ENTROPY + (1 / 4) * 2 * SLOPE**2),
        (ECLD_DERIVED, 4 * ENTROPY + 2 * (1 / 64) * 2 * SLOPE**2),
        (EcldForm(3.0, 5.0, 3.0, 1.0), 3 * ENTROPY + 5 * (1 / 8) * (1 / 4) * 2 * SLOPE**2),
    ],
)
def test_ecld_weighs_entropy_and_slope_as_its_form_says(form, value):
    assert by_hand(partial(ecld_loss, form=form)) == pytest.approx(value, rel=1e-12)


def test_psd_is_the_divergence_from_the_mixture_of_the_two_halves():
    # The teacher is at (1/2, 1/2) at all times, and so is every mixture of it.
    assert by_hand(psd_with(0.3)) == pytest.approx(ENTROPY - math.log(2), rel=1e-12)


@pytest.mark.parametrize(
    ("s", "t", "r", "a"),
    [
        (0.0, 0.5, 0.5, 1 / 3),
        (0.2, 0.8, 0.25, 1 / 13),
        (0.5, 0.75, 0.5, 1 / 3),
        (0.4, 0.4, 0.3, 0.3),
        (0.0, 1.0, 0.7, 0.0),
        (1.0, 1.0, 0.5, 0.0),
    ],
)
def test_the_semigroup_weight_is_what_hand_computes(s, t, r, a):
    assert semigroup_weight(times(s), times(t), times(r)).item() == pytest.approx(a, abs=1e-14)


def test_the_target_of_psd_is_mixed_with_the_semigroup_weight():
    # From s = 0 to t = 1/2 cut at u = 1/4: a = 1/3. The teacher has logits (0, 8 t), t = 1/4, 1/2.
    x_s = State(
        {"a": times(0.3, -0.2)[None, None]},
        {"a": torch.ones(1, 1).bool()},
        {"a": torch.zeros(1, 1).bool()},
    )

    def teacher(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return x.with_values({"a": torch.stack([0 * t, 8 * t], -1)[:, None]})

    p = (1 / (1 + math.exp(-2)) + 2 / (1 + math.exp(-4))) / 3
    value = psd_with(0.5)(uninformed, teacher, x_s, times(0.0), times(0.5))["a"].item()
    divergence = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert value == pytest.approx(divergence, rel=1e-12)


def test_psd_asks_the_teacher_for_two_short_jumps_and_the_network_for_a_long_one(x_s):
    asked = []

    def recorded(name: str):
        def net(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
            asked.append((name, round(s[0].item(), 9), round(t[0].item(), 9)))
            return x

        return net

    s, t = torch.full_like(S, 0.2), torch.full_like(T, 0.7)
    psd_with(0.4)(recorded("net"), recorded("teacher"), x_s, s, t)
    assert sorted(asked) == [("net", 0.2, 0.7), ("teacher", 0.2, 0.4), ("teacher", 0.4, 0.7)]


def test_a_jump_of_the_teacher_that_is_short_is_an_euler_step(x_s):
    asked = []

    def teacher(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append((round(s[0].item(), 9), round(t[0].item(), 9)))
        return x

    s, t = torch.full_like(S, 0.2), torch.full_like(T, 0.7)
    for limit in (0.1, 0.25, 0.4):
        psd_loss(uninformed, teacher, x_s, s, t, torch.full_like(t, 0.4), limit)
    assert asked == [(0.2, 0.4), (0.4, 0.7), (0.2, 0.2), (0.4, 0.7), (0.2, 0.2), (0.4, 0.4)]


def test_short_jumps_alone_tell_a_map_that_its_flow_has_changed(two_point_flow, on_path):
    s, t = times(0.1, 0.3), times(0.6, 0.9)
    x_s = on_path(two_point_flow.scale, s)

    def moved(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        """The exact map of a flow, with the diagonal of another."""
        return two_point_flow(x, s, t).map(
            lambda logits: logits * (1 + 1e3 * (s == t))[:, None, None]
        )

    half = torch.full_like(t, 0.5)
    stale = psd_loss(moved, moved, x_s, s, t, half)
    told = psd_loss(moved, moved, x_s, s, t, half, euler_below=0.5)
    assert max(value.abs().max().item() for value in stale.values()) < 1e-12
    assert min(value.min().item() for value in told.values()) > 1e-5


def test_the_derived_form_of_ecld_is_an_upper_bound_of_csd(network, other, x_s):
    bound = ecld_loss(network, other, x_s, S, T, ECLD_DERIVED)
    for name, value in csd_loss(network, other, x_s, S, T).items():
        assert (value <= bound[name]).all()


# Gradients.


def directional(loss, net: nn.Module, seed: int = 0):
    """d/dh loss(parameters + h direction) at h = 0: by backward, and by finite differences."""
    generator, parameters = torch.Generator().manual_seed(seed), dict(net.named_parameters())
    direction = {
        name: torch.randn(p.shape, generator=generator, dtype=p.dtype) * p.abs().mean()
        for name, p in parameters.items()
    }

    def value(h: torch.Tensor) -> torch.Tensor:
        moved = {name: p.detach() + h * direction[name] for name, p in parameters.items()}
        return total(loss(lambda *where: functional_call(net, moved, where)))

    h = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (backward,) = torch.autograd.grad(value(h), h)
    near, far = (
        ((value(h + e) - value(h - e)) / (2 * e)).item() for e in (torch.tensor(1e-4), 2e-4)
    )
    return backward.item(), (4 * near - far) / 3


@all_losses(["csd", "ecld_graph", "ecld_text", "ecld_derived", "psd"])
def test_gradients_through_the_derivative_equal_finite_differences(
    loss, network_with_positions, other, x_s
):
    # The teacher of the first four looks at nothing, else the stopped X_st would move with the net.
    teacher = (
        other if loss is LOSSES["psd"] else (lambda x, s, t: other(x_s, s, s).map(torch.clone))
    )
    backward, differences = directional(
        lambda net: loss(net, teacher, x_s, S, T), network_with_positions
    )
    assert abs(backward) > 1e-2
    assert backward == pytest.approx(differences, rel=1e-6)


def test_the_gradient_of_the_official_form_stops_the_whole_target(
    network_with_positions, other, x_s
):
    net, factor = network_with_positions, 1 - T

    def moving(net) -> State:
        """(1-t) d/dt X_st."""
        _, slope = jvp(
            lambda t: flow_map(posterior(net), x_s, S, t).values, (T,), (torch.ones_like(T),)
        )
        return factor * x_s.with_values(slope)

    x_t = flow_map(posterior(net), x_s, S, T)
    still = (posterior(other)(x_t, T, T) - x_t).map(torch.detach)

    def with_fixed_target(net) -> Fields:
        residual = moving(net) - still
        return mean_over_free(
            {name: value.square().sum(-1) for name, value in residual.values.items()}, x_s
        )

    backward, _ = directional(lambda net: csd_official_loss(net, other, x_s, S, T), net)
    _, differences = directional(with_fixed_target, net)
    assert abs(backward) > 1e-2
    assert backward == pytest.approx(differences, rel=1e-6)


def test_the_value_of_csd_holds_the_derivative_along_the_second_time(network, x_s):
    step, mu = 1e-6, posterior(network)
    before, after = mu(x_s, S, T - step), mu(x_s, S, T + step)
    g = (1 - T) * (T - S) / (1 - S)
    x_t = flow_map(mu, x_s, S, T)
    residual = mu(x_s, S, T) + g * ((after - before) * (1 / (2 * step))) - mu(x_t, T, T)
    squares = {name: value.square().sum(-1) for name, value in residual.values.items()}
    expected = mean_over_free(squares, x_s)
    for name, value in csd_loss(network, network, x_s, S, T).items():
        assert torch.allclose(value, expected[name], rtol=1e-6, atol=1e-12)
        assert (value[1:] > 1e-4).all()


class Normed(nn.Module):
    """A small network on one field alone, with a norm between two linear layers."""

    def __init__(self, norm, field: str) -> None:
        super().__init__()
        self.field, self.norm = field, norm
        self.into, self.out = nn.Linear(8 + 2, 16), nn.Linear(16, 8)

    def forward(self, x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        values = x.values[self.field]
        clock = torch.stack([s + t, t.square()], -1)[:, None].expand(-1, values.shape[1], -1)
        h = self.into(torch.cat([values, clock], -1))
        return x.with_values({self.field: self.out(self.norm(h, (16,)).tanh())})


def normed_gradients(norm, x_s: State, field: str) -> tuple[float, float]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Normed(norm, field).double()
    alone = State({field: x_s.values[field]}, x_s.exists, x_s.given)
    return directional(lambda moved: csd_loss(moved, uninformed, alone, S, T), net)


def test_the_gradient_through_the_derivative_of_an_rms_norm_is_right(x_s, field):
    backward, differences = normed_gradients(F.rms_norm, x_s, field)
    assert backward == pytest.approx(differences, rel=1e-6)


def test_the_comparison_with_finite_differences_catches_the_fault_of_layer_norm(x_s, field):
    """Backward through the jvp of ``F.layer_norm`` is silently wrong: no network may use it."""
    backward, differences = normed_gradients(F.layer_norm, x_s, field)
    if backward == pytest.approx(differences, rel=1e-6):
        pytest.skip(f"torch {torch.__version__} has corrected layer_norm")
    assert abs(backward / differences - 1) > 1e-3


@all_losses()
def test_every_parameter_gets_a_gradient(loss, network_with_positions, x_s):
    net = network_with_positions
    found = gradients(loss(net, net, x_s, S, T), net)
    assert [name for name, g in found.items() if g is None or not g.abs().max() > 1e-8] == []


@all_losses()
def test_in_mixed_precision_every_parameter_gets_a_gradient_from_the_live_teacher(
    loss, single, x_s
):
    net, x, s, t = single, x_s.to(torch.float32), S.float(), T.float()
    with torch.autocast("cpu", torch.bfloat16):
        values = loss(net, net, x, s, t)
        after = net(x, t, t)
    assert {value.dtype for value in values.values()} == {torch.float32}
    # What the teacher left in the cache of autocast must not cut off the calls behind it.
    for found in (gradients(values, net), gradients(after.values, net)):
        assert [name for name, g in found.items() if g is None or not g.abs().max() > 0] == []


@all_losses([name for name in LOSSES if name != "psd"])
def test_the_derivative_is_taken_in_single_precision_under_autocast(loss, single, x_s):
    arguments = (uninformed, x_s.to(torch.float32), S.float(), T.float())
    expected = loss(single, *arguments)
    with torch.autocast("cpu", torch.bfloat16):
        values = loss(single, *arguments)
    assert all(torch.equal(values[name], expected[name]) for name in values)


def test_the_teacher_and_the_semigroup_loss_run_under_autocast(single, x_s):
    coarse = []

    def recorded(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        coarse.append(torch.is_autocast_enabled("cpu"))
        return single(x, s, t)

    arguments = (x_s.to(torch.float32), S.float(), T.float())
    with torch.autocast("cpu", torch.bfloat16):
        csd_loss(single, recorded, *arguments)
        psd_with(0.5)(recorded, recorded, *arguments)
    assert coarse == [True] * 4


def test_the_semigroup_loss_of_logits_in_half_precision_is_summed_in_single(x_s):
    def coarse(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return (3 * x).to(torch.bfloat16)

    def rounded(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return coarse(x, s, t).to(torch.float32)

    arguments = (x_s.to(torch.float32), S.float(), T.float())
    values = psd_with(0.5)(coarse, uninformed, *arguments)
    for name, expected in psd_with(0.5)(rounded, uninformed, *arguments).items():
        assert values[name].dtype == torch.float32
        assert torch.equal(values[name], expected)


@all_losses()
def test_no_gradient_passes_through_the_teacher(loss, network, other, x_s):
    assert set(gradients(loss(network, other, x_s, S, T), other).values()) == {None}


@all_losses()
def test_the_live_network_teaches_as_a_copy_of_it_would(loss, network, x_s):
    live = gradients(loss(network, network, x_s, S, T), network)
    copied = gradients(loss(network, deepcopy(network), x_s, S, T), network)
    assert all(torch.equal(live[name], copied[name]) for name in live)


def test_both_forms_of_csd_have_one_value(network, other, x_s):
    official = csd_official_loss(network, other, x_s, S, T)
    for name, value in csd_loss(network, other, x_s, S, T).items():
        assert torch.allclose(value, official[name], rtol=1e-10, atol=1e-14)


def test_where_one_step_sampling_looks_only_the_residual_form_of_csd_has_a_gradient(
    network, other, x_s
):
    start, end = torch.zeros_like(S), torch.ones_like(T)
    ours = gradients(csd_loss(network, other, x_s, start, end), network)
    theirs = gradients(csd_official_loss(network, other, x_s, start, end), network)
    assert max(g.abs().max().item() for g in theirs.values()) == 0
    # At s = 0 the noise says nothing, so what trusts it cannot learn there.
    assert min(g.abs().max().item() for name, g in ours.items() if name != "trust") > 1e-8


def test_the_sum_over_coordinates_of_published_pseudo_code_has_no_gradient(network, other, x_s):
    """The trap: d/dt X_st read as autograd.grad(X_st.sum(), t) sums over the classes.

    On the simplex that sum does not depend on the parameters, and the target is stopped: training
    on it does nothing, silently. A jvp gives one derivative for every coordinate.
    """
    t = T.clone().requires_grad_()
    x_t = flow_map(posterior(network), x_s, S, t)
    (slope,) = torch.autograd.grad(total(x_t.values), t, create_graph=True)
    target = (posterior(other)(x_t, t, t) - x_t).map(torch.detach)
    residual = target.map(lambda v: ((1 - t) * slope)[:, None, None] - v)
    trap = {name: value.square().sum((1, 2)) for name, value in residual.values.items()}
    assert total(trap) > 1
    trapped = gradients(trap, network)
    assert max(g.abs().max().item() for g in trapped.values() if g is not None) < 1e-10
    right = gradients(csd_official_loss(network, other, x_s, S, T), network)
    assert min(g.abs().max().item() for g in right.values()) > 1e-8


# Edges.


@all_losses()
@pytest.mark.parametrize(("s", "t"), EDGES)
def test_losses_and_gradients_are_finite_at_the_edges_of_time(
    single, clean, normal_like, loss, s, t
):
    x_1 = clean([[3, 0, 0], [0, 1, 2]], [[0, 0, 0], [1, 0, 3]], [1, 3]).to(torch.float32)
    s, t = (times(time, time, dtype=torch.float32) for time in (s, t))
    x_s = interpolate(prior(x_1, normal_like(x_1, 0), 0.5), x_1, s)
    values = loss(single, single, x_s, s, t)
    assert all(torch.isfinite(value).all() for value in values.values())
    assert all(torch.isfinite(g).all() for g in gradients(values, single).values())


@all_losses(["psd"])
@pytest.mark.parametrize("r", [1e-7, 1 - 2**-24])
@pytest.mark.parametrize(("s", "t"), EDGES)
def test_the_semigroup_loss_is_finite_wherever_the_jump_is_cut(single, x_s, loss, s, t, r):
    s, t = (torch.full((4,), time) for time in (s, t))
    values = psd_with(r)(single, single, x_s.to(torch.float32), s, t)
    assert all(torch.isfinite(value).all() for value in values.values())


@all_losses()
def test_a_certain_teacher_gives_finite_losses(network, x_s, loss):
    def certain(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return x.map(lambda v: 1e4 * F.one_hot(torch.tensor(1), v.shape[-1]) + 0 * v)

    values = loss(network, certain, x_s, S, T)
    assert all(torch.isfinite(value).all() for value in values.values())
    assert all(torch.isfinite(g).all() for g in gradients(values, network).values())


@all_losses()
def test_padded_variables_cost_nothing_whatever_the_network_says_of_them(
    network, other, normal_like, x_s, loss
):
    def talkative(net):
        def spoken(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
            logits = net(x, s, t)
            elsewhere = logits.with_values(normal_like(logits, 3))
            return logits.where_free(t * (5 * elsewhere))

        return spoken

    quiet = loss(network, other, x_s, S, T)
    for name, value in loss(talkative(network), talkative(other), x_s, S, T).items():
        assert torch.allclose(value, quiet[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("modality", ["graphs"], indirect=True)
@all_losses()
def test_a_molecule_of_one_atom_costs_nothing_on_pairs(network, other, x_s, loss):
    assert loss(network, other, x_s, S, T)["pairs"][0].item() == 0.0


@all_losses()
def test_every_example_has_its_own_loss(network, other, x_s, loss):
    together = loss(network, other, x_s, S, T)
    for b in range(4):
        one = slice(b, b + 1)
        for name, value in loss(network, other, x_s[one], S[one], T[one]).items():
            assert value.item() == pytest.approx(together[name][b].item(), rel=1e-9, abs=1e-14)


def test_errors_of_a_growing_fault_grow(two_point_flow, on_path):
    s, t = times(0.1), times(0.6)
    x_s = on_path(two_point_flow.scale, s)

    def faulty(size: float):
        return lambda x, s, t: two_point_flow(x, s, s + (1 - size) * (t - s))

    for loss in (csd_loss, psd_with(0.5)):
        values = [
            total(loss(faulty(size), two_point_flow, x_s, s, t)).item() for size in (0, 0.1, 0.3)
        ]
        assert all(small < large for small, large in pairwise(values))
