"""Searches from their arguments, and the loop that asks a score until the budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from molflow.chem.constraints import Constraint, Plan
from molflow.chem.functions import Own as OwnScore
from molflow.chem.functions import Streak
from molflow.chem.objective import Objective
from molflow.chem.smiles import parse
from molflow.claims import claimed
from molflow.config.optimizing import CALLS, MOVES
from molflow.console import require_writable
from molflow.errors import InputError
from molflow.guidance.steer import as_scorer
from molflow.metrics.goal_directed import top_mean
from molflow.optimization.asking import Asker, Here, ScoreRecipe, Workers
from molflow.optimization.breeding import Arm, Breeder
from molflow.optimization.calls import Call, CallsFile
from molflow.optimization.finishing import Finisher
from molflow.optimization.learning import Learner, copied
from molflow.optimization.model_moves import Fresh, Ground, Link, Noise, Regrow, Request
from molflow.optimization.moves import Crossover, Move, Mutate, Own, OwnMove
from molflow.optimization.population import scaffold_of
from molflow.optimization.screening import Screen
from molflow.optimization.search import Search

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer
    from molflow.generator import Generator
    from molflow.graph.graph import Graph

LARGEST = 45
"""The most atoms of a molecule, where no model says it."""
SAID_SECONDS = 10.0
"""Seconds between two lines of progress."""
OF_A_MODEL: dict[str, Callable[[Ground], Move]] = {
    "fresh": Fresh,
    "noise": Noise,
    "regrow": Regrow,
    "link": Link,
    "request": Request,
}


@dataclass(frozen=True)
class Settings:
    """Settings of a search; see ``config.optimizing.OptimizeConfig`` for each."""

    calls: int = CALLS
    seed: int = 0
    batch: int = 100
    first: int = 200
    moves: Sequence[str | Own] = MOVES
    steps: int | None = None
    per_scaffold: int | None = 25
    learn: int = 0
    screen: int = 1


def build_search(
    model: Generator | None,
    settings: Settings,
    start: Sequence[str] = (),
    constraint: Constraint | None = None,
    past: Sequence[Call] = (),
    log: CallsFile | None = None,
) -> Search:
    """Build a search that begins, or that goes on after ``past``.

    Args:
        model: of graphs; None for moves without a model alone.
        settings: of the search.
        start: SMILES to begin with.
        constraint: that all molecules must satisfy.
        past: calls of the search that goes on.
        log: the file of the calls.

    Raises:
        InputError: the arguments do not fit each other; the message says which.
    """
    if model is not None and settings.learn:
        model = copied(model)  # type: ignore[assignment]
    ground = None if model is None else _ground(model, constraint)
    if model is None and constraint is not None and constraint != Constraint():
        raise InputError("scaffold, atoms, elements, forbidden: need a model's vocabulary")
    plan = None if ground is None else ground.plan
    finisher = None if model is None else Finisher.of(model, settings.steps, plan)
    arms = [
        Arm(move, setting)
        for move in _moves(settings.moves, ground, _largest(ground, start))
        for setting in move.settings
    ]
    screen = Screen(settings.screen) if settings.screen > 1 else None
    learning = None
    if settings.learn and model is not None and ground is not None:
        folder = None if log is None else log.path.parent
        training = _training(model, ground, settings.seed)
        learning = Learner(model, ground, settings.learn, settings.seed, training, folder)
        if past:
            learning.read()
    return Search(
        Breeder(arms, settings.seed, finisher, plan, screen),
        settings.calls,
        batch=settings.batch,
        start=start,
        first=settings.first,
        per_scaffold=settings.per_scaffold or None,
        past=past,
        log=log,
        learning=learning,
    )


def _ground(model: Generator, constraint: Constraint | None) -> Ground:
    spec = model.spec
    if not spec.modality.molecular or "atoms" not in spec.modality.classes:
        raise InputError("checkpoint: this model makes strings; optimize needs one of graphs")
    plan = model.plan(constraint=constraint)
    assert plan is None or isinstance(plan, Plan)
    law = np.asarray(spec.size_law)
    return Ground(spec, plan, law if plan is None else spec.modality.conditioned(law, plan))


def _largest(ground: Ground | None, start: Sequence[str]) -> int:
    """Atoms of a molecule at most: as the model makes them, or as the largest of the start."""
    if ground is not None and ground.plan is not None:
        return ground.plan.sizes[1]
    mols = [parse(smiles) for smiles in start]
    given = max((mol.GetNumAtoms() for mol in mols if mol is not None), default=0)
    return max(given, LARGEST if ground is None else ground.spec.max_size)


def _moves(names: Sequence[str | Own], ground: Ground | None, largest: int) -> list[Move]:
    """The moves of these names, and a user's functions. Those of a model are left out without one,
    requests without conditions."""
    moves: list[Move] = []
    for name in names:
        if callable(name):
            moves.append(OwnMove(name))
        elif name not in MOVES:
            raise InputError(f"moves: {name!r}: any of {', '.join(MOVES)}, or a function")
        elif name == "mutate":
            moves.append(Mutate(largest))
        elif name == "crossover":
            moves.append(Crossover(largest))
        elif ground is not None and (name != "request" or ground.spec.condition):
            moves.append(OF_A_MODEL[name](ground))
    if not moves:
        raise InputError(f"moves={','.join(map(str, names))}: need a model, checkpoint=")
    return moves


def _training(model: Generator, ground: Ground, seed: int) -> list[Graph]:
    """Graphs of some training molecules; none where the data are not here."""
    from molflow.build import dataset_of
    from molflow.datasets.loaders import MoleculeDataset

    try:
        dataset = dataset_of(model.spec)
    except InputError:
        return []
    assert isinstance(dataset, MoleculeDataset)
    places = dataset.splits["train"]
    random = np.random.default_rng(seed)
    some = np.sort(random.choice(len(places), min(2000, len(places)), replace=False))
    read = map(ground.read, dataset.packed.smiles_at(places[some]))
    return [graph for graph in read if graph is not None and len(graph) > 2]


def carry_out(search: Search, asker: Asker, streak: Streak, tell: bool = True) -> float:
    """Ask until the budget is spent or nothing new is found.

    Args:
        search: one that has begun.
        asker: gives the scores.
        streak: how many in a row may have no score.
        tell: whether lines of progress go to stdout.

    Returns:
        The seconds that it took.

    Raises:
        InputError: so many in a row have no score; what was answered is in the search.
    """
    started = said = time.monotonic()
    before = len(search.calls)
    while search.ask():
        waiting = list(search.pending)
        for place, scored in asker.ask([question.smiles for question in waiting]):
            search.answer(waiting[place], scored)
            streak.see([scored])
            now = time.monotonic()
            if tell and now - said >= SAID_SECONDS:
                print(line(search, (len(search.calls) - before) / (now - started)), flush=True)
                said = now
    seconds = time.monotonic() - started
    if tell:
        print(line(search, (len(search.calls) - before) / max(seconds, 1e-9)), flush=True)
    return seconds


def line(search: Search, rate: float) -> str:
    """A line of progress: calls, the best, the mean of the ten best, distinct scaffolds, calls a
    second.
    """
    scores = [call.value for call in search.calls if math.isfinite(call.value)]
    scaffolds = len({scaffold_of(call.asked.smiles) for call in search.calls})
    best = f"best {max(scores):.4f}, ten best {top_mean(scores, 10):.4f}" if scores else "no score"
    return (
        f"{len(search.calls):,} of {search.budget:,} calls, {best}, "
        f"{scaffolds:,} scaffolds, {rate:.3g} calls/s"
    )


def optimize(
    model: Generator | None,
    objective: str | Mapping[str, str | float] | Scorer | Callable[[Any], Any] | None = None,
    *,
    calls: int = CALLS,
    start: Sequence[str] = (),
    constraint: Constraint | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    **settings: object,
) -> Search:
    """Search for the best molecules for a score within a budget of calls.

    Args:
        model: of graphs (``molflow.load``); None for moves without a model alone.
        objective: as of ``molflow.guide``, such as "qed:max,sa:<3" or a function of a molecule.
            None scores nothing here: ``ask`` and ``tell`` of the search do it step by step.
        calls: distinct molecules that may be scored.
        start: SMILES to begin with; they count. Without any, the model makes fresh ones.
        constraint: that all molecules must satisfy.
        out: folder of calls.csv; a run that is there goes on. None writes nothing.
        workers: processes that score.
        settings: seed, batch, first, moves, steps, per_scaffold, learn, screen: see `Settings`.
            Moves are names, or functions of (SMILES of a parent, of another, random numbers).

    Returns:
        The search: its ``calls`` in their order, ``best(k)``, and the fates of all (``counts``).

    Raises:
        InputError: an argument is out of its range, or does not fit the model.
    """
    scorer = None if objective is None else as_scorer(objective)
    if workers > 1 and not isinstance(scorer, Objective | None):
        raise InputError(f"workers={workers}: of an objective; the program takes a score's file")
    known = Settings(calls=calls, **settings)  # type: ignore[arg-type]
    folder = None if out is None else Path(out).expanduser()
    # Nobody knows when a search is over that is asked step by step.
    held = nullcontext() if scorer is None or folder is None else claimed(folder, "optimize")
    with held:
        search = build_search(model, known, start, constraint, *_kept(folder, scorer))
        if scorer is not None:
            _score(search, scorer, workers)
    return search


def _kept(folder: Path | None, scorer: Scorer | None) -> tuple[Sequence[Call], CallsFile | None]:
    """The calls that are in a folder already, and the file that others are added to."""
    if folder is None:
        return (), None
    require_writable(folder)
    log = CallsFile(folder, scorer.names if isinstance(scorer, Objective) else ())
    if log.begun:
        return log.read(), log
    log.begin()
    return (), log


def _score(search: Search, scorer: Scorer, workers: int) -> None:
    """Spend the budget on this scorer."""
    if workers == 1:
        most = scorer.max_failures if isinstance(scorer, OwnScore) else None
        carry_out(search, Here(scorer), Streak(most), tell=False)
        return
    assert isinstance(scorer, Objective)
    with closing(Workers(ScoreRecipe.of(scorer), workers)) as asker:
        carry_out(search, asker, Streak(None), tell=False)
