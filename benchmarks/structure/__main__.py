"""The structure of molecules against that of real ones: ``python -m benchmarks.structure``.

Rings, degrees, connected parts and cycles are compared by benchmarks.structure.statistics. Samples
are a file of SMILES or the name of a model, which then makes them. The reference is a split of a
data set or a file. Counted are whole molecules that pass sanitisation, disconnected ones too. The
others are failed attempts, whose number is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.arguments import help_text, read
from benchmarks.common.outputs import RESULTS
from molflow.config import SEEDS, wants_help
from molflow.config.key import COUNT, READ, WRITE, key
from molflow.console import atomic_write, for_json, require_writable, run_program, table
from molflow.errors import InputError
from molflow.progress import progress

if TYPE_CHECKING:
    import networkx as nx

    from benchmarks.structure.statistics import Vector


@dataclass(frozen=True)
class StructureConfig:
    """Compares the unlabelled graphs of samples with those of a reference."""

    samples: str = key("", "a .csv, .tsv, .smi or .sdf file, or a model", required=True, path=READ)
    reference: str = key("qm9", "a data set by name, or such a file", required=True, path=READ)
    split: str = key("test", "of a data set", required=True)
    column: str = key("smiles", "of a file with a header", required=True)
    n: int = key(10_000, "molecules that a model makes", within=COUNT)
    steps: int = key(50, "of a model", within=COUNT)
    seed: int = key(0, "of a model", within=SEEDS)
    out: str = key(
        "", "the file of the results; empty is benchmarks/results/structure-<name>.json", path=WRITE
    )


@dataclass(frozen=True)
class Set:
    """Statistics by name, a vector for each molecule; attempts counts those that failed too."""

    name: str
    attempts: int
    vectors: dict[str, list[Vector]]

    @property
    def molecules(self) -> int:
        """The number of molecules that are counted."""
        return len(next(iter(self.vectors.values())))


def main(arguments: list[str]) -> None:
    """Compare the sets that the command line's ``key=value`` arguments name."""
    if wants_help(arguments):
        print(help_text("structure", StructureConfig))
        return
    benchmark(read(StructureConfig, arguments))


def benchmark(config: StructureConfig) -> None:
    """Print the tables and write the JSON. InputError where a set holds no molecule."""
    name = config.samples.rstrip("/").rpartition("/")[2].split(".")[0]
    target = Path(config.out) if config.out else RESULTS / f"structure-{name}.json"
    require_writable(target.parent)
    reference = described(config.reference, reference_graphs(config))
    samples = described(config.samples, sample_graphs(config))
    result = compare_sets(config, samples, reference)
    show(result)
    with atomic_write(target) as path:
        path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"written: {target}")


def described(name: str, graphs: Iterable[nx.Graph | None]) -> Set:
    """The statistics of all graphs; None is a failed attempt. InputError where all are."""
    from benchmarks.structure.statistics import STATISTICS

    vectors: dict[str, list[Vector]] = {statistic: [] for statistic in STATISTICS}
    attempts = 0
    for graph in graphs:
        attempts += 1
        if graph is not None:
            for statistic, values in vectors.items():
                values.append(STATISTICS[statistic].of(graph))
    found = Set(name, attempts, vectors)
    if not found.molecules:
        raise InputError(f"{name}: no molecule in {attempts:,} attempts")
    return found


def sample_graphs(config: StructureConfig) -> Iterable[nx.Graph | None]:
    """The attempts in a file or of a model."""
    if is_file(config.samples):
        return from_file("samples", config.samples, config.column)
    from molflow.loading import load

    made = load(config.samples).sample(config.n, config.steps, seed=config.seed)
    checked = progress(made.checked, "graphs of samples", config.n, "molecules")
    return (None if one.smiles is None else from_smiles(one.smiles) for one in checked)


def reference_graphs(config: StructureConfig) -> Iterable[nx.Graph | None]:
    """The molecules of a split, or of a file."""
    if is_file(config.reference):
        return from_file("reference", config.reference, config.column)
    from molflow.build import DATASETS, build_dataset
    from molflow.config import DatasetConfig

    names = [name for name in DATASETS if name != "smiles_file"]
    if config.reference not in names:
        raise InputError(f"reference={config.reference!r}: a file or one of {', '.join(names)}")
    data = build_dataset(DatasetConfig(name=config.reference))
    if config.split not in data.splits:
        raise InputError(f"split={config.split!r}: one of {', '.join(data.splits)}")
    smiles = data.smiles(config.split)
    return map(from_smiles, progress(smiles, "graphs of the reference", unit="molecules"))


def is_file(name: str) -> bool:
    """Whether the name is that of a file of molecules."""
    from molflow.datasets.molecule_file import KINDS

    return name.lower().removesuffix(".gz").endswith(KINDS)


def from_file(key: str, path: str, column: str) -> Iterable[nx.Graph | None]:
    """A graph for each row, None where it holds no molecule that passes sanitisation."""
    from molflow.datasets.columns import Columns
    from molflow.evaluation.samples_file import judged

    for _, attempt in judged(Path(path), Columns(column), key=key):
        smiles = attempt.checked.smiles
        yield None if smiles is None else from_smiles(smiles)


def from_smiles(smiles: str) -> nx.Graph:
    """The unlabelled graph that a sanitised molecule's SMILES writes, without hydrogens."""
    from benchmarks.structure.statistics import skeleton
    from molflow.chem.smiles import read_smiles

    mol = read_smiles(smiles)
    bonds = ((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds())
    return skeleton(mol.GetNumAtoms(), bonds)


def compare_sets(config: StructureConfig, samples: Set, reference: Set) -> dict[str, Any]:
    """The content of the JSON."""
    from benchmarks.structure.statistics import STATISTICS, compare, mean

    sets = {"samples": samples, "reference": reference}
    statistics = {}
    for name, statistic in STATISTICS.items():
        vectors = {role: one.vectors[name] for role, one in sets.items()}
        found = compare(vectors["samples"], vectors["reference"], statistic.sigma)
        statistics[name] = {
            "sigma": statistic.sigma,
            **for_json(asdict(found)),
            "means": {
                role: {label(name, k): x for k, x in enumerate(mean(values))}
                for role, values in vectors.items()
            },
        }
    settings = {k: v for k, v in asdict(config).items() if k not in ("samples", "reference", "out")}
    return {
        "config": settings,
        "estimator": "squared MMD, V-statistic, Gaussian kernel exp(-|x - y|^2 / (2 sigma^2))",
        # Where things lie on this machine is nobody else's business.
        **{
            role: {"name": Path(s.name).name, "attempts": s.attempts, "molecules": s.molecules}
            for role, s in sets.items()
        },
        "statistics": statistics,
    }


def show(result: dict[str, Any]) -> None:
    """Print the discrepancies, and the mean of every number behind them."""
    samples, reference = result["samples"], result["reference"]
    title = (
        f"{samples['molecules']:,} of {samples['attempts']:,} attempts of {samples['name']} "
        f"against {reference['molecules']:,} of {reference['name']}"
    )
    rows = [
        (name, one["sigma"], one["mmd2"], "" if one["floor"] is None else one["floor"])
        for name, one in result["statistics"].items()
    ]
    table(title, ("statistic", "sigma", "MMD² (V-statistic)", "expected of equal laws"), rows)
    means = []
    for one in result["statistics"].values():
        made, real = one["means"]["samples"], one["means"]["reference"]
        means += [(what, made.get(what, 0.0), real.get(what, 0.0)) for what in made | real]
    table("means", ("a molecule has", "samples", "reference"), means)


def label(name: str, k: int) -> str:
    """The name of number k of a statistic's vector, such as "rings of 5"."""
    from benchmarks.structure.statistics import SMALLEST_RING

    words = {"degrees": f"share of degree {k}", "rings": f"rings of {SMALLEST_RING + k}"}
    return words.get(name, name)


if __name__ == "__main__":
    run_program(main)
