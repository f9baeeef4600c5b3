"""The cost of the flow map in training and its gain in sampling, for benchmarks.speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.speed.parts import SEED, Fixed, molecules, network, training_step
from molflow.config import load_config
from molflow.loading import load
from molflow.training.setup import build_module

FLOW = "none"
DERIVATIVES = ("csd", "csd_official", "ecld")
OBJECTIVES = (FLOW, *DERIVATIVES, "psd")
LEFT_OUT = "compiling a derivative along time takes many minutes"


def objectives(batch: int, atoms: int, repeat: int) -> list[dict[str, Any]]:
    """A joint step of every objective at the default share of the batch.

    ``ratio`` is its time against a step of the flow alone (objective none) in the same precision,
    compiled alike, both measured in turns. A cell that is left out says why.
    """
    rows = []
    for compiled in (False, True):
        for precision in ("fp32", "bf16"):
            left_out = DERIVATIVES if compiled else ()
            steps = {
                name: joint_step(name, batch, atoms, precision == "bf16", compiled)
                for name in OBJECTIVES
                if name not in left_out
            }
            took = in_turns(steps, repeat)
            for name in OBJECTIVES:
                row = {"objective": name, "precision": precision, "compiled": compiled}
                rows.append(row | figures(took.get(name), took[FLOW], batch))
    return rows


def figures(took: float | None, flow: float, batch: int) -> dict[str, Any]:
    """Molecules a second and the ratio, or the reason why there are none."""
    if took is None:
        return {"left_out": LEFT_OUT}
    return {"molecules_per_second": batch / took, "ratio": took / flow}


def joint_step(name: str, batch: int, atoms: int, bf16: bool, compiled: bool) -> Callable[[], None]:
    """A training step of the default network with this objective."""
    config = load_config("train", [f"flow.distill={name}"])
    net, _ = network(config, atoms)
    x_1 = molecules(batch, atoms)
    module = build_module(config, net, Fixed(x_1))
    if compiled:
        module.compile_networks()
    return training_step(module, x_1, bf16)


def in_turns(works: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """The median time of each, all in turns, after one round to warm up: a slow minute hits all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for k in range(repeat + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if k > 0:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(measured)) for name, measured in times.items()}


def released(checkpoint: str, n: int, repeat: int) -> dict[str, Any]:
    """One-step sampling of a released model: molecules a second, network and decoding apart."""
    generator = load(checkpoint)
    generator.sample(min(n, 512), 1, "flow_map", SEED)
    made = [generator.sample(n, 1, "flow_map", SEED) for _ in range(repeat)]
    network_seconds = float(np.median([one.network_seconds for one in made]))
    decoding_seconds = float(np.median([one.chemistry_seconds for one in made]))
    return {
        "parameters": sum(p.numel() for p in generator.net.parameters()),
        "molecules": n,
        "network_per_second": n / network_seconds,
        "decoding_per_second": n / decoding_seconds,
        "per_second": n / (network_seconds + decoding_seconds),
    }
