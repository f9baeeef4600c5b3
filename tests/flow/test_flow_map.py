"""Transport: where it stays, how fast it leaves, where it ends, and what it never touches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import jvp

from molflow.flow.flow_map import euler_step, flow_map, posterior, transport
from molflow.flow.state import State

TIMES = st.floats(0, 1, width=32)


def times_of(value: float, x: State) -> torch.Tensor:
    return torch.full((len(x),), value, dtype=next(iter(x.values.values())).dtype)


def mu(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """A point of every simplex that depends on everything."""
    return (x * (1 + s + 3 * t)).softmax()


@pytest.fixture(scope="module")
def x(random_states) -> State:
    """Examples of size 1 to 4 padded to 5, with variable 0 of every field given."""
    noisy = random_states([1, 2, 3, 4], 5)
    return noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})


def test_the_posterior_is_the_softmax_of_the_logits(x, field):
    made = posterior(lambda x_s, s, t: 2 * x_s)(x, times_of(0, x), times_of(1, x))
    assert torch.equal(made.values[field], (2 * x.values[field]).softmax(-1))


@pytest.mark.parametrize("step", [flow_map, euler_step])
@given(s=st.floats(0, 1, exclude_max=True, width=32))
def test_a_step_to_the_same_time_does_not_move(x, step, s):
    time = times_of(s, x)
    moved = step(mu, x, time, time)
    assert all(torch.equal(moved.values[name], x.values[name]) for name in x.values)


@given(s=st.floats(0, 0.99))
def test_the_slope_of_the_flow_map_where_it_starts_is_the_velocity(x, s):
    time = times_of(s, x)
    _, slope = jvp(
        lambda t: flow_map(mu, x, time, t).values, (time,), (torch.ones(len(x)).double(),)
    )
    velocity = ((mu(x, time, time) - x) * (1 / (1 - time))).on_free()
    for name in x.values:
        assert torch.allclose(slope[name], velocity.values[name], rtol=1e-10, atol=1e-12)


def test_transport_from_0_to_a_quarter_goes_a_quarter_of_the_way(x):
    target = mu(x, times_of(0, x), times_of(0, x))
    moved = transport(x, target, times_of(0.0, x), times_of(0.25, x))
    for name, free in x.free.items():
        expected = 0.75 * x.values[name] + 0.25 * target.values[name]
        assert torch.allclose(moved.values[name][free], expected[free], atol=1e-14)


def test_transport_from_half_to_three_quarters_goes_half_of_the_way(x):
    target = mu(x, times_of(0, x), times_of(0, x))
    moved = transport(x, target, times_of(0.5, x), times_of(0.75, x))
    for name, free in x.free.items():
        expected = 0.5 * (x.values[name] + target.values[name])
        assert torch.allclose(moved.values[name][free], expected[free], atol=1e-14)


@given(s=TIMES)
def test_transport_to_1_ends_at_mu_from_every_time(x, s):
    target = mu(x, times_of(0, x), times_of(0, x))
    moved = transport(x, target, times_of(s, x), times_of(1.0, x))
    for name, free in x.free.items():
        assert torch.allclose(moved.values[name][free], target.values[name][free], atol=1e-14)


@given(times=st.tuples(TIMES, TIMES).map(sorted))
def test_nothing_overshoots_in_single_precision(x, times):
    x = x.to(torch.float32)
    target = mu(x, times_of(0, x), times_of(0, x))
    moved = transport(x, target, *(times_of(time, x) for time in times))
    for name, values in moved.values.items():
        low = torch.minimum(x.values[name], target.values[name])
        high = torch.maximum(x.values[name], target.values[name])
        inside = (values >= low - 1e-6) & (values <= high + 1e-6)
        assert inside[x.free[name]].all()


@given(times=st.tuples(TIMES, TIMES, TIMES).map(sorted))
def test_two_short_transports_toward_one_point_equal_a_long_one(x, times):
    target = mu(x, times_of(0, x), times_of(0, x))
    s, u, t = (times_of(time, x) for time in times)
    twice, once = transport(transport(x, target, s, u), target, u, t), transport(x, target, s, t)
    for name in x.values:
        assert torch.allclose(twice.values[name], once.values[name], atol=1e-12)


def test_every_example_has_its_own_times(x, field):
    target = mu(x, times_of(0, x), times_of(0, x))
    s, t = torch.tensor([0.0, 0.2, 0.5, 1.0]).double(), torch.tensor([0.0, 0.6, 1.0, 1.0]).double()
    moved = transport(x, target, s, t)
    for b in range(4):
        alone = transport(x[b : b + 1], target[b : b + 1], s[b : b + 1], t[b : b + 1])
        assert torch.equal(moved.values[field][b], alone.values[field][0])


@pytest.mark.parametrize("step", [flow_map, euler_step])
@given(times=st.tuples(TIMES, TIMES).map(sorted))
def test_given_and_padded_variables_never_move_by_a_bit(x, step, times):
    moved = step(mu, x, *(times_of(time, x) for time in times))
    for name, free in x.free.items():
        assert torch.equal(moved.values[name][~free], x.values[name][~free])


@pytest.mark.parametrize(("step", "asked"), [(flow_map, (0.25, 0.75)), (euler_step, (0.25, 0.25))])
def test_the_flow_map_asks_for_mu_st_once_and_euler_for_mu_ss(x, step, asked):
    calls = []

    def recorded(x_s: State, s: torch.Tensor, t: torch.Tensor) -> State:
        calls.append((s[0].item(), t[0].item()))
        return mu(x_s, s, t)

    step(recorded, x, times_of(0.25, x), times_of(0.75, x))
    assert calls == [asked]
