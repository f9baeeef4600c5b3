"""The health of a flow map is measured by errors that are zero at the exact map, over times s < t.

X_st is exact when it carries a state as the flow itself does. Two measures tell, and both are
needed. Two short jumps must equal a long one, X_ut(X_su(x)) = X_st(x) (the semigroup property). It
needs no reference, but a map toward one constant point has it too. And X_st must end where a fine
Euler walk along the velocity v_t(x) = (mu_tt(x) - x)/(1-t) ends. That walk sees the diagonal of the
network alone, and a walk of half as many steps estimates its error. Beside each measure stands that
of plain Euler steps: a map that is no better has learned nothing off the diagonal.

The slope d/dt X_st at t = s is the velocity whatever the network is, because ``transport`` makes it
so. ``slope_error`` confirms that to rounding. Errors that a network can make near the diagonal show
in the shortest jumps of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise

import torch
from torch import Tensor
from torch.func import jvp

from molflow.flow.flow_map import Network, Posterior, euler_step, flow_map, transport
from molflow.flow.samplers import trajectory
from molflow.flow.state import Fields, State, mean_over_free

Measured = tuple[float, float, dict[str, Fields]]
"""(s, t, measure -> field -> (B,)): all measures of every example between s and t."""

Key = tuple[str, str, float, float]
"""(measure, field, s, t): a mean over the examples has this key."""


def survey(
    mu: Posterior, starts: Sequence[State], times: Sequence[float], substeps: int
) -> Iterator[Measured]:
    """Measure every pair s <= t of ``times`` at x_s.

    On the diagonal the only measure is "entropy", of mu_st, in nats. Off it there are others, in
    the norm of ``distance``:

    - "semigroup", with u midway, and "semigroup_euler", the same of Euler steps.
    - "flow", the distance of X_st from the walk, and "flow_euler", the same of Euler steps.
    - "flow_floor", the walk's own error.
    - At t = 1 "changed", the share of variables to which X_s1 and the walk give another likeliest
      class. Its field "any" is the share of examples with such a variable.

    Args:
        mu: the posterior.
        starts: x_s for every time but the last.
        times: increasing, up to 1.
        substeps: Euler steps of the walk in an interval of ``times``, at least 2.
    """
    for k, (s, x_s) in enumerate(zip(times[:-1], starts, strict=True)):
        here = x_s.everywhere(s)
        mu_ss = mu(x_s, here, here)
        yield s, s, {"entropy": entropy(mu_ss)}
        fine = walk(mu, x_s, times[k:], substeps)
        coarse = walk(mu, x_s, times[k:], substeps // 2)
        for (t, end), (_, rough) in islice(zip(fine, coarse, strict=True), 1, None):
            measured = _compare(mu, mu_ss, x_s, here, x_s.everywhere(t), end)
            yield s, t, measured | {"flow_floor": distance(rough, end)}


def _compare(
    mu: Posterior, mu_ss: State, x_s: State, s: Tensor, t: Tensor, end: State
) -> dict[str, Fields]:
    """Compare one jump from s to t with two and with the end of the walk; so for Euler steps."""
    u = (s + t) / 2
    mu_st = mu(x_s, s, t)
    jump, euler = transport(x_s, mu_st, s, t), transport(x_s, mu_ss, s, t)
    two_jumps = flow_map(mu, flow_map(mu, x_s, s, u), u, t)
    two_eulers = euler_step(mu, transport(x_s, mu_ss, s, u), u, t)
    measured = {
        "entropy": entropy(mu_st),
        "semigroup": distance(two_jumps, jump),
        "semigroup_euler": distance(two_eulers, euler),
        "flow": distance(jump, end),
        "flow_euler": distance(euler, end),
    }
    return measured | ({"changed": changed(jump, end)} if bool((t == 1).all()) else {})


def walk(
    mu: Posterior, x_s: State, times: Sequence[float], substeps: int
) -> Iterator[tuple[float, State]]:
    """Walk from x_s by ``substeps`` Euler steps in each interval, and give (t, x_t) at ``times``.

    Args:
        mu: the posterior.
        x_s: the state at the first time.
        times: increasing.
        substeps: of an interval.
    """
    finer = [s + (t - s) * j / substeps for s, t in pairwise(times) for j in range(substeps)]
    return islice(trajectory(euler_step, mu, x_s, [*finer, times[-1]]), 0, None, substeps)


def distance(x: State, y: State) -> Fields:
    """The Euclidean norm of x - y over the classes, a mean over the free variables: field -> (B,).

    Two different classes are sqrt(2) apart. An example without a free variable has nan.
    """
    return _mean({name: value.norm(dim=-1) for name, value in (x - y).values.items()}, x)


def entropy(mu: State) -> Fields:
    """-sum_k mu_k log mu_k in nats, a mean over the free variables: field -> (B,).

    It is -inf where mu has a negative number, as the output of a regression may. An example without
    a free variable has nan.
    """
    nats = {name: torch.special.entr(value).sum(-1) for name, value in mu.values.items()}
    free = mu.free
    return _mean({name: value.where(free[name], 0.0) for name, value in nats.items()}, mu)


def changed(x: State, y: State) -> Fields:
    """The share of free variables whose likeliest class differs: field -> (B,).

    "any" -> (B,) is 1 where the class of one variable of any field differs.
    """
    classes, free = y.argmax(), x.free
    differ = {name: (value != classes[name]) & free[name] for name, value in x.argmax().items()}
    whole = torch.stack([value.any(-1) for value in differ.values()]).any(0)
    shares = _mean({name: value.double() for name, value in differ.items()}, x)
    return shares | {"any": whole.double()}


def slope_error(mu: Posterior, x_s: State, s: Tensor) -> float:
    """max |d/dt X_st(x_s) - v_s(x_s)| at t = s < 1 over all free numbers, by a jvp."""
    slope = jvp(lambda t: flow_map(mu, x_s, s, t).values, (s,), (torch.ones_like(s),))[1]
    velocity = (1 / (1 - s)) * (mu(x_s, s, s) - x_s)
    return _largest(x_s.with_values(slope) - velocity, x_s)


@torch.no_grad()
def padding_error(net: Network, x: State, s: Tensor, t: Tensor) -> float:
    """Give the largest difference between the logits of an example in the padded batch and alone.

    Padding is appended to the variables of every field, as in all states of the package.

    Args:
        net: the network.
        x: B states of several sizes.
        s: (B,).
        t: (B,).
    """
    together = net(x, s, t)
    errors = []
    for b in range(len(x)):
        one, among = _without_padding(x[b : b + 1]), _without_padding(together[b : b + 1])
        errors.append(_largest(net(one, s[b : b + 1], t[b : b + 1]) - among, one))
    # The maximum of a tensor lets no nan pass unseen.
    return float(torch.tensor(errors).max())


@torch.no_grad()
def equivariance_error(
    net: Network, x: State, s: Tensor, t: Tensor, moved: Callable[[State], State]
) -> float:
    """max |net(moved(x)) - moved(net(x))|: 0 where the network commutes with ``moved``."""
    after = moved(net(x, s, t))
    return _largest(net(moved(x), s, t) - after, after)


def averaged(cells: Iterable[Measured]) -> dict[Key, float]:
    """Average every measure over the examples of all batches that have the field's variables.

    The mean is nan where no example has any, or where one value is infinite.
    """
    found: dict[Key, list[Tensor]] = {}
    for s, t, measured in cells:
        for measure, fields in measured.items():
            for field, values in fields.items():
                found.setdefault((measure, field, s, t), []).append(values)
    means = {key: torch.cat(parts).double().nanmean() for key, parts in found.items()}
    return {key: float(mean) if mean.isfinite() else math.nan for key, mean in means.items()}


def _mean(field: Fields, x: State) -> Fields:
    some = {name: free.any(-1) for name, free in x.free.items()}
    means = mean_over_free(field, x)
    return {name: value.masked_fill(~some[name], torch.nan) for name, value in means.items()}


def _largest(difference: State, x: State) -> float:
    """Give the largest absolute value on the variables of x that are free; nan stays nan."""
    free = x.free
    numbers = [value[free[name]].flatten() for name, value in difference.values.items()]
    return float(torch.cat(numbers).detach().abs().max())


def _without_padding(x: State) -> State:
    """Cut one example to its own variables."""
    counts = {name: int(exists.sum()) for name, exists in x.exists.items()}

    def cut(fields: Fields) -> Fields:
        return {name: value[:, : counts[name]] for name, value in fields.items()}

    return State(cut(x.values), cut(x.exists), cut(x.given))
