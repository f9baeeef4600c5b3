"""The results of benchmarks.guidance as a section of a README."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.sections import write_section
from benchmarks.common.tables import grid
from benchmarks.guidance.plan import BEST_OF, UNGUIDED
from benchmarks.guidance.results import read_result
from benchmarks.guidance.rows import (
    ERRORS,
    VU_LOSS,
    Row,
    at_one_evaluation,
    best,
    chosen,
    looks_to_reach,
    top,
    won,
)
from molflow.console import atomic_write

DASH = "–"
DETAILS = {
    "strict_valid": ("strict (%)", 100, 1),
    "vu": ("VU (%)", 100, 1),
    "diversity": ("diversity", 1, 3),
    "distance": ("distance", 1, 2),
    "met": ("met (%)", 100, 1),
    "looks": ("looks", 1, 0),
    "calls": ("calls", 1, 1),
    "evaluations": ("evaluations", 1, 0),
}
"""The title of a number in a row, its factor and its decimals."""

Result = Mapping[str, Any]


def number(value: float, scale: float = 1, digits: int = 3) -> str:
    """With so many decimals; a dash for nan."""
    return DASH if math.isnan(value) else f"{scale * value:.{digits}f}"


def reward(row: Row | None) -> str:
    """Such as "0.612 ±0.004", two standard errors."""
    if row is None:
        return DASH
    return f"{number(row['reward'])} ±{number(ERRORS * row['reward_error'])}"


def division(row: Row) -> str:
    """Such as "4 x 14": walks, and draws of each where there are any; "16 in 4 generations"."""
    settings = row["settings"]
    text = f"{settings['particles']}" + (f" x {settings['draws']}" if settings["draws"] else "")
    return text + (f" in {settings['generations']} generations" if row["way"] == "search" else "")


def details(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table with all numbers of these rows."""
    head = ["task", "looks allowed", "method", "walk", "steps", "walks x draws", "reward"]
    lines = []
    for row in rows:
        start = [row["task"], str(row["budget"] or DASH), row["way"], row["walk"]]
        start += [str(row["steps"]), division(row), reward(row)]
        cells = [number(row[name], scale, digits) for name, (_, scale, digits) in DETAILS.items()]
        lines.append(start + cells)
    return [*head, *(title for title, _, _ in DETAILS.values())], lines


def per_step(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table with the largest reward at every number of steps."""
    steps = sorted({row["steps"] for row in rows})
    keys = dict.fromkeys((row["task"], row["budget"], row["way"]) for row in rows)
    lines = []
    for task, budget, way in keys:
        same = chosen(rows, task=task, budget=budget, way=way)
        cells = [reward(top(chosen(same, steps=k))) for k in steps]
        lines.append([task, str(budget or DASH), way, *cells])
    return ["task", "looks allowed", "method", *(f"{k} steps" for k in steps)], lines


def overview(result: Result, budget: int) -> list[str]:
    """The table of one budget: the best row of every method; those that beat best_of are marked."""
    found, claims = best(result["rows"]), chosen(result["claims"], budget=budget)
    ways = dict.fromkeys(row["way"] for row in found if row["budget"] == budget)
    lines = []
    for task, objective in result["objectives"].items():
        (free,) = chosen(found, task=task, way=UNGUIDED) or (None,)
        line = [f"{task}: {objective}".replace("|", "\\|"), _with_steps(free)]
        for way in ways:
            (row,) = chosen(found, task=task, way=way, budget=budget) or (None,)
            (claim,) = chosen(claims, task=task, way=way) or ({"looks": None, "both": None},)
            text = _with_steps(row)
            text = f"**{text}**" if claim["looks"] == "better" else text
            line.append(f"{text} *" if claim["both"] == "better" else text)
        lines.append(line)
    return grid(["task", UNGUIDED, *ways], lines)


def _with_steps(row: Row | None) -> str:
    return DASH if row is None else f"{reward(row)} ({row['steps']})"


def sentences(result: Result, budget: int) -> list[str]:
    """Sentences on how many tasks a method beats best_of with this budget, or unguided in one
    evaluation.
    """
    tasks = len(result["objectives"])
    made = [f"With {budget} looks, of {tasks} task{'s' * (tasks > 1)}:", ""]
    for against, what in {
        "looks": f"better than {BEST_OF} with as many looks",
        "both": f"better than {BEST_OF} with no more looks and no more evaluations",
        "unguided": f"better than {UNGUIDED}",
    }.items():
        names, kept = (
            won(result[claims], against, budget) for claims in ("claims", "claims_keeping_vu")
        )
        made.append(f"- {what}: {_names(names)}; at its best that keeps strict VU: {_names(kept)}.")
    one = at_one_evaluation(result["rows"], budget)
    names = [task for task, how in one.items() if how == "better"]
    made.append(f"- better than {UNGUIDED} with one evaluation: {_names(names)}.")
    return made


def _names(tasks: Sequence[str]) -> str:
    return f"{len(tasks)} ({', '.join(tasks)})" if tasks else "0"


def reaching(result: Result) -> list[str]:
    """The looks that every method needs for the reward of the largest best_of."""
    found = looks_to_reach(result["rows"])
    if found is None:
        return []
    most = max(row["budget"] for row in result["rows"])
    lines = [
        [way, f"> {most}" if looks is None else f"{looks:.3g}"]
        for way, looks in found["ways"].items()
    ]
    sentence = (
        f"So many looks a molecule reach the mean {found['task']} of {BEST_OF} with "
        f"{found['budget']} ({number(found['reward'])}). Between budgets they are interpolated "
        "linearly in their logarithm."
    )
    return [sentence, "", *grid(["method", "looks"], lines), ""]


def section(result: Result, picture: str) -> str:
    """The text between the markers. picture: where it lies, seen from the README."""
    n, seeds = result["config"]["n"], result["config"]["seeds"]
    budgets = sorted({claim["budget"] for claim in result["claims"]})
    lines = [
        f"{n:,} molecules a cell were made with {seeds} seed{'s' * (seeds > 1)}, in the sizes of "
        "the unguided run. A reward is the mean score of the distinct strictly valid molecules, "
        f"±{ERRORS} standard errors of that mean. The number of steps stands in brackets. Each "
        "method is shown at its best of all steps and divisions of the budget that were measured. "
        "The same rewards chose it.",
        "",
        f"- Bold rewards are better than {BEST_OF} with as many looks.",
        f"- A star marks what is better than {BEST_OF} with no more looks and no more network "
        "evaluations.",
        f"- One is better where the intervals of ±{ERRORS} standard errors do not touch.",
        f"- VU is kept where it is at most {100 * VU_LOSS:g} points below {UNGUIDED} in as many "
        "steps.",
        "",
    ]
    if "similarity" in result["objectives"]:
        lines += [f"The reference of similarity is {result['protocol']['reference']}.", ""]
    for budget in budgets:
        lines += [f"**{budget} looks a molecule**", "", *overview(result, budget), ""]
        lines += [*sentences(result, budget), ""]
    lines += [*reaching(result), f"![Reward against looks]({picture})", ""]
    for title, (head, cells) in {
        "The best of every method": details(best(result["rows"])),
        "Every number of steps": per_step(result["rows"]),
    }.items():
        lines += [f"<details><summary>{title}</summary>", "", *grid(head, cells)]
        lines += ["", "</details>", ""]
    return "\n".join([*lines, "```", command(result), "```"])


def command(result: Result) -> str:
    """The line to type."""
    given = {name: value for name, value in result["config"].items() if value != ""}
    words = [f"{name}={value}" for name, value in given.items()]
    return shlex.join(["python", "-m", "benchmarks.guidance", *words])


def render(path: Path, readme: Path) -> None:
    """Write the section of the results in ``path`` into ``readme``, in place of the old one."""
    from benchmarks.guidance.curves import draw

    result = read_result(path)
    picture = path.with_suffix(".png")
    with atomic_write(picture) as temporary:
        draw(result["rows"], result["objectives"], result["config"]["n"], temporary)
    seen = Path(os.path.relpath(picture.resolve(), readme.resolve().parent)).as_posix()
    write_section(readme, "guidance", section(result, seen))
