"""Find the best molecules for a score: ``python -m molflow.optimize checkpoint=... calls=10000``.

In Python the module is a function: ``molflow.optimize(model, "qed:max", calls=1000)``.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.claims import claimed
from molflow.config import (
    OptimizeConfig,
    help_text,
    load_config,
    to_plain,
    wants_help,
    write_config,
)
from molflow.config.key import from_plain, listed
from molflow.console import run_program, table
from molflow.errors import InputError
from molflow.functional import make_callable

if TYPE_CHECKING:
    from molflow.generator import Generator
    from molflow.optimization.asking import ScoreRecipe
    from molflow.optimization.calls import CallsFile
    from molflow.optimization.search import Search

OF_A_MODEL = ("model.safetensors", "last.ckpt")
HOW = ("workers", "scheduler", "report", "take_over")
"""What a run that goes on may have otherwise than before: how it is asked, not what."""


def optimize(*arguments: Any, **named: Any) -> Search:
    """``optimization.run.optimize``, imported when it is called."""
    from molflow.optimization import run

    return run.optimize(*arguments, **named)


make_callable(__name__, optimize)


def main(arguments: list[str]) -> None:
    """Searches once, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("optimize"))
        return
    config = load_config("optimize", arguments)
    if config.resume is not None:
        config = continued(config, arguments)
    hunt(config, arguments)


def continued(config: OptimizeConfig, arguments: list[str]) -> OptimizeConfig:
    """The configuration of the run in ``config.resume``; InputError for a key that would change
    what it searches."""
    from molflow.optimization.files import read_record

    for argument in arguments:
        name = argument.partition("=")[0]
        if name not in ("resume", *HOW):
            raise InputError(
                f"{argument}: resume= takes the arguments of the run; beside it only "
                f"{', '.join(HOW)}"
            )
    folder = str(config.resume)
    before = from_plain(OptimizeConfig, read_record(Path(folder))["config"])
    how = {name: getattr(config, name) for name in HOW}
    return replace(before, out=folder, resume=folder, **how)


def hunt(config: OptimizeConfig, arguments: list[str]) -> None:
    """Loads the model, searches, writes ``config.out`` and prints what was found."""
    recipe = recipe_of(config)
    with claimed(Path(config.out), "optimize", config.take_over):
        _hunt(config, arguments, recipe)


def _hunt(config: OptimizeConfig, arguments: list[str], recipe: ScoreRecipe) -> None:
    from molflow.optimization.asking import open_asker
    from molflow.optimization.calls import CallsFile
    from molflow.optimization.files import reached, write_record
    from molflow.optimization.run import build_search, carry_out

    folder = Path(config.out)
    for name in OF_A_MODEL:
        if (folder / name).exists():
            raise InputError(f"out={folder}: holds a model ({name}); choose another folder")
    log = CallsFile(folder, names_of(recipe))
    with closing(open_asker(recipe, config.workers, config.scheduler)) as asker:
        model = model_of(config)
        start = read_start(config)
        past = log.read() if config.resume is not None else ()
        settings = settings_of(config)
        search = build_search(model, settings, start, constraint_of(config), past, log)
        record = about(config, arguments, model, recipe)
        if config.resume is None:
            # The record first: calls without one could not go on.
            log.require_new()
            write_record(folder, record)
            write_config(folder, config)
            log.begin()
        try:
            seconds = carry_out(search, asker, recipe.streak())
        except (InputError, KeyboardInterrupt):
            if search.calls:
                write_results(config, search, log, recipe)
                show(config, search)
            raise
    write_record(folder, {**record, "seconds": seconds, "reached": reached(search)})
    write_results(config, search, log, recipe)
    show(config, search)


def recipe_of(config: OptimizeConfig) -> ScoreRecipe:
    """The score that the configuration names. InputError where it names none, or several."""
    from molflow.chem.objective import read_objective
    from molflow.chem.tasks import find_task
    from molflow.optimization.asking import ScoreRecipe

    score = config.guidance
    sources = {
        "task": config.task,
        "guidance.objective": score.objective,
        "guidance.components": score.components,
        "guidance.score": score.score,
    }
    if sum(value is not None for value in sources.values()) != 1:
        raise InputError(f"the score: needs one of {', '.join(sources)}")
    if config.task is not None:
        task = find_task(config.task)
        return ScoreRecipe(task.text, task.aggregation)
    if score.components is not None:
        return ScoreRecipe.of(read_objective(Path(score.components)))
    return ScoreRecipe(
        score.objective,
        score.aggregation,
        score.score,
        score.score_seconds,
        score.max_failures,
    )


def names_of(recipe: ScoreRecipe) -> tuple[str, ...]:
    """The components of the score; a user's function has none."""
    from molflow.chem.objective import parse_objective

    if recipe.objective is None:
        return ()
    return parse_objective(recipe.objective, recipe.aggregation).names


def model_of(config: OptimizeConfig) -> Generator | None:
    """The model, if one is named."""
    if config.checkpoint is None:
        return None
    from molflow.loading import load

    return load(config.checkpoint)


def constraint_of(config: OptimizeConfig) -> Any:
    """What all molecules must have."""
    from molflow.chem.constraints import parse_constraint

    return parse_constraint(
        config.scaffold, config.elements, config.forbidden, config.atoms, config.marks
    )


def settings_of(config: OptimizeConfig) -> Any:
    """How to search."""
    from molflow.optimization.run import Settings

    return Settings(
        calls=config.calls,
        seed=config.seed,
        batch=config.batch,
        first=config.first,
        moves=listed(config.moves),
        steps=config.steps,
        per_scaffold=config.per_scaffold or None,
        learn=config.learn,
        screen=config.screen,
    )


def read_start(config: OptimizeConfig) -> list[str]:
    """The molecules of ``start=``; rows that are none are counted by the search."""
    from molflow.datasets.molecule_file import read

    if config.start is None:
        return []
    return [row.text for row in read(Path(config.start), key="start") if row.text.strip()]


def about(
    config: OptimizeConfig, arguments: list[str], model: Generator | None, recipe: ScoreRecipe
) -> dict[str, Any]:
    """What run.json says from the start: all that is needed to go on, or to do it again."""
    from importlib.metadata import version

    from molflow.optimization.files import PACKAGES
    from molflow.plugins import packages

    return {
        "arguments": arguments,
        "config": to_plain(config),
        "score": json.loads(json.dumps(vars(recipe))),
        "versions": {name: version(name) for name in PACKAGES} | packages(),
        "model": None if model is None else {"sha256": model.fingerprint},
        "seed": config.seed,
    }


def write_results(
    config: OptimizeConfig, search: Search, log: CallsFile, recipe: ScoreRecipe
) -> None:
    """best.csv, best.sdf, grid.png and, where asked, report.html."""
    from molflow.optimization.files import BEST, PAGE, write_best

    folder = Path(config.out)
    write_best(folder, log, search.best(BEST))
    if not config.report:
        (folder / PAGE).unlink(missing_ok=True)
        return
    from molflow.report.optimization import search_report
    from molflow.report.page import write_report

    write_report(folder / PAGE, search_report(config, search, recipe))


def show(config: OptimizeConfig, search: Search) -> None:
    """The ten best, what became of every move, and the calls without a score."""
    rows = [(call.asked.number, call.value, call.asked.smiles) for call in search.best(10)]
    table("the best", ("call", "score", "molecule"), rows)
    kinds = ("attempts", "calls", "passed over", "repeated", "invalid", "outside")
    moves = [(move, *(counts[kind] for kind in kinds)) for move, counts in search.counts.items()]
    table("moves", ("move", *kinds), moves)
    failed = [call for call in search.calls if call.scored.error is not None]
    if failed:
        errors = [(c.asked.number, c.asked.smiles, c.scored.error) for c in failed[:10]]
        table(f"{len(failed):,} calls without a score", ("call", "molecule", "why"), errors)
    print(f"written: {config.out}")


if __name__ == "__main__":
    run_program(main)
