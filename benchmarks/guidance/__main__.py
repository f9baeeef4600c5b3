"""Guidance against best-of-N: ``python -m benchmarks.guidance checkpoint=<model>``.

Every method of guidance walks toward eight objectives in several numbers of steps. All have equal
budgets of looks: molecules that are judged for each molecule wanted. Beside them stand best_of and
unguided molecules of the same sizes. Standard errors decide which is better (rows.py). A cell that
is finished is kept and not made again.

The program prints the expected time before the cells, or instead of them with ``plan``. ``render``
writes the table of results that are there into a README.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.arguments import count, help_text, read, several
from benchmarks.common.outputs import README, named, place, write
from molflow.config import wants_help
from molflow.config.key import COUNT, READ, WRITE, key
from molflow.console import run_program, table
from molflow.errors import InputError
from molflow.progress import progress

if TYPE_CHECKING:
    from benchmarks.guidance.kept import Protocol
    from benchmarks.guidance.plan import GuidedCell
    from molflow.generator import Generator

AUTO = "auto"


@dataclass(frozen=True)
class GuidanceConfig:
    """Reward of guided molecules at equal budgets, against best-of-N and unguided ones.

    The first argument may be a command; without one, every missing cell runs:

        plan     list the cells and their expected time
        render   write the table of the results that are there
    """

    checkpoint: str = key("", "a run folder or a file of weights", required=True, path=READ)
    tasks: str = key("", "qed, logp0, logp2, ..., separated by commas; empty is all")
    methods: str = key("", "guides, such as particles or gradient:0.5 (strength); empty is all")
    budgets: str = key("1,4,16,64", "looks a molecule, separated by commas", required=True)
    steps: str = key("1,2,4,8", "steps, separated by commas", required=True)
    walks: str = key(AUTO, "sampling methods, for the guides that need no new noise", required=True)
    n: int = key(1_000, "molecules a cell", within=COUNT)
    seeds: int = key(1, "seeds a cell", within=COUNT)
    batch: int = key(512, "particles at once", within=COUNT)
    name: str = key("", "of the results; empty is the name of the model's folder")
    out: str = key("", "folder of the results; empty is benchmarks/results", path=WRITE)
    readme: str = key(
        "", "for render: file with the table; empty is benchmarks/README.md", path=WRITE
    )


def main(words: list[str]) -> None:
    """Run one of COMMANDS; without a name of one, the benchmark."""
    if wants_help(words):
        print(help_text("guidance [plan | render]", GuidanceConfig))
        return
    name = words[0] if words and words[0] in COMMANDS else "run"
    COMMANDS[name](read(GuidanceConfig, words[words[:1] == [name] :]))


def run(config: GuidanceConfig) -> None:
    """Measure every cell that is not known yet, print the tables, write JSON and PNG."""
    from benchmarks.guidance.curves import draw
    from benchmarks.guidance.kept import facts, known
    from benchmarks.guidance.making import perform
    from benchmarks.guidance.report import details, per_step, sentences
    from benchmarks.guidance.results import record
    from benchmarks.guidance.rows import best

    config = named(config)
    generator, protocol, cells = prepare(config)
    target = place("guidance", config.name, config.out)
    show_cells(cells, protocol, generator)
    numbers = []
    for cell in progress(cells, "benchmark", len(cells), "cells"):
        work = partial(perform, cell, protocol, generator)
        numbers.append(known(facts(cell, protocol, generator), work))
    result = record(settings(config), protocol.objectives, generator, cells, numbers)
    table("reward at every number of steps", *per_step(result["rows"]))
    table("the best of every method", *details(best(result["rows"])))
    for budget in sorted({claim["budget"] for claim in result["claims"]}):
        print("\n".join(sentences(result, budget)))
    write(target, result, partial(draw, result["rows"], protocol.objectives, config.n))


def prepare(config: GuidanceConfig) -> tuple[Generator, Protocol, list[GuidedCell]]:
    """The model, the objectives and all cells; InputError where they cannot be."""
    from benchmarks.guidance.kept import Protocol
    from benchmarks.guidance.plan import BEST_OF, UNGUIDED, cells, require_ways
    from benchmarks.guidance.tasks import TASKS, reference, require_known
    from molflow.build import dataset_of
    from molflow.guidance.kinds import GUIDES
    from molflow.loading import load
    from molflow.sampling.methods import METHODS
    from molflow.sampling.walk import Route

    tasks = several("tasks", config.tasks) if config.tasks else list(TASKS)
    require_known(tasks)
    ways = several("methods", config.methods) if config.methods else list(GUIDES)
    require_ways(ways)
    budgets, steps = (
        [count(name, text) for text in several(name, getattr(config, name))]
        for name in ("budgets", "steps")
    )
    walks = several("walks", config.walks)
    for name in walks:
        if name not in (AUTO, *METHODS):
            raise InputError(f"walks={name!r}: any of {', '.join((AUTO, *METHODS))}")
    generator = load(config.checkpoint)
    known = [generator.walk(Route(1, name)).method for name in walks]
    objectives = {name: TASKS[name] for name in tasks}
    if "similarity" in objectives:
        smiles = reference(dataset_of(generator.spec))
        objectives["similarity"] = TASKS["similarity"].format(reference=smiles)
    made = cells(tasks, ways, list(dict.fromkeys(known)), (budgets, steps), config.seeds)
    most = max(cell.settings.particles for cell in made if cell.method in (UNGUIDED, BEST_OF))
    return generator, Protocol(objectives, config.n, most, config.batch), made


def settings(config: GuidanceConfig) -> dict[str, Any]:
    """The settings of the results, with the name of the model in place of its folder."""
    hidden = ("checkpoint", "out", "readme", "name", "batch")
    return {"checkpoint": config.name} | {
        k: v for k, v in asdict(config).items() if k not in hidden
    }


def show_plan(config: GuidanceConfig) -> None:
    """Show the cells that would run."""
    generator, protocol, cells = prepare(config)
    show_cells(cells, protocol, generator)


def show_cells(cells: Sequence[GuidedCell], protocol: Protocol, generator: Generator) -> None:
    """Show every task's objective, the cells that are missing, and the minutes that they take."""
    from benchmarks.guidance.kept import facts, is_known, walk_facts
    from benchmarks.guidance.plan import BEST_OF, UNGUIDED, seconds, walking_seconds

    rows: list[tuple[str, str, int, int, float]] = []
    walks: dict[tuple[str, int, int], GuidedCell] = {}
    for task, objective in protocol.objectives.items():
        of_task = [cell for cell in cells if cell.task == task]
        missing = [c for c in of_task if not is_known(facts(c, protocol, generator))]
        minutes = sum(seconds(cell, protocol.n) for cell in missing) / 60
        rows.append((task, objective, len(of_task), len(missing), minutes))
        free = [c for c in missing if c.method in (UNGUIDED, BEST_OF)]
        walks |= {(c.walk, c.steps, c.seed): c for c in free}
    absent = [c for c in walks.values() if not is_known(walk_facts(c, protocol, generator))]
    minutes = sum(walking_seconds(c, protocol.n, protocol.walks) for c in absent) / 60
    rows.append(("walks", f"{UNGUIDED} and {BEST_OF} share", len(walks), len(absent), minutes))
    head = ("task", "objective", "cells", "missing", "minutes")
    table(f"guidance, {protocol.n:,} molecules a cell", head, rows)
    total = sum(minutes for *_, minutes in rows)
    print(f"expected: {total:.0f} minutes on two CPU cores; what is finished is kept")
    sys.stdout.flush()


def render_results(config: GuidanceConfig) -> None:
    """Write the section of the README and the picture beside the results."""
    from benchmarks.guidance.report import render

    target = place("guidance", named(config).name, config.out)
    readme = Path(config.readme) if config.readme else README
    render(target, readme)
    print(f"written: {target.with_suffix('.png')}, {readme}")


COMMANDS = {"run": run, "plan": show_plan, "render": render_results}


if __name__ == "__main__":
    run_program(main)
