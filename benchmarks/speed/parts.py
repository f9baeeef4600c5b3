"""Means of the measurements of benchmarks.speed: a clock, molecules, a network, a step."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from molflow.chem.molecule import Vocabulary
from molflow.config import TrainConfig
from molflow.flow.state import State
from molflow.graph.graph import pair_count
from molflow.graph.state import clean_state
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.training.module import FlowModule, draws

VOCABULARY = Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F"))
SEED = 0
SIZES = (9, 20, 38)
"""Atoms of the largest molecules of QM9, of a size between and of ZINC250k."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def machine() -> dict[str, object]:
    """The machine that the numbers were measured on."""
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The median time of ``work`` over some repetitions, after one to warm up."""
    work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak(dtype: torch.dtype, repeat: int, n: int = 2048) -> float:
    """Floating-point operations a second of an n x n matrix product."""
    a, b = (torch.randn(n, n, dtype=torch.float32).to(dtype) for _ in range(2))
    return 2 * n**3 / seconds(lambda: a @ b, repeat)


def molecules(count: int, atoms: int) -> State:
    """Random one-hot graphs of ``atoms`` atoms: the cost does not depend on their classes."""
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
