"""How fast molflow is, against the peak of the machine it runs on: ``python -m benchmarks.speed``.

Every figure comes with a ratio measured in the same run: training against the machine's matrix
product, sampling against its own cost at one step and at nine atoms. Run it on a quiet machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from molflow.build import build_module, build_network
from molflow.checkpoint import ModelSpec
from molflow.chem.molecule import Vocabulary, check_many
from molflow.config import TrainConfig, load_config
from molflow.console import atomic_write, run_program, table
from molflow.errors import InputError
from molflow.flow.flow_map import euler_step, posterior
from molflow.flow.interpolant import prior
from molflow.flow.samplers import sample
from molflow.flow.state import State
from molflow.flow.times import time_steps
from molflow.generator import Generator
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import clean_state, to_graphs
from molflow.module import FlowModule, draws
from molflow.trainer import wants_bf16

RESULT = Path(__file__).parent / "results" / "speed.json"
VOCABULARY = Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F"))
SIZES = (9, 20, 38)
STEPS = (1, 2, 4, 8, 16)
SEED = 0


def main(arguments: list[str]) -> None:
    """Measures everything; takes two minutes on two cores, one more with compilation."""
    if arguments:
        raise InputError(f"{arguments[0]!r}: benchmarks.speed takes no arguments")
    config = load_config("train", [])
    result = {
        "machine": machine(),
        "peak_gflops": {name: peak(dtype) / 1e9 for name, dtype in PRECISIONS.items()},
    }
    result["training"] = training(config, result["peak_gflops"])
    result["sampling_steps"] = sampling_steps(config)
    result["sampling_sizes"] = sampling_sizes(config)
    result["decoding"] = decoding()
    show(result)
    with atomic_write(RESULT) as path:
        path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {RESULT}")


PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    """The median time of ``work`` over some repetitions, after one to warm up."""
    work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak(dtype: torch.dtype, n: int = 2048) -> float:
    """Floating-point operations a second of an n x n matrix product."""
    a, b = (torch.randn(n, n, dtype=torch.float32).to(dtype) for _ in range(2))
    return 2 * n**3 / seconds(lambda: a @ b)


def molecules(count: int, atoms: int) -> State:
    """Random one-hot graphs of ``atoms`` atoms: the cost does not depend on what they are."""
    generator = torch.Generator().manual_seed(SEED)

    def classes(variables: int, kinds: int) -> Tensor:
        return torch.randint(kinds, (count, variables), generator=generator)

    kinds = len(VOCABULARY.atoms), len(VOCABULARY.bonds)
    x_1 = classes(atoms, kinds[0]), classes(pair_count(atoms), kinds[1])
    return clean_state(*x_1, torch.full((count,), atoms), kinds)


def network(config: TrainConfig, atoms: int) -> tuple[torch.nn.Module, ModelSpec]:
    """The default network for molecules of at most ``atoms`` atoms."""
    law = tuple(float(n == atoms) for n in range(atoms + 1))
    model = vars(config.model)
    spec = ModelSpec(
        VOCABULARY, atoms, law, **model, positions=True, loss="cross_entropy",
        prior_scale=config.flow.prior_scale, dataset={},
    )  # fmt: skip
    return build_network(spec), spec


class Fixed:
    """A stream that always gives the same batch."""

    def __init__(self, x_1: State) -> None:
        self.x_1 = x_1

    def batch(self, step: int, rank: int, world: int) -> State:
        """The batch, whatever is asked."""
        return self.x_1


def training_step(module: FlowModule, x_1: State, bf16: bool) -> Callable[[], None]:
    """Forward, backward, clipping, the optimizer's step and the average's, as training does."""
    optimizer = module.configure_optimizers()
    drawn = draws(x_1, SEED, 0, 0)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, _ = module.loss(module.net, x_1, drawn)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        module.average.update_parameters(module.net)

    return step


def training(config: TrainConfig, peaks: dict[str, float]) -> list[dict[str, object]]:
    """Molecules a second of a training step, and its share of the peak at the same precision."""
    batch, rows = config.trainer.batch_size, []
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
            net.compile(dynamic=False)
            step()
        took = seconds(step)
        rows.append(
            {
                "precision": precision,
                "compiled": compiled,
                "molecules_per_second": batch / took,
                "share_of_peak": counter.get_total_flops() / took / 1e9 / peaks[precision],
            }
        )
    return rows


def sampling_steps(config: TrainConfig, count: int = 512) -> list[dict[str, float]]:
    """Molecules a second against the number of steps; ``ratio`` is time / (steps * one step)."""
    net, spec = network(config, SIZES[0])
    generator, one = Generator(net.eval(), spec), 0.0
    rows = []
    for steps in STEPS:
        sizes, noises = generator.noise(range(count), SEED)
        x_0 = generator.start(sizes, noises)

        def work(x_0: State = x_0, steps: int = steps) -> object:
            with torch.inference_mode():
                return to_graphs(sample(euler_step, posterior(net), x_0, time_steps(steps)))

        took = seconds(work, repeat=3)
        one = one or took
        rows.append(
            {"steps": steps, "molecules_per_second": count / took, "ratio": took / (steps * one)}
        )
    return rows


def sampling_sizes(config: TrainConfig) -> list[dict[str, float]]:
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

        took = seconds(work) / count
        first = first or took
        rows.append({"atoms": atoms, "molecules_per_second": 1 / took, "ratio": took / first})
    return rows


def decoding(count: int = 10_000) -> dict[str, float]:
    """Seconds from 10,000 tensors to checked molecules with canonical SMILES, on QM9 itself."""
    from molflow.datasets import qm9
    from molflow.datasets.loaders import collate

    data = qm9.load()
    batch = collate(data.packed, data.splits["train"][:count], data.max_atoms)
    classes = len(data.vocabulary.atoms), len(data.vocabulary.bonds)
    state = clean_state(*map(torch.from_numpy, (batch.atoms, batch.pairs, batch.sizes)), classes)

    def work() -> list[Graph]:
        graphs = to_graphs(state)
        check_many(graphs, data.vocabulary)
        return graphs

    return {"molecules": count, "seconds": seconds(work, repeat=3)}


def show(result: dict[str, object]) -> None:
    """The tables of one run."""
    peaks, decoded = result["peak_gflops"], result["decoding"]
    print(f"matrix product: {peaks['fp32']:.0f} GFLOP/s fp32, {peaks['bf16']:.0f} bf16")
    for name in ("training", "sampling_steps", "sampling_sizes"):
        rows = result[name]
        table(name.replace("_", ", "), list(rows[0]), [list(row.values()) for row in rows])
    print(f"decoding: {decoded['molecules']:,} molecules in {decoded['seconds']:.2f} s")


if __name__ == "__main__":
    run_program(main)
