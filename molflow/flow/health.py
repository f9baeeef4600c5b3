"""The health of a flow map: what is zero at the exact map, measured over a grid of times s < t.

X_st is exact when it carries a state as the flow itself does. Two measures tell, and both are
needed. Two short jumps must equal a long one, X_ut(X_su(x)) = X_st(x) (the semigroup property);
it needs no reference, but a map toward one constant point has it too. And X_st must end where a
fine Euler walk along the velocity v_t(x) = (mu_tt(x) - x)/(1-t) ends; that walk sees the diagonal
of the network alone, and its own error is estimated by a walk of half as many steps. Beside each
stands what plain Euler steps would give: a map that is no better has learned nothing off the
diagonal.

The slope d/dt X_st at t = s is the velocity whatever the network is, because ``transport`` makes it
so. ``slope_error`` confirms that to rounding; what a network can get wrong near the diagonal shows
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
"""(s, t, measure -> field -> (B,)): what was measured of every example between s and t."""

Key = tuple[str, str, float, float]
"""(measure, field, s, t): what a mean over the examples is of."""


def survey(
    mu: Posterior, starts: Sequence[State], times: Sequence[float], substeps: int
) -> Iterator[Measured]:
    """Every pair s <= t of ``times``, which increase up to 1, measured at x_s.

    starts: x_s for every time but the last. substeps: Euler steps of the walk in an interval of
    ``times``, at least 2. On the diagonal the only measure is "entropy", of mu_st, in nats. Off it:
    "semigroup" with u midway, "flow" the distance of X_st from the walk, each with "_euler", the
    same of Euler steps, and "flow_floor", the walk's own error (see ``distance`` for the norm). At
    t = 1 "changed" is the share of variables to which X_s1 and the walk give another likeliest
    class; its field "any" is the share of examples with such a variable.
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
    """One jump from s to t against two and against the end of the walk; so for Euler steps."""
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
    """(t, x_t) at ``times``, from x_s at the first: ``substeps`` Euler steps in each interval."""
    finer = [s + (t - s) * j / substeps for s, t in pairwise(times) for j in range(substeps)]
    return islice(trajectory(euler_step, mu, x_s, [*finer, times[-1]]), 0, None, substeps)


def distance(x: State, y: State) -> Fields:
    """The Euclidean norm of x - y over the classes, a mean over the free variables: field -> (B,).

    Two different classes are sqrt(2) apart. nan for an example without a free variable.
    """
    return _mean({name: value.norm(dim=-1) for name, value in (x - y).values.items()}, x)


def entropy(mu: State) -> Fields:
    """-sum_k mu_k log mu_k in nats, a mean over the free variables: field -> (B,).

    -inf where mu has a negative number, as the output of a regression may; nan for an example
    without a free variable.
    """
    nats = {name: torch.special.entr(value).sum(-1) for name, value in mu.values.items()}
    free = mu.free
    return _mean({name: value.where(free[name], 0.0) for name, value in nats.items()}, mu)


def changed(x: State, y: State) -> Fields:
    """The share of free variables whose likeliest class differs: field -> (B,).

    "any" -> (B,) is 1 where one variable of any field does.
    """
    classes, free = y.argmax(), x.free
    differ = {name: (value != classes[name]) & free[name] for name, value in x.argmax().items()}
    whole = torch.stack([value.any(-1) for value in differ.values()]).any(0)
    shares = _mean({name: value.double() for name, value in differ.items()}, x)
    return shares | {"any": whole.double()}


def slope_error(mu: Posterior, x_s: State, s: Tensor) -> float:
    """The largest |d/dt X_st(x_s) - v_s(x_s)| at t = s < 1 over all free numbers, by a jvp."""
    slope = jvp(lambda t: flow_map(mu, x_s, s, t).values, (s,), (torch.ones_like(s),))[1]
    velocity = (1 / (1 - s)) * (mu(x_s, s, s) - x_s)
    return _largest(x_s.with_values(slope) - velocity, x_s)


@torch.no_grad()
def padding_error(net: Network, x: State, s: Tensor, t: Tensor) -> float:
    """The largest difference between the logits of each example in the batch, padded, and alone.

    Padding is appended to the variables of every field, as in all states of the package.
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
    """The largest |net(moved(x)) - moved(net(x))|: 0 where the network commutes with ``moved``."""
    after = moved(net(x, s, t))
    return _largest(net(moved(x), s, t) - after, after)


def averaged(cells: Iterable[Measured]) -> dict[Key, float]:
    """The mean of every measure over the examples of all batches that have the field's variables.

    nan where no example has, or where one is infinite.
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
    """The largest absolute value on the variables of x that are free; nan stays nan."""
    free = x.free
    numbers = [value[free[name]].flatten() for name, value in difference.values.items()]
    return float(torch.cat(numbers).detach().abs().max())


def _without_padding(x: State) -> State:
    """One example cut to its own variables."""
    counts = {name: int(exists.sum()) for name, exists in x.exists.items()}

    def cut(fields: Fields) -> Fields:
        return {name: value[:, : counts[name]] for name, value in fields.items()}

    return State(cut(x.values), cut(x.exists), cut(x.given))
