"""Walks of a model: the states of a crowd from noise to data, with the random numbers of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import torch
from numpy.typing import NDArray

from molflow.cores import even, interleaved
from molflow.flow import samplers
from molflow.flow.conditioning import mixed
from molflow.flow.flow_map import Posterior
from molflow.flow.interpolant import prior
from molflow.flow.restriction import restricted
from molflow.flow.samplers import Step
from molflow.flow.state import Fields, State
from molflow.modality import Thing
from molflow.model.model import Model
from molflow.model.network import build_posterior
from molflow.progress import progress
from molflow.sampling.noise import Crowd
from molflow.sampling.walk import NoiseScale, Walk, scales_of

ROOM = 2048
"""The most atoms or tokens at once on a CPU core.

More leave its caches, and take twice as long each.
"""


def start(model: Model, crowd: Crowd, step: int = 0, noise_scale: NoiseScale = 1.0) -> State:
    """x_0, padded to the largest molecule; or the other draw of it that ``step`` renews by.

    Args:
        model: whose prior it is.
        crowd: the molecules.
        step: 0 for x_0.
        noise_scale: see ``walk.Walk``.
    """
    noise = crowd.normal(step)
    scales = scales_of(noise_scale, noise)
    scaled = {name: scales[name] * value for name, value in noise.items()}
    return prior(crowd.blank(), scaled, model.spec.prior_scale).to(model.device)


def posterior_of(model: Model, crowd: Crowd) -> Posterior:
    """mu_{s,t} toward what the crowd aims at, without the classes that its constraints rule out."""
    weight = 1.0 if crowd.aim is None else crowd.aim.weight
    mu = build_posterior(mixed(model.net, weight), model.spec.loss)
    if crowd.plan is None:
        return mu
    allowed = model.spec.modality.allowed(crowd.plan)
    return restricted(mu, {k: v.to(model.device) for k, v in allowed.items()})


def uniforms(model: Model, crowd: Crowd, step: int, purpose: int, count: int = 1) -> list[Fields]:
    """The uniform numbers of ``crowd.uniforms``, on the device of the model; arguments as there."""
    return [
        {name: value.to(model.device) for name, value in fields.items()}
        for fields in crowd.uniforms(step, purpose, count)
    ]


def moves(model: Model, walk: Walk, crowd: Crowd, x_0: State, first: int = 0) -> list[Step]:
    """The steps of a walk.

    Args:
        model: that walks.
        walk: the way.
        crowd: the molecules, whose random numbers these are.
        x_0: ``start(model, crowd, first)``.
        first: the step whose random numbers the walk begins with.
    """

    def noise(k: int) -> State:
        return start(model, crowd, first + k, walk.noise_scale)

    def numbers(k: int, purpose: int) -> list[Fields]:
        return uniforms(model, crowd, first + k, purpose)

    return walk.moves(x_0, noise, numbers)


def _walks(
    model: Model, walk: Walk, crowd: Crowd, batch_size: int
) -> list[Iterator[tuple[NDArray[np.int64], float, State]]]:
    """Of every batch, similar sizes together: (places in the crowd, t, x_t) at every time."""

    def states(chosen: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], float, State]]:
        batch = crowd[chosen]
        x_0 = start(model, batch, noise_scale=walk.noise_scale)
        steps, mu = moves(model, walk, batch, x_0), posterior_of(model, batch)
        for t, x in samplers.trajectory(steps, mu, x_0, walk.times):
            yield chosen, t, x

    return [states(chosen) for chosen in crowd.batches(batch_size)]


def free_walk(model: Model, walk: Walk, crowd: Crowd, batch_size: int) -> list[Thing]:
    """Sample the molecules of a crowd, in its order.

    Args:
        model: that walks.
        walk: the way.
        crowd: the molecules.
        batch_size: the most molecules at once.
    """
    made: dict[int, Thing] = {}
    cores = 1
    if model.device.type == "cpu":
        cores = torch.get_num_threads()
        most = min(batch_size, max(1, ROOM // int(crowd.sizes.max())))
        batch_size = even(len(crowd), most, cores)
    walks = interleaved(_walks(model, walk, crowd, batch_size), cores)
    with closing(walks) as states, torch.inference_mode():
        for chosen, t, x in progress(
            (item for item in states if item[1] > 0),
            "sampling",
            len(crowd),
            model.spec.modality.things,
            weight=lambda item: len(item[0]) / walk.steps,
        ):
            if t == 1:
                made.update(zip(chosen.tolist(), model.spec.modality.things_of(x), strict=True))
    return [made[i] for i in range(len(crowd))]


def trajectory(model: Model, walk: Walk, crowd: Crowd) -> list[tuple[float, State, State]]:
    """(t, x_t, mu_tt(x_t)) at every time of a walk, on the CPU.

    The molecules are those that ``free_walk`` makes. mu keeps the constraints too; it is x_t on
    given variables and padding.

    Args:
        model: that walks.
        walk: the way.
        crowd: the molecules.
    """
    n, states = len(crowd), []
    posterior = posterior_of(model, crowd)
    with torch.inference_mode():
        (states_of_all,) = _walks(model, walk, crowd, batch_size=n)
        for chosen, time_, by_size in progress(
            states_of_all, "following", walk.steps + 1, "states"
        ):
            x = by_size[torch.tensor(chosen).argsort()]
            t = torch.full((n,), time_, device=model.device)
            mu = posterior(x, t, t).where_free(x)
            states.append((time_, x.to("cpu"), mu.to("cpu")))
    return states
