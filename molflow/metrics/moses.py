"""These functions are the metrics of MOSES.

See Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020). MOSES measures on all valid molecules,
repetitions included, except where a metric says otherwise. Fingerprints are Morgan's of radius 2
and 1,024 bits. IntDiv_p follows the paper as `internal_diversity`. It follows the program, whose
IntDiv2 are the published ones, as `internal_diversity_by_molecule`. Filters are in `filters`.

Against the small example of MOSES's own tests everything agrees under RDKit 2026.9 but SA, 0.628
where they expect 0.524. SA weighs fragments by the identifiers of the Morgan fingerprint. RDKit's
fixes have since changed those of some molecules, while the table of weights is still the same
(https://github.com/rdkit/rdkit/issues/4161). So SA compares with numbers of a like RDKit only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.DataStructs import ExplicitBitVect

from molflow.metrics.similarity import (
    fingerprints,
    internal_diversity,
    internal_diversity_by_molecule,
    nearest_similarities,
)

__all__ = [
    "BITS",
    "cosine",
    "fragments",
    "internal_diversity",
    "internal_diversity_by_molecule",
    "moses_fingerprints",
    "nearest_similarities",
    "scaffold",
    "snn",
    "unique_at",
    "wasserstein",
]

BITS = 1024
FEWEST_RINGS = 2


def moses_fingerprints(mols: Iterable[Chem.Mol]) -> list[ExplicitBitVect]:
    """Compute the Morgan fingerprint of radius 2 and 1,024 bits of every molecule, in order."""
    return fingerprints(mols, BITS)


def snn(prints: Sequence[ExplicitBitVect], references: Sequence[ExplicitBitVect]) -> float:
    """(1 / n) sum_i max_j T(i, j), in [0, 1].

    It is the mean Tanimoto similarity of a molecule to its nearest neighbour among the references,
    and nan where either is empty.
    """
    return float(nearest_similarities(prints, references).mean()) if prints else nan


def fragments(mol: Chem.Mol) -> Counter[str]:
    """Count each fragment after cutting all bonds that BRICS cuts (Degen et al. 2008).

    Fragments are canonical SMILES, with dummy atoms whose isotopes name the kind of the cut. A
    molecule without such a bond is its own fragment.
    """
    return Counter(Chem.MolToSmiles(Chem.FragmentOnBRICSBonds(mol)).split("."))


def scaffold(mol: Chem.Mol) -> str | None:
    """Write the canonical SMILES of the Murcko scaffold (Bemis and Murcko 1996).

    It is the rings, their links, and all atoms doubly bound to either. It is None with fewer than 2
    rings, which Scaf leaves out.
    """
    if mol.GetRingInfo().NumRings() < FEWEST_RINGS:  # The scaffold has the same rings.
        return None
    try:
        return Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol))
    except (ValueError, RuntimeError):
        return None


def cosine(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """a.b / (|a| |b|) of two counts, where a lacking one counts 0; in [0, 1]: Frag and Scaf.

    The result is nan where either has no count.
    """
    norms = sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    common = sum(count * b[name] for name, count in a.items() if name in b)
    return min(1.0, common / norms) if norms else nan


def wasserstein(a: ArrayLike, b: ArrayLike) -> float:
    """W_1 = integral |F_a(x) - F_b(x)| dx of two samples, of any sizes, in their own unit.

    The result is nan where either is empty or holds a nan.
    """
    from scipy.stats import wasserstein_distance

    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(wasserstein_distance(x, y)) if len(x) and len(y) else nan


def unique_at(smiles: Sequence[str], k: int) -> float:
    """unique@k: of the first k valid molecules the fraction that is distinct.

    Where there are fewer than k it is the fraction of those there are, as in MOSES. It is nan of
    none.

    Args:
        smiles: canonical, of the valid attempts alone, in the order they were made.
        k: how many count.
    """
    first = smiles[:k]
    return len(set(first)) / len(first) if first else nan
