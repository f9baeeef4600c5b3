"""Fingerprints by name, and the similarity of two of them.

The similarity is Tanimoto's T = sum_k min(a_k, b_k) / sum_k max(a_k, b_k). Of bits it is the number
that both have over the number that either has. No fingerprint knows chirality.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import (
    FingerprintGenerator64,
    GetAtomPairGenerator,
    GetMorganFeatureAtomInvGen,
    GetMorganGenerator,
)

Fingerprint = Any
"""One of RDKit's vectors, of bits or of counts."""

_morgan = cache(GetMorganGenerator)


@cache
def _features() -> FingerprintGenerator64:
    return GetMorganGenerator(radius=2, atomInvariantsGenerator=GetMorganFeatureAtomInvGen())


@cache
def _pairs() -> FingerprintGenerator64:
    return GetAtomPairGenerator(maxDistance=10)


def morgan(mol: Chem.Mol) -> Fingerprint:
    """Morgan environments up to radius 2, folded into 2,048 bits (Rogers and Hahn 2010)."""
    return _morgan(radius=2, fpSize=2048).GetFingerprint(mol)


def ecfp4(mol: Chem.Mol) -> Fingerprint:
    """Counts of Morgan environments up to radius 2, unfolded."""
    return _morgan(radius=2).GetSparseCountFingerprint(mol)


def ecfp6(mol: Chem.Mol) -> Fingerprint:
    """Counts of Morgan environments up to radius 3, unfolded."""
    return _morgan(radius=3).GetSparseCountFingerprint(mol)


def fcfp4(mol: Chem.Mol) -> Fingerprint:
    """Counts of Morgan environments up to radius 2 of pharmacophoric atom features, unfolded."""
    return _features().GetSparseCountFingerprint(mol)


def ap(mol: Chem.Mol) -> Fingerprint:
    """Counts of atom pairs 1 to 10 bonds apart (Carhart et al. 1985), unfolded."""
    return _pairs().GetSparseCountFingerprint(mol)


def phco(mol: Chem.Mol) -> Fingerprint:
    """Bits of Gobbi and Poppinger's two-dimensional pharmacophores (1998); about 20 ms a drug."""
    from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

    return Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)


SIMILARITIES: dict[str, Callable[[Chem.Mol], Fingerprint]] = {
    "similarity": morgan,
    "similarity_ecfp4": ecfp4,
    "similarity_ecfp6": ecfp6,
    "similarity_fcfp4": fcfp4,
    "similarity_ap": ap,
    "similarity_phco": phco,
}
"""The names of objectives' similarities, and the fingerprint of each."""


def unary(counts: Fingerprint, size: int) -> NDArray[np.int64]:
    """The counts as bits: a count c is c bits, so that T of the bits is T of the counts.

    Args:
        counts: a sparse vector of counts.
        size: the number of bits. Each is hashed into it, and two may fall on one.

    Returns:
        The bits that are set, rising, each once.
    """
    found = counts.GetNonzeroElements()
    keys = np.fromiter(found, np.uint64, len(found))
    times = np.fromiter(found.values(), np.int64, len(found))
    first = np.repeat(np.cumsum(times) - times, times)
    level = (np.arange(times.sum()) - first).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = np.repeat(keys, times) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (level * np.uint64(0xC2B2AE3D27D4EB4F))) * np.uint64(0xD6E8FEB86659FD93)
    return np.unique((mixed >> np.uint64(32)) % np.uint64(size)).astype(np.int64)


def tanimoto(one: Fingerprint, other: Fingerprint) -> float:
    """T of two fingerprints of one kind, in [0, 1]; 0 where both are empty."""
    return DataStructs.TanimotoSimilarity(one, other)
