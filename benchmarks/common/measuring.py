"""The conditions of one cell of benchmarks.generation, and the cells that are known already."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from benchmarks.common.outputs import plain
from molflow.build import Dataset, dataset_of, known_of
from molflow.chem.molecule import Checked
from molflow.config import NOISE
from molflow.console import atomic_write
from molflow.datasets.loaders import SPLITS, MoleculeDataset
from molflow.datasets.store import cache_folder
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.metrics import chemnet
from molflow.metrics.distribution import FCD_KEYS, FEWEST, Statistics, fcd, reference_statistics
from molflow.modality import Modality, Thing, modality_of
from molflow.sampling.methods import METHODS
from molflow.sampling.walk import NoiseScale, Route, Walk, read_times

FORMAT = 1
WARM_UP = 512
PACKAGES = ("molflow", "torch", "rdkit", "numpy")
ANCHORS = {"training": False, "redraw": True}
"""Rows that no model makes, and whether a training molecule may come twice in them."""

Numbers = dict[str, float]


@dataclass(frozen=True)
class Cell:
    """One measurement: a method of sampling, or an anchor with 0 steps."""

    method: str
    steps: int
    seed: int


@dataclass(frozen=True)
class WalkOptions:
    """Options of all walks of a benchmark, beside their methods and steps.

    Attributes:
        noise: as of molflow.sample.
        noise_scale: as of molflow.sample.
        times: as of molflow.sample; "" for the usual.
    """

    noise: float = NOISE
    noise_scale: NoiseScale = 1.0
    times: str = ""

    def walk(self, generator: Generator, method: str, steps: int) -> Walk:
        """The walk of a method in so many steps. InputError where there is none."""
        times = read_times(self.times or None, steps)
        route = Route(steps, method, self.noise, times=times, noise_scale=self.noise_scale)
        return generator.walk(route)

    def require(self, generator: Generator, ways: Iterable[tuple[str, int]]) -> None:
        """Raise InputError where a method in so many steps, 0 of an anchor, has no walk."""
        for method, steps in ways:
            if steps:
                self.walk(generator, method, steps)


@dataclass(frozen=True)
class Protocol:
    """The common conditions of all cells.

    Attributes:
        data: that the model was trained on.
        training: the SMILES of the data's training split.
        validation, test: statistics of ChemNet, for FCD.
        n: molecules a cell.
        options: of the walks.
        force: whether to measure FCD of fewer than 1,000 molecules too.
        device: of ChemNet.
    """

    data: Dataset
    training: frozenset[str]
    validation: Statistics
    test: Statistics
    n: int
    options: WalkOptions
    force: bool
    device: str

    @property
    def modality(self) -> Modality:
        """Of the model and the data: graphs or SMILES."""
        return modality_of(self.data.vocabulary)

    @cached_property
    def content(self) -> str:
        """A name for the molecules of all splits."""
        return content([self.data.smiles(split) for split in SPLITS])

    def measure_attempts(self, things: Sequence[Thing], checked: Sequence[Checked]) -> Numbers:
        """All metrics of these attempts; FCD is nan where too few of them are molecules."""
        numbers = self.modality.measure(things, checked, self.training)
        valid = [one.largest for one in checked if one.largest is not None]
        if self.force or len(set(valid)) >= FEWEST:
            numbers |= fcd(valid, self.validation, self.test, self.force, self.device)
        else:
            counts = dict(zip(FCD_KEYS, (len(set(valid)), len(valid)), strict=True))
            numbers |= dict.fromkeys(FCD_KEYS, math.nan)
            numbers |= {f"{name}_n": count for name, count in counts.items()}
        return numbers | {"attempts": len(things)}


def prepare(generator: Generator, n: int, options: WalkOptions, force: bool) -> Protocol:
    """Prepare the training set of a model and its references.

    Args:
        generator: the model.
        n: molecules a cell.
        options: of the walks.
        force: whether to measure FCD of fewer than 1,000 molecules too.

    Raises:
        InputError: the training set is not here.
    """
    if not generator.spec.modality.molecular:
        raise InputError("this model writes texts, no molecules: benchmarks.text measures those")
    data, device = dataset_of(generator.spec), str(generator.device)
    for split in ("valid", "test"):
        present = len(data.splits[split])
        if present < (2 if force else FEWEST):
            raise InputError(f"{data.name}: {present} molecules in {split} are too few for FCD")
    validation, test = (
        reference_statistics(data.smiles(split), cache_folder() / "statistics", device)
        for split in ("valid", "test")
    )
    return Protocol(data, known_of(data), validation, test, n, options, force, device)


def perform(cell: Cell, protocol: Protocol, generator: Generator) -> Numbers:
    """The numbers of one cell."""
    if cell.method in ANCHORS:
        things = draw_training(protocol, cell)
        return protocol.measure_attempts(things, protocol.modality.check(things))
    n = protocol.n
    generator.sample(min(n, WARM_UP), 1, cell.method)
    walk = protocol.options.walk(generator, cell.method, cell.steps)
    made = generator.follow(walk, generator.crowd(range(n), cell.seed))
    return {
        **protocol.measure_attempts(made.things, made.checked),
        "evaluations": made.evaluations,
        "per_second_network": n / made.network_seconds,
        "per_second_decoding": n / made.chemistry_seconds,
        "per_second": n / (made.network_seconds + made.chemistry_seconds),
    }


def draw_training(protocol: Protocol, cell: Cell) -> list[Thing]:
    """n training molecules, or all where there are fewer and none may come twice."""
    data = protocol.data
    train, replace = data.splits["train"], ANCHORS[cell.method]
    n = protocol.n if replace else min(protocol.n, len(train))
    chosen = np.random.default_rng(cell.seed).choice(train, n, replace)
    if isinstance(data, MoleculeDataset):
        return [data.packed.graph(i) for i in chosen]
    return [data.vocabulary.decode(data.packed.sequence(i)) for i in chosen]


def facts(cell: Cell, protocol: Protocol, generator: Generator) -> dict[str, Any]:
    """All that the numbers of a cell depend on; an anchor does not depend on the model."""
    about = {"format": FORMAT, **asdict(cell), "n": protocol.n, "force": protocol.force}
    about["data"] = protocol.content
    about |= {
        "chemnet": chemnet.fingerprint(),
        "rdkit": version("rdkit"),
        "molflow": version("molflow"),
    }
    if cell.method not in ANCHORS:
        about |= facts_of_walk(generator, protocol.options.walk(generator, cell.method, cell.steps))
        about["device"] = str(generator.device)
    return about


def facts_of_walk(generator: Generator, walk: Walk) -> dict[str, Any]:
    """The facts that determine the samples of a seed: the model and the walk."""
    return {
        "model": content([generator.fingerprint, generator.spec.to_dict()]),
        "noise": walk.noise if METHODS[walk.method].stochastic else None,
        "times": walk.times,
        "noise_scale": walk.noise_scale,
    }


def provenance(generator: Generator) -> dict[str, Any]:
    """The model, the machine and the versions behind a result, for its JSON."""
    # Where things lie on this machine is nobody else's business.
    model = generator.spec.to_dict()
    model["dataset"] = {k: v for k, v in model["dataset"].items() if k not in ("path", "cache")}
    return {
        "model": {"sha256": generator.fingerprint, **model},
        "machine": {"device": str(generator.device), "threads": torch.get_num_threads()},
        "versions": {name: version(name) for name in PACKAGES},
    }


def content(value: Any) -> str:
    """A name for a plain value that no other has."""
    return sha256(json.dumps(value).encode()).hexdigest()[:16]


def known(about: dict[str, Any], perform: Callable[[], Numbers]) -> Numbers:
    """The numbers that are kept under ``about``. Where there are none, they are made and kept."""
    path = cache_folder() / "generation" / f"{content(about)}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["numbers"]
        return {name: math.nan if value is None else value for name, value in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        numbers = perform()
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(plain({"about": about, "numbers": numbers}), indent=1))
    return numbers
