"""These are the distribution metrics of GuacaMol.

See Brown et al., J. Chem. Inf. Model. 59, 1096 (2019). The KL score compares nine descriptors and
the internal maximum similarity of distinct generated molecules with those of a reference. The
published protocol takes 10,000 of each, without stereo. The divergence runs from the reference to
the generated molecules, KL(reference | generated), in nats. Densities are estimated as by
GuacaMol's program. Some of its ways are rough and kept, for the sake of published numbers:

- Of counts, ten bins of equal width cover the range of the reference alone: values outside it are
  not seen.
- 10^-10 is added to every density and both are then scaled to sum 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors
from rdkit.DataStructs import ExplicitBitVect

from molflow.metrics.similarity import fingerprints, internal_maximum_similarities

__all__ = [
    "BITS",
    "DESCRIPTORS",
    "descriptors",
    "fcd_score",
    "guacamol_fingerprints",
    "internal_maximum_similarities",
    "kl_continuous",
    "kl_discrete",
    "kl_divergences",
    "kl_score",
]

Floats = NDArray[np.float64]

BITS = 4096
DESCRIPTORS = (
    "BertzCT",
    "MolLogP",
    "MolWt",
    "TPSA",
    "NumHAcceptors",
    "NumHDonors",
    "NumRotatableBonds",
    "NumAliphaticRings",
    "NumAromaticRings",
)
CONTINUOUS = 4
"""So many of DESCRIPTORS are real numbers, the others counts."""
POINTS, BINS, LEAST = 1000, 10, 1e-10


def guacamol_fingerprints(mols: Iterable[Chem.Mol]) -> list[ExplicitBitVect]:
    """Compute the Morgan fingerprint of radius 2 and 4,096 bits of every molecule, in order."""
    return fingerprints(mols, BITS)


def descriptors(mol: Chem.Mol) -> tuple[float, ...]:
    """Compute DESCRIPTORS by RDKit, (9,); 0 in place of a value that is not finite."""
    values = (float(getattr(Descriptors, name)(mol)) for name in DESCRIPTORS)
    return tuple(value if isfinite(value) else 0.0 for value in values)


def kl_continuous(reference: ArrayLike, generated: ArrayLike) -> float:
    """KL(reference | generated) of two samples of a real number, by their kernel densities.

    The kernels are Gaussian, of Scott's width, n^(-1/5) standard deviations. They are read at 1,000
    even points from the smallest to the largest value of both. The result is nan where a sample has
    no spread, which leaves the width undefined.
    """
    from scipy.stats import gaussian_kde

    a, b = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if min(len(a), len(b)) < 2 or not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return nan
    both = np.concatenate([a, b])
    points = np.linspace(both.min(), both.max(), POINTS)
    return _divergence(gaussian_kde(a)(points), gaussian_kde(b)(points))


def kl_discrete(reference: ArrayLike, generated: ArrayLike) -> float:
    """KL(reference | generated) of two samples of a count, by their histograms.

    Ten bins of equal width run from the smallest to the largest value of the reference. The result
    is nan where nothing was generated within that range.
    """
    a, b = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if not len(a) or np.isnan(a).any():
        return nan
    in_reference, edges = np.histogram(a, BINS)
    in_generated, _ = np.histogram(b, edges)
    if not in_generated.any():
        return nan
    widths = np.diff(edges)
    p, q = (counts / counts.sum() / widths for counts in (in_reference, in_generated))
    return _divergence(p, q)


def _divergence(p: Floats, q: Floats) -> float:
    """sum_i p_i log(p_i / q_i) of two densities, each raised by 10^-10 and scaled to sum 1."""
    p, q = (density + LEAST for density in (p, q))
    p, q = p / p.sum(), q / q.sum()
    return max(0.0, float((p * np.log(p / q)).sum()))


def kl_divergences(
    generated: Floats,
    reference: Floats,
    generated_similarities: ArrayLike,
    reference_similarities: ArrayLike,
) -> dict[str, float]:
    """Compute the ten divergences by name: of each of DESCRIPTORS and of "internal_similarity".

    Args:
        generated: (n, 9), `descriptors` of distinct molecules.
        reference: (m, 9), the same of the reference.
        generated_similarities: (n,), `internal_maximum_similarities` of `guacamol_fingerprints`.
        reference_similarities: (m,), the same of the reference.
    """
    found = {}
    for column, name in enumerate(DESCRIPTORS):
        kl = kl_continuous if column < CONTINUOUS else kl_discrete
        found[name] = kl(reference[:, column], generated[:, column])
    found["internal_similarity"] = kl_continuous(reference_similarities, generated_similarities)
    return found


def kl_score(
    generated: Floats,
    reference: Floats,
    generated_similarities: ArrayLike,
    reference_similarities: ArrayLike,
) -> float:
    """The mean of exp(-KL) over the ten `kl_divergences`, in [0, 1]; nan where one is undefined."""
    found = kl_divergences(
        generated, reference, generated_similarities, reference_similarities
    ).values()
    return sum(exp(-value) for value in found) / len(found)


def fcd_score(fcd: float) -> float:
    """exp(-0.2 FCD), in [0, 1]: GuacaMol calls it its FCD score; the FCD itself is not this."""
    return exp(-0.2 * fcd)
