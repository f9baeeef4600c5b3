"""Guides: ways to walk toward molecules of high score, as values.

A guide walks with ``particles`` of every molecule and keeps the best of them at the end, so each
contains best-of-N. It asks for the rewards of molecules that a state is about to become, and for
nothing else of chemistry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molflow.flow.flow_map import Counted, Posterior
from molflow.flow.guidance import Gradient, Reward, best_draw, guided
from molflow.flow.particles import Selection, Trace, particles
from molflow.flow.samplers import Step, decoded, sample
from molflow.flow.state import Fields, State

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer


@dataclass(frozen=True)
class Guide:
    """Toward what to walk, and how hard.

    method: a name of ``build.GUIDES``. scorer: of molecules. particles: of each molecule, of which
    the best is kept. draws: finished molecules that are drawn and scored to find a direction
    ("gradient", at every step) or a better end ("draws", at the last). strength: of "gradient" in
    lengths of a step, of "particles" the inverse temperature of the score. entropy_floor: nats a
    variable; below it the look-ahead is the posterior, not the jump. invalid: the score of what is
    no molecule.
    """

    method: str
    scorer: Scorer
    particles: int
    draws: int
    strength: float
    entropy_floor: float = 0.02
    invalid: float = 0.0


@dataclass(frozen=True)
class Task:
    """What a guide walks with: B = G * particles states and the random numbers of its choices.

    uniforms: (step, count) -> count times field -> (B, D, K). choices: (steps - 1, G).
    """

    mu: Posterior
    x_0: State
    moves: Sequence[Step]
    times: Sequence[float]
    uniforms: Callable[[int, int], list[Fields]]
    choices: Tensor


@dataclass(frozen=True)
class Glance:
    """One look ahead of "gradient": (B,) entropies of mu_{t,1}, and where it was wide enough."""

    time: float
    entropy: Tensor
    jumped: Tensor


@dataclass(frozen=True)
class Outcome:
    """Where a walk ended: states (B), their rewards (B,), network evaluations per particle."""

    x: State
    rewards: Tensor
    evaluations: float
    trace: Trace | None = None
    glances: tuple[Glance, ...] = ()


def by_selection(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Unguided walks; the best of them is kept."""
    mu = Counted(task.mu)
    x = sample(task.moves, mu, task.x_0, task.times)
    return Outcome(x, reward(decoded(x)), mu.asked)


def by_draws(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Unguided until the last step, which goes to the best of several draws from its posterior."""
    mu, last = Counted(task.mu), len(task.moves)
    drawing = best_draw(task.moves[-1], reward, task.uniforms(last, guide.draws))
    x = sample([*task.moves[:-1], drawing], mu, task.x_0, task.times)
    return Outcome(x, reward(decoded(x)), mu.asked)


def by_gradient(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Every step is bent by the score-function gradient of the look-ahead."""
    mu, glances, backward = Counted(task.mu), [], 0

    def bent(k: int, move: Step) -> Step:
        def record(s: Tensor, found: Gradient) -> None:
            nonlocal backward
            backward += found.evaluations - found.ahead.evaluations
            glances.append(Glance(task.times[k - 1], found.ahead.entropy, found.ahead.jumped))

        def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
            uniforms = task.uniforms(k, guide.draws)
            toward = guided(move, reward, guide.strength, uniforms, guide.entropy_floor, record)
            return toward(mu, x, s, t)

        return step

    moves = [bent(k, move) for k, move in enumerate(task.moves, 1)]
    x = sample(moves, mu, task.x_0, task.times)
    return Outcome(x, reward(decoded(x)), mu.asked + backward, glances=tuple(glances))


def by_particles(guide: Guide, task: Task, reward: Reward) -> Outcome:
    """Particles that are weighted by where they would land, and resampled."""
    selection = Selection(reward, guide.strength, guide.particles, task.choices)
    found = particles(task.moves, task.mu, task.x_0, task.times, selection)
    return Outcome(found.x, found.rewards, found.evaluations, found.trace)


@dataclass(frozen=True)
class Steering:
    """What guidance cost and how it went, over all molecules.

    evaluations: of the network, per molecule, backward passes included. looks: molecules that were
    judged, per molecule wanted. calls: of the scorer, in all; a molecule that came before, and one
    that is invalid, cost none. sizes: (K, G) effective sample sizes at ``times``, resampled:
    (K, G), ancestors: (K, G), of "particles". entropy: time -> (mean nats, share of looks by the
    jump), of "gradient".
    """

    guide: Guide
    evaluations: float
    looks: float
    calls: int
    times: tuple[float, ...] = ()
    sizes: NDArray[np.float64] | None = None
    resampled: NDArray[np.bool_] | None = None
    ancestors: NDArray[np.int64] | None = None
    entropy: Mapping[float, tuple[float, float]] = field(default_factory=dict)


def summarise(
    guide: Guide, times: Sequence[float], outcomes: Sequence[Outcome], looks: int, calls: int
) -> Steering:
    """The outcomes of all batches together. looks, calls: of the oracle, in all."""
    particles = [len(outcome.rewards) for outcome in outcomes]
    molecules = sum(particles) // guide.particles
    spent = sum(outcome.evaluations * n for outcome, n in zip(outcomes, particles, strict=True))
    glances: dict[float, list[Glance]] = {}
    for outcome in outcomes:
        for glance in outcome.glances:
            glances.setdefault(glance.time, []).append(glance)
    entropy = {
        time: (
            float(torch.cat([glance.entropy for glance in group]).mean()),
            float(torch.cat([glance.jumped for glance in group]).float().mean()),
        )
        for time, group in glances.items()
    }
    steering = Steering(guide, spent / molecules, looks / molecules, calls, entropy=entropy)
    traces = [outcome.trace for outcome in outcomes if outcome.trace is not None]
    if not traces:
        return steering
    return replace(
        steering,
        times=tuple(times[:-1]),
        sizes=torch.cat([trace.ess for trace in traces], 1).cpu().numpy(),
        resampled=torch.cat([trace.resampled for trace in traces], 1).cpu().numpy(),
        ancestors=torch.cat([trace.ancestors for trace in traces], 1).cpu().numpy(),
    )
