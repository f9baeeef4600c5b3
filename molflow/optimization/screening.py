"""Which children are worth a call: a Gaussian process of the calls so far chooses.

A batch makes several children for every call, and the process predicts their scores. Its kernel is
Tanimoto's similarity T of counts, which is positive definite (Ralaivola et al., Neural Networks
2005), between ECFP4, between atom pairs, or the mean of both. Each call goes to the child of the
largest upper confidence bound, mean + beta deviations, with a beta of its own (Srinivas et al.,
arXiv 0912.3995). Nothing is asked of the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.linalg import cho_solve, solve_triangular

from molflow.chem.fingerprints import ap, ecfp4, unary
from molflow.optimization.calls import Call

KINDS = ((ecfp4, 2048), (ap, 4096))
"""Fingerprints, and the bits that each is folded into."""
MIXES = ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0))
"""Shares of the two kernels."""
NOISES = (1e-3, 1e-2, 1e-1)
"""Variance of the noise beside that of the scores."""
TRIED = 600
"""Calls that mix and noise are chosen by."""
BEST, OTHERS = 1000, 1000
"""Calls that the process is fitted to: the best, and so many of all others at random."""
BETAS = (-2.0, 0.0)
"""Powers of ten between which beta lies, uniformly."""
SCREENED = 0.5
"""Share of the calls that the process chooses. Chance chooses the others: a process of similarity
is smooth, and some scores are not."""

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]
Random = np.random.Generator


@lru_cache(maxsize=100_000)
def _bits(smiles: str) -> tuple[NDArray[np.int64], ...]:
    mol = Chem.MolFromSmiles(smiles)
    return tuple(unary(kind(mol), size) for kind, size in KINDS)


def _described(smiles: Sequence[str]) -> list[Matrix]:
    """(M, bits) of 0 and 1, of each of `KINDS`."""
    found = [np.zeros((len(smiles), size), np.float32) for _, size in KINDS]
    for i, one in enumerate(smiles):
        for matrix, bits in zip(found, _bits(one), strict=True):
            matrix[i, bits] = 1
    return found


def _similarity(one: Matrix, other: Matrix) -> Values:
    """(M, N): T between the rows of one and of the other."""
    both = one @ other.T
    either = one.sum(1)[:, None] + other.sum(1)[None] - both
    return (both / np.maximum(either, 1)).astype(np.float64)


class Process:
    """A Gaussian process of scores, given some of them.

    mix: the shares of the kernels. noise: the variance of the noise, in units of ``variance``, that
    of the standardised scores.
    """

    def __init__(self, smiles: Sequence[str], scores: Values, random: Random) -> None:
        """Fitted to N molecules and their scores, (N,), which are not all the same."""
        self.mean, self.spread = scores.mean(), scores.std()
        z = (scores - self.mean) / self.spread
        self.known = _described(smiles)
        some = random.permutation(len(z))[:TRIED]
        parts = [_similarity(x[some], x[some]) for x in self.known]
        tried = {
            (mix, noise): _evidence(_mixed(parts, mix), z[some], noise)
            for mix in MIXES
            for noise in NOISES
        }
        (self.mix, noise), (_, self.variance) = max(tried.items(), key=lambda one: one[1][0])
        kernel = self._kernel(self.known)
        self.root = np.linalg.cholesky(kernel + noise * np.eye(len(z)))
        self.weights = cho_solve((self.root, True), z)

    def __call__(self, smiles: Sequence[str]) -> tuple[Values, Values]:
        """(M,) means and (M,) standard deviations of the scores of M molecules, without noise."""
        kernel = self._kernel(_described(smiles))
        left = solve_triangular(self.root, kernel.T, lower=True)
        variance = self.variance * np.maximum(1 - (left**2).sum(0), 0)
        mean = self.mean + self.spread * (kernel @ self.weights)
        return mean, self.spread * np.sqrt(variance)

    def _kernel(self, described: Sequence[Matrix]) -> Values:
        pairs = zip(self.mix, described, self.known, strict=True)
        return sum(
            (share * _similarity(x, known) for share, x, known in pairs if share),
            np.zeros((len(described[0]), len(self.known[0]))),
        )


def _mixed(parts: Sequence[Values], mix: Sequence[float]) -> Values:
    return np.einsum("k,kij->ij", mix, parts)


def _evidence(kernel: Values, z: Values, noise: float) -> tuple[float, float]:
    """Logarithm of the marginal likelihood up to a constant, and the variance that maximises it."""
    root = np.linalg.cholesky(kernel + noise * np.eye(len(z)))
    variance = max(float((solve_triangular(root, z, lower=True) ** 2).mean()), 1e-6)
    return -len(z) / 2 * np.log(variance) - float(np.log(np.diag(root)).sum()), variance


@dataclass(frozen=True)
class Screen:
    """A choice among children.

    Attributes:
        factor: how many are made for every call.
    """

    factor: int

    def chosen(
        self, smiles: Sequence[str], count: int, calls: Sequence[Call], random: Random
    ) -> list[int]:
        """Choose children, in part by what the calls say and in part by chance.

        Args:
            smiles: of the children.
            count: children that are wanted.
            calls: all that have a score, best first.
            random: of the choice.

        Returns:
            Their places, rising; all where there are not more than ``count``.
        """
        if len(smiles) <= count:
            return list(range(len(smiles)))
        taken: list[int] = []
        known = _some(calls, random)
        scores = np.array([call.value for call in known])
        if len(known) > 1 and scores.std() > 0:
            process = Process([call.asked.smiles for call in known], scores, random)
            betas = 10 ** random.uniform(*BETAS, round(SCREENED * count))
            taken = _greatest(*process(smiles), betas)
        others = np.setdiff1d(np.arange(len(smiles)), taken)
        return sorted([*taken, *random.choice(others, count - len(taken), replace=False).tolist()])


def _some(calls: Sequence[Call], random: Random) -> list[Call]:
    best, others = list(calls[:BEST]), calls[BEST:]
    places = random.permutation(len(others))[:OTHERS]
    return best + [others[i] for i in np.sort(places)]


def _greatest(mean: Values, spread: Values, betas: Values) -> list[int]:
    """One place for every beta: that of the largest mean + beta spread that no other has taken."""
    free, chosen = np.ones(len(mean), np.bool_), []
    for beta in betas:
        place = int(np.where(free, mean + beta * spread, -np.inf).argmax())
        free[place] = False
        chosen.append(place)
    return chosen
