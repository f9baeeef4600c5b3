"""Transport along the flow is one formula for the flow map and for an Euler step.

The posterior mu_{s,t}(x_s) is a point of every simplex. The categorical flow map jumps from time s
to time t by moving x_s toward it. On the diagonal s = t it is the posterior mean of x_1 given x_t.
The velocity of the flow is v_t(x) = (mu_{t,t}(x) - x) / (1 - t) (Eijkelboom et al. 2024, eq. 11;
Categorical Flow Maps, 2026).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molflow.flow.state import State

Network = Callable[[State, Tensor, Tensor], State]
"""(x_s, s, t) -> logits, off the simplex."""

Posterior = Callable[[State, Tensor, Tensor], State]
"""(x_s, s, t) -> mu_st, a point of every simplex."""


def posterior(net: Network) -> Posterior:
    """mu_{s,t}(x_s) = softmax(net(x_s, s, t))."""
    return lambda x_s, s, t: net(x_s, s, t).softmax()


class Counted:
    """This posterior counts in ``asked`` how often it is evaluated."""

    def __init__(self, mu: Posterior) -> None:
        self.mu = mu
        self.asked = 0

    def __call__(self, x_s: State, s: Tensor, t: Tensor) -> State:
        self.asked += 1
        return self.mu(x_s, s, t)


def step_fraction(s: Tensor, t: Tensor) -> Tensor:
    """(t - s) / (1 - s), the part of the way to the end that a step goes; s <= t, in [0, 1].

    It is at most 1, and 1 at s = 1 by definition: nothing is clamped, nothing overshoots.
    """
    at_end = s >= 1
    return torch.where(at_end, torch.ones_like(s), (t - s) / torch.where(at_end, 1.0, 1 - s))


def transport(x_s: State, mu: State, s: Tensor, t: Tensor) -> State:
    """x_s + (t - s) / (1 - s) (mu - x_s), on the free variables; s <= t, both (B,), in [0, 1]."""
    return x_s + step_fraction(s, t) * (mu - x_s).on_free()


def flow_map(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
    """X_{s,t}(x_s): transport toward mu_{s,t}. It costs one network evaluation."""
    return transport(x_s, mu(x_s, s, t), s, t)


def euler_step(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
    """x_s + (t - s) v_s(x_s): transport toward mu_{s,s}. It costs one network evaluation."""
    return transport(x_s, mu(x_s, s, s), s, t)
