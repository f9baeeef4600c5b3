"""The ablation as a section of a README: a table of numbers, one of orders, the commands."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation.orders import (
    LARGER_IS_BETTER,
    MEASURES,
    Group,
    claims,
    groups,
    machines,
    run_of,
    steps_of,
)
from benchmarks.ablation.plan import CHECKPOINTS, METHODS, Setup, read_pace, shared_arguments
from benchmarks.ablation.results import Results
from benchmarks.common.sections import write_section
from benchmarks.common.tables import grid
from molflow.console import atomic_write

UNSEPARATED = "not separated"


def shown(group: Group, measure: str) -> str:
    """Such as "71.2" or, with two seeds, "70.8 to 71.6"; a dash where it was undefined."""
    scale, digits = (100, 1) if measure == "vu" else (1, 2)
    if any(math.isnan(value) for value in group.values):
        return "–"
    ends = min(group.values), max(group.values)
    return " to ".join(dict.fromkeys(f"{scale * value:.{digits}f}" for value in ends))


def section(results: Results, picture: str) -> str:
    """The text between the markers. picture: where it lies, seen from the README."""
    minutes, n = results.settings["minutes"], results.settings["n"]
    at_end = {(m, k): groups(results, m, k, minutes) for m in MEASURES for k in METHODS}
    early = {
        (m, c): groups(results, m, 1, minutes * c / CHECKPOINTS)
        for m in MEASURES
        for c in range(1, CHECKPOINTS + 1)
    }
    titles = [f"{MEASURES[m]}, {minutes * c / CHECKPOINTS:g} min" for m, c in early]
    lines = [
        f"{budget(results.settings)}. Every cell has {n:,} molecules. Strict VU is the percentage "
        "of distinct strictly valid molecules among the attempts. FCD is that of the distinct "
        "valid ones against the validation set. The steps are "
        f"{', '.join(f'{k} {m}' for k, m in METHODS.items())}.",
        "",
        *numbers(results, [f"{MEASURES[m]}, {k}" for m, k in at_end], at_end),
        "",
        "One step depends on the time of training:",
        "",
        *numbers(results, titles, early),
        "",
        "Two runs are ordered where their seeds do not overlap. A run of one seed is lent the "
        "largest spread that those of two show in that cell. Every other pair is "
        f"{UNSEPARATED}:",
        "",
        *grid(["measure and steps", "separated", UNSEPARATED], order_rows(at_end), "---"),
        "",
        f"![{' and '.join(MEASURES.values())} against minutes of training]({picture})",
        "",
        *machine_lines(results),
        "",
        *command_lines(results),
    ]
    return "\n".join(lines)


def budget(settings: Mapping[str, Any]) -> str:
    """The budget of every run, in words."""
    if not settings["pace"]:
        return f"Every run trained for {settings['minutes']:g} minutes, parents included"
    rates = ", ".join(f"{name} {rate:g}" for name, rate in read_pace(settings["pace"]).items())
    return (
        f"Every run made as many optimizer steps, parents included, as take "
        f"{settings['minutes']:g} minutes on the quiet machine. A minute there has {rates}"
    )


def numbers(
    results: Results,
    titles: Sequence[str],
    columns: Mapping[tuple[str, int], Sequence[Group]],
) -> list[str]:
    """A row for each group of runs that differ by their seed alone."""
    rows = []
    for same in zip(*columns.values(), strict=True):
        cells = [shown(group, measure) for (measure, _), group in zip(columns, same, strict=True)]
        seeds = str(len(same[0].values))
        rows.append([same[0].name, seeds, f"{steps_of(results, same[0]):,.0f}", *cells])
    return grid(["run", "seeds", "training steps", *titles], rows)


def order_rows(at_end: Mapping[tuple[str, int], Sequence[Group]]) -> list[list[str]]:
    """A row of claims for every measure and number of steps."""
    return [
        [f"{MEASURES[m]}, {k}", *claims(found, LARGER_IS_BETTER[m])]
        for (m, k), found in at_end.items()
    ]


def machine_lines(results: Results) -> list[str]:
    """A line for each machine: runs of different ones are never ordered."""
    return [
        f"Machine {i}: {', '.join(f'{k} {v}' for k, v in machine.items())}."
        for i, machine in enumerate(machines(results), 1)
    ]


def command_lines(results: Results) -> list[str]:
    """The trainings as commands, those of parents before, each once."""
    settings = results.settings
    shared = shared_arguments(settings["train"])
    pace = read_pace(settings["pace"])
    setup = Setup(settings["minutes"], settings["n"], shared, Path("runs/ablation"), pace=pace)
    lines = [line for entry in results.runs.values() for line in setup.commands(run_of(entry))]
    return ["```", *dict.fromkeys(lines), "```"]


def render(results: Results, readme: Path, picture: Path) -> None:
    """Write the section into ``readme``, in the place of the old one or at the end, and the PNG."""
    from benchmarks.ablation.curves import draw

    with atomic_write(picture) as path:
        draw(results, path)
    seen = Path(os.path.relpath(picture.resolve(), readme.resolve().parent)).as_posix()
    write_section(readme, "ablation", section(results, seen))
