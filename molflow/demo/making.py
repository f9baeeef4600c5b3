"""Models that the page offers, and the molecules of a run, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from molflow.config import SampleConfig
from molflow.demo.asking import require_budget
from molflow.demo.quality import Card, read_card
from molflow.early import require_sampling
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.guidance.guides import Guide
from molflow.guidance.scores import Remembered
from molflow.guidance.steer import configured_guide
from molflow.library.task import SampleTask, cautions, prepare
from molflow.loading import load
from molflow.modality import Graphs
from molflow.model.checkpoint import read_spec
from molflow.model.place import find_model
from molflow.model.spec import ModelSpec
from molflow.samples import Samples

RELEASED = ("qm9", "zinc250k")
FIRST = 8
"""Molecules of the first batch; every later one is twice as large."""


@dataclass(frozen=True)
class Offer:
    """A model that the page offers: all that is known of it without its weights."""

    name: str
    spec: ModelSpec
    card: Card


def offers(checkpoint: str | None = None) -> dict[str, Offer]:
    """Look for the released models and one of the user.

    Args:
        checkpoint: a run folder, which comes first, or None.

    Raises:
        InputError: there is no model, or it makes no graphs.
    """
    names = dict.fromkeys(RELEASED if checkpoint is None else (checkpoint, *RELEASED))
    return {name: _offer(name) for name in names}


def _offer(name: str) -> Offer:
    folder = find_model(name)
    spec = read_spec(folder)
    if not isinstance(spec.modality, Graphs):
        raise InputError(f"checkpoint={name}: writes strings, and the page shows graphs alone")
    return Offer(name, spec, read_card(folder))


class Models:
    """The models that the page has loaded so far."""

    def __init__(self) -> None:
        self._loaded: dict[str, Generator] = {}

    def __getitem__(self, name: str) -> Generator:
        if name not in self._loaded:
            self._loaded[name] = load(name)
        return self._loaded[name]


@dataclass(frozen=True)
class Run:
    """A run whose arguments make sense.

    Attributes:
        task: of the whole run.
        guide: toward which it goes, or None.
        cautions: sentences about what the model was not trained for.
    """

    task: SampleTask
    guide: Guide | None
    cautions: tuple[str, ...]

    def batches(self) -> Iterator[Samples]:
        """Make the molecules in the order of their index, a small batch first."""
        n, first, size = self.task.config.n, 0, FIRST
        while first < n:
            crowd = self.task.crowd(range(first, min(first + size, n)))
            yield self.task.generator.follow(self.task.walk, crowd, self.guide)
            first, size = first + size, 2 * size


def plan_run(config: SampleConfig, models: Models) -> Run:
    """Look for every mistake before the sampling.

    Raises:
        InputError: a value makes no sense for this model, or the run would take too long.
    """
    require_sampling(config)
    guide, model = configured_guide(config.guidance), models[config.checkpoint]
    if guide is not None:
        subject = model.spec.modality.subject
        guide = replace(guide, scorer=Remembered(guide.scorer, subject))
    task = prepare(config, guide, model)
    require_budget(task, guide)
    told = tuple(f"{config.checkpoint} {caution}." for caution in cautions(task, guide))
    return Run(task, guide, told)
