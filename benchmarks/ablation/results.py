"""The results of benchmarks.ablation: every run measured once, on whatever machine made it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.ablation.plan import EARLY, METHODS, Run, Setup, lineage
from benchmarks.ablation.training import training_steps
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.progress import progress

FORMAT = 1
SCORE = ("vu", 1)
"""Runs are ranked by distinct strictly valid molecules per attempt, in one network evaluation."""

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """Results of runs.

    Attributes:
        settings: those that all runs share.
        runs: name -> entry as ``measure_run`` makes it.
    """

    settings: Mapping[str, Any]
    runs: Mapping[str, Entry]

    def scores(self) -> dict[str, float]:
        """The SCORE of every run at the end of its time."""
        found = {}
        for name, entry in self.runs.items():
            end = max(cell["minutes"] for cell in entry["cells"])
            (found[name],) = (
                cell[SCORE[0]]
                for cell in entry["cells"]
                if (cell["minutes"], cell["steps"]) == (end, SCORE[1])
            )
        return found

    def with_run(self, name: str, entry: Entry) -> Results:
        """The same with one run more."""
        return Results(self.settings, {**self.runs, name: entry})

    def merged(self, other: Results, place: str) -> Results:
        """Put both together.

        InputError, naming ``place``, where settings or a run of both are not the same.
        """
        self.require_same(other, place)
        for name in self.runs.keys() & other.runs.keys():
            if self.runs[name] != other.runs[name]:
                raise InputError(f"{place}: {name} is measured in both, with other numbers")
        return Results(self.settings, {**self.runs, **other.runs})

    def require_same(self, other: Results, place: str) -> None:
        """Raise InputError, naming ``place``, for the first setting that differs."""
        for name in dict.fromkeys([*self.settings, *other.settings]):
            old, new = self.settings.get(name), other.settings.get(name)
            if old != new:
                both = f"{old or 'none'} in one and {new or 'none'} in the other"
                raise InputError(f"{place}: {name} is {both}")

    def write(self, path: Path) -> None:
        """Write JSON, with null for nan."""
        from benchmarks.common.outputs import plain

        content = {"format": FORMAT, "settings": self.settings, "runs": self.runs}
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(plain(content), indent=1, allow_nan=False) + "\n")


def read_results(path: Path) -> Results:
    """Read the file of ``write``. InputError where it is another."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']}")
        results = Results(dict(content["settings"]), dict(content["runs"]))
        results.scores()
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the results of the ablation ({error!r})") from None
    return results


def number(value: float | None) -> float:
    """nan for null."""
    return math.nan if value is None else value


def measure_run(run: Run, setup: Setup) -> Entry:
    """Measure a trained run: its entry has its settings, its machine and the numbers of all its
    cells.
    """
    from benchmarks.common.measuring import Cell, WalkOptions, facts, known, perform, prepare
    from molflow.loading import load

    generators = {share: load(path) for share, path in setup.models(run).items()}
    protocol = prepare(generators[1.0], setup.n, WalkOptions(noise=1.0), setup.force)
    grid = [(share, k) for share in generators for k in (METHODS if share == 1 else EARLY)]
    cells = []
    for share, steps in progress(grid, f"measuring {run.name}", len(grid), "cells"):
        cell, generator = Cell(METHODS[steps], steps, 0), generators[share]
        work = partial(perform, cell, protocol, generator)
        numbers = known(facts(cell, protocol, generator), work)
        about = {"minutes": share * setup.minutes, "method": cell.method, "steps": steps}
        cells.append({**about, **numbers})
    return {
        **asdict(run),
        "training_steps": sum(training_steps(setup.of(one)) for one in lineage(run)),
        "machine": machine(str(generators[1.0].device)),
        "cells": cells,
    }


def machine(device: str) -> dict[str, Any]:
    """The facts that two runs must share for their wall times to be comparable."""
    import torch

    name = torch.cuda.get_device_name() if device.startswith("cuda") else device
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }
