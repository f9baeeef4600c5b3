"""A guided walk of many molecules: in batches, by one oracle, the best particle of each kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from molflow.build import GUIDES
from molflow.console import progress
from molflow.flow.particles import best_of
from molflow.graph.state import to_graphs
from molflow.guides import Guide, Steering, Task, summarise
from molflow.noise import LOOKS, Crowd
from molflow.oracle import Oracle

if TYPE_CHECKING:
    from molflow.flow.samplers import Step
    from molflow.flow.state import Fields, State
    from molflow.generator import Generator
    from molflow.graph.graph import Graph
    from molflow.surrogate import Surrogate
    from molflow.walk import Walk


def guided_walk(
    generator: Generator,
    walk: Walk,
    crowd: Crowd,
    batch_size: int,
    guide: Guide,
    surrogate: Surrogate | None,
) -> tuple[list[Graph], Steering]:
    """The best particle of every molecule, in the crowd's order, and how it came about.

    What the fit of the surrogate asked the scorer is not among its calls.
    """
    crowd = replace(crowd, particles=guide.particles)
    oracle = Oracle(guide.scorer, generator.spec.vocabulary, guide.invalid)
    made: dict[int, Graph] = {}
    claims: dict[int, tuple[float, float]] = {}
    outcomes, n = [], len(crowd.molecules)
    with torch.no_grad():
        for chosen in progress(crowd.batches(batch_size), "sampling", n, "molecules", weight=len):
            task = _task(generator, walk, crowd[chosen], surrogate)
            outcome = GUIDES[guide.method].run(guide, task, oracle)
            best = best_of(outcome.rewards, guide.particles)
            made.update(zip(chosen.tolist(), to_graphs(outcome.x[best]), strict=True))
            if outcome.predicted is not None:
                pairs = outcome.predicted.cpu()[best].tolist(), outcome.rewards[best].tolist()
                claims.update(zip(chosen.tolist(), zip(*pairs, strict=True), strict=True))
            outcomes.append(outcome)
    steering = summarise(guide, walk.times, outcomes, oracle.asked, oracle.calls)
    if surrogate is not None:
        told = np.array([claims[i] for i in range(n)])
        steering = replace(steering, fit=surrogate.numbers(), claims=told)
    return [made[i] for i in range(n)], steering


def _task(generator: Generator, walk: Walk, batch: Crowd, surrogate: Surrogate | None) -> Task:
    """What a guide walks with: the particles of a batch of molecules."""

    def course(number: int = 0) -> tuple[State, list[Step]]:
        # A walk begins with the noise of step 0, renews it by steps up to the last but one, and
        # draws its end by the last: so far apart, no two walks share a stream.
        first = number * (walk.steps + 1)
        x_0 = generator.start(batch, first)
        return x_0, generator.moves(walk, batch, x_0, first)

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
