"""Fingerprints of a training set, kept between samplings: they are the same every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from molflow.console import atomic_write
from molflow.datasets.store import cache_folder
from molflow.metrics.similarity import BITS, RADIUS, References

FORMAT = 1
PARTS = ("sizes", "holders", "starts")


def remembered(smiles: Sequence[str], read: Callable[[], References]) -> References:
    """The fingerprints of these molecules: from the cache, or else by ``read``."""
    about = [FORMAT, RADIUS, BITS, version("rdkit"), *smiles]
    name = sha256("\n".join(map(str, about)).encode()).hexdigest()[:16]
    path = cache_folder() / "fingerprints" / f"{name}.npz"
    found = _load(path)
    if found is None:
        found = read()
        with atomic_write(path) as temporary:
            np.savez(temporary, **{part: getattr(found, part) for part in PARTS})
    return found


def _load(path: Path) -> References | None:
    """What is kept there; None where there is nothing whole."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return References(*(kept[part] for part in PARTS))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
