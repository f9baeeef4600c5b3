"""Molecules a second in training and sampling, by steps and by size, for benchmarks.speed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.speed.map import FLOW, in_turns, joint_step
from benchmarks.speed.parts import SEED, SIZES, molecules, network, seconds
from molflow.config import TrainConfig, load_config
from molflow.flow.flow_map import euler_step, posterior
from molflow.flow.interpolant import prior
from molflow.flow.samplers import sample
from molflow.flow.state import State
from molflow.flow.times import time_steps
from molflow.generator import Generator
from molflow.graph.state import to_graphs
from molflow.sampling.sampler import start
from molflow.training.module import draws
from molflow.training.trainer import wants_bf16

STEPS = (1, 2, 4, 8, 16)
MAP = "psd"


def throughput(
    sizes: Sequence[int], steps: Sequence[int], batch: int, repeat: int
) -> list[dict[str, object]]:
    """Molecules a second in training and sampling for each number of atoms, in fp32.

    Training is a step of the flow alone, and one of the map beside it. Sampling goes from noise to
    graphs in each number of steps.

    Args:
        sizes: numbers of atoms; all molecules have one size.
        steps: of sampling.
        batch: molecules at nine atoms, see `batch_at`.
        repeat: times of every measurement.
    """
    config = load_config("train", [])
    bf16 = wants_bf16(config.trainer)
    rows = []
    for atoms in sizes:
        count = batch_at(batch, atoms)
        works = {name: joint_step(name, count, atoms, bf16, False) for name in (FLOW, MAP)}
        took = in_turns(works, repeat)
        row: dict[str, object] = {
            "atoms": atoms,
            "batch": count,
            "precision": "bf16" if bf16 else "fp32",
            "training_flow": count / took[FLOW],
            "training_map": count / took[MAP],
        }
        for k in steps:
            row[f"sampling_{k}"] = count / sampling(config, atoms, count, k, repeat)
        rows.append(row)
    return rows


def batch_at(batch: int, atoms: int) -> int:
    """The number of molecules of so many atoms that have about as many pairs as ``batch`` of nine.

    Pairs decide the cost of a batch. It is at least one molecule.
    """
    return max(1, batch * SIZES[0] ** 2 // atoms**2)


def sampling(config: TrainConfig, atoms: int, count: int, steps: int, repeat: int) -> float:
    """Seconds from noise to graphs of ``count`` molecules of so many atoms."""
    net, spec = network(config, atoms)
    generator = Generator(net.eval(), spec)
    x_0 = start(generator, generator.crowd(range(count), SEED))

    def work() -> object:
        with torch.inference_mode():
            return to_graphs(sample(euler_step, posterior(net), x_0, time_steps(steps)))

    return seconds(work, repeat)


def sampling_steps(config: TrainConfig, repeat: int, count: int = 512) -> list[dict[str, float]]:
    """Molecules a second against the number of steps; ``ratio`` is time / (steps * one step)."""
    rows, one = [], 0.0
    for steps in STEPS:
        took = sampling(config, SIZES[0], count, steps, repeat)
        one = one or took
        rows.append(
            {"steps": steps, "molecules_per_second": count / took, "ratio": took / (steps * one)}
        )
    return rows


def sampling_sizes(config: TrainConfig, repeat: int) -> list[dict[str, float]]:
    """Network evaluations a second against the number of atoms; ``ratio`` is time / time at 9."""
    rows, first = [], 0.0
    for atoms in SIZES:
        net, _ = network(config, atoms)
        count = 4608 // atoms
        x_1 = molecules(count, atoms)
        x_0, t = prior(x_1, draws(x_1, SEED, 0, 0).noise), torch.full((count,), 0.5)

        def work(net: torch.nn.Module = net, x_0: State = x_0, t: Tensor = t) -> object:
            with torch.inference_mode():
                return net.eval()(x_0, t, t)

        took = seconds(work, repeat) / count
        first = first or took
        rows.append({"atoms": atoms, "molecules_per_second": 1 / took, "ratio": took / first})
    return rows
