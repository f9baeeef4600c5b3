"""Samplers apply steps along a grid of times.

A step is a function (mu, x_s, s, t) -> x_t: ``flow_map`` and ``euler_step`` are two, ``heun_step``
a third. Whatever else a step needs (noise, an amount) is bound before it is walked. So every step
stays a deterministic function:

>>> steps = [renoised(x_0s[k], amount=1.0) for k in range(4)]        # doctest: +SKIP
>>> sample(steps, mu, x_0, time_steps(4))                            # doctest: +SKIP
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from molflow.flow.flow_map import Posterior, euler_step, flow_map
from molflow.flow.state import Fields, State

Step = Callable[[Posterior, State, Tensor, Tensor], State]


def trajectory(
    step: Step | Sequence[Step], mu: Posterior, x_0: State, times: Sequence[float]
) -> Iterator[tuple[float, State]]:
    """Give (t, x_t) at every one of ``times``.

    Args:
        step: one for the whole way, or one for each interval.
        mu: the posterior.
        x_0: the state at the first time.
        times: increasing; ``times.time_steps`` is the uniform grid.
    """
    steps = [step] * (len(times) - 1) if callable(step) else step
    x = x_0
    yield times[0], x
    for (s, t), move in zip(pairwise(times), steps, strict=True):
        x = move(mu, x, x.everywhere(s), x.everywhere(t))
        yield t, x


def sample(step: Step | Sequence[Step], mu: Posterior, x_0: State, times: Sequence[float]) -> State:
    """Walk the ``trajectory`` of the same arguments and return its end."""
    return deque(trajectory(step, mu, x_0, times), maxlen=1)[0][1]


def heun_step(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
    """x_s + (t-s)/2 (v_s(x_s) + v_t(x')), x' the end of an Euler step (Karras et al. 2022, alg. 1).

    It is written as x' + (t-s)/(1-t)/2 (mu_tt(x') - mu_ss(x_s)). It costs two evaluations. A step
    that reaches t = 1, where there is no velocity, is the Euler step.
    """
    mu_ss = mu(x_s, s, s)
    x_t = euler_step(lambda *_: mu_ss, x_s, s, t)
    at_end = t >= 1
    if at_end.all():
        return x_t
    half = torch.where(at_end, 0.0, 0.5 * (t - s) / torch.where(at_end, 1.0, 1 - t))
    return x_t + half * (mu(x_t, t, t) - mu_ss).on_free()


def renoised(noise: State, amount: float, jump: Step = flow_map) -> Step:
    """Jump to a later time u = t + amount (1-t), and go back to t with new noise.

    x_t = (t/u) X_su + c noise with c^2 = (1-t)^2 - (t/u)^2 (1-u)^2, the noise that is missing at t.
    With an exact flow map x_t keeps its law for every amount. With ``euler_step`` it does so only
    in the limit of small steps and amounts, because that jump ends too close to a mean. This is the
    gamma-sampling of Kim et al. 2024, "Consistency Trajectory Models", on the straight path. It is
    for a Gaussian x_0 of mean 0.

    Args:
        noise: another draw of x_0.
        amount: 0 is the jump from s to t alone. 1 goes all the way to x_1 = X_s1, then x_t = (1-t)
            noise + t x_1.
        jump: the way from s to u.

    Returns:
        A step of one evaluation.
    """

    def step(mu: Posterior, x_s: State, s: Tensor, t: Tensor) -> State:
        u = t + amount * (1 - t)
        back = torch.where(u > 0, t / torch.where(u > 0, u, 1.0), 1.0)
        missing = ((1 - t).square() - (back * (1 - u)).square()).sqrt()
        return (back * jump(mu, x_s, s, u) + missing * noise).where_free(x_s)

    return step


def drawn(step: Step, uniform: Fields, temperature: float) -> Step:
    """Bend ``step`` toward classes drawn from the posterior in place of the posterior.

    Args:
        step: the step.
        uniform: the numbers of ``draw``.
        temperature: as of ``draw``.
    """
    return lambda mu, x_s, s, t: step(
        lambda *where: draw(mu(*where), uniform, temperature), x_s, s, t
    )


def draw(mu: State, uniform: Fields, temperature: float = 1.0) -> State:
    """Draw one class for every free variable of mu, one-hot; given variables and padding stay.

    With the Gumbel numbers -log(-log u) the class is argmax(log mu + temperature * gumbel). Its law
    is proportional to mu^(1 / temperature).

    Args:
        mu: a point of every simplex.
        uniform: u, field -> (B, D, K), uniform on (0, 1), independent of the state.
        temperature: 0 is the argmax, 1 a draw from mu.
    """
    noisy = {
        name: value.log() + temperature * _gumbel(uniform[name])
        for name, value in mu.values.items()
    }
    return decoded(mu.with_values(noisy)).where_free(mu)


def decoded(x: State) -> State:
    """Give every free variable its likeliest class, one-hot; given variables and padding stay."""
    return x.map(lambda v: one_hot(v.argmax(-1), v.shape[-1]).to(v.dtype)).where_free(x)


def _gumbel(uniform: Tensor) -> Tensor:
    limits = torch.finfo(uniform.dtype)
    return -(-uniform.clamp(limits.tiny, 1 - limits.eps).log()).log()
