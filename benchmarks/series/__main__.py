"""Fine-tuning on a series: ``python -m benchmarks.series checkpoint=zinc250k path=zinc250k.csv``.

Three series are cut by rule from a file of molecules (``making.RULES``). On each, a model is
fine-tuned for some minutes, with and without replay. A model of the same network is trained from
scratch for the same time. Beside them stands the model as it is. A run that has ended is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.arguments import help_text, read, several
from benchmarks.common.outputs import named, place, plain
from molflow.config import SEEDS, wants_help
from molflow.config.key import COUNT, FRACTION, POSITIVE, READ, WRITE, key
from molflow.console import atomic_write, run_program, table
from molflow.errors import InputError
from molflow.files import METRICS, RECORD
from molflow.progress import progress

if TYPE_CHECKING:
    from molflow.chem.molecule import Checked
    from molflow.model.spec import ModelSpec

PARENT, TUNED, REPLAYED, SCRATCH = "as it is", "fine-tuned", "with replay", "from scratch"
SCRATCH_RATE = "trainer.learning_rate=0.003"
"""The default of a training from scratch, which takes all other settings of the fine-tuning."""


@dataclass(frozen=True)
class SeriesConfig:
    """Fine-tunes a model on three series and measures its samples."""

    checkpoint: str = key("", "the model that is fine-tuned", required=True, path=READ)
    path: str = key("", "the file that the series are cut from: ZINC250k", required=True, path=READ)
    column: str = key("smiles", "of that file with the SMILES", required=True)
    series: str = key("arylpiperazines,boronic_acids,coumarins", "their names", required=True)
    minutes: float = key(10.0, "of every training", within=POSITIVE)
    replay: float = key(0.25, "share of the parent's molecules; 0: no such run", within=FRACTION)
    settings: str = key("", "more arguments of every training, separated by spaces")
    n: int = key(1000, "molecules of every sample", within=COUNT)
    steps: str = key("1,4,16", "of sampling, separated by commas", required=True)
    seed: int = key(0, "of training and sampling", within=SEEDS)
    runs: str = key("runs/series", "folder of the series and the runs", required=True, path=WRITE)
    name: str = key("", "of the results; empty is the name of the model's folder")
    out: str = key("", "folder of the results; empty is benchmarks/results", path=WRITE)


@dataclass(frozen=True)
class Run:
    """A training. arguments: of molflow.train, but for ``out=``."""

    series: str
    method: str
    arguments: list[str]

    def folder(self, config: SeriesConfig) -> Path:
        """Its folder."""
        name = f"{self.series}-{self.method.replace(' ', '_')}-{config.minutes:g}-{config.seed}"
        return Path(config.runs) / config.name / name


def main(arguments: list[str]) -> None:
    """Measure the series that the command line's ``key=value`` arguments ask for."""
    if wants_help(arguments):
        print(help_text("series", SeriesConfig))
        return
    benchmark(read(SeriesConfig, arguments))


def benchmark(config: SeriesConfig) -> None:
    """Make the series, train, sample, print the tables and write the JSON."""
    from benchmarks.series.making import RULES, make
    from molflow.model.checkpoint import read_spec
    from molflow.model.place import find_model

    names = several("series", config.series)
    for name in names:
        if name not in RULES:
            raise InputError(f"series={name!r}: any of {', '.join(RULES)}")
    steps = [read_count(text) for text in several("steps", config.steps)]
    config = named(config)
    target = place("series", config.name, config.out)
    parent = read_spec(find_model(config.checkpoint))
    files = make(Path(config.path), config.column, names, Path(config.runs))
    runs = [run for name in names for run in plan(config, name, files[name], parent)]
    for run in progress(runs, "training", len(runs), "runs"):
        train(run, config)
    rows = [row for name in names for row in measured(config, name, runs, steps)]
    result = record(config, names, rows)
    show(rows)
    with atomic_write(target) as path:
        path.write_text(json.dumps(plain(result), indent=1, allow_nan=False) + "\n")
    print(f"written: {target}")


def read_count(text: str) -> int:
    """A number of at least 1; InputError for anything else."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InputError(f"steps={text!r}: integers of at least 1, separated by commas")
    return int(text)


def plan(config: SeriesConfig, name: str, path: Path, parent: ModelSpec) -> list[Run]:
    """The trainings on a series: all see the same molecules in batches of one size."""
    from molflow.training.fine_tuning import inherited

    largest = max(parent.max_size, largest_of(path))
    data = ["dataset=smiles_file", f"dataset.path={path.absolute()}"]
    common = [*data, f"dataset.max_atoms={largest}", f"trainer.max_minutes={config.minutes:g}"]
    common += [f"seed={config.seed}", "trainer.sample_every=0", *config.settings.split()]
    start = f"checkpoint={config.checkpoint}"
    there, usual = inherited([start, *common], parent)
    given = {one.partition("=")[0] for one in common}
    slow = [] if "trainer.learning_rate" in given else [SCRATCH_RATE]
    runs = [Run(name, TUNED, [start, *common])]
    if config.replay:
        runs.append(Run(name, REPLAYED, [start, *common, f"trainer.replay={config.replay:g}"]))
    return [*runs, Run(name, SCRATCH, [*there, *usual, *slow, *common])]


def largest_of(path: Path) -> int:
    """The number of atoms of the largest molecule of a series."""
    from molflow.chem.molecule import read_smiles
    from molflow.datasets.molecule_file import read

    return max(read_smiles(row.text).GetNumAtoms() for row in read(path))


def train(run: Run, config: SeriesConfig) -> None:
    """Train, go on with an interrupted run, or keep one that has ended. InputError on failure."""
    folder = run.folder(config)
    if (folder / METRICS).is_file():
        return
    begun = (folder / "last.ckpt").is_file()
    arguments = [f"resume={folder}"] if begun else [*run.arguments, f"out={folder}"]
    command = [sys.executable, "-m", "molflow.train", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise InputError(f"{run.series}, {run.method}: {' '.join(command[1:])} failed")


def measured(
    config: SeriesConfig, name: str, runs: Sequence[Run], steps: Sequence[int]
) -> list[dict[str, Any]]:
    """A row for every model of a series and number of steps; the model as it is comes first."""
    from benchmarks.series.making import RULES
    from benchmarks.series.measuring import Reference, measure
    from molflow.build import dataset_of
    from molflow.model.checkpoint import read_spec

    mine = [run for run in runs if run.series == name]
    models = {PARENT: Path(config.checkpoint), **{r.method: r.folder(config) for r in mine}}
    data = dataset_of(read_spec(mine[0].folder(config)))
    held_out = [*data.smiles("valid"), *data.smiles("test")]
    reference = Reference(RULES[name], data.smiles("train"), held_out)
    rows = []
    for method, folder in models.items():
        for k in steps:
            checked = sample(folder, config.n, k, config.seed)
            row = {"series": name, "method": method, "steps": k, **trained(folder)}
            rows.append(row | measure(checked, reference))
    return rows


@cache
def sample(folder: Path, n: int, steps: int, seed: int) -> list[Checked]:
    """``n`` molecules of a model; those of the parent serve every series."""
    from molflow.loading import load

    return load(folder).sample(n, steps, seed=seed).checked


def trained(folder: Path) -> dict[str, Any]:
    """The optimizer steps and minutes of a run; None of a model that has no record."""
    import torch

    if not (folder / RECORD).is_file():
        return {"trained_steps": None, "trained_minutes": None}
    saved = torch.load(folder / "last.ckpt", map_location="cpu", weights_only=True)
    return {
        "trained_steps": saved["global_step"],
        "trained_minutes": round(saved["molflow"]["minutes"], 2),
    }


def record(
    config: SeriesConfig, names: Sequence[str], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """The content of the JSON, without the places of files on this machine."""
    from benchmarks.series.making import RULES
    from benchmarks.series.measuring import PROTOCOL

    hidden = ("path", "runs", "out")
    settings = {k: v for k, v in asdict(config).items() if k not in hidden}
    settings["checkpoint"] = Path(config.checkpoint).name
    series = {name: asdict(RULES[name]) for name in names}
    return {"config": settings, "protocol": PROTOCOL, "series": series, "rows": rows}


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print one table a series."""
    from benchmarks.series.measuring import PROTOCOL

    for name in dict.fromkeys(row["series"] for row in rows):
        mine = [row for row in rows if row["series"] == name]
        columns = ["method", "steps", "trained_steps", *PROTOCOL]
        cells = [["" if row[c] is None else row[c] for c in columns] for row in mine]
        table(name, columns, cells)


if __name__ == "__main__":
    run_program(main)
