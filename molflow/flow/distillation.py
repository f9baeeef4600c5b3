"""Self-distillation teaches the flow map off the diagonal, s < t, from the diagonal, s = t.

The exact map solves d/dt X_st(x) = v_t(X_st(x)), and two short jumps equal a long one. Both can be
written for the point of the simplex that the map moves toward (Categorical Flow Maps, 2026; Boffi
et al. 2025, "How to build a consistency model: learning flow maps via self-distillation"):

    mu_st + g d/dt mu_st = mu_tt(X_st),   g = (1-t)(t-s)/(1-s)               (Lagrangian)
    mu_st = a mu_su + (1-a) mu_ut(X_su),  a = (1-t)(u-s)/((1-u)(t-s))        (semigroup)

Each loss is a residual of one of them: field -> (B,), a mean over the free variables. ``net`` and
``teacher`` are networks. The teacher is the live network or an average of it, and no gradient
passes through it (sg). x_s is a point of the path at time s, with 0 <= s <= t <= 1, both (B,).
Nothing divides by t - s, and (t-s)/(1-s) is at most 1, so every pair of times is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jvp

from molflow.flow.flow_map import Network, step_fraction, transport
from molflow.flow.losses import precise
from molflow.flow.state import Fields, State, mean_over_free


def csd_loss(net: Network, teacher: Network, x_s: State, s: Tensor, t: Tensor) -> Fields:
    """|mu_st + g d/dt mu_st - sg mu_tt(X_st)|^2: the Lagrangian residual, with a signal at t = 1.

    It is zero at the exact flow map.
    """
    log_mu, slope = _log_posterior_and_slope(net, x_s, s, t)
    mu = log_mu.map(torch.exp)
    target = _stopped_posterior(teacher, transport(x_s, mu, s, t), t, t)
    residual = mu + (1 - t) * step_fraction(s, t) * slope - target
    return mean_over_free(residual.dot(residual), x_s)


def csd_official_loss(net: Network, teacher: Network, x_s: State, s: Tensor, t: Tensor) -> Fields:
    """|(1-t) d/dt X_st - sg(mu_tt(X_st) - X_st)|^2, as Categorical Flow Maps wrote it.

    It has the value of ``csd_loss`` and another gradient. X_st is stopped in the target, which
    leaves mu_st with the factor (1-t)/(1-s), and that is 0 at t = 1. (1-t) d/dt X_st is written out
    as (1-t)/(1-s) (mu_st - x_s) + g d/dt mu_st.
    """
    log_mu, slope = _log_posterior_and_slope(net, x_s, s, t)
    mu, went = log_mu.map(torch.exp), step_fraction(s, t)
    x_t = transport(x_s, mu, s, t).map(Tensor.detach)
    target = _stopped_posterior(teacher, x_t, t, t) - x_t
    residual = (1 - went) * (mu - x_s) + (1 - t) * went * slope - target
    return mean_over_free(residual.dot(residual), x_s)


@dataclass(frozen=True)
class EcldForm:
    """These are the weights and exponents of ``ecld_loss``."""

    entropy_weight: float
    slope_weight: float
    step_exponent: float
    rest_exponent: float


ECLD_GRAPH = EcldForm(4.0, 2.0, 1.0, 0.0)
"""The official code for graphs has this form: the exponent of (t-s)/(1-s) is 1."""
ECLD_TEXT = EcldForm(1.0, 1.0, 2.0, 0.0)
"""The official code for text has this form."""
ECLD_DERIVED = EcldForm(4.0, 2.0, 2.0, 2.0)
"""This form bounds ``csd_loss``: g^2, by |p - q|^2 <= 2 KL and |a + b|^2 <= 2 |a|^2 + 2 |b|^2."""


def ecld_loss(
    net: Network, teacher: Network, x_s: State, s: Tensor, t: Tensor, form: EcldForm
) -> Fields:
    """w_e CE(sg mu_tt(X_st), mu_st) + w_d ((t-s)/(1-s))^p (1-t)^q |d/dt mu_st|^2.

    w_e, w_d, p, q are the numbers of ``form``, in their order. The loss is not zero at the exact
    flow map.
    """
    log_mu, slope = _log_posterior_and_slope(net, x_s, s, t)
    target = _stopped_posterior(teacher, transport(x_s, log_mu.map(torch.exp), s, t), t, t)
    factor = step_fraction(s, t) ** form.step_exponent * (1 - t) ** form.rest_exponent
    entropy, squares = target.dot(-1 * log_mu), slope.dot(factor * slope)
    return mean_over_free(
        {
            name: form.entropy_weight * entropy[name] + form.slope_weight * squares[name]
            for name in entropy
        },
        x_s,
    )


def psd_loss(
    net: Network,
    teacher: Network,
    x_s: State,
    s: Tensor,
    t: Tensor,
    r: Tensor,
    euler_below: float = 0.0,
) -> Fields:
    """KL(sg[a mu_su(x_s) + (1-a) mu_ut(X_su)], mu_st(x_s)) with u = s + r (t-s), r (B,) in [0, 1].

    It is zero at the exact flow map, if ``euler_below`` is 0. It takes no derivative: the network
    may run in bf16 and be compiled.

    Args:
        net: the network that learns.
        teacher: the network that is believed.
        x_s: a point of the path.
        s: (B,), the begin of the jump.
        t: (B,), its end.
        r: (B,), the place of u between them.
        euler_below: in [0, 1). A jump of the teacher that is shorter is an Euler step of its flow,
            mu_ss in place of mu_su. The map of another flow is consistent with itself too, so that
            its residual is 0 off the diagonal. Short jumps tie the map to this flow.
    """
    u = s + r * (t - s)
    first, second = (
        torch.where(end - begin < euler_below, begin, end) for begin, end in ((s, u), (u, t))
    )
    mu_su = _stopped_posterior(teacher, x_s, s, first)
    mu_ut = _stopped_posterior(teacher, transport(x_s, mu_su, s, u), u, second)
    a = semigroup_weight(s, t, r)
    target = a * mu_su + (1 - a) * mu_ut
    log_target = target.map(lambda p: p.clamp(min=torch.finfo(p.dtype).tiny).log())
    return mean_over_free(target.dot(log_target - _log_softmax(net(x_s, s, t))), x_s)


def semigroup_weight(s: Tensor, t: Tensor, r: Tensor) -> Tensor:
    """a = (1-t)(u-s) / ((1-u)(t-s)) at u = s + r (t-s): r (1-t)/(1-u), r at s = t, 0 at t = 1."""
    return r * (1 - step_fraction(s + r * (t - s), t))


def _log_posterior_and_slope(net: Network, x_s: State, s: Tensor, t: Tensor) -> tuple[State, State]:
    """log mu_st(x_s) and d/dt mu_st(x_s), by one forward-mode pass with x_s and s fixed.

    The pass is in single precision (double, if x_s is) whatever autocast says, because a derivative
    along time in bf16 would be noise. d/dt mu = mu d/dt log mu.
    """
    x_s, s, t = x_s.map(precise), precise(s), precise(t)

    def log_mu(time: Tensor) -> Fields:
        return _log_softmax(net(x_s, s, time)).values

    with torch.autocast(x_s.device.type, enabled=False):
        logs, slopes = jvp(log_mu, (t,), (torch.ones_like(t),))[:2]
    return x_s.with_values(logs), x_s.with_values(
        {name: logs[name].exp() * slope for name, slope in slopes.items()}
    )


@torch.no_grad()
def _stopped_posterior(teacher: Network, x_s: State, s: Tensor, t: Tensor) -> State:
    return _log_softmax(teacher(x_s, s, t)).map(torch.exp)


def _log_softmax(logits: State) -> State:
    return logits.map(lambda x: precise(x).log_softmax(-1))
