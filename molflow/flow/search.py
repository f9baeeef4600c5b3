"""Search noises the best object again and finishes it anew.

To noise an object to a time t and walk back asks the model for its neighbours. They are nearer the
later t is (Meng et al. 2022, "SDEdit", edits a picture in this way). Here it is the mutation of a
(1 + M) evolution strategy with M children (Rechenberg 1973; Beyer and Schwefel 2002). The best
object so far is the parent, and only a better child replaces it. A child is an object of the model,
whatever the score. As t tends to 0 children forget their parent: best-of-N.

Groups never see one another. Legend: B = G M examples, G groups of M walks each, contiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molflow.flow.flow_map import Counted, Posterior
from molflow.flow.guidance import Reward
from molflow.flow.interpolant import interpolate
from molflow.flow.particles import best_of
from molflow.flow.samplers import Step, decoded, sample
from molflow.flow.state import State


@dataclass(frozen=True)
class Course:
    """A course is one way to clean states.

    Attributes:
        noise: x_0 of B examples.
        steps: one for each interval.
        times: increasing, to 1, from where the walk begins: 0 without a parent.
    """

    noise: State
    steps: Sequence[Step]
    times: Sequence[float]


@dataclass(frozen=True)
class Found:
    """This is the best of every group.

    Attributes:
        x: G clean states.
        rewards: (G,).
        history: (generations, G), the best reward after each.
        evaluations: of the network, per walk of a group; M times as many per group.
    """

    x: State
    rewards: Tensor
    history: Tensor
    evaluations: int


def search(mu: Posterior, courses: Iterable[Course], reward: Reward, group: int) -> Found:
    """Find the best ends of all generations, one for each course.

    The first generation begins from its noise. Every later one begins, with times[0] = t, from x_t
    = (1 - t) noise + t x_1. There x_1 is the best of the group so far, for all its walks. Of equal
    rewards the earliest stays, of one generation the first. So one course is best-of-M, and more
    courses never end lower.

    Args:
        mu: the posterior.
        courses: each with noise of its own, clean where variables are given; examples of a group
            share their masks.
        reward: of clean objects.
        group: M.

    Returns:
        The best of every group, for the evaluations of all courses; each costs one reward a walk.
    """
    counted, best, history = Counted(mu), None, []
    for course in courses:
        start = course.noise if best is None else _noised(best[0], course, group)
        x = decoded(sample(course.steps, counted, start, course.times))
        rewards = reward(x)
        first = best_of(rewards, group)
        child = x[first], rewards[first]
        best = child if best is None else _better(best, child)
        history.append(best[1])
    if best is None:
        raise ValueError("search needs a course")
    return Found(*best, torch.stack(history), counted.asked)


def _noised(parents: State, course: Course, group: int) -> State:
    """Noise every parent, for each of its walks, to the time where the course begins: (B,)."""
    rows = torch.arange(len(parents), device=parents.device).repeat_interleave(group)
    time = course.noise.everywhere(course.times[0])
    return interpolate(course.noise, parents[rows], time)


def _better(old: tuple[State, Tensor], new: tuple[State, Tensor]) -> tuple[State, Tensor]:
    """Choose the new one where it has the larger reward: (G,)."""
    (x, rewards), (y, others) = old, new
    wins = others > rewards
    return y.where(wins.to(y.device), x), torch.where(wins, others, rewards)
