"""A guided walk of many molecules: in batches, by one oracle, the best particle of each kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from molflow.console import meter
from molflow.flow.particles import best_of
from molflow.guidance.guides import Guide, Steering, Task, steps_taken, summarise
from molflow.guidance.kinds import GUIDES
from molflow.guidance.oracle import Oracle
from molflow.sampling.noise import LOOKS, Crowd

if TYPE_CHECKING:
    from torch import Tensor

    from molflow.flow.flow_map import Posterior
    from molflow.flow.samplers import Step
    from molflow.flow.state import Fields, State
    from molflow.generator import Generator
    from molflow.guidance.surrogate import Surrogate
    from molflow.modality import Thing
    from molflow.sampling.walk import Walk


def guided_walk(
    generator: Generator,
    walk: Walk,
    crowd: Crowd,
    batch_size: int,
    guide: Guide,
    surrogate: Surrogate | None,
) -> tuple[list[Thing], Steering]:
    """The best particle of every molecule, in the crowd's order, and how it came about.

    What the fit of the surrogate asked the scorer is not among its calls.
    """
    crowd = replace(crowd, particles=guide.particles)
    modality = generator.spec.modality
    oracle = Oracle(guide.scorer, modality, guide.invalid, _cap(guide, surrogate))
    made: dict[int, Thing] = {}
    claims: dict[int, tuple[float, float]] = {}
    outcomes, n = [], len(crowd.molecules)
    with torch.no_grad(), meter("sampling", n, modality.things) as advance:
        for chosen in crowd.batches(batch_size):
            done = partial(advance, len(chosen) / steps_taken(guide, walk.times))
            task = _task(generator, walk, crowd[chosen], surrogate, done)
            outcome = GUIDES[guide.method].run(guide, task, oracle)
            best = best_of(outcome.rewards, guide.particles)
            things = modality.things_of(outcome.x[best])
            made.update(zip(chosen.tolist(), things, strict=True))
            if outcome.predicted is not None:
                pairs = outcome.predicted.cpu()[best].tolist(), outcome.rewards[best].tolist()
                claims.update(zip(chosen.tolist(), zip(*pairs, strict=True), strict=True))
            outcomes.append(outcome)
    steering = summarise(guide, walk.times, outcomes, oracle.asked, oracle.calls)
    steering = replace(steering, unasked=len(oracle.unasked))
    if crowd.aim is not None:  # What guides count are posteriors.
        steering = replace(steering, evaluations=crowd.aim.evaluations * steering.evaluations)
    if surrogate is not None:
        told = np.array([claims[i] for i in range(n)])
        steering = replace(steering, fit=surrogate.numbers(), claims=told)
    return [made[i] for i in range(n)], steering


def _cap(guide: Guide, surrogate: Surrogate | None) -> int | None:
    """Calls of the scorer that a fit leaves, kept or not: a cap means the same every time."""
    if guide.max_calls is None or surrogate is None:
        return guide.max_calls
    return guide.max_calls - surrogate.calls


def _task(
    generator: Generator,
    walk: Walk,
    batch: Crowd,
    surrogate: Surrogate | None,
    done: Callable[[], None],
) -> Task:
    """What a guide walks with: the particles of a batch. done: called after every step of them."""

    def course(number: int = 0) -> tuple[State, list[Step]]:
        # A walk begins with the noise of step 0, renews it by steps up to the last but one, and
        # draws its end by the last: so far apart, no two walks share a stream.
        first = number * (walk.steps + 1)
        x_0 = generator.start(batch, first, walk.noise_scale)
        return x_0, [_told(move, done) for move in generator.moves(walk, batch, x_0, first)]

    def uniforms(step: int, count: int) -> list[Fields]:
        return generator.uniforms(batch, step, LOOKS, count)

    x_0, moves = course()
    return Task(
        mu=generator.posterior_of(batch),
        x_0=x_0,
        moves=moves,
        times=walk.times,
        uniforms=uniforms,
        choices=batch.choices(walk.steps - 1),
        again=course,
        value=surrogate,
    )


def _told(move: Step, done: Callable[[], None]) -> Step:
    def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
        x_t = move(mu, x, s, t)
        done()
        return x_t

    return step
