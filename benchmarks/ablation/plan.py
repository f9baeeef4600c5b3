"""The trainings of the ablation, their order, and their arguments of molflow.train.

First every objective is trained jointly with the flow, in canonical order. As results come in, the
best two follow in random order and in two stages. Then the closest two of all get a second seed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from molflow.config import TrainConfig
from molflow.config.key import keys
from molflow.errors import InputError

FLOW = "vfm"
"""The name of an objective that teaches the diagonal alone: flow.distill=none."""
OBJECTIVES = (FLOW, *(c for c in keys(TrainConfig)["flow.distill"].choices if c != "none"))
JOINT = ("csd", "ecld", "psd")
CHECKPOINTS = 4
METHODS = {1: "flow_map", 2: "flow_map", 4: "flow_map", 50: "euler"}
"""Network evaluations a molecule, and the method that spends them."""
EARLY = (1, 2, 4)
"""Numbers of evaluations that are measured at every checkpoint.

50 is measured only at the last one, for it takes longest.
"""
LATER = (
    "the best in random order",
    "the second best in random order",
    "the best in two stages",
    "the second best in two stages",
    "a second seed of the closest two",
    "a second seed of the closest two",
)
EVALUATIONS_PER_SECOND = 2_900
SECONDS_OF_FCD = 0.004
"""The expected duration is made of these, a molecule, on two CPU cores."""
OWN_KEYS = frozenset({"seed", "out", "resume", "checkpoint", "dataset.order", "flow.distill"})
OWN_KEYS |= {"trainer.max_minutes", "trainer.steps", "trainer.snapshots"}


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        objective: one of OBJECTIVES.
        order: of the atoms, "canonical" or "random".
        stage: "joint" has flow and map at once for the whole time. "parent" is the flow alone in
            the first half. "stages" is the map in the second half, which begins with the weights of
            "parent".
        seed: of the training.
    """

    objective: str
    order: str = "canonical"
    stage: str = "joint"
    seed: int = 0

    @property
    def name(self) -> str:
        """Such as "psd", "csd-random", "psd-stages-seed1"."""
        parts = [self.objective]
        parts += [self.order] * (self.order != "canonical")
        parts += [self.stage] * (self.stage != "joint")
        parts += [f"seed{self.seed}"] * (self.seed > 0)
        return "-".join(parts)

    @property
    def parent(self) -> Run | None:
        """The flow from which the second stage begins: one for all objectives."""
        return replace(self, objective=FLOW, stage="parent") if self.stage == "stages" else None

    @property
    def share(self) -> float:
        """The share of the time that every run has."""
        return 1.0 if self.stage == "joint" else 0.5

    @property
    def parts(self) -> int:
        """The number of checkpoints that are its own."""
        return round(CHECKPOINTS * self.share)


def parse_run(name: str) -> Run:
    """The run of that name. InputError says how a name is made."""
    objectives = "|".join(OBJECTIVES)
    match = re.fullmatch(rf"({objectives})(-random)?(-stages)?(-seed([1-9]\d{{0,8}}))?", name)
    if match is None or (match[1] == FLOW and match[3]):
        made = "<objective>[-random][-stages][-seed<k>]"
        raise InputError(f"runs={name!r}: {made}, objective one of {', '.join(OBJECTIVES)}")
    order = "random" if match[2] else "canonical"
    return Run(match[1], order, "stages" if match[3] else "joint", int(match[5] or 0))


def schedule(scores: Mapping[str, float]) -> tuple[list[Run], list[str]]:
    """The runs that are known by now, and words for the others.

    Args:
        scores: of the finished runs, by name; larger is better.
    """
    joint = [Run(objective) for objective in JOINT]
    if any(run.name not in scores for run in joint):
        return joint, list(LATER)
    best = sorted(joint, key=lambda run: scores[run.name], reverse=True)[:2]
    second = [replace(run, order="random") for run in best]
    second += [replace(run, stage="stages") for run in best]
    if any(run.name not in scores for run in second):
        return joint + second, list(LATER[4:])
    return joint + second + [replace(run, seed=1) for run in closest(joint + second, scores)], []


def closest(runs: Sequence[Run], scores: Mapping[str, float]) -> tuple[Run, Run]:
    """The two whose scores differ least."""
    return min(
        combinations(runs, 2), key=lambda pair: abs(scores[pair[0].name] - scores[pair[1].name])
    )


def shared_arguments(text: str) -> tuple[str, ...]:
    """The arguments for all runs; InputError for a key that differs between them."""
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        raise InputError(f"train={text!r}: {error}") from None
    for argument in arguments:
        if argument.partition("=")[0] in OWN_KEYS:
            raise InputError(f"train={text!r}: the ablation sets {argument.partition('=')[0]}")
    return tuple(arguments)


@dataclass(frozen=True)
class Setup:
    """The common part of all runs.

    Attributes:
        minutes: of training.
        n: molecules a sample.
        shared: arguments of molflow.train.
        folder: of the run folders.
        force: whether to measure FCD of fewer than 1,000 molecules too.
        pace: objective -> optimizer steps a minute. An objective that stands there trains for its
            steps, whatever the clock says.
    """

    minutes: float
    n: int
    shared: tuple[str, ...]
    folder: Path
    force: bool = False
    pace: Mapping[str, float] = field(default_factory=dict)

    def of(self, run: Run) -> Path:
        """The folder of one run."""
        return self.folder / run.name

    def arguments(self, run: Run) -> list[str]:
        """Arguments of molflow.train for ``run``, which has its share of the minutes.

        No trial takes time from it.
        """
        minutes = self.minutes * run.share
        length = [f"trainer.max_minutes={minutes:g}", "trainer.steps=1000000"]
        if run.objective in self.pace:
            steps = round(minutes * self.pace[run.objective])
            length = ["trainer.max_minutes=null", f"trainer.steps={steps}"]
        made = [
            f"dataset.order={run.order}",
            f"flow.distill={'none' if run.objective == FLOW else run.objective}",
            f"seed={run.seed}",
            *length,
            "trainer.devices=1",
            "trainer.sample_every=0",
            f"trainer.snapshots={run.parts}",
        ]
        if run.parent is not None:
            made.append(f"checkpoint={self.of(run.parent)}")
        return [*made, *self.shared, f"out={self.of(run)}"]

    def commands(self, run: Run) -> list[str]:
        """The lines to type for a run and, before it, for its parent."""
        return [command(self.arguments(one)) for one in lineage(run)]

    def snapshots(self, run: Run) -> list[Path]:
        """Where ``run`` keeps its weights, in order of time."""
        return [self.of(run) / "snapshots" / f"{k}-of-{run.parts}" for k in range(1, run.parts + 1)]

    def models(self, run: Run) -> dict[float, Path]:
        """share of the time -> model, at all checkpoints, those of the parent first."""
        found = [path for one in lineage(run) for path in self.snapshots(one)]
        return {k / CHECKPOINTS: path for k, path in enumerate(found, 1)}

    def measuring_minutes(self) -> float:
        """The expected minutes for samples, decoding and FCD of all cells of a run."""
        cells = (CHECKPOINTS - 1) * EARLY + tuple(METHODS)
        return self.n * sum(k / EVALUATIONS_PER_SECOND + SECONDS_OF_FCD for k in cells) / 60


def read_pace(text: str) -> dict[str, float]:
    """objective -> steps a minute, from ``vfm=310,psd=230``. InputError names the mistake."""
    pace = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        if name not in OBJECTIVES or not re.fullmatch(r"\d+(\.\d+)?", number):
            known = ", ".join(OBJECTIVES)
            raise InputError(f"pace={text!r}: <objective>=<steps a minute>, objective of {known}")
        pace[name] = float(number)
    return pace


def lineage(run: Run) -> list[Run]:
    """The run behind the one that it begins with, if there is one."""
    return [one for one in (run.parent, run) if one is not None]


def command(arguments: Sequence[str]) -> str:
    """The line to type."""
    return shlex.join(["python", "-m", "molflow.train", *arguments])
