"""The content of a data set as one hash, whatever its file is called and wherever that lies."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.tokens import TokenDataset


def content_of(dataset: MoleculeDataset | TokenDataset) -> str:
    """The sha256 of the vocabulary, the examples in their order and the splits."""
    facts = [dataset.vocabulary.to_dict(), {name: len(x) for name, x in dataset.splits.items()}]
    digest = sha256(json.dumps(facts).encode())
    arrays: tuple[NDArray, ...]
    if isinstance(dataset, TokenDataset):
        arrays = dataset.packed.ids, dataset.packed.starts
    else:
        arrays = dataset.packed.sizes, dataset.packed.atoms, dataset.packed.pairs
    for array in (*arrays, *dataset.splits.values()):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
