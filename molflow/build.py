"""From a configuration to data, and to what a model will know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molflow.chem.molecule import largest_fragment
from molflow.config import DatasetConfig, TrainConfig
from molflow.config.key import from_plain
from molflow.datasets import guacamol, moses, qm9, smiles_file, text, zinc250k
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.recoding import recoded
from molflow.datasets.streams import GraphStream, TokenStream
from molflow.datasets.text import TextDataset
from molflow.datasets.tokens import TokenDataset, tokenised
from molflow.datasets.values import Values, property_values
from molflow.enough import NOVEL, Enough, Sieve
from molflow.errors import InputError
from molflow.metrics.text import TextReference
from molflow.modality import Known
from molflow.model.conditions import Standard, standardise, standardised
from molflow.model.spec import ModelSpec

PROPERTIES = "properties"
"""Folder of the cache, common to all data sets, with the properties of their molecules."""


def _cache(config: DatasetConfig) -> Path | None:
    return None if config.cache is None else Path(config.cache)


def _qm9(c: DatasetConfig) -> MoleculeDataset:
    return qm9.load(_cache(c), c.split, c.vocabulary, c.seed, c.max_atoms)


def _smiles_file(c: DatasetConfig) -> MoleculeDataset:
    return smiles_file.load(
        c.path,
        _cache(c),
        c.smiles_column,
        c.max_atoms,
        c.vocabulary,
        seed=c.seed,
        split_column=c.split_column,
    )


Dataset = MoleculeDataset | TokenDataset
DATASETS: dict[str, Callable[[DatasetConfig], Dataset]] = {
    "qm9": _qm9,
    "zinc250k": lambda c: zinc250k.load(c.path, _cache(c), c.vocabulary, c.seed, c.max_atoms),
    "moses": lambda c: moses.load(_cache(c), c.vocabulary, c.max_atoms),
    "guacamol": lambda c: guacamol.load(_cache(c), c.vocabulary, c.max_atoms),
    "smiles_file": _smiles_file,
    "qm9_smiles": lambda c: tokenised(c.name, _qm9(c), c.scheme, c.end_token),
    "smiles_tokens": lambda c: tokenised(c.name, _smiles_file(c), c.scheme, c.end_token),
    "text": lambda c: text.load(c.path, c.length),
    "text8": lambda c: text.load_text8(c.path, _cache(c), c.length),
}


def build_dataset(config: DatasetConfig) -> Dataset:
    """The molecules or texts that ``config`` names, from the cache where it has them."""
    return DATASETS[config.name](config)


def dataset_of(spec: ModelSpec) -> Dataset:
    """The data that a model was trained on; InputError where they are gone or have changed."""
    dataset = build_dataset(from_plain(DatasetConfig, spec.dataset))
    if spec.parent:
        dataset = recoded(dataset, spec.vocabulary)
    law = tuple(dataset.size_law().tolist())
    # What was replayed is in the law of the model, and not in its data.
    replayed = spec.parent.get("replay", 0) > 0
    for what, same in (
        ("vocabulary", dataset.vocabulary == spec.vocabulary),
        ("law of sizes", replayed or padded(law, len(spec.size_law)) == spec.size_law),
    ):
        if not same:
            raise InputError(f"{dataset.name} has changed since the training: its {what} has")
    return dataset


def padded(law: Sequence[float], length: int) -> tuple[float, ...]:
    """A law of sizes with zeros behind it, up to that length."""
    return (*law, *(0.0,) * (length - len(law)))


def known_of(dataset: Dataset) -> Known:
    """The training split as samples are compared with it.

    These are the largest fragments of its molecules, or its words and n-grams.
    """
    if isinstance(dataset, TextDataset):
        return TextReference.of(dataset.text("train"), dataset.ids("train"), dataset.vocabulary)
    return frozenset(map(largest_fragment, dataset.smiles("train")))


def sieve_for(spec: ModelSpec, enough: Enough) -> Sieve:
    """The judge of the molecules of a model: which of them pass.

    InputError where novelty is asked for and the training set is not here, or where the model
    writes texts.
    """
    if not spec.modality.molecular:
        raise InputError("until, keep: of molecules, and this model writes texts")
    if NOVEL not in enough.conditions:
        return Sieve(enough)
    try:
        known = known_of(dataset_of(spec))
    except InputError as error:
        raise InputError(f"until={enough.until}: no training set: {error}") from None
    assert isinstance(known, frozenset)
    return Sieve(enough, known)


def in_pieces(dataset: Dataset) -> int:
    """The number of training molecules of several fragments, such as salts; 0 of a text."""
    if isinstance(dataset, TextDataset):
        return 0
    return sum("." in smiles for smiles in dataset.smiles("train"))


@dataclass(frozen=True)
class Context:
    """The properties that a network is told of molecules in training.

    Attributes:
        standards: of C properties.
        values: (M, C) of every molecule of the packed data, standardised, nan where unknown; None
            for no property.
    """

    standards: tuple[Standard, ...] = ()
    values: Values | None = None

    def __str__(self) -> str:
        """Each property over the training molecules, and of how many molecules it is unknown."""
        unknown = [] if self.values is None else np.isnan(self.values).sum(0).tolist()
        return ", ".join(
            f"{one}, unknown of {count:,}" if count else str(one)
            for one, count in zip(self.standards, unknown, strict=True)
        )


def build_context(
    names: Sequence[str], dataset: Dataset, standards: tuple[Standard, ...] = ()
) -> Context:
    """These properties of every molecule, read from the cache where they lie ready.

    Standardised by ``standards`` where these are of the same names, else by the training split.
    """
    if not names:
        return Context()
    if not isinstance(dataset, MoleculeDataset):
        raise InputError(f"model.condition={','.join(names)}: only for models of graphs")
    values = property_values(dataset.packed, dataset.report.parents[1] / PROPERTIES, names)
    if tuple(names) == tuple(one.name for one in standards):
        return Context(standards, standardised(standards, values))
    return Context(*standardise(names, values, dataset.splits["train"]))


def build_spec(
    config: TrainConfig, dataset: Dataset, condition: tuple[Standard, ...] = ()
) -> ModelSpec:
    """The specification that the trained model will carry beside its weights."""
    of_graphs = isinstance(dataset, MoleculeDataset)
    return ModelSpec(
        vocabulary=dataset.vocabulary,
        max_size=dataset.max_size,
        size_law=tuple(float(p) for p in dataset.size_law()),
        width=config.model.width,
        pair_width=config.model.pair_width if of_graphs else None,
        depth=config.model.depth,
        heads=config.model.heads,
        positions=not of_graphs or config.dataset.order == "canonical",
        loss=config.flow.loss,
        prior_scale=config.flow.prior_scale,
        flow_map=config.flow.distill != "none",
        shown=config.flow.shown,
        dataset=vars(config.dataset).copy(),
        condition=condition,
        pair_expand=config.model.pair_expand,
        distances=config.model.distances,
        flow=vars(config.flow).copy(),
    )


def build_stream(
    dataset: Dataset,
    batch_size: int,
    seed: int,
    shown: float = 0.0,
    context: Values | None = None,
) -> GraphStream | TokenStream:
    """The training batches of ``dataset``, with what is told of its molecules."""
    if isinstance(dataset, MoleculeDataset):
        return GraphStream(dataset, batch_size, seed, shown, context)
    return TokenStream(dataset, batch_size, seed, shown)
