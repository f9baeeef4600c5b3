"""The cost of a vocabulary: ``python -m benchmarks.speed.sequence_memory``.

One step of training (state, noise, flow matching loss, backward) has 32 strings of 128 tokens. The
network has width 192 and depth 6, and runs in single precision on one thread. Each vocabulary has a
process of its own, whose peak counts above that of the loaded program. Linux.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

from molflow.config import wants_help
from molflow.console import run_program, table
from molflow.errors import InputError
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.losses import vfm_loss
from molflow.progress import progress
from molflow.sequence.state import token_state
from molflow.sequence.transformer import SequenceTransformer

CLASSES = (27, 62, 1000, 8000)
BATCH, LENGTH, REPEAT = 32, 128, 3


def step(net: SequenceTransformer, classes: int) -> None:
    """Take a step of training without the optimiser."""
    ids = torch.randint(classes, (BATCH, LENGTH))
    x_1 = token_state(ids, torch.full((BATCH,), LENGTH), classes)
    t = torch.rand(BATCH)
    x_t = interpolate(prior(x_1, {"tokens": torch.randn(BATCH, LENGTH, classes)}), x_1, t)
    vfm_loss(net(x_t, t, t), x_1)["tokens"].mean().backward()
    net.zero_grad()


def peak() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure_vocabulary(classes: int) -> list[float]:
    """Measure a row of the table."""
    torch.set_num_threads(1)
    loaded, net, seconds = peak(), SequenceTransformer(classes, LENGTH), []
    for _ in range(1 + REPEAT):
        start = time.process_time()
        step(net, classes)
        seconds.append(time.process_time() - start)
    weights = sum(p.numel() for p in net.parameters()) / 1e6
    state = 4 * BATCH * LENGTH * classes / 2**20
    return [classes, weights, state, median(seconds[1:]), peak() - loaded]


def main(arguments: list[str]) -> None:
    """Measure every vocabulary and print the table."""
    if wants_help(arguments):
        print(__doc__)
        return
    if arguments:
        raise InputError(f"{arguments[0]!r}: there is nothing to choose here")
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        rows = list(progress(pool.map(measure_vocabulary, CLASSES), "vocabularies", len(CLASSES)))
    columns = ["classes", "weights, M", "state, MB", "CPU seconds", "peak, MB"]
    table("A step of training", columns, rows)


if __name__ == "__main__":
    run_program(main)
