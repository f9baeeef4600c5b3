"""Guidance looks ahead: a score of finished objects steers the states on their way.

From x_t one evaluation of a flow map gives mu_{t,1}(x_t), where the state will land (Categorical
Flow Maps, 2026). The look-ahead is the thing to reward (Sabour et al. 2025, "Test-time scaling of
diffusions with flow maps"). Scores of clean objects (``Reward``) have no gradient, but mu is a
distribution over such objects. A few rewarded draws estimate the gradient in x of its expected
reward (Williams 1992). The other draws serve as baseline (Kool et al. 2019, "Buy 4 REINFORCE
samples, get a baseline for free!"). All this needs a mu on the simplex.

Costs count a forward pass through the network as one evaluation. A backward pass, here to the state
alone, is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molflow.flow.flow_map import Posterior, transport
from molflow.flow.samplers import Step, decoded, draw
from molflow.flow.state import Fields, State

Reward = Callable[[State], Tensor]
"""A clean one-hot state of B examples -> (B,) finite scores, larger is better."""

Value = Callable[[State], Tensor]
"""A state on the simplex of B examples -> (B,), differentiable: a surrogate of a reward."""


@dataclass(frozen=True)
class LookAhead:
    """Endpoints are drawn from this posterior.

    Attributes:
        mu: mu_{t,1} or mu_{t,t}; given variables at their clean values, 0 on padding.
        entropy: (B,) of mu_{t,1}, a mean over all free variables, in nats; 0 without any.
        jumped: (B,) bool, where mu is mu_{t,1}.
    """

    mu: State
    entropy: Tensor
    jumped: Tensor

    @property
    def evaluations(self) -> int:
        """Count the forward passes: 1 if mu is mu_{t,1} everywhere, otherwise 2."""
        return 1 if bool(self.jumped.all()) else 2


@dataclass(frozen=True)
class Gradient:
    """This estimates grad_x E[r(x_1)], x_1 ~ ahead.mu; or it is grad_x v(ahead.mu), a surrogate's.

    Attributes:
        slope: the gradient at x, 0 off the free variables.
        ahead: the posterior that was drawn from, detached.
        rewards: (K, B) of the draws; or v, (1, B).
    """

    slope: State
    ahead: LookAhead
    rewards: Tensor

    @property
    def evaluations(self) -> int:
        """Count the passes, backward ones too: 2 if mu is mu_{t,1} everywhere, otherwise 4."""
        return 2 * self.ahead.evaluations


Ascent = Callable[[Posterior, State, Tensor], Gradient]
"""(mu, x_t, t) -> where to move x_t for a larger reward at the end."""

Record = Callable[[Tensor, Gradient], None]
"""It is told the times (B,) and the gradient of every guided step, for reports."""


def look_ahead(mu: Posterior, x: State, t: Tensor, floor: float) -> LookAhead:
    """mu_{t,1}(x) where its entropy is at least ``floor`` (nats per free variable), else mu_{t,t}.

    The exact mu_{t,1} is a vertex: one finished object, from which nothing can be drawn and whose
    gradient is zero. mu_{t,t} is the broad posterior. At t = 0 the exact one is the same for every
    x, so it has no gradient either; a network's gradient there is its error.

    A floor of 0 always gives mu_{t,1}. The cost is one evaluation, or two if any example is below
    the floor. A mu may be bound to its batch, so the second is of all examples too. It costs no
    reward.
    """
    ahead = mu(x, t, torch.ones_like(t)).where_free(x)
    entropy = _entropy(ahead)
    jumped = entropy >= floor
    if not jumped.all():
        ahead = ahead.where(jumped, mu(x, t, t).where_free(x))
    return LookAhead(ahead, entropy, jumped)


def score_gradient(
    mu: Posterior, x: State, t: Tensor, reward: Reward, uniforms: Sequence[Fields], floor: float
) -> Gradient:
    """grad_x sum_k (r_k - b_k) log mu(x_1^k | x) / K, b_k the mean reward of the other draws.

    mu is the ``look_ahead`` from x at t, with its ``floor``. log mu(x_1 | x) is a sum over the free
    variables. The mean over the draws is grad_x E[r(x_1)] exactly (Kool et al. 2019). It is exactly
    zero where all draws have one reward. The draws take ``uniforms``, K >= 2 times field -> (B, D,
    K), independent uniform numbers on (0, 1). The function works under ``torch.no_grad``, not under
    ``torch.inference_mode``. It costs as many evaluations as ``Gradient.evaluations`` says, and K
    rewards.
    """
    with torch.enable_grad():
        start = x.map(lambda v: v.detach().requires_grad_())
        ahead = look_ahead(mu, start, t, floor)
        frozen = LookAhead(ahead.mu.map(Tensor.detach), ahead.entropy, ahead.jumped)
        draws = [draw(frozen.mu, uniform) for uniform in uniforms]
        rewards = torch.stack([reward(x_1).to(ahead.entropy) for x_1 in draws])
        logs = torch.stack([_log_probability(ahead.mu, x_1) for x_1 in draws])
        slope = _slope((_advantages(rewards) * logs).sum() / len(draws), start)
    return Gradient(slope, frozen, rewards)


def value_gradient(mu: Posterior, x: State, t: Tensor, value: Value, floor: float) -> Gradient:
    """grad_x v(mu(x)) through the look-ahead mu from x at t (``look_ahead``, with its ``floor``).

    It climbs v and not the rewards that v was fitted to, so judge its results by those. Its
    ``rewards`` are v(mu), (1, B). The function works under ``torch.no_grad``, not under
    ``torch.inference_mode``. It costs as many evaluations as ``Gradient.evaluations`` says, v forth
    and back, and no reward.
    """
    with torch.enable_grad():
        start = x.map(lambda v: v.detach().requires_grad_())
        ahead = look_ahead(mu, start, t, floor)
        values = value(ahead.mu)
        slope = _slope(values.sum(), start)
    frozen = LookAhead(ahead.mu.map(Tensor.detach), ahead.entropy, ahead.jumped)
    return Gradient(slope, frozen, values.detach()[None])


def uphill(step: Step, ascent: Ascent, strength: float, record: Record | None = None) -> Step:
    """``step`` from x' = x_s + strength |Delta| g / |g|, g = ``ascent`` at x_s, in place of x_s.

    Delta is the move from s to t by transport toward the look-ahead. So ``strength`` bends a step
    by that many of its own lengths, whatever the scale of the reward. Norms are over the free
    variables of an example. Where g is zero or not finite nothing is added.

    The state is moved before the step and never after it. Every result was made by the step itself,
    clean states at t = 1 included. One step from noise is guided too, through x_0.

    Args:
        step: the step to bend. A guided one is allowed: it then climbs twice.
        ascent: gives the direction.
        strength: the size of the bend in lengths of the step; 0 gives ``step`` itself.
        record: is told every gradient.

    Returns:
        A step that costs as much as ``step`` and ``ascent``.
    """
    if strength == 0:
        return step

    def bent(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
        found = ascent(mu, x_s, s)
        if record is not None:
            record(s, found)
        length = _norm(transport(x_s, found.ahead.mu, s, t) - x_s)
        return step(mu, x_s + strength * length * _direction(found.slope), s, t)

    return bent


def guided(
    step: Step,
    reward: Reward,
    strength: float,
    uniforms: Sequence[Fields],
    floor: float,
    record: Record | None = None,
) -> Step:
    """Bend ``step`` ``uphill`` by the ``score_gradient`` of true rewards; nothing is trained.

    Args:
        step: the step to bend.
        reward: of clean objects.
        strength: the size of the bend in lengths of the step; 0 is the unguided step, to the bit
            and at its cost.
        uniforms: as of ``score_gradient``, fresh for every step.
        floor: as of ``look_ahead``.
        record: is told every gradient, and so the cost.

    Returns:
        A step of 2 more evaluations and K rewards; 4 more if the look-ahead of any example has an
        entropy below ``floor``.
    """

    def ascent(mu: Posterior, x: State, t: Tensor) -> Gradient:
        return score_gradient(mu, x, t, reward, uniforms, floor)

    return uphill(step, ascent, strength, record)


def best_draw(
    step: Step,
    reward: Reward,
    uniforms: Sequence[Fields],
    temperature: float = 1.0,
    record: Callable[[Tensor], None] | None = None,
) -> Step:
    """``step`` toward the best of K draws from its mu, or toward mu itself if none is better.

    The best has the largest r(draw), held against r(argmax mu). So a step that reaches t = 1
    by mu_{s,1} ends with a reward no worse than unguided. This is best-of-K inside one evaluation.

    Args:
        step: the step to bend.
        reward: r.
        uniforms: K times the numbers of ``draw``.
        temperature: as of ``draw``; above 1 it flattens mu.
        record: is told the rewards (B,) of the points that the step goes toward; at t = 1 it ends
            there.

    Returns:
        A step of as many evaluations; each of them costs K + 1 rewards.
    """

    def best(mu: State) -> State:
        options = [mu, *(draw(mu, uniform, temperature) for uniform in uniforms)]
        rewards = torch.stack([reward(decoded(option)) for option in options])
        if record is not None:
            record(rewards.amax(0))
        # Of equal rewards the first: mu itself, or else the earliest draw.
        chosen = (rewards == rewards.amax(0)).long().argmax(0).to(mu.device)
        rows = torch.arange(len(mu), device=mu.device)
        return mu.with_values(
            {
                name: torch.stack([option.values[name] for option in options])[chosen, rows]
                for name in mu.values
            }
        )

    def toward_best(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
        return step(lambda x, s, t: best(mu(x, s, t).where_free(x)), x_s, s, t)

    return toward_best


def _slope(total: Tensor, x: State) -> State:
    """The gradient of ``total`` at x, 0 off the free variables."""
    leaves = list(x.values.values())
    slopes = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return x.with_values(dict(zip(x.values, slopes, strict=True))).on_free()


def _advantages(rewards: Tensor) -> Tensor:
    """(K, B) -> r_k minus the mean of the others; exactly 0 where all are equal."""
    # Equal rewards leave a rounding error in their mean, which a normalised step would amplify.
    offset = rewards - rewards[:1]
    return offset - (offset.sum(0) - offset) / (len(rewards) - 1)


def _log_probability(mu: State, x_1: State) -> Tensor:
    """(B,): log mu(x_1), a sum over the free variables; x_1 one-hot."""
    free = mu.free
    likely = {name: value.where(free[name], 1.0) for name, value in mu.dot(x_1).items()}
    return torch.stack([value.log().sum(-1) for value in likely.values()]).sum(0)


def _entropy(mu: State) -> Tensor:
    free, values = mu.free, {name: value.detach() for name, value in mu.values.items()}
    nats = [torch.special.entr(v).sum(-1).where(free[name], 0.0) for name, v in values.items()]
    count = torch.stack([f.sum(-1) for f in free.values()]).sum(0)
    return torch.stack([n.sum(-1) for n in nats]).sum(0) / count.clamp(min=1)


def _norm(x: State) -> Tensor:
    """(B,): over all fields; x is 0 off the free variables."""
    return torch.stack([v.square().sum((1, 2)) for v in x.values.values()]).sum(0).sqrt()


def _direction(slope: State) -> State:
    """slope / |slope|, the norm (B,) over all fields; 0 where it is zero or not finite."""
    # Divided by its largest number first: squares of float32 vanish below 1e-19.
    size = torch.cat([v.flatten(1) for v in slope.values.values()], 1).abs().amax(1)
    usable = (size > 0) & size.isfinite()
    scaled = slope.map(
        lambda v: v.where(usable[:, None, None], 0.0) / size.where(usable, 1.0)[:, None, None]
    )
    return scaled * (1 / _norm(scaled).where(usable, 1.0))
