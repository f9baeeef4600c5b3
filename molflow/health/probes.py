"""A model's health is measured on its own molecules at every time, and on noise.

The measures themselves are those of ``molflow.flow.health``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from molflow.build import Dataset, build_stream, dataset_of
from molflow.config import CheckConfig
from molflow.errors import InputError
from molflow.flow.health import (
    Key,
    Measured,
    averaged,
    equivariance_error,
    padding_error,
    slope_error,
    survey,
    walk,
)
from molflow.flow.interpolant import interpolate
from molflow.flow.likelihood import REACH, nats
from molflow.flow.state import Fields, State
from molflow.flow.times import time_steps
from molflow.generator import Generator
from molflow.graph.graph import pair_endpoints
from molflow.modality import Graphs
from molflow.model.spec import ModelSpec
from molflow.progress import progress
from molflow.sampling.noise import Crowd
from molflow.sampling.sampler import start

IDENTITY_SIZES = 16
DRAWS = 16
"""The likelihood draws the noise and its size so often for each molecule."""


def find_data(spec: ModelSpec) -> tuple[Dataset | None, str]:
    """Find the model's own data set and the name of its validation split, or None and why not."""
    things = spec.modality.things
    try:
        data = dataset_of(spec)
    except InputError as error:
        return None, f"no validation {things}: {error}"
    if not len(data.splits["valid"]):
        return None, f"no validation {things}: that split of {data.name} is empty"
    return data, f"validation {things} of {data.name}"


def measure_flow_map(
    config: CheckConfig, generator: Generator, data: Dataset | None
) -> dict[Key, float]:
    """Measure everything of ``flow.health.survey``, a mean over ``config.n`` molecules.

    Args:
        config: n, grid, batch size, substeps and seed.
        generator: the model.
        data: validation molecules; None measures on the model's own.
    """
    times = time_steps(config.grid)

    def cells() -> Iterator[Measured]:
        for first in range(0, config.n, config.batch_size):
            chosen = range(first, min(first + config.batch_size, config.n))
            starts = states_at(times[:-1], chosen, config, generator, data)
            yield from survey(generator.posterior, starts, times, config.substeps)

    batches = -(-config.n // config.batch_size)
    total = batches * config.grid * (config.grid + 3) // 2
    with torch.inference_mode():
        return averaged(progress(cells(), "measuring", total, "pairs of times"))


def states_at(
    times: list[float],
    chosen: range,
    config: CheckConfig,
    generator: Generator,
    data: Dataset | None,
) -> list[State]:
    """Make x_s at every one of ``times`` for some molecules.

    The noise of a molecule depends on (seed, i) and its size alone, as in sampling.

    Args:
        times: increasing.
        chosen: the molecules, of 0 <= i < config.n.
        config: of the check.
        generator: the model.
        data: validation molecules; None walks to the model's own.
    """
    if data is None:
        x_0 = start(generator, generator.crowd(chosen, config.seed))
        return [x for _, x in walk(generator.posterior, x_0, times, config.substeps)]
    crowd, x_1 = held_out(chosen, config, generator, data)
    x_0 = start(generator, crowd)
    return [interpolate(x_0, x_1, x_1.everywhere(s)) for s in times]


def held_out(
    chosen: range, config: CheckConfig, generator: Generator, data: Dataset
) -> tuple[Crowd, State]:
    """Give the noise to come and x_1 of some validation molecules.

    Args:
        chosen: the molecules, of 0 <= i < config.n.
        config: of the check.
        generator: the model.
        data: its validation split is used.
    """
    order = np.random.default_rng(config.seed).permutation(data.splits["valid"])
    indices = order[chosen.start : chosen.stop]
    stream = build_stream(data, config.batch_size, config.seed)
    sizes = stream.sizes(indices)
    crowd = Crowd(config.seed, np.array(chosen), sizes, generator.spec.modality)
    return crowd, stream.states(indices, int(sizes.max())).to(generator.device)


def likelihood(
    config: CheckConfig, generator: Generator, data: Dataset
) -> dict[str, tuple[float, float]]:
    """Measure the bits a variable that validation molecules take at most, given their sizes.

    ``flow.likelihood.nats`` is drawn DRAWS times in each of ``config.n`` molecules.

    Args:
        config: of the check.
        generator: the model.
        data: its validation split is used.

    Returns:
        field -> bits a variable and the standard error.
    """
    uniform = torch.rand((DRAWS, config.n), generator=torch.Generator().manual_seed(config.seed))
    radii = (torch.arange(DRAWS)[:, None] + uniform) / DRAWS * REACH
    net, scale, device = generator.net, generator.spec.prior_scale, generator.device

    def draws() -> Iterator[tuple[range, Fields, Fields]]:
        for first in range(0, config.n, config.batch_size):
            chosen = range(first, min(first + config.batch_size, config.n))
            crowd, x_1 = held_out(chosen, config, generator, data)
            for draw, r in enumerate(radii[:, chosen].to(device)):
                yield chosen, x_1.free, nats(net, start(generator, crowd, draw), x_1, r, scale)

    fields = generator.spec.modality.classes
    spent = {name: torch.zeros(2, config.n, dtype=torch.float64) for name in fields}
    total = -(-config.n // config.batch_size) * DRAWS
    with torch.inference_mode():
        for chosen, free, found in progress(draws(), "likelihood", total, "draws"):
            for name, value in found.items():
                variables = free[name].sum(-1)
                spent[name][:, chosen] += torch.stack([value * variables, variables]).cpu()
    return {name: bits_a_variable(*both) for name, both in spent.items()}


def bits_a_variable(nats: Tensor, variables: Tensor) -> tuple[float, float]:
    """sum nats / sum variables / ln 2 over independent molecules, and its standard error.

    It is nan without variables.
    """
    mean = nats.sum() / variables.sum()
    error = (nats - mean * variables).std() * len(nats) ** 0.5 / variables.sum()
    return mean.item() / math.log(2), error.item() / math.log(2)


def identities(generator: Generator, seed: int) -> dict[str, float | None]:
    """Measure identities that hold for every input, whatever was learned.

    They are the largest errors in float64, of noise. None says that one does not apply. A network
    with positions is not meant to commute with permutations. Where all have one variable there is
    no padding. The order of a string is its meaning: of strings permutations are not asked for.

    Args:
        generator: the model.
        seed: of the noise.
    """
    spec, exact = generator.spec, replace(generator, net=deepcopy(generator.net).double())
    count = min(IDENTITY_SIZES, spec.max_size)
    sizes = np.linspace(1, spec.max_size, count).round().astype(np.int64)
    x = start(exact, Crowd(seed, np.arange(count), sizes, spec.modality)).to(torch.float64)
    s = torch.linspace(0, 0.9, count, dtype=torch.float64, device=x.device)
    t = (1 + s) / 2
    errors: dict[str, float | None] = {
        "slope": slope_error(exact.posterior, x, s),
        "padding": padding_error(exact.net, x, s, t) if count > 1 else None,
    }
    if isinstance(spec.modality, Graphs):
        errors["permutation"] = (
            None
            if spec.positions
            else equivariance_error(exact.net, x, s, t, lambda state: renumbered(state, seed))
        )
    return errors


def atom_order(exists: Tensor, seed: int) -> Tensor:
    """Order the atoms of each molecule at random, padding left at the end: (B, N).

    Args:
        exists: (B, N) bool.
        seed: of the orders.
    """
    random = torch.rand(exists.shape, generator=torch.Generator().manual_seed(seed))
    return random.to(exists.device).masked_fill(~exists, 2.0).argsort(-1)


def renumbered(x: State, seed: int) -> State:
    """Put the atoms of the same graphs in a random order."""
    return permuted(x, atom_order(x.exists["atoms"], seed))


def permuted(x: State, order: Tensor) -> State:
    """Put atom ``order[b, i]`` of the same graphs in place i; order: (B, N)."""
    i, j = (torch.from_numpy(ends).to(order.device) for ends in pair_endpoints(order.shape[1]))
    low, high = torch.minimum(order[:, i], order[:, j]), torch.maximum(order[:, i], order[:, j])
    places = {"atoms": order, "pairs": high * (high - 1) // 2 + low}

    def moved(fields: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: torch.stack([row[place] for row, place in zip(value, places[name], strict=True)])
            for name, value in fields.items()
        }

    return replace(x, values=moved(x.values), exists=moved(x.exists), given=moved(x.given))
