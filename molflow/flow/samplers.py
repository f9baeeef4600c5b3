"""Samplers: a step applied along a grid of times.

A step is a function (mu, x_s, s, t) -> x_t: ``flow_map`` and ``euler_step`` are two of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from molflow.flow.flow_map import Posterior
from molflow.flow.state import State
from molflow.flow.times import time_steps

Step = Callable[[Posterior, State, Tensor, Tensor], State]


def trajectory(step: Step, mu: Posterior, x_0: State, steps: int) -> Iterator[tuple[float, State]]:
    """(t, x_t) at every time of the grid, x_0 first: steps + 1 states, the last at t = 1."""
    x = x_0
    yield 0.0, x
    for s, t in time_steps(steps):
        x = step(mu, x, _everywhere(s, x), _everywhere(t, x))
        yield t, x


def sample(step: Step, mu: Posterior, x_0: State, steps: int) -> State:
    """x_1 after ``steps`` steps from the noise x_0."""
    return deque(trajectory(step, mu, x_0, steps), maxlen=1)[0][1]


def _everywhere(time: float, x: State) -> Tensor:
    values = next(iter(x.values.values()))
    return torch.full((len(x),), time, dtype=values.dtype, device=values.device)
