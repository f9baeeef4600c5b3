"""Quality against network evaluations: ``python -m benchmarks.generation checkpoint=<model>``.

Every method at every number of steps makes n molecules a seed. Beside them stand two rows that no
model made. "training" has n training molecules without repetition, whose FCD is the floor at this
n. "redraw" has n drawn from the training set with replacement: a perfect sampler of a memorised
training set would score as much. A cell that is finished is kept and not made again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.common.arguments import count, help_text, read, several
from benchmarks.common.outputs import named, place, write
from molflow.config import NOISE, wants_help
from molflow.config.key import COUNT, READ, WRITE, Range, key
from molflow.console import run_program
from molflow.errors import InputError
from molflow.progress import progress

if TYPE_CHECKING:
    from benchmarks.common.measuring import Cell, Numbers
    from molflow.generator import Generator

ONE_SEED_ABOVE = 8
PROTOCOL = {
    "strict_valid": "the whole molecule sanitises unrepaired and is connected / attempts",
    "plain_valid": "sanitises / attempts; the largest fragment counts on",
    "relaxed_valid": "sanitises once N, O, S one over valence carry +1 / attempts",
    "unique": "distinct largest fragments / plain-valid",
    "vu, vun": "distinct strictly valid (and not in training) / attempts",
    "novel": "distinct outside training / distinct",
    "fcd_unique_validation": "distinct plain-valid largest fragments against the validation set",
    "fcd_all_test": "all plain-valid largest fragments against the test set",
    "spread": "standard deviation over the seeds; null for one",
}


@dataclass(frozen=True)
class GenerationConfig:
    """Quality of samples against the number of network evaluations."""

    checkpoint: str = key("", "a run folder or a file of weights", required=True, path=READ)
    steps: str = key("1,2,4,8,16,50", "steps, separated by commas", required=True)
    methods: str = key("", "names of methods, separated by commas; empty is all")
    n: int = key(10_000, "molecules a cell", within=COUNT)
    seeds: int = key(3, f"seeds a cell; above {ONE_SEED_ABOVE} steps it is one", within=COUNT)
    noise: float = key(NOISE, "of stochastic methods: 0 renews none, 1 all", within=Range(0, 1))
    noise_scale: str = key("1", "of the noise, as of molflow.sample", required=True)
    times: str = key("", "to stop at, as of molflow.sample; empty: where decisions fall")
    name: str = key("", "of the results; empty is the name of the model's folder")
    out: str = key("", "folder of the results; empty is benchmarks/results", path=WRITE)
    force: bool = key(False, "measure FCD on fewer than 1,000 molecules too")


def main(arguments: list[str]) -> None:
    """Measure the cells that the command line's ``key=value`` arguments ask for."""
    if wants_help(arguments):
        print(help_text("generation", GenerationConfig))
        return
    benchmark(read(GenerationConfig, arguments))


def benchmark(config: GenerationConfig) -> None:
    """Measure every cell that is not known yet, print the tables, write JSON and PNG."""
    from benchmarks.common.measuring import WalkOptions, facts, known, perform, prepare
    from benchmarks.generation.curves import draw, show
    from molflow.loading import load
    from molflow.sampling.walk import read_noise_scale

    cells = plan_cells(config)
    generator = load(config.checkpoint)
    config = named(config)
    target = place("generation", config.name, config.out)
    options = WalkOptions(config.noise, read_noise_scale(config.noise_scale), config.times)
    options.require(generator, ((cell.method, cell.steps) for cell in cells))
    protocol = prepare(generator, config.n, options, config.force)
    numbers = []
    for cell in progress(cells, "benchmark", len(cells), "cells"):
        work = partial(perform, cell, protocol, generator)
        numbers.append(known(facts(cell, protocol, generator), work))
    rows = summarise(cells, numbers)
    result = record(config, generator, cells, numbers, rows)
    show(rows, config.n)
    write(target, result, partial(draw, rows, config.n))


def plan_cells(config: GenerationConfig) -> list[Cell]:
    """The anchors, then every method at every number of steps with every seed."""
    from benchmarks.common.measuring import ANCHORS, Cell
    from molflow.metrics.distribution import FEWEST
    from molflow.sampling.methods import METHODS

    if config.n < FEWEST and not config.force:
        least = f"FCD needs at least {FEWEST:,} molecules"
        raise InputError(f"n={config.n}: {least}; force=true measures fewer")
    steps = [count("steps", text) for text in several("steps", config.steps)]
    methods = several("methods", config.methods) if config.methods else list(METHODS)
    for name in methods:
        if name not in METHODS:
            raise InputError(f"methods={name!r}: any of {', '.join(METHODS)}")
    made = [
        (name, k, config.seeds if k <= ONE_SEED_ABOVE else 1) for name in methods for k in steps
    ]
    rows = [(name, 0, config.seeds) for name in ANCHORS] + made
    return [Cell(name, k, seed) for name, k, seeds in rows for seed in range(seeds)]


def summarise(cells: Sequence[Cell], numbers: Sequence[Numbers]) -> list[dict[str, Any]]:
    """A row for each method and number of steps: mean and spread over the seeds."""
    import numpy as np

    groups: dict[tuple[str, int], list[Numbers]] = {}
    for cell, found in zip(cells, numbers, strict=True):
        groups.setdefault((cell.method, cell.steps), []).append(found)
    rows = []
    for (method, steps), group in groups.items():
        mean, spread = {}, {}
        for name in group[0]:
            values = [found[name] for found in group]
            mean[name] = float(np.mean(values))
            spread[name] = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        row = {"method": method, "steps": steps, "seeds": len(group)}
        rows.append(row | {"mean": mean, "spread": spread})
    return rows


def record(
    config: GenerationConfig,
    generator: Generator,
    cells: Sequence[Cell],
    numbers: Sequence[Numbers],
    rows: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The numbers with all that is needed to understand them and to make them again."""
    from benchmarks.common.measuring import FORMAT, provenance

    # Where things lie on this machine is nobody else's business.
    settings = {k: v for k, v in asdict(config).items() if k not in ("checkpoint", "out")}
    return {
        "format": FORMAT,
        "config": settings,
        **provenance(generator),
        "protocol": PROTOCOL,
        "rows": rows,
        "cells": [asdict(cell) | found for cell, found in zip(cells, numbers, strict=True)],
    }


if __name__ == "__main__":
    run_program(main)
