"""Conclusions from the cells of benchmarks.guidance: the best of each method, and their order.

A method is judged at every budget by its best row, the one with the largest reward. It is chosen
among all numbers of steps, divisions of the budget and walks that were measured; so are those of
best_of and unguided. One row beats another where the intervals of two standard errors around both
means do not touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from benchmarks.guidance.plan import BEST_OF, UNGUIDED, GuidedCell

ERRORS = 2
"""Standard errors of each mean that an order needs."""
VU_LOSS = 0.02
"""Strict VU may lie so far below that of unguided in as many steps."""
SHAPE = ("task", "way", "walk", "steps", "budget", "settings")

Row = Mapping[str, Any]


def rows(
    cells: Sequence[GuidedCell], numbers: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """A row for all seeds of a cell: means, and the standard error of the mean reward."""
    groups: dict[tuple[Any, ...], list[Mapping[str, float]]] = {}
    for cell, found in zip(cells, numbers, strict=True):
        shape = tuple(getattr(cell, name) for name in SHAPE)
        groups.setdefault(shape, []).append(found)
    made = []
    for shape, group in groups.items():
        row = dict(zip(SHAPE, shape, strict=True))
        row["settings"] = asdict(row["settings"])
        means = {name: sum(found[name] for found in group) / len(group) for name in group[0]}
        errors = [found["reward_error"] for found in group]
        means["reward_error"] = math.hypot(*errors) / len(group)
        made.append({**row, "seeds": len(group), **means})
    return made


def chosen(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def top(rows: Iterable[Row]) -> Row | None:
    """The row with the largest reward, the first of equals; None where none has one."""
    defined = [row for row in rows if not math.isnan(row["reward"])]
    return max(defined, key=lambda row: row["reward"], default=None)


def best(rows: Sequence[Row]) -> list[Row]:
    """The best row of every task, way and budget, in the order of the rows."""
    keys = dict.fromkeys((row["task"], row["way"], row["budget"]) for row in rows)
    found = (top(chosen(rows, task=t, way=way, budget=b)) for t, way, b in keys)
    return [row for row in found if row is not None]


def beats(row: Row, other: Row) -> bool:
    """Whether the difference is larger than two standard errors of both means together."""
    # A nan, of a mean over fewer than two molecules, beats nothing.
    margin = ERRORS * (row["reward_error"] + other["reward_error"])
    return row["reward"] - other["reward"] > margin


def verdict(row: Row, other: Row | None) -> str | None:
    """better, worse or not separated; None where there is nothing to compare with."""
    if other is None:
        return None
    return "better" if beats(row, other) else "worse" if beats(other, row) else "not separated"


def keeps_vu(row: Row, rows: Sequence[Row]) -> bool | None:
    """Whether strict VU is at most VU_LOSS below unguided in as many steps; None without that."""
    free = chosen(rows, task=row["task"], way=UNGUIDED, steps=row["steps"])
    same = chosen(free, walk=row["walk"]) or free
    return row["vu"] >= same[0]["vu"] - VU_LOSS if same else None


def keeping_vu(rows: Sequence[Row]) -> list[Row]:
    """The rows that keep strict VU, and all of best_of and unguided, with whom they compare."""
    return [row for row in rows if row["way"] in (BEST_OF, UNGUIDED) or keeps_vu(row, rows)]


def claims(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The order of the best row of every way against best_of and unguided.

    | key | against |
    | --- | --- |
    | looks | best_of with the same budget of looks and any number of evaluations |
    | both | best_of with no more looks and no more evaluations than the row has |
    | unguided | the best row of unguided |
    | vu | as `keeps_vu` |
    """
    made = []
    for row in best(rows):
        if row["way"] in (BEST_OF, UNGUIDED):
            continue
        rivals = chosen(rows, task=row["task"], way=BEST_OF)
        free = chosen(rows, task=row["task"], way=UNGUIDED)
        within = [
            rival
            for rival in rivals
            if rival["looks"] <= row["budget"] and rival["evaluations"] <= row["evaluations"]
        ]
        made.append(
            {name: row[name] for name in SHAPE}
            | {
                "looks": verdict(row, top(chosen(rivals, budget=row["budget"]))),
                "both": verdict(row, top(within)),
                "unguided": verdict(row, top(free)),
                "vu": keeps_vu(row, rows),
            }
        )
    return made


def won(claims: Sequence[Row], against: str, budget: int) -> list[str]:
    """The tasks on which a way is better than ``against``."""
    found = chosen(claims, budget=budget, **{against: "better"})
    return list(dict.fromkeys(claim["task"] for claim in found))


def at_one_evaluation(rows: Sequence[Row], budget: int) -> dict[str, str | None]:
    """task -> the verdict on the best guided row with one evaluation against unguided at one step.

    best_of is not among them: with one evaluation it is unguided.
    """
    found = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task and row["evaluations"] == 1]
        guided = [row for row in of_task if row["way"] not in (UNGUIDED, BEST_OF)]
        row, free = top(chosen(guided, budget=budget)), top(chosen(of_task, way=UNGUIDED))
        if row is not None:
            found[task] = verdict(row, free)
    return found


def looks_to_reach(rows: Sequence[Row], task: str = "qed") -> dict[str, Any] | None:
    """Looks a molecule at which the best rows of each way reach the reward of the largest best_of.

    ``ways`` of the result is way -> looks, interpolated between measured budgets linearly in their
    logarithm. It is the first budget where already that reaches it, and None where no budget does.
    The result is None without such rows.
    """
    of_task = [row for row in best(rows) if row["task"] == task and row["looks"] > 0]
    goal = max(chosen(of_task, way=BEST_OF), key=lambda row: row["budget"], default=None)
    if goal is None:
        return None
    ways = {
        way: crossing([(r["looks"], r["reward"]) for r in chosen(of_task, way=way)], goal["reward"])
        for way in dict.fromkeys(row["way"] for row in of_task)
    }
    return {"task": task, "budget": goal["budget"], "reward": goal["reward"], "ways": ways}


def crossing(points: Iterable[tuple[float, float]], goal: float) -> float | None:
    """Where the line through (looks, reward) first reaches ``goal``; None where it never does."""
    ordered = sorted(points)
    if ordered and ordered[0][1] >= goal:
        return ordered[0][0]
    for (x, y), (next_x, next_y) in pairwise(ordered):
        if y < goal <= next_y:
            share = (goal - y) / (next_y - y)
            return 2 ** (math.log2(x) + share * (math.log2(next_x) - math.log2(x)))
    return None
