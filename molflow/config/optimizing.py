"""The keys of ``molflow.optimize``."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.config.key import COUNT, NOT_NEGATIVE, POSITIVE, READ, SEEDS, WRITE, key, section
from molflow.config.sampling import MARKS

MOVES = ("fresh", "noise", "regrow", "link", "request", "mutate", "crossover")
"""Moves by name; the first five ask a model."""
CALLS = 10_000


@dataclass(frozen=True)
class ScoreConfig:
    objective: str | None = key(None, "the score, such as qed:max,logp:2.5±0.5,sa:<3")
    aggregation: str = key(
        "geometric",
        "mean of the objective's components",
        choices=("geometric", "arithmetic"),
        table="aggregations",
    )
    components: str | None = key(None, "or a YAML file of components", path=READ)
    score: str | None = key(None, "or path.py:function, your own code, which will run")
    score_seconds: float = key(10.0, "for one molecule by your own code", within=POSITIVE)
    max_failures: int | None = key(
        50, "calls in a row without a score of your own code that end it", within=COUNT
    )


@dataclass(frozen=True)
class OptimizeConfig:
    """Find the best molecules for a score within a budget of calls."""

    checkpoint: str | None = key(
        None, "a run folder or a file of weights; null: moves without a model alone", path=READ
    )
    task: str | None = key(None, "a task of PMO or GuacaMol, such as perindopril_mpo")
    calls: int = key(CALLS, "distinct molecules that may be scored", within=COUNT)
    out: str = key("hunt", "folder of the results", required=True, path=WRITE)
    take_over: bool = key(
        False, "take the folder of a run that ended on another machine without leaving it"
    )
    resume: str | None = key(None, "folder of a run to go on with; its arguments hold", path=WRITE)
    start: str | None = key(None, "a file of molecules to begin with; they count", path=READ)
    seed: int = key(0, "of all random numbers", within=SEEDS)
    batch: int = key(100, "molecules of a round", within=COUNT)
    first: int = key(200, "fresh molecules to begin with, where there is no start", within=COUNT)
    moves: str = key(",".join(MOVES), "that are tried, separated by commas", required=True)
    steps: int | None = key(
        None, "of the network in a move; null is 4 of a flow map, 16 of a flow", within=COUNT
    )
    per_scaffold: int = key(
        25, "molecules of one scaffold in the population; 0 is no limit", within=NOT_NEGATIVE
    )
    learn: int = key(
        0,
        "rounds from lesson to lesson of a copy of the model; 0: it learns nothing",
        within=NOT_NEGATIVE,
    )
    screen: int = key(
        1,
        "children for every call, of which a surrogate chooses half; 1: all are scored",
        within=COUNT,
    )
    atoms: int | None = key(None, "atoms of every molecule; null is any number", within=COUNT)
    scaffold: str | None = key(None, "SMILES to keep; [*:1] marks where it grows, else anywhere")
    marks: str = key(
        "once", "single bonds to new atoms at each mark of the scaffold", choices=MARKS
    )
    elements: str | None = key(None, "exact counts, such as N:2,O:1")
    forbidden: str | None = key(None, "elements that must not occur, such as F,N+")
    workers: int = key(1, "processes on this machine that score", within=COUNT)
    scheduler: str | None = key(None, "or a Dask cluster, such as tcp://host:8786")
    guidance: ScoreConfig = section(ScoreConfig, "the score")
    report: bool = key(True, "also write report.html")
