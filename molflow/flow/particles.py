"""Particles: sequential Monte Carlo draws rewarded samples (Feynman-Kac steering).

Groups of M particles walk together. After each jump to an endpoint, the reward of the place where a
particle would land reweights it. A group that has come to depend on few particles is resampled.
Noise is added after that, so that copies part (Singhal et al. 2025, "A general framework for
inference-time scaling and steering of diffusion models"; Del Moral 2004). Groups never see one
another.

Legend: B = G M examples, G groups of M particles each, contiguous; K steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from molflow.flow.flow_map import Counted, Posterior
from molflow.flow.guidance import Reward
from molflow.flow.samplers import Step, decoded
from molflow.flow.state import State


@dataclass(frozen=True)
class Selection:
    """A selection weights and resamples particles.

    Attributes:
        reward: r.
        strength: lambda, the inverse temperature.
        group: M.
        uniforms: (K - 1, G), uniform on [0, 1), one for every step but the last and every group.
    """

    reward: Reward
    strength: float
    group: int
    uniforms: Tensor


@dataclass(frozen=True)
class Trace:
    """A trace records the K steps; each value is (K, G).

    Attributes:
        ess: effective sample size in (1, M), before any resampling.
        resampled: bool, False in the last row.
        ancestors: how many particles of the start still have descendants, after it.
    """

    ess: Tensor
    resampled: Tensor
    ancestors: Tensor


@dataclass(frozen=True)
class WeightedParticles:
    """A population holds the particles at their end.

    Attributes:
        x: the states at t = 1.
        rewards: (B,) r of their argmax.
        log_weights: (B,), not normalised: the mean weight of a group has the mean E[exp(lambda r)]
            under the unguided sampler.
        trace: the record of the steps.
        evaluations: of the network, per particle; rewards per particle are K.
    """

    x: State
    rewards: Tensor
    log_weights: Tensor
    trace: Trace
    evaluations: int


def particles(
    steps: Step | Sequence[Step],
    mu: Posterior,
    x_0: State,
    times: Sequence[float],
    selection: Selection,
) -> WeightedParticles:
    """Draw weighted samples of (law of ``samplers.sample``, same arguments) * exp(lambda r).

    Step k from t_{k-1} to t_k weights by exp(lambda [t_k r_k - t_{k-1} r_{k-1}]), t_K = 1. r_k is
    the reward of the argmax of mu_{s,1}(x_s), s = t_{k-1}, where the particle would land. For the
    last step it is that of x_1 itself, so the product telescopes to exp(lambda r(x_1)). A group
    with ESS < M/2 is resampled systematically before it moves on, and its weights become their
    mean. At the end nothing is resampled: the weights are left to the caller (Singhal et al. 2025).

    Args:
        steps: one for the whole way, or one for each interval. They are bound to noise of their own
            for every particle (``renoised``), because without noise copies stay copies. ``guided``
            steps are allowed: then their law is tilted.
        mu: the posterior.
        x_0: B states; the particles of a group share their masks.
        times: increasing, from 0 to 1.
        selection: reward, strength, groups and random numbers.

    Returns:
        The population, for K rewards per particle. Where the step itself jumps by mu_{s,1}, as
        ``renoised`` with amount 1, it takes K evaluations. Otherwise it takes 2 K - 1 for steps
        of one.
    """
    moves = [steps] * (len(times) - 1) if callable(steps) else steps
    counted, shape = Counted(mu), (-1, selection.group)
    x, roots = x_0, torch.arange(len(x_0), device=x_0.device)
    log_weights = before = x.everywhere(0.0)
    rows = []
    for k, ((s, t), move) in enumerate(zip(pairwise(times), moves, strict=True)):
        here, there, last = x.everywhere(s), x.everywhere(t), k == len(moves) - 1
        if last:
            x = ahead = move(counted, x, here, there)
        else:
            ahead = counted(x, here, x.everywhere(1.0)).where_free(x)
        rewards = selection.reward(decoded(ahead)).to(here)
        log_weights = log_weights + selection.strength * (t * rewards - s * before)
        ess = effective_size(log_weights.view(shape))
        poor = (ess < selection.group / 2) & (not last)
        if not last:
            grouped = log_weights.view(shape)
            index = _resampled(grouped, selection.uniforms[k], poor)
            log_weights = _levelled(grouped, poor).flatten()
            x, ahead, before, roots = x[index], ahead[index], rewards[index], roots[index]
            x = move(_Known(counted, x, here, ahead), x, here, there)
        rows.append((ess, poor, _distinct(roots.view(shape))))
    trace = Trace(*(torch.stack(column) for column in zip(*rows, strict=True)))
    return WeightedParticles(x, rewards, log_weights, trace, counted.asked)


def best_of(rewards: Tensor, group: int) -> Tensor:
    """Give the index among all B of the best of each group, the first of equals: (G,).

    Args:
        rewards: (B,), B = G * ``group``.
        group: M.
    """
    grouped = rewards.view(-1, group)
    best = (grouped == grouped.amax(1, keepdim=True)).long().argmax(1)
    return best + group * torch.arange(len(grouped), device=rewards.device)


def effective_size(log_weights: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 over the last dimension (Kong et al. 1994): 1 to M."""
    return (2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)).exp()


def systematic(log_weights: Tensor, uniform: Tensor) -> Tensor:
    """(G, M) long: particle j is chosen floor(M w_j) or one more times, M w_j in the mean.

    The positions are (u + i) / M, i < M, in the cumulated weights (Kitagawa 1996).

    Args:
        log_weights: (G, M), not normalised.
        uniform: u, (G,), on [0, 1).
    """
    m = log_weights.shape[1]
    sums = log_weights.softmax(1).cumsum(1)
    places = (uniform[:, None] + torch.arange(m, device=uniform.device)) / m
    # Rounded sums may end off 1 and places at 1: kept apart, no weight of 0 is ever chosen.
    last = 1 - torch.finfo(sums.dtype).eps
    return torch.searchsorted(sums / sums[:, -1:], places.clamp(max=last), right=True)


@dataclass(frozen=True)
class _Known:
    """This is mu with mu_{s,1}(x) already known for one state: no second evaluation."""

    mu: Posterior
    x: State
    s: Tensor
    ahead: State

    def __call__(self, x: State, s: Tensor, t: Tensor) -> State:
        if x is self.x and torch.equal(s, self.s) and bool((t == 1).all()):
            return self.ahead
        return self.mu(x, s, t)


def _resampled(log_weights: Tensor, uniform: Tensor, poor: Tensor) -> Tensor:
    """Tell who takes each place, (B,): systematic in ``poor`` groups, itself elsewhere."""
    groups, m = log_weights.shape
    own = torch.arange(m, device=log_weights.device).expand(groups, m)
    chosen = systematic(log_weights, uniform.to(log_weights)).where(poor[:, None], own)
    return (chosen + m * torch.arange(groups, device=chosen.device)[:, None]).flatten()


def _levelled(log_weights: Tensor, poor: Tensor) -> Tensor:
    """Level weights (G, M): the logarithm of their group's mean where ``poor``, else unchanged."""
    mean = log_weights.logsumexp(1, keepdim=True) - math.log(log_weights.shape[1])
    return log_weights.where(~poor[:, None], mean)


def _distinct(roots: Tensor) -> Tensor:
    """Count the different numbers of each row: (G, M) -> (G,)."""
    ordered = roots.sort(1).values
    return 1 + (ordered.diff(dim=1) != 0).sum(1)
