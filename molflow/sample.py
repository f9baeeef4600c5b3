"""Sample molecules: ``python -m molflow.sample checkpoint=<run folder> n=1000 out=<folder>``."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.config import (
    SampleConfig,
    help_text,
    load_config,
    to_plain,
    wants_help,
)
from molflow.console import atomic_write, for_json, progress, require_writable, run_program, table
from molflow.errors import InputError
from molflow.files import CHECKPOINT, RECORD, WEIGHTS

if TYPE_CHECKING:
    from molflow.checkpoint import ModelSpec
    from molflow.generator import Generator
    from molflow.samples import Samples

CSV, SMI, SDF, GRID = "samples.csv", "samples.smi", "samples.sdf", "grid.png"
TRAJECTORY = "trajectory.png"
RESULTS = (CSV, SMI, SDF, GRID, TRAJECTORY, RECORD)
OF_A_MODEL = (CHECKPOINT, WEIGHTS)
DRAWN = 24
FOLLOWED = 64
REASONS_SHOWN = 8
PACKAGES = ("molflow", "torch", "numpy", "rdkit")


def main(arguments: list[str]) -> None:
    """Samples once, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("sample"))
        return
    sample(load_config("sample", arguments), arguments)


def sample(config: SampleConfig, arguments: list[str]) -> None:
    """Loads the model, samples, writes ``config.out`` and prints what was reached."""
    from molflow.generator import load

    generator = load(config.checkpoint)
    generator.require_size(config.atoms)
    folder = Path(config.out)
    require_room(folder)
    training, obstacle = training_smiles(generator.spec)
    samples = generator.sample(
        config.n,
        config.steps,
        config.method,
        config.seed,
        config.atoms,
        config.batch_size,
        config.noise,
    )
    metrics = samples.metrics(training)
    # Gone first, written last: a folder with the record is a finished one.
    (folder / RECORD).unlink(missing_ok=True)
    write_molecules(folder, samples)
    draw(folder, config, generator, samples)
    write_record(folder, config, arguments, generator, samples, metrics)
    report(config, samples, metrics, obstacle)


def require_room(folder: Path) -> None:
    """InputError where the results cannot go, found before the sampling: nothing but results of an
    earlier sampling is ever replaced."""
    for name in OF_A_MODEL:
        if (folder / name).exists():
            raise InputError(f"out={folder}: holds a model ({name}); choose another folder")
    require_writable(folder)
    for name in RESULTS:
        if (folder / name).is_dir():
            raise InputError(f"out={folder}: {name} is a folder there, a file of that name is due")


def training_smiles(spec: ModelSpec) -> tuple[frozenset[str] | None, str]:
    """The SMILES that the model was trained on, or None and the reason why they are not here."""
    from molflow.build import dataset_of

    try:
        return frozenset(dataset_of(spec).smiles("train")), ""
    except InputError as error:
        return None, f"no training set: {error}"


def write_molecules(folder: Path, samples: Samples) -> None:
    """samples.csv has every attempt, samples.smi and samples.sdf the strictly valid molecules."""
    with atomic_write(folder / CSV) as path, path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "smiles", "valid", "connected", "fragments", "reason"))
        for i, one in enumerate(samples):
            valid = one.mol is not None
            writer.writerow((i, one.smiles, valid, one.connected, one.fragments, one.reason))
    with atomic_write(folder / SMI) as path, path.open("w") as file:
        file.writelines(
            f"{one.smiles} {i}\n" for i, one in enumerate(samples) if one.reason is None
        )
    with atomic_write(folder / SDF) as path:
        write_sdf(path, samples)


def write_sdf(path: Path, samples: Samples) -> None:
    """The strictly valid molecules with 2D coordinates, titled and tagged by index and SMILES."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    with Chem.SDWriter(str(path)) as writer:
        for i, one in enumerate(progress(samples, f"writing {SDF}", unit="molecules")):
            if one.mol is None or one.smiles is None or one.reason is not None:
                continue
            flat = Chem.Mol(one.mol)
            rdDepictor.Compute2DCoords(flat)
            flat.SetProp("_Name", str(i))
            flat.SetProp("index", str(i))
            flat.SetProp("SMILES", one.smiles)
            writer.write(flat)


def draw(folder: Path, config: SampleConfig, generator: Generator, samples: Samples) -> None:
    """grid.png and, where asked, trajectory.png; that of an earlier sampling goes."""
    from molflow.pictures import draw_molecules, draw_trajectory

    with atomic_write(folder / GRID) as path:
        draw_molecules(samples[:DRAWN], path)
    if not config.trajectory:
        (folder / TRAJECTORY).unlink(missing_ok=True)
        return
    followed = min(config.n, FOLLOWED)
    states = generator.trajectory(
        followed, config.steps, config.method, config.seed, config.atoms, config.noise
    )
    with atomic_write(folder / TRAJECTORY) as path:
        draw_trajectory(states, generator.spec.vocabulary, path)


def write_record(
    folder: Path,
    config: SampleConfig,
    arguments: list[str],
    generator: Generator,
    samples: Samples,
    metrics: dict[str, float],
) -> None:
    """run.json: all that is needed to make these molecules again, and what they cost."""
    from importlib.metadata import version

    content: dict[str, Any] = {
        "arguments": arguments,
        "config": to_plain(config),
        "versions": {name: version(name) for name in PACKAGES},
        "checkpoint": {
            "path": str(Path(config.checkpoint).resolve()),
            "sha256": generator.fingerprint,
        },
        "seed": config.seed,
        "evaluations_per_molecule": samples.evaluations,
        "device": str(generator.device),
        "seconds": {"network": samples.network_seconds, "chemistry": samples.chemistry_seconds},
        "metrics": for_json(metrics),
        "reasons": dict(reasons(samples).most_common()),
    }
    with atomic_write(folder / RECORD) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


def reasons(samples: Samples) -> Counter[str]:
    """How many molecules failed for each reason, whichever atom it was at."""
    return Counter(re.sub(r" at atom \d+$", "", r) for r in samples.reasons if r is not None)


def report(
    config: SampleConfig, samples: Samples, metrics: dict[str, float], obstacle: str
) -> None:
    """Prints the tables, the speed and where the results are."""
    title = f"{config.n:,} molecules, {config.steps} {config.method} steps, seed {config.seed}"
    rows = [(name, value) for name, value in metrics.items() if not math.isnan(value)]
    table(title, ("metric", "share"), rows)
    if obstacle:
        print(f"novelty was not measured: {obstacle}")
    common = reasons(samples).most_common(REASONS_SHOWN)
    if common:
        table("commonest reasons of failure", ("reason", "molecules"), common)
    network, chemistry = samples.network_seconds, samples.chemistry_seconds
    rate = len(samples) / (network + chemistry)
    print(f"speed:   {rate:.3g} molecules/s (network {network:.2f} s, chemistry {chemistry:.2f} s)")
    print(f"results: {config.out}")


if __name__ == "__main__":
    run_program(main)
