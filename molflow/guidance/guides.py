"""Guides: ways to walk toward molecules of high score, as values.

A guide walks with ``particles`` of every molecule and keeps the best of them at the end, so each
contains best-of-N. It asks for the rewards of molecules that a state is about to become, and for
nothing else of chemistry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from molflow.flow.flow_map import Counted, Posterior
from molflow.flow.guidance import (
    Gradient,
    Record,
    Reward,
    Value,
    best_draw,
    guided,
    uphill,
    value_gradient,
)
from molflow.flow.particles import Selection, Trace, particles
from molflow.flow.samplers import Step, decoded, sample
from molflow.flow.search import Course, search
from molflow.flow.state import Fields, State

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer


@dataclass(frozen=True)
class Guide:
    """Toward what to walk, and how hard.

    method: a name of ``kinds.GUIDES``. scorer: of molecules. particles: of each molecule, of which
    the best is kept. draws: finished molecules that are drawn and scored to find a direction
    ("gradient", at every step) or a better end ("draws", at the last). strength: of "gradient" and
    "surrogate" in lengths of a step, of "particles" the inverse temperature of the score.
    entropy_floor: nats a variable; below it the look-ahead is the posterior, not the jump. invalid:
    the score of what is no molecule. generations: of "search", each with ``particles`` walks.
    restart: the time to which it noises the best so far, from 0 to below 1. max_calls: of the
    scorer, in all, the fit of a surrogate included; None is no cap.
    """

    method: str
    scorer: Scorer
    particles: int
    draws: int
    strength: float
    entropy_floor: float = 0.02
    invalid: float = 0.0
    generations: int = 1
    restart: float = 0.5
    max_calls: int | None = None


@dataclass(frozen=True)
class Task:
    """What a guide walks with: B = G * particles states and the random numbers of its choices.

    uniforms: (step, count) -> count times field -> (B, D, K). choices: (steps - 1, G). again: the
    number of a generation, from 1 -> another x_0 and moves with noise of their own. value: the
    surrogate, where the guide has one.
    """

    mu: Posterior
    x_0: State
    moves: Sequence[Step]
    times: Sequence[float]
    uniforms: Callable[[int, int], list[Fields]]
    choices: Tensor
    again: Callable[[int], tuple[State, Sequence[Step]]]
    value: Value | None = None


@dataclass(frozen=True)
class Glance:
    """One look ahead of a gradient: (B,) entropies of mu_{t,1}, and where it was wide enough."""

    time: float
    entropy: Tensor
    jumped: Tensor


@dataclass(frozen=True)
class Outcome:
    """Where a walk ended: states (B), their rewards (B,), network evaluations per particle.

    history: (generations, G) best rewards of "search". predicted: (B,) by the surrogate.
    """

    x: State
    rewards: Tensor
    evaluations: float
    trace: Trace | None = None
    glances: tuple[Glance, ...] = ()
    history: Tensor | None = None
    predicted: Tensor | None = None


def by_selection(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Unguided walks; the best of them is kept."""
    mu = Counted(task.mu)
    x = sample(task.moves, mu, task.x_0, task.times)
    return Outcome(x, reward(decoded(x)), mu.asked)


def by_draws(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Unguided until the last step, which goes to the best of several draws from its posterior."""
    mu, uniforms = Counted(task.mu), task.uniforms(len(task.moves), guide.draws)
    ends: list[Tensor] = []
    drawing = best_draw(task.moves[-1], reward, uniforms, record=ends.append)
    x = sample([*task.moves[:-1], drawing], mu, task.x_0, task.times)
    (rewards,) = ends
    return Outcome(x, rewards, mu.asked)


def by_gradient(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Every step is bent by the score-function gradient of the look-ahead."""

    def bend(k: int, move: Step, record: Record) -> Step:
        def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
            uniforms = task.uniforms(k, guide.draws)
            toward = guided(move, reward, guide.strength, uniforms, guide.entropy_floor, record)
            return toward(mu, x, s, t)

        return step

    return _bent(task, bend, reward)


def by_surrogate(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Every step is bent by the gradient of a surrogate; the best of the walks is kept."""
    value = task.value
    assert value is not None

    def ascent(mu: Posterior, x: State, t: Tensor) -> Gradient:
        return value_gradient(mu, x, t, value, guide.entropy_floor)

    def bend(k: int, move: Step, record: Record) -> Step:
        return uphill(move, ascent, guide.strength, record)

    found = _bent(task, bend, reward)
    return replace(found, predicted=value(decoded(found.x)))


def _bent(task: Task, bend: Callable[[int, Step, Record], Step], reward: Reward) -> Outcome:
    """The end of a walk of which step k = 1, 2, ... is bent, and tells its look ahead."""
    mu, backward = Counted(task.mu), 0
    glances: list[Glance] = []

    def record(s: Tensor, found: Gradient) -> None:
        nonlocal backward
        backward += found.evaluations - found.ahead.evaluations
        # A step looks once or, at strength 0, never.
        time = task.times[len(glances)]
        glances.append(Glance(time, found.ahead.entropy, found.ahead.jumped))

    moves = [bend(k, move, record) for k, move in enumerate(task.moves, 1)]
    x = sample(moves, mu, task.x_0, task.times)
    return Outcome(x, reward(decoded(x)), mu.asked + backward, glances=tuple(glances))


def by_particles(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Particles that are weighted by where they would land, and resampled."""
    selection = Selection(reward, guide.strength, guide.particles, task.choices)
    found = particles(task.moves, task.mu, task.x_0, task.times, selection)
    return Outcome(found.x, found.rewards, found.evaluations, found.trace)


def by_search(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Unguided walks first; then again and again walks from the best so far, noised."""
    found = search(task.mu, _courses(guide, task), reward, guide.particles)
    # An outcome has a row for every walk: here all those of a molecule are its best.
    rows = torch.arange(len(found.rewards)).repeat_interleave(guide.particles)
    return Outcome(found.x[rows], found.rewards[rows], found.evaluations, history=found.history)


def _courses(guide: Guide, task: Task) -> Iterator[Course]:
    """The walk, and for each later generation what of it is left after ``restart``."""
    yield Course(task.x_0, task.moves, task.times)
    left = _left(guide, task.times)
    for generation in range(1, guide.generations):
        x_0, moves = task.again(generation)
        times = (guide.restart, *(task.times[k] for k in left))
        yield Course(x_0, [moves[k - 1] for k in left], times)


def _left(guide: Guide, times: Sequence[float]) -> list[int]:
    """Which times a later generation goes to."""
    return [k for k, time in enumerate(times) if time > guide.restart]


def steps_taken(guide: Guide, times: Sequence[float]) -> int:
    """Steps of a particle, over all generations."""
    return len(times) - 1 + (guide.generations - 1) * len(_left(guide, times))
