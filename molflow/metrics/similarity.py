"""How alike molecules are: Tanimoto similarity of Morgan fingerprints.

Fingerprints have radius 2 and 2,048 bits and know no chirality (Rogers and Hahn, J. Chem. Inf.
Model. 2010, 50, 742). The Tanimoto similarity of two is the number of bits that both have over the
number that either has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.DataStructs import BulkTanimotoSimilarity, ExplicitBitVect

from molflow.console import progress

RADIUS, BITS = 2, 2048


def fingerprints(mols: Iterable[Chem.Mol]) -> list[ExplicitBitVect]:
    """The Morgan fingerprint of every molecule, in order; about 15 microseconds each."""
    morgan = GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    return [morgan.GetFingerprint(mol) for mol in mols]


def internal_diversity(prints: Sequence[ExplicitBitVect]) -> float:
    """1 - (1 / n^2) sum_ij T(i, j), over all n^2 ordered pairs, each molecule with itself too.

    At most 1 - 1/n, and 0 where all are alike: a molecule that comes twice counts twice, so that
    a collapsed set is not diverse (IntDiv of MOSES, Polykovskiy et al. 2020). nan of none.
    """
    n = len(prints)
    if n == 0:
        return nan
    below = sum(
        sum(BulkTanimotoSimilarity(prints[i], prints[:i]))
        for i in progress(range(n), "internal diversity", unit="molecules")
    )
    return 1 - (n + 2 * below) / n**2


@dataclass(frozen=True, eq=False)
class References:
    """Fingerprints of R molecules by bit, so that a molecule meets those alone that share a bit.

    sizes (R,): bits that each has. holders: those that have bit k, at starts[k]:starts[k + 1].
    """

    sizes: NDArray[np.int64]
    holders: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def similarities(self, one: ExplicitBitVect) -> NDArray[np.float64]:
        """(R,) Tanimoto similarities of a fingerprint, which has a bit as that of any molecule."""
        bits = list(one.GetOnBits())
        met = [self.holders[self.starts[k] : self.starts[k + 1]] for k in bits]
        shared = np.bincount(np.concatenate(met), minlength=len(self))
        return shared / (self.sizes + len(bits) - shared)


def index_references(prints: Sequence[ExplicitBitVect]) -> References:
    """The references that ``nearest_similarity`` looks among."""
    on = [np.array(one.GetOnBits(), np.int64) for one in prints]
    sizes = np.array([len(bits) for bits in on], np.int64)
    bits = np.concatenate([np.empty(0, np.int64), *on])
    order = np.argsort(bits, kind="stable")
    holders = np.repeat(np.arange(len(on), dtype=np.int32), sizes)[order]
    return References(sizes, holders, np.searchsorted(bits[order], np.arange(BITS + 1)))


def nearest_similarity(prints: Sequence[ExplicitBitVect], references: References) -> list[float]:
    """max_j T(i, j) over the references j, for every molecule i; nan where there is no reference.

    Exact, about 1 ms for 100,000 references of 20 bits; RDKit's bulk comparison takes 5 to 25.
    """
    if not len(references):
        return [nan] * len(prints)
    return [
        float(references.similarities(one).max())
        for one in progress(prints, "nearest reference", unit="molecules")
    ]
