"""A data set over the classes of a model that was trained on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molflow.chem.vocabulary import Vocabulary
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.tokens import TokenDataset
from molflow.sequence.vocabulary import TokenVocabulary

Dataset = MoleculeDataset | TokenDataset


def recoded(dataset: Dataset, vocabulary: Vocabulary | TokenVocabulary) -> Dataset:
    """The same molecules or texts over another vocabulary.

    Where ``vocabulary`` lacks one of their classes or reads them in another way, they stay as they
    are.
    """
    if isinstance(dataset, MoleculeDataset) and isinstance(vocabulary, Vocabulary):
        own = dataset.vocabulary
        table = _table(own.atoms, vocabulary.atoms)
        if table is None or (own.bonds, own.charged) != (vocabulary.bonds, vocabulary.charged):
            return dataset
        atoms = table.astype(np.int8)[dataset.packed.atoms]
        return replace(dataset, packed=replace(dataset.packed, vocabulary=vocabulary, atoms=atoms))
    if isinstance(dataset, TokenDataset) and isinstance(vocabulary, TokenVocabulary):
        had = dataset.vocabulary
        table = _table(had.symbols, vocabulary.symbols)
        if table is None or (had.scheme, had.end) != (vocabulary.scheme, vocabulary.end):
            return dataset
        ends = [len(vocabulary.symbols)] * vocabulary.end
        ids = np.append(table, ends).astype(np.uint16)[dataset.packed.ids]
        return replace(dataset, packed=replace(dataset.packed, ids=ids), vocabulary=vocabulary)
    return dataset


def _table(names: Sequence[str], among: Sequence[str]) -> NDArray[np.int64] | None:
    """(K,): where each name stands; None where one is missing."""
    places = {name: k for k, name in enumerate(among)}
    if not places.keys() >= set(names):
        return None
    return np.array([places[name] for name in names], np.int64)
