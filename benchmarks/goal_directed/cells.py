"""Cells of the benchmark: one run of a method on a task with a seed, its numbers, and its file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goal_directed.calls import Method, read
from molflow.chem.properties import PROPERTIES
from molflow.chem.tasks import BenchmarkTask
from molflow.console import atomic_write
from molflow.metrics.goal_directed import Call, auc_top, final_score, top_mean
from molflow.metrics.similarity import fingerprints, internal_diversity

TOP = 100
"""Molecules whose accessibility, diversity and alerts are measured: the best ones."""


@dataclass(frozen=True)
class Cell:
    """A run, and all that it depends on.

    Attributes:
        task: its full name.
        method: by name.
        seed: of the run.
        calls: distinct molecules that may be scored.
        start: molecules that it begins with.
        model: its fingerprint, None of a method without one.
    """

    task: str
    method: str
    seed: int
    calls: int
    start: int
    model: str | None

    def name(self) -> str:
        """Of its file."""
        model = "" if self.model is None else f"-{self.model[:8]}"
        task = self.task.replace("/", ".")
        return f"{task}-{self.method}-{self.seed}-{self.calls}-{self.start}{model}.json"


def known(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """The numbers of a cell that ran before, None where it did not."""
    path = folder / cell.name()
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["numbers"] if content["cell"] == asdict(cell) else None


def perform(
    folder: Path, cell: Cell, task: BenchmarkTask, method: Method, start: Sequence[str]
) -> dict[str, Any]:
    """Runs a cell and writes its numbers and its calls."""
    began = time.monotonic()
    calls = method(task, cell.calls, cell.seed, start)
    numbers = measured(task, calls, cell.calls) | {"seconds": time.monotonic() - began}
    content = {"cell": asdict(cell), "numbers": numbers, "calls": calls}
    with atomic_write(folder / cell.name()) as path:
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    return numbers


def measured(task: BenchmarkTask, calls: Sequence[Call], budget: int) -> dict[str, Any]:
    """The numbers of a run; None where there is nothing to measure."""
    scores = [score for _, score in calls]
    if not calls:
        return {"auc_10": 0.0, "calls": 0}
    order = np.argsort(-np.array(scores), kind="stable")[:TOP]
    mols = [mol for i in order if (mol := read(calls[i][0])) is not None]
    alerts = [
        sum(PROPERTIES[name].compute(mol) for name in ("pains", "brenk")) == 0 for mol in mols
    ]
    return {
        "auc_10": auc_top(scores, budget),
        "final": final_score(task, calls, budget),
        "best": max(scores),
        "mean_10": top_mean(scores, 10),
        "mean_100": top_mean(scores, 100),
        "sa_100": float(np.mean([PROPERTIES["sa"].compute(mol) for mol in mols])),
        "diversity_100": internal_diversity(fingerprints(mols)),
        "without_alerts_100": float(np.mean(alerts)),
        "calls": len(calls),
    }
