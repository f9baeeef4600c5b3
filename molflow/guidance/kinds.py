"""The ways to walk toward a score, by name; each has options of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import ClassVar

import torch
from torch import Tensor

from molflow.errors import InputError
from molflow.flow.flow_map import Counted, Posterior
from molflow.flow.guidance import (
    Gradient,
    Record,
    Reward,
    best_draw,
    guided,
    uphill,
    value_gradient,
)
from molflow.flow.particles import Selection, particles
from molflow.flow.samplers import Step, decoded, sample
from molflow.flow.search import Course, search
from molflow.flow.state import State
from molflow.guidance.guides import Glance, Guidance, Outcome, Task
from molflow.plugins import Table
from molflow.sampling.walk import require_positive

PARTICLES, DRAWS = 16, 16
FLOOR = 0.02
"""Usual nats a variable, below which gradients look broadly."""


@dataclass(frozen=True)
class BestOf(Guidance):
    """Unguided walks; the best of them is kept."""

    name: ClassVar[str] = "best_of"

    particles: int = PARTICLES

    def run(self, task: Task, reward: Reward) -> Outcome:
        mu = Counted(task.mu)
        x = sample(task.moves, mu, task.x_0, task.times)
        return Outcome(x, reward(decoded(x)), mu.asked)


@dataclass(frozen=True)
class BestDraw(Guidance):
    """Unguided until the last step, which goes to the best of ``draws`` from its posterior."""

    name: ClassVar[str] = "draws"
    ends: ClassVar[bool] = True
    probable: ClassVar[bool] = True
    fewest: ClassVar[int] = 1

    draws: int = DRAWS

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(draws=self.draws)

    def run(self, task: Task, reward: Reward) -> Outcome:
        mu, uniforms = Counted(task.mu), task.uniforms(len(task.moves), self.draws)
        ends: list[Tensor] = []
        drawing = best_draw(task.moves[-1], reward, uniforms, record=ends.append)
        x = sample([*task.moves[:-1], drawing], mu, task.x_0, task.times)
        (rewards,) = ends
        return Outcome(x, rewards, mu.asked)


@dataclass(frozen=True)
class ScoreGradient(Guidance):
    """Every step is bent by the score-function gradient of the look-ahead.

    Attributes:
        draws: finished molecules that are scored at every step to find a direction, at least two.
        strength: in lengths of a step.
        entropy_floor: nats a variable; below it the look-ahead is the posterior, not the jump.
    """

    name: ClassVar[str] = "gradient"
    jumps: ClassVar[bool] = True
    probable: ClassVar[bool] = True
    fewest: ClassVar[int] = 2

    draws: int = DRAWS
    strength: float = 0.3
    entropy_floor: float = FLOOR

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(draws=self.draws)
        if self.draws < self.fewest:
            least = f"guidance={self.name} compares at least {self.fewest}"
            raise InputError(f"draws={self.draws}: {least}")
        _require_amount(strength=self.strength, entropy_floor=self.entropy_floor)

    def run(self, task: Task, reward: Reward) -> Outcome:
        def bend(k: int, move: Step, record: Record) -> Step:
            def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
                uniforms = task.uniforms(k, self.draws)
                toward = guided(move, reward, self.strength, uniforms, self.entropy_floor, record)
                return toward(mu, x, s, t)

            return step

        return _bent(task, bend, reward)


@dataclass(frozen=True)
class ParticleFilter(Guidance):
    """Particles are weighted by the scores of their look-aheads, and resampled.

    Attributes:
        strength: the inverse temperature of the score.
    """

    name: ClassVar[str] = "particles"
    noise: ClassVar[float | None] = 1.0

    particles: int = PARTICLES
    strength: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_amount(strength=self.strength)

    def run(self, task: Task, reward: Reward) -> Outcome:
        selection = Selection(reward, self.strength, self.particles, task.choices)
        found = particles(task.moves, task.mu, task.x_0, task.times, selection)
        return Outcome(found.x, found.rewards, found.evaluations, found.trace)


@dataclass(frozen=True)
class EvolutionarySearch(Guidance):
    """Unguided walks first; then again and again walks from the best so far, noised.

    Attributes:
        generations: each with ``particles`` walks.
        restart: the time to which the best so far is noised, from 0 to below 1.
    """

    name: ClassVar[str] = "search"

    particles: int = PARTICLES
    generations: int = 4
    restart: float = 0.35

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(generations=self.generations)
        if not isinstance(self.restart, Real) or not 0 <= self.restart < 1:
            raise InputError(f"restart={self.restart!r}: a time from 0 to below 1")

    def run(self, task: Task, reward: Reward) -> Outcome:
        found = search(task.mu, self._courses(task), reward, self.particles)
        # An outcome has a row for every walk: here all those of a molecule are its best.
        rows = torch.arange(len(found.rewards)).repeat_interleave(self.particles)
        return Outcome(found.x[rows], found.rewards[rows], found.evaluations, history=found.history)

    def steps(self, times: Sequence[float]) -> int:
        return len(times) - 1 + (self.generations - 1) * len(self._left(times))

    def __str__(self) -> str:
        generations = f" in {self.generations} generations" if self.generations > 1 else ""
        return super().__str__() + generations

    def _courses(self, task: Task) -> Iterator[Course]:
        """The walk, and for each later generation the rest of it after ``restart``."""
        yield Course(task.x_0, task.moves, task.times)
        left = self._left(task.times)
        for generation in range(1, self.generations):
            x_0, moves = task.again(generation)
            times = (self.restart, *(task.times[k] for k in left))
            yield Course(x_0, [moves[k - 1] for k in left], times)

    def _left(self, times: Sequence[float]) -> list[int]:
        """Which times a later generation goes to."""
        return [k for k, time in enumerate(times) if time > self.restart]


@dataclass(frozen=True)
class SurrogateGradient(Guidance):
    """Every step is bent by the gradient of a surrogate; the best of the walks is kept.

    The surrogate is fitted first.

    Attributes:
        strength: in lengths of a step.
        entropy_floor: nats a variable; below it the look-ahead is the posterior, not the jump.
    """

    name: ClassVar[str] = "surrogate"
    jumps: ClassVar[bool] = True
    probable: ClassVar[bool] = True

    strength: float = 0.3
    entropy_floor: float = FLOOR

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_amount(strength=self.strength, entropy_floor=self.entropy_floor)

    def run(self, task: Task, reward: Reward) -> Outcome:
        value = task.value
        assert value is not None

        def ascent(mu: Posterior, x: State, t: Tensor) -> Gradient:
            return value_gradient(mu, x, t, value, self.entropy_floor)

        def bend(k: int, move: Step, record: Record) -> Step:
            return uphill(move, ascent, self.strength, record)

        found = _bent(task, bend, reward)
        return replace(found, predicted=value(decoded(found.x)))


def _fits(name: str, value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Guidance) and value.name == name


GUIDES = Table[type[Guidance]](
    "guides",
    {
        kind.name: kind
        for kind in (
            BestOf,
            BestDraw,
            ScoreGradient,
            ParticleFilter,
            EvolutionarySearch,
            SurrogateGradient,
        )
    },
    _fits,
    "a class of guides.Guidance of that name",
)


def _require_amount(**values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 <= value < math.inf:
            raise InputError(f"{name}={value!r}: a number of at least 0")


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
