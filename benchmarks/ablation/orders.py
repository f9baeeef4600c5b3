"""Orders among the runs of benchmarks.ablation: the seeds decide which run is better.

A run with several seeds reaches from its worst to its best. One with a single seed is lent the
largest spread that seeds of a run on the same machine have, to both sides. An order is claimed
where two such ranges do not touch, and nowhere while no run has a second seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from benchmarks.ablation.plan import FLOW, Run
from benchmarks.ablation.results import Entry, Results

MEASURES = {"vu": "strict VU (%)", "fcd_unique_validation": "FCD"}
LARGER_IS_BETTER = {"vu": True, "fcd_unique_validation": False}


@dataclass(frozen=True)
class Group:
    """The runs that differ by their seed alone: ``values`` of a measure, one for each."""

    label: str
    machine: int
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        """The label, short enough for a sentence, with the machine where it is not the first."""
        short = self.label.replace(", ", " ")
        return f"{short} (machine {self.machine + 1})" if self.machine else short


def label(run: Run) -> str:
    """Such as "psd, random order, two stages"."""
    words = [run.objective + (" (flow alone)" if run.objective == FLOW else "")]
    words += ["random order"] * (run.order == "random")
    words += ["two stages"] * (run.stage == "stages")
    return ", ".join(words)


def run_of(entry: Entry) -> Run:
    """The run that an entry of the results describes."""
    return Run(entry["objective"], entry["order"], entry["stage"], entry["seed"])


def machines(results: Results) -> list[Mapping[str, Any]]:
    """The different machines of the runs, in the order of their first run."""
    found: list[Mapping[str, Any]] = []
    for entry in results.runs.values():
        if entry["machine"] not in found:
            found.append(entry["machine"])
    return found


def groups(results: Results, measure: str, steps: int, minutes: float) -> list[Group]:
    """The values of one measure in one cell of all runs that have it; nan where undefined.

    Args:
        results: of the ablation.
        measure: one of MEASURES.
        steps: of sampling.
        minutes: of training.
    """
    known = machines(results)
    found: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for entry in results.runs.values():
        key = label(run_of(entry)), known.index(entry["machine"])
        for cell in entry["cells"]:
            if cell["steps"] == steps and math.isclose(cell["minutes"], minutes):
                value = math.nan if cell[measure] is None else float(cell[measure])
                found.setdefault(key, []).append((entry["seed"], value))
    return [
        Group(name, machine, tuple(value for _, value in sorted(values)))
        for (name, machine), values in found.items()
    ]


def steps_of(results: Results, group: Group) -> float:
    """Training steps that the runs of a group made, on average."""
    known = machines(results)
    made = [
        entry["training_steps"]
        for entry in results.runs.values()
        if (label(run_of(entry)), known.index(entry["machine"])) == (group.label, group.machine)
    ]
    return sum(made) / len(made)


def reach(group: Group, among: Sequence[Group]) -> tuple[float, float] | None:
    """The range of the seeds of ``group``; None where it is unknown.

    ``among`` are the groups whose spread a single seed is lent.
    """
    low, high = min(group.values), max(group.values)
    if any(math.isnan(value) for value in group.values):
        return None
    if len(group.values) > 1:
        return low, high
    spreads = [
        max(other.values) - min(other.values)
        for other in among
        if len(other.values) > 1 and other.machine == group.machine
    ]
    spreads = [spread for spread in spreads if not math.isnan(spread)]
    return (low - max(spreads), high + max(spreads)) if spreads else None


def better(a: Group, b: Group, among: Sequence[Group], larger: bool) -> Group | None:
    """The better of two where their seeds do not overlap, None where they are not separated.

    Args:
        a, b: the groups.
        among: groups whose spread a single seed is lent.
        larger: whether larger values are better.
    """
    one, other = reach(a, among), reach(b, among)
    if a.machine != b.machine or one is None or other is None:
        return None
    if one[0] > other[1]:
        return a if larger else b
    if other[0] > one[1]:
        return b if larger else a
    return None


def claims(found: Sequence[Group], larger: bool) -> tuple[str, str]:
    """The pairs that are ordered, and those that are not separated, each as one line."""
    wins: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for a, b in combinations(found, 2):
        winner = better(a, b, found, larger)
        if winner is None:
            unknown.setdefault(a.name, []).append(b.name)
        else:
            wins.setdefault(winner.name, []).append((b if winner is a else a).name)
    over = [f"**{one}** over {', '.join(rest)}" for one, rest in wins.items()]
    beside = [f"{one} and {', '.join(rest)}" for one, rest in unknown.items()]
    return "; ".join(over) or "none", ("; ".join(beside) or "none") if over else "any"
