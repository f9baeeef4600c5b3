"""Replay, or rehearsal: molecules of the parent in every batch, against forgetting them.

They come from the parent's training data where these are here. Otherwise the parent makes them
once, as in pseudo-rehearsal (Robins, Connection Science 7, 123, 1995), and they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from molflow.build import Dataset, build_context, build_dataset, build_stream, dataset_of
from molflow.chem.vocabulary import Vocabulary
from molflow.config import DatasetConfig, TrainConfig
from molflow.console import atomic_write
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.recoding import recoded
from molflow.datasets.store import cache_folder
from molflow.datasets.streams import GraphStream, TokenStream
from molflow.errors import InputError
from molflow.flow.state import Fields, State
from molflow.loading import load
from molflow.model.checkpoint import read_spec
from molflow.model.place import find_model
from molflow.model.spec import ModelSpec
from molflow.sequence.vocabulary import TokenVocabulary

MOST = 20_000
"""The most molecules of the parent's data that are replayed.

Their properties are computed for a run.
"""
MADE = 2_048
"""The parent makes so many molecules where its data are not here; the valid ones are replayed."""
MADE_STEPS = 16
PLACES = 2
"""Sets the random numbers of the places in a batch apart from all others."""


@dataclass(frozen=True)
class Replay:
    """Molecules of the parent that are replayed.

    Attributes:
        stream: their batches.
        source: where they come from, for people.
    """

    stream: GraphStream | TokenStream
    source: str

    @property
    def size_law(self) -> tuple[float, ...]:
        """The law of sizes of its molecules."""
        return tuple(self.stream.dataset.size_law().tolist())


@dataclass(frozen=True)
class Mixed:
    """Batches of two streams together, in places that are drawn anew at every step.

    A batch is a function of (seed, step, rank, world), as those of the two are. The places matter
    because distillation takes the first examples of a batch.
    """

    own: GraphStream | TokenStream
    other: GraphStream | TokenStream
    seed: int

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, as wide as the wider of the two."""
        both = joined(self.own.batch(step, rank, world), self.other.batch(step, rank, world))
        random = np.random.default_rng([self.seed, step, rank, PLACES])
        return both[torch.from_numpy(random.permutation(len(both)))]


def joined(x: State, y: State) -> State:
    """The examples of both, padded to the wider; both have a context, or neither."""
    context = None
    if x.context is not None and y.context is not None:
        context = torch.cat([x.context, y.context])
    return State(
        _stacked(x.values, y.values),
        _stacked(x.exists, y.exists),
        _stacked(x.given, y.given),
        context,
    )


def _stacked(these: Fields, those: Fields) -> Fields:
    """field -> (B + B', D, ...), what is added to D being 0."""
    return {name: torch.cat(_widened(these[name], those[name])) for name in these}


def _widened(a: Tensor, b: Tensor) -> list[Tensor]:
    most = max(a.shape[1], b.shape[1])
    rest = [0, 0] * (a.dim() - 2)
    return [F.pad(x, [*rest, 0, most - x.shape[1]]) for x in (a, b)]


def count_of(share: float, batch_size: int) -> int:
    """The number of replayed molecules in a batch: at least one, and not all.

    InputError where a batch has one molecule, which cannot be shared; 0 of the share 0.
    """
    if share == 0:
        return 0
    if batch_size < 2:
        raise InputError(f"trainer.replay={share:g}: a batch of one molecule cannot be shared")
    return min(max(1, round(share * batch_size)), batch_size - 1)


def build_replay(
    config: TrainConfig, vocabulary: Vocabulary | TokenVocabulary, origin: ModelSpec, count: int
) -> Replay:
    """Molecules of the parent for every batch, over the classes of the run.

    Args:
        config: of the run.
        vocabulary: the classes of the run.
        origin: the model whose conditions they are told.
        count: molecules of a batch.

    Raises:
        InputError: the parent's data are not here, and it makes no molecules.
    """
    assert config.checkpoint is not None
    parent = read_spec(find_model(config.checkpoint))
    dataset, source = _data(config.checkpoint, parent)
    dataset = recoded(_chosen(dataset, config.seed), vocabulary)
    names = [one.name for one in origin.condition]
    values = build_context(names, dataset, origin.condition).values
    return Replay(build_stream(dataset, count, config.seed, config.flow.shown, values), source)


def _data(checkpoint: str, parent: ModelSpec) -> tuple[Dataset, str]:
    """The data of the parent, or else molecules that it makes; and their name."""
    try:
        dataset = dataset_of(parent)
        count = len(dataset.splits["train"])
        return dataset, f"from the {count:,} training molecules of {dataset.name}"
    except InputError as error:
        if not isinstance(parent.vocabulary, Vocabulary):
            needs = f"trainer.replay: needs the data of {checkpoint}"
            raise InputError(f"{needs}, which makes no molecules of its own: {error}") from None
        dataset = build_dataset(_made(checkpoint, parent.vocabulary))
        count = len(dataset.splits["train"])
        return dataset, f"from {count:,} molecules that it made, as its data are not here ({error})"


def _made(checkpoint: str, vocabulary: Vocabulary) -> DatasetConfig:
    """Valid molecules of the parent, made once and kept in the cache by the hash of its weights."""
    generator = load(find_model(checkpoint))
    path = cache_folder() / "replay" / f"{generator.fingerprint}.smi"
    if not path.is_file():
        made = generator.sample(MADE, MADE_STEPS)
        strict = dict.fromkeys(one.strict for one in made if one.strict is not None)
        with atomic_write(path) as temporary:
            temporary.write_text("".join(f"{smiles}\n" for smiles in strict))
    reading = "charged" if vocabulary.charged else "stripped"
    return DatasetConfig(name="smiles_file", path=str(path), split="random", vocabulary=reading)


def _chosen(dataset: Dataset, seed: int) -> Dataset:
    """At most MOST of the training molecules, drawn by ``seed``; no others."""
    train = dataset.splits["train"]
    train = np.random.default_rng(seed).permutation(train)[:MOST]
    empty = train[:0]
    if isinstance(dataset, MoleculeDataset):
        packed, train = dataset.packed.take(train), np.arange(len(train))
        dataset = replace(dataset, packed=packed)
    return replace(dataset, splits={"train": train, "valid": empty, "test": empty})
