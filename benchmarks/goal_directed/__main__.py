"""Goal-directed optimisation: ``python -m benchmarks.goal_directed checkpoint=<model> tasks=all``.

Every method gets the same budget of distinct molecules and begins with the same molecules of the
data set. A cell (task, method, seed) that ran before is not run again. Published numbers stand
beside, each with the class it belongs to.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common.arguments import help_text, read, several
from molflow.config import wants_help
from molflow.config.key import COUNT, READ, WRITE, key
from molflow.console import require_writable, run_program, table
from molflow.errors import InputError
from molflow.progress import progress

if TYPE_CHECKING:
    from benchmarks.goal_directed.cells import Cell
    from molflow.chem.tasks import BenchmarkTask
    from molflow.generator import Generator

ALL, USUAL_CALLS = "all", 10_000
NUMBERS = ("auc_10", "best", "mean_10", "mean_100", "sa_100", "diversity_100", "without_alerts_100")
OUT = Path(__file__).parents[1] / "results" / "goal_directed"


@dataclass(frozen=True)
class GoalConfig:
    """The best molecules within a budget of calls, beside baselines on the same code."""

    checkpoint: str = key(
        "", "a run folder or a file of weights; empty: methods without a model", path=READ
    )
    tasks: str = key(ALL, "such as perindopril_mpo,guacamol/median1; all are the 20 of PMO")
    methods: str = key("random,fresh,guide,mol_ga,genetic,molflow", "separated by commas")
    seeds: int = key(3, "runs of a task and method", within=COUNT)
    calls: int = key(USUAL_CALLS, "distinct molecules that may be scored", within=COUNT)
    start: int = key(100, "molecules of the data set to begin with; they count", within=COUNT)
    dataset: str = key(
        "", "a file of SMILES to begin with; empty is the model's training set", path=READ
    )
    out: str = key(
        "", "folder of the results; empty is benchmarks/results/goal_directed", path=WRITE
    )


def main(words: list[str]) -> None:
    """Run every cell that is missing and print the tables."""
    if wants_help(words):
        print(help_text("goal_directed", GoalConfig))
        return
    run(read(GoalConfig, words))


def run(config: GoalConfig) -> None:
    """Run every cell that is missing and print the tables."""
    from benchmarks.goal_directed.cells import Cell, known, perform
    from benchmarks.goal_directed.methods import WAYS, require_ways
    from molflow.chem.tasks import SUITES, find_task

    names = list(SUITES["pmo"]) if config.tasks == ALL else several("tasks", config.tasks)
    tasks = [find_task(name) for name in names]
    methods = several("methods", config.methods)
    require_ways(methods)
    folder = Path(config.out) if config.out else OUT
    require_writable(folder)
    model = _model(config, methods)
    molecules = _molecules(config, model)
    for task in tasks:
        caution(task, model)
    plan = [
        (
            task,
            Cell(task.full_name, method, seed, config.calls, config.start, _print(model, method)),
        )
        for task in tasks
        for method in methods
        for seed in range(config.seeds)
    ]
    found: list[tuple[Cell, dict[str, Any]]] = []
    for task, cell in progress(plan, "benchmark", len(plan), "cells"):
        numbers = known(folder, cell)
        if numbers is None:
            way = WAYS[cell.method]
            start = molecules if way.pool else some(molecules, config.start, cell.seed)
            numbers = perform(folder, cell, task, way.make(model if way.model else None), start)
            print(f"{cell.task} {cell.method} {cell.seed}: {numbers['auc_10']:.3f}", flush=True)
        found.append((cell, numbers))
    show(found, tasks, methods, config)


def _model(config: GoalConfig, methods: Sequence[str]) -> Generator | None:
    from benchmarks.goal_directed.methods import WAYS
    from molflow.loading import load

    needing = [name for name in methods if WAYS[name].model]
    if config.checkpoint:
        return load(config.checkpoint)
    if needing:
        raise InputError(f"methods={','.join(needing)}: need a model, checkpoint=")
    return None


def _print(model: Generator | None, method: str) -> str | None:
    from benchmarks.goal_directed.methods import WAYS

    return model.fingerprint if model is not None and WAYS[method].model else None


def _molecules(config: GoalConfig, model: Generator | None) -> list[str]:
    """The molecules that runs begin with, of a file or of the model's training set."""
    from molflow.build import dataset_of
    from molflow.evaluation.samples_file import read as rows

    if config.dataset:
        return [row.text for row in rows(Path(config.dataset)) if row.text.strip()]
    if model is None:
        raise InputError("dataset: a file of SMILES is needed where there is no model")
    return dataset_of(model.spec).smiles("train")


def some(molecules: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` of the molecules, drawn by the seed: the same ones for every method."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(molecules), min(count, len(molecules)), replace=False)
    return [molecules[i] for i in chosen]


def caution(task: BenchmarkTask, model: Generator | None) -> None:
    """Warn where the model cannot make the elements or sizes of the task's own targets."""
    if model is None:
        return
    lacks = lacking(task, model)
    if lacks:
        print(f"warning: {task.name}: this model {lacks}; the task is run", file=sys.stderr)


def lacking(task: BenchmarkTask, model: Generator) -> str:
    """Features of a task's targets that the model lacks, in words; "" where it has all."""
    import re

    from rdkit import Chem, rdBase

    from molflow.chem.vocabulary import strip_charges

    texts = re.findall(r"\w+\((.+?)\):", task.text)
    with rdBase.BlockLogs():
        mols = [Chem.MolFromSmiles(text) for text in texts if not re.fullmatch(r"(\w\d*)+", text)]
    elements = {a.GetSymbol() for mol in mols if mol is not None for a in mol.GetAtoms()}
    formulas = re.findall(r"isomer\((\w+)\)", task.text)
    counts = [
        (element, int(number or 1))
        for formula in formulas
        for element, number in re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    ]
    elements |= {element for element, _ in counts} - {"H"}
    atoms = max(
        [mol.GetNumAtoms() for mol in mols if mol is not None and "similarity" in task.text]
        + [sum(n for element, n in counts if element != "H") // max(1, len(formulas))],
        default=0,
    )
    known = {strip_charges(name) for name in model.spec.vocabulary.atoms}
    words = [f"knows no {', '.join(sorted(elements - known))}"] if elements - known else []
    if atoms > model.spec.max_size:
        words.append(f"makes {model.spec.max_size} atoms at most, a target has {atoms}")
    return " and ".join(words)


def show(
    found: Sequence[tuple[Cell, dict[str, Any]]],
    tasks: Sequence[BenchmarkTask],
    methods: Sequence[str],
    config: GoalConfig,
) -> None:
    """Means over seeds: the areas by task beside published ones, then all numbers by method."""
    from benchmarks.goal_directed.published import CLASSES, PUBLISHED

    def mean(name: str, task: str | None, method: str) -> float:
        values = [
            float(numbers.get(name, 0.0))
            for cell, numbers in found
            if cell.method == method and task in (None, cell.task)
        ]
        return float(np.mean(values)) if values else float("nan")

    rows = []
    for task in tasks:
        ours = [mean("auc_10", task.full_name, method) for method in methods]
        there = PUBLISHED.get(task.name, {}) if task.suite == "pmo" else {}
        rows.append((task.name, *ours, *(there.get(name, float("nan")) for name in CLASSES)))
    sums = [sum(row[k] for row in rows) for k in range(1, 1 + len(methods) + len(CLASSES))]
    title = f"AUC of the ten best, {config.calls:,} calls, {config.seeds} seeds"
    table(title, ("task", *methods, *CLASSES), [*rows, ("sum", *sums)])
    if config.calls != USUAL_CALLS:
        print(f"published numbers are of {USUAL_CALLS:,} calls and do not compare")
    print("; ".join(f"{name}: {kind}" for name, kind in CLASSES.items()))
    kinds = (*NUMBERS, "seconds")
    table(
        "means over tasks and seeds",
        ("method", *kinds),
        [(method, *(mean(kind, None, method) for kind in kinds)) for method in methods],
    )


if __name__ == "__main__":
    run_program(main)
