"""A model moves a clean state: forgotten as far as is wanted, it becomes another one.

To noise x_1 to a time t and walk on from there asks the model for its neighbours (Meng et al. 2022,
"SDEdit"). They are nearer the later t is. At t = 0 free variables are made anew around the given
ones, which stay clean all the way. Every example has a time of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from molflow.flow.flow_map import Posterior
from molflow.flow.interpolant import interpolate
from molflow.flow.samplers import Step, decoded
from molflow.flow.state import State


def finish(
    mu: Posterior,
    x_0: State,
    x_1: State,
    t: Tensor,
    steps: Sequence[Step],
    times: Sequence[float],
) -> State:
    """Walk from x_t = (1 - t) x_0 + t x_1 and return the clean state at the end.

    Args:
        mu: the posterior; it is asked as often as the steps do.
        x_0: noise on the free variables of x_1, its given ones elsewhere.
        x_1: where the walk comes from, B examples.
        t: (B,), in [0, 1).
        steps: one for each interval of ``times``.
        times: from 0 to 1, of the rest of the way: an example is at t + (1 - t) time.
    """
    x, s = interpolate(x_0, x_1, t), t
    for step, time in zip(steps, times[1:], strict=True):
        after = t + (1 - t) * time if time < 1 else t.new_ones(t.shape)
        x, s = step(mu, x, s, after), after
    return decoded(x)
