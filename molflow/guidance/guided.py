"""A guided walk of many molecules: in batches, by one oracle, the best particle of each kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from molflow.flow.particles import best_of
from molflow.guidance.guides import Glance, Guide, Outcome, Task
from molflow.guidance.oracle import Oracle
from molflow.progress import meter
from molflow.sampling import sampler
from molflow.sampling.noise import LOOKS, Crowd

if TYPE_CHECKING:
    from torch import Tensor

    from molflow.flow.flow_map import Posterior
    from molflow.flow.samplers import Step
    from molflow.flow.state import Fields, State
    from molflow.guidance.surrogate import Surrogate
    from molflow.modality import Thing
    from molflow.model.model import Model
    from molflow.sampling.walk import Walk


@dataclass(frozen=True)
class Steering:
    """The cost and the course of guidance, over all molecules.

    Attributes:
        guide: that walked.
        evaluations: of the network, per molecule, backward passes included.
        looks: molecules that were judged, per molecule wanted.
        calls: of the scorer, in all. A molecule that came before, and one that is invalid, cost
            none.
        times: of the other fields.
        sizes: (K, G), effective sample sizes of "particles" at ``times``.
        resampled: (K, G), of "particles".
        ancestors: (K, G), of "particles".
        entropy: time -> (mean nats, share of looks by the jump), of "gradient" and "surrogate".
        history: (generations, G), best rewards after each, of "search".
        unasked: distinct molecules that the scorer was not asked about, at ``max_calls``.
        fit: accuracy and cost of the fit of "surrogate", see ``summary.steering_numbers``.
        claims: (G, 2), the surrogate's score of every molecule that is kept, and its reward.
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
    history: NDArray[np.float64] | None = None
    unasked: int = 0
    fit: Mapping[str, float] = field(default_factory=dict)
    claims: NDArray[np.float64] | None = None


def guided_walk(
    model: Model,
    walk: Walk,
    crowd: Crowd,
    batch_size: int,
    guide: Guide,
    surrogate: Surrogate | None,
) -> tuple[list[Thing], Steering]:
    """The best particle of every molecule, in the crowd's order, and the cost.

    Calls of the scorer for the fit of the surrogate are not among its calls.

    Args:
        model: that walks.
        walk: the way.
        crowd: the molecules.
        batch_size: the most particles at once.
        guide: toward what score, and in which way.
        surrogate: of the scorer, where the guidance needs one.
    """
    guidance = guide.guidance
    crowd = replace(crowd, particles=guidance.particles)
    modality = model.spec.modality
    oracle = Oracle(guide.scorer, modality, guide.invalid, _cap(guide, surrogate))
    made: dict[int, Thing] = {}
    claims: dict[int, tuple[float, float]] = {}
    outcomes, n = [], len(crowd.molecules)
    with torch.no_grad(), meter("sampling", n, modality.things) as advance:
        for chosen in crowd.batches(batch_size):
            done = partial(advance, len(chosen) / guidance.steps(walk.times))
            task = _task(model, walk, crowd[chosen], surrogate, done)
            outcome = guidance.run(task, oracle)
            best = best_of(outcome.rewards, guidance.particles)
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
    model: Model,
    walk: Walk,
    batch: Crowd,
    surrogate: Surrogate | None,
    done: Callable[[], None],
) -> Task:
    """The particles of a batch, for a guide. done: called after every step of them."""

    def course(number: int = 0) -> tuple[State, list[Step]]:
        # A walk begins with the noise of step 0, renews it by steps up to the last but one, and
        # draws its end by the last: so far apart, no two walks share a stream.
        first = number * (walk.steps + 1)
        x_0 = sampler.start(model, batch, first, walk.noise_scale)
        return x_0, [_told(move, done) for move in sampler.moves(model, walk, batch, x_0, first)]

    def uniforms(step: int, count: int) -> list[Fields]:
        return sampler.uniforms(model, batch, step, LOOKS, count)

    x_0, moves = course()
    return Task(
        mu=sampler.posterior_of(model, batch),
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


def summarise(
    guide: Guide, times: Sequence[float], outcomes: Sequence[Outcome], looks: int, calls: int
) -> Steering:
    """Put the outcomes of all batches together.

    Args:
        guide: that walked.
        times: of the walk.
        outcomes: of the batches.
        looks: of the oracle, in all.
        calls: of the oracle, in all.
    """
    particles = [len(outcome.rewards) for outcome in outcomes]
    molecules = sum(particles) // guide.guidance.particles
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
    histories = [outcome.history for outcome in outcomes if outcome.history is not None]
    history = torch.cat(histories, 1).double().cpu().numpy() if histories else None
    costs = spent / molecules, looks / molecules, calls
    steering = Steering(guide, *costs, entropy=entropy, history=history)
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


def combined(parts: Sequence[Steering], molecules: Sequence[int]) -> Steering:
    """Sum up the cost and the course of guidance over several walks by one guide.

    Args:
        parts: of each walk.
        molecules: of each walk.
    """
    shares = np.array(molecules, np.float64) / sum(molecules)

    def mean(values: Sequence[float]) -> float:
        return float(shares @ np.array(values, np.float64))

    def together(name: str, axis: int = 1) -> NDArray[Any] | None:
        arrays = [getattr(one, name) for one in parts]
        return None if arrays[0] is None else np.concatenate(arrays, axis)

    return replace(
        parts[0],
        evaluations=mean([one.evaluations for one in parts]),
        looks=mean([one.looks for one in parts]),
        calls=sum(one.calls for one in parts),
        unasked=sum(one.unasked for one in parts),
        entropy={
            time: (
                mean([one.entropy[time][0] for one in parts]),
                mean([one.entropy[time][1] for one in parts]),
            )
            for time in parts[0].entropy
        },
        sizes=together("sizes"),
        resampled=together("resampled"),
        ancestors=together("ancestors"),
        history=together("history"),
        claims=together("claims", 0),
    )
