"""The speed of molflow against the peak of the machine: ``python -m benchmarks.speed``.

Every figure comes with a ratio measured in the same run. That of training is against the machine's
matrix product, that of sampling against its own cost at one step and at nine atoms. Run it on a
quiet machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common.arguments import help_text, read, several
from benchmarks.common.outputs import RESULTS
from benchmarks.speed.map import objectives, released
from benchmarks.speed.parts import (
    PRECISIONS,
    SIZES,
    Fixed,
    machine,
    molecules,
    network,
    peak,
    seconds,
    training_step,
)
from benchmarks.speed.sampling import sampling_sizes, sampling_steps, throughput
from molflow.chem.molecule import check_many
from molflow.config import TrainConfig, load_config, wants_help
from molflow.config.key import COUNT, READ, WRITE, key
from molflow.console import atomic_write, run_program, table
from molflow.errors import InputError
from molflow.graph.graph import Graph
from molflow.graph.state import clean_state, to_graphs
from molflow.progress import progress
from molflow.training.setup import build_module
from molflow.training.trainer import wants_bf16

NETWORKS = {
    "default": [],
    "narrow pairs": ["model.pair_width=32", "model.pair_expand=2"],
    "zinc250k": ["experiment=zinc250k", "model.condition="],
}
"""Networks for drug-like molecules, by their arguments of molflow.train."""
DRUG_LIKE = (21, 38)
"""The most frequent and the largest number of atoms to which batches of ZINC250k are padded."""


@dataclass(frozen=True)
class SpeedConfig:
    """The speed of training and sampling against the machine that they run on."""

    parts: str = key("", "what to measure, separated by commas, such as objectives; empty is all")
    batch_size: int = key(256, "molecules of a training step", within=COUNT)
    sizes: str = key("9,20,38", "atoms of throughput's molecules, separated by commas")
    steps: str = key("1,2,4,8,16", "of throughput's samplings, separated by commas")
    n: int = key(10_000, "molecules of the released model and of decoding", within=COUNT)
    checkpoint: str = key("qm9", "the released model", required=True, path=READ)
    repeat: int = key(5, "times of every measurement, whose median counts", within=COUNT)
    out: str = key(
        "", "the file of the results; empty is benchmarks/results/speed.json", path=WRITE
    )


def main(arguments: list[str]) -> None:
    """Measure the parts asked for; all of them take ten to fifteen minutes on two cores."""
    if wants_help(arguments):
        print(help_text("speed", SpeedConfig))
        return
    config = read(SpeedConfig, arguments)
    names = several("parts", config.parts) if config.parts else list(PARTS)
    for name in names:
        if name not in PARTS:
            raise InputError(f"parts={name!r}: any of {', '.join(PARTS)}")
    for key_name in ("sizes", "steps"):
        counts(key_name, getattr(config, key_name))
    place = Path(config.out) if config.out else RESULTS / "speed.json"
    result = kept(place)
    for name in progress(names, "benchmark", len(names), "parts"):
        result[name] = PARTS[name](config)
    show(result)
    with atomic_write(place) as path:
        path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {place}")


def counts(name: str, text: str) -> list[int]:
    """Whole numbers of at least 1; InputError for any other text."""
    parts = several(name, text)
    for part in parts:
        if not (part.isascii() and part.isdigit() and int(part) > 0):
            raise InputError(f"{name}={part!r}: integers of at least 1, separated by commas")
    return [int(part) for part in parts]


def kept(place: Path) -> dict[str, Any]:
    """The other parts of an earlier run, where that was on this machine."""
    here = {"machine": machine()}
    try:
        earlier = json.loads(place.read_text(encoding="utf-8"))
        return earlier if earlier["machine"] == here["machine"] else here
    except (OSError, ValueError, KeyError, TypeError):
        return here


def peaks(repeat: int) -> dict[str, float]:
    """GFLOP/s of a matrix product in each precision."""
    return {name: peak(dtype, repeat) / 1e9 for name, dtype in PRECISIONS.items()}


def training(config: TrainConfig, batch: int, repeat: int) -> list[dict[str, object]]:
    """Molecules a second of a training step, and its share of the peak at the same precision."""
    best, rows = peaks(repeat), []
    x_1 = molecules(batch, SIZES[0])
    ways = [("fp32", False), ("bf16", False)]
    ways.append(("bf16" if wants_bf16(config.trainer) else "fp32", True))
    for precision, compiled in ways:
        net, _ = network(config, SIZES[0])
        module = build_module(config, net, Fixed(x_1))
        step = training_step(module, x_1, precision == "bf16")
        with FlopCounterMode(display=False) as counter:
            step()
        if compiled:
            module.compile_networks()
            step()
        took = seconds(step, repeat)
        rows.append(
            {
                "precision": precision,
                "compiled": compiled,
                "molecules_per_second": batch / took,
                "share_of_peak": counter.get_total_flops() / took / 1e9 / best[precision],
            }
        )
    return rows


def drug_like(batch: int, repeat: int) -> list[dict[str, object]]:
    """Molecules a second of a training step of the flow, in the arithmetic of training.

    It has the networks of ``NETWORKS`` at the most frequent and the largest width of ZINC250k.
    """
    rows, best = [], peaks(repeat)
    for name, arguments in NETWORKS.items():
        config = load_config("train", arguments)
        precision = "bf16" if wants_bf16(config.trainer) else "fp32"
        for atoms in DRUG_LIKE:
            x_1 = molecules(batch, atoms)
            net, _ = network(config, atoms)
            module = build_module(config, net, Fixed(x_1))
            step = training_step(module, x_1, precision == "bf16")
            with FlopCounterMode(display=False) as counter:
                step()
            module.compile_networks()
            step()
            took = seconds(step, repeat)
            rows.append(
                {
                    "network": name,
                    "atoms": atoms,
                    "parameters": sum(p.numel() for p in net.parameters()),
                    "precision": precision,
                    "molecules_per_second": batch / took,
                    "share_of_peak": counter.get_total_flops() / took / 1e9 / best[precision],
                }
            )
    return rows


def decoding(count: int, repeat: int) -> dict[str, float]:
    """Seconds from ``count`` tensors to checked molecules with canonical SMILES, on QM9 itself."""
    from molflow.datasets import qm9
    from molflow.datasets.loaders import collate

    data = qm9.load()
    batch = collate(data.packed, data.splits["train"][:count], data.max_atoms)
    classes = len(data.vocabulary.atoms), len(data.vocabulary.bonds)
    atoms, pairs, sizes = map(torch.from_numpy, (batch.atoms, batch.pairs, batch.sizes))
    state = clean_state(atoms, pairs, sizes, classes)

    def work() -> list[Graph]:
        graphs = to_graphs(state)
        check_many(graphs, data.vocabulary)
        return graphs

    return {"molecules": len(batch.sizes), "seconds": seconds(work, repeat)}


def show(result: dict[str, Any]) -> None:
    """Print the tables of one run: a part is one number a name, or rows."""
    for name, part in result.items():
        rows = [part] if isinstance(part, dict) else part
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table(
            name.replace("_", ", "),
            columns,
            [[row.get(column, "") for column in columns] for row in rows],
        )


def default() -> TrainConfig:
    """The default training."""
    return load_config("train", [])


PARTS: dict[str, Callable[[SpeedConfig], Any]] = {
    "peak_gflops": lambda c: peaks(c.repeat),
    "training": lambda c: training(default(), c.batch_size, c.repeat),
    "drug_like": lambda c: drug_like(c.batch_size, c.repeat),
    "objectives": lambda c: objectives(c.batch_size, SIZES[0], c.repeat),
    "sampling_steps": lambda c: sampling_steps(default(), c.repeat),
    "sampling_sizes": lambda c: sampling_sizes(default(), c.repeat),
    "throughput": lambda c: throughput(
        counts("sizes", c.sizes), counts("steps", c.steps), c.batch_size, c.repeat
    ),
    "decoding": lambda c: decoding(c.n, c.repeat),
    "one_step": lambda c: released(c.checkpoint, c.n, c.repeat),
}
"""The measurements by name."""


if __name__ == "__main__":
    run_program(main)
