"""A sampling writes these files: molecules, pictures and the record of the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.config import SampleConfig, to_plain, write_config
from molflow.console import ESCAPED, atomic_write, for_json, require_writable
from molflow.errors import InputError
from molflow.files import (
    CHECKPOINT,
    CSV,
    GRID,
    RECORD,
    SDF,
    SETTINGS,
    SMI,
    TABLES,
    TEXTS,
    WEIGHTS,
)
from molflow.guidance.scores import SCORE, has_score
from molflow.plugins import packages
from molflow.report.summary import Result, Run, Totals, steering_by_time, steering_numbers
from molflow.saving import write_csv

if TYPE_CHECKING:
    from molflow.enough import Enough
    from molflow.generator import Generator
    from molflow.guidance.guided import Steering
    from molflow.guidance.scores import Remembered
    from molflow.samples import Samples

TRAJECTORY, PAGE, SCORED = "trajectory.png", "report.html", "scored.csv"
RESULTS = (CSV, f"{CSV}.gz", SMI, SDF, GRID, TRAJECTORY, PAGE, SCORED, TEXTS, SETTINGS, RECORD)
OF_A_MODEL = (CHECKPOINT, WEIGHTS)
FOLLOWED = 64
PACKAGES = ("molflow", "torch", "numpy", "rdkit")


def require_room(folder: Path) -> None:
    """Find out before the sampling where the results cannot go, by an InputError.

    Nothing but results of an earlier sampling is ever replaced.
    """
    for name in OF_A_MODEL:
        if (folder / name).exists():
            raise InputError(f"out={folder}: holds a model ({name}); choose another folder")
    require_writable(folder)
    if (folder / TABLES).is_file():
        raise InputError(f"out={folder}: {TABLES} is a file there, a folder of that name is due")
    for name in RESULTS:
        if (folder / name).is_dir():
            raise InputError(f"out={folder}: {name} is a folder there, a file of that name is due")


def write_results(
    config: SampleConfig, arguments: list[str], generator: Generator, result: Result
) -> None:
    """Write all files of ``config.out`` beside those of molecules.

    Older ones that are not asked for now are removed.

    Args:
        config: of the sampling.
        arguments: of the command line.
        generator: the model.
        result: the sampling.
    """
    from molflow.pictures import draw_molecules

    folder = Path(config.out)
    # Gone first, written last: a folder with the record is a finished one.
    (folder / RECORD).unlink(missing_ok=True)
    (folder / SCORED).unlink(missing_ok=True)
    write_config(folder, config)
    if generator.spec.modality.molecular:
        (folder / TEXTS).unlink(missing_ok=True)
        with atomic_write(folder / GRID) as path:
            draw_molecules(result.run.samples, path)
        write_trajectory(folder, config, generator, result.run.samples)
        write_page(folder, config, result)
    else:
        for name in (SMI, SDF, GRID, TRAJECTORY, PAGE):
            (folder / name).unlink(missing_ok=True)
        result.run.samples.save(folder)
    write_record(folder, config, arguments, generator, result)


@contextmanager
def kept_scores(folder: Path, scorer: Remembered) -> Iterator[None]:
    """Write scored.csv where the block is broken off: every score that was paid for is kept."""
    try:
        yield
    except (InputError, KeyboardInterrupt):
        if scorer.known:
            write_scored(folder / SCORED, scorer)
            print(
                f"{len(scorer.known):,} were asked about before: {folder / SCORED}",
                file=sys.stderr,
            )
        raise


def write_scored(path: Path, scorer: Remembered) -> None:
    """Write everything that was asked about, in that order: SMILES or text, score, error.

    Args:
        path: of the CSV.
        scorer: that was asked.
    """
    known = scorer.known.items()
    rows = ((one, s.total if has_score(s) else None, s.error) for one, s in known)
    write_csv(path, ("asked", SCORE, "error"), rows)


def write_trajectory(
    folder: Path, config: SampleConfig, generator: Generator, samples: Samples
) -> None:
    """Draw trajectory.png, where asked.

    Args:
        folder: of the files.
        config: of the sampling.
        generator: the model.
        samples: the first of them are followed.
    """
    from molflow.pictures import draw_trajectory
    from molflow.sampling.sampler import trajectory

    if not config.trajectory:
        (folder / TRAJECTORY).unlink(missing_ok=True)
        return
    followed = min(config.n, FOLLOWED)
    span = range(config.first, config.first + followed)
    crowd = generator.crowd(span, config.seed, samples.plan, samples.aim)
    states = trajectory(generator, samples.walk, crowd)
    with atomic_write(folder / TRAJECTORY) as path:
        draw_trajectory(states, generator.spec.modality, path)


def write_page(folder: Path, config: SampleConfig, result: Result) -> None:
    """Write report.html into the folder, where asked."""
    if not config.report:
        (folder / PAGE).unlink(missing_ok=True)
        return
    from molflow.report import write_report
    from molflow.report.sampling import sampling_report

    write_report(folder / PAGE, sampling_report(config, result))


def write_record(
    folder: Path,
    config: SampleConfig,
    arguments: list[str],
    generator: Generator,
    result: Result,
) -> None:
    """Write run.json: all that makes these molecules again, their cost and their numbers."""
    from importlib.metadata import version

    from molflow.model.place import find_model

    content: dict[str, Any] = {
        "arguments": arguments,
        "config": to_plain(config),
        "versions": {name: version(name) for name in PACKAGES} | packages(),
        "checkpoint": {
            "path": str(find_model(config.checkpoint).resolve()),
            "sha256": generator.fingerprint,
        },
        "seed": config.seed,
        "walk": asdict(result.run.samples.walk),
        "device": str(generator.device),
        **_reached(result.run, result.metrics),
    }
    if result.enough is not None:
        content["enough"] = _passed(result.enough, result.run.totals)
    if result.control is not None:
        content["unguided"] = _reached(result.control, result.before)
    if result.scorer is not None and result.run.samples.steering is not None:
        content["guidance"] = _guidance(result.scorer, result.run.samples.steering)
    with atomic_write(folder / RECORD) as path:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", "utf-8", errors=ESCAPED)


def _reached(run: Run, metrics: dict[str, float]) -> dict[str, Any]:
    totals = run.totals
    return {
        "evaluations_per_molecule": run.samples.evaluations,
        "attempts": totals.attempts,
        "seconds": {"network": totals.network_seconds, "chemistry": totals.chemistry_seconds},
        "metrics": for_json(metrics),
        "reasons": dict(totals.reasons.most_common()),
    }


def _passed(enough: Enough, totals: Totals) -> dict[str, Any]:
    return {
        "asked": enough.n,
        "passed": totals.passed,
        "share": totals.passed / totals.attempts,
        "conditions": str(enough),
        "max_attempts": enough.most,
        "refused": dict(totals.refused.most_common()),
    }


def _guidance(scorer: Remembered, steering: Steering) -> dict[str, Any]:
    guide = steering.guide
    return {
        "objective": scorer.describe(),
        "method": guide.guidance.name,
        **asdict(guide.guidance),
        "invalid": guide.invalid,
        "max_calls": guide.max_calls,
        **for_json(steering_numbers(steering)),
        "by_time": steering_by_time(steering),
        "scored_molecules": len(scorer.known),
        "errors": dict(scorer.errors().most_common()),
    }
