"""A sampling writes these files: molecules, pictures and the record of the run."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.chem.molecule import without_place
from molflow.config import SampleConfig, to_plain
from molflow.console import atomic_write, for_json, progress, require_writable
from molflow.errors import InputError
from molflow.files import AS_MADE, CHECKPOINT, RECORD, TEXTS, WEIGHTS
from molflow.guidance.scores import SCORE, has_score
from molflow.report.summary import Result, Run, steering_by_time, steering_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from molflow.chem.aggregation import Scored
    from molflow.generator import Generator
    from molflow.guidance.guided import Steering
    from molflow.guidance.scores import Remembered
    from molflow.samples import Samples

CSV, SMI, SDF, GRID = "samples.csv", "samples.smi", "samples.sdf", "grid.png"
TRAJECTORY, PAGE, SCORED = "trajectory.png", "report.html", "scored.csv"
RESULTS = (CSV, SMI, SDF, GRID, TRAJECTORY, PAGE, SCORED, TEXTS, RECORD)
OF_A_MODEL = (CHECKPOINT, WEIGHTS)
DRAWN = 24
FOLLOWED = 64
PACKAGES = ("molflow", "torch", "numpy", "rdkit")
COLUMNS = ("index", "smiles", "valid", "connected", "fragments", "reason")


def require_room(folder: Path) -> None:
    """Find out before the sampling where the results cannot go, by an InputError.

    Nothing but results of an earlier sampling is ever replaced.
    """
    for name in OF_A_MODEL:
        if (folder / name).exists():
            raise InputError(f"out={folder}: holds a model ({name}); choose another folder")
    require_writable(folder)
    for name in RESULTS:
        if (folder / name).is_dir():
            raise InputError(f"out={folder}: {name} is a folder there, a file of that name is due")


def write_results(
    config: SampleConfig, arguments: list[str], generator: Generator, result: Result
) -> None:
    """Write all files of ``config.out``, and remove older ones that are not asked for now.

    Args:
        config: of the sampling.
        arguments: of the command line.
        generator: the model.
        result: the sampling.
    """
    folder = Path(config.out)
    # Gone first, written last: a folder with the record is a finished one.
    (folder / RECORD).unlink(missing_ok=True)
    (folder / SCORED).unlink(missing_ok=True)
    if generator.spec.modality.molecular:
        (folder / TEXTS).unlink(missing_ok=True)
        write_molecules(folder, result)
        draw(folder, config, generator, result.run.samples)
        write_page(folder, config, result)
    else:
        for name in (SMI, SDF, GRID, TRAJECTORY, PAGE):
            (folder / name).unlink(missing_ok=True)
        write_texts(folder, result)
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
    """Write everything that was asked about, in that order: SMILES or text, score, error."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("asked", SCORE, "error"))
        for asked, scored in scorer.known.items():
            writer.writerow((asked, scored.total if has_score(scored) else None, scored.error))


def write_molecules(folder: Path, result: Result) -> None:
    """Write samples.csv of every attempt, samples.smi and samples.sdf of the strictly valid ones.

    samples.csv ends with every attempt as it was made, by which it can be judged again.
    """
    run, samples = result.run, result.run.samples
    with atomic_write(folder / CSV) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *held_columns(run), *score_columns(result), AS_MADE))
        for i, one in enumerate(samples):
            valid = one.mol is not None
            row = (i, one.smiles, valid, one.connected, one.fragments, one.reason)
            written = samples.spec.modality.written(samples.things[i])
            writer.writerow((*row, *held_cells(run, i), *score_cells(result, i), written))
    with atomic_write(folder / SMI) as path, path.open("w") as file:
        file.writelines(
            f"{one.smiles} {i}\n" for i, one in enumerate(samples) if one.reason is None
        )
    with atomic_write(folder / SDF) as path:
        write_sdf(path, run)


def write_texts(folder: Path, result: Result) -> None:
    """Write samples.csv with every text, samples.txt with the first ones to be read."""
    from molflow.pictures import show

    run = result.run
    columns = (*held_columns(run)[:1], *score_columns(result))
    with atomic_write(folder / CSV) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "text", *columns))
        for i, text in enumerate(run.samples.texts):
            writer.writerow((i, text, *held_cells(run, i)[:1], *score_cells(result, i)))
    show(run.samples[:DRAWN], folder)


def held_columns(run: Run) -> tuple[str, ...]:
    """Head the cells of constraints: whether all held parts are in place, and found by RDKit."""
    return () if run.samples.plan is None else ("kept", "substructure")


def held_cells(run: Run, index: int) -> tuple[object, ...]:
    """Give the cells under ``held_columns``, empty without constraints."""
    if run.samples.plan is None:
        return ()
    return run.samples.kept[index], run.substructure[index]


def score_columns(result: Result) -> tuple[str, ...]:
    """Head the cells of a score, its parts, its error, and the score by a surrogate."""
    if result.scorer is None:
        return ()
    parts = (column for name in result.scorer.parts for column in (name, f"{name} desirability"))
    return SCORE, *parts, "error", *(() if _claims(result) is None else ("surrogate",))


def score_cells(result: Result, index: int) -> tuple[object, ...]:
    """Give the cells under ``score_columns``, empty where there is no number."""
    if result.scorer is None:
        return ()
    scored, parts, claims = result.run.scores[index], result.scorer.parts, _claims(result)
    said = () if claims is None else (float(claims[index, 0]),)
    if scored is None:
        return (*("",) * (2 + 2 * len(parts)), *said)
    pairs = zip(scored.values, scored.desirabilities, strict=True) if parts else ()
    cells = (cell for pair in pairs for cell in pair)
    total = scored.total if has_score(scored) else None
    return total, *(None if cell != cell else cell for cell in cells), scored.error, *said


def _claims(result: Result) -> NDArray[np.float64] | None:
    steering = result.run.samples.steering
    return None if steering is None else steering.claims


def write_sdf(path: Path, run: Run) -> None:
    """Write the strictly valid molecules in 2D, titled by index, with SMILES and score."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    with Chem.SDWriter(str(path)) as writer:
        for i, one in enumerate(progress(run.samples, f"writing {SDF}", unit="molecules")):
            if one.mol is None or one.smiles is None or one.reason is not None:
                continue
            flat = Chem.Mol(one.mol)
            rdDepictor.Compute2DCoords(flat)
            flat.SetProp("_Name", str(i))
            flat.SetProp("index", str(i))
            flat.SetProp("SMILES", one.smiles)
            scored: Scored | None = run.scores[i] if run.scores else None
            if scored is not None and has_score(scored):
                flat.SetProp(SCORE, f"{scored.total:.6g}")
            writer.write(flat)


def draw(folder: Path, config: SampleConfig, generator: Generator, samples: Samples) -> None:
    """Draw grid.png and, where asked, trajectory.png into the folder."""
    from molflow.pictures import draw_molecules, draw_trajectory
    from molflow.sampling.sampler import trajectory

    with atomic_write(folder / GRID) as path:
        draw_molecules(samples[:DRAWN], path)
    if not config.trajectory:
        (folder / TRAJECTORY).unlink(missing_ok=True)
        return
    followed = min(config.n, FOLLOWED)
    crowd = generator.crowd(range(followed), config.seed, samples.plan, samples.aim)
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
        "versions": {name: version(name) for name in PACKAGES},
        "checkpoint": {
            "path": str(find_model(config.checkpoint).resolve()),
            "sha256": generator.fingerprint,
        },
        "seed": config.seed,
        "walk": asdict(result.run.samples.walk),
        "device": str(generator.device),
        **_reached(result.run, result.metrics),
    }
    if result.control is not None:
        content["unguided"] = _reached(result.control, result.before)
    if result.scorer is not None and result.run.samples.steering is not None:
        content["guidance"] = _guidance(result.scorer, result.run.samples.steering)
    with atomic_write(folder / RECORD) as path:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def _reached(run: Run, metrics: dict[str, float]) -> dict[str, Any]:
    samples = run.samples
    return {
        "evaluations_per_molecule": samples.evaluations,
        "seconds": {"network": samples.network_seconds, "chemistry": samples.chemistry_seconds},
        "metrics": for_json(metrics),
        "reasons": dict(reasons(samples).most_common()),
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


def reasons(samples: Samples) -> Counter[str]:
    """Count how many molecules failed for each reason, whichever atom it was at."""
    return Counter(without_place(r) for r in samples.reasons if r is not None)
