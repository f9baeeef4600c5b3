"""The numbers of PMO and of GuacaMol say how well a goal-directed run did.

A run is its calls of the oracle, in their order: distinct molecules with their scores. PMO measures
how soon good molecules are found (Gao et al., NeurIPS 2022). GuacaMol measures how good the best
are in the end (Brown et al., J. Chem. Inf. Model. 2019, 59, 1096).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray
from rdkit import rdBase

from molflow.chem.smiles import Unusable, canonical_smiles, read_smiles
from molflow.chem.tasks import BenchmarkTask

Call = tuple[str, float]
"""A molecule as SMILES, and its score."""

EVERY = 100
"""The best so far are looked at after every so many calls."""


def top_mean(scores: Sequence[float], k: int) -> float:
    """The mean of the k largest scores; of all where there are fewer, and nan of none."""
    return float(_largest(np.asarray(scores, np.float64), k).mean()) if len(scores) else nan


def _largest(scores: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Take the k largest, or all where there are fewer, in any order."""
    return np.partition(scores, len(scores) - k)[-k:] if k < len(scores) else scores


def auc_top(scores: Sequence[float], budget: int, k: int = 10, every: int = EVERY) -> float:
    """PMO's area under the curve of the mean of the k best so far, over calls, in [0, 1].

    The curve is read after every `every` calls and after the last, and runs straight between. It
    begins with 0 at 0 calls, and stays at its last value up to the budget. The area is divided by
    the budget.

    Args:
        scores: in the order of the calls, each in [0, 1]; those beyond the budget do not count.
        budget: calls that were allowed, at least 1.
        k: molecules that are averaged; all, while there are fewer.
        every: calls between two readings.

    Returns:
        The area; 0 of a run without a call.
    """
    found = np.asarray(scores, np.float64)[:budget]
    if not len(found):
        return 0.0
    calls = [*range(every, len(found), every), len(found)]
    tops = np.array([0.0, *(_largest(found[:n], k).mean() for n in calls)])
    area = np.diff([0, *calls]) @ (tops[1:] + tops[:-1]) / 2
    return float(area + (budget - len(found)) * tops[-1]) / budget


def guacamol_score(scores: Sequence[float], tops: Sequence[int]) -> float:
    """GuacaMol's score of a task: the mean, over the k of tops, of (sum of the k largest) / k.

    So molecules that are missing to k count 0.

    Args:
        scores: of distinct molecules, see `without_stereo`.
        tops: such as (1, 10, 100), (1,) of rediscovery, (159,) of the isomers of C11H24.
    """
    found = np.asarray(scores, np.float64)
    return float(np.mean([_largest(found, k).sum() / k for k in tops]))


def without_stereo(calls: Iterable[Call]) -> list[float]:
    """Keep the first score of molecules that differ in more than stereochemistry.

    Strings that are no molecule are left out, as GuacaMol leaves them out.
    """
    first: dict[str, float] = {}
    with rdBase.BlockLogs():
        for smiles, score in calls:
            try:
                first.setdefault(canonical_smiles(read_smiles(smiles)), score)
            except Unusable:
                continue
    return list(first.values())


def final_score(task: BenchmarkTask, calls: Sequence[Call], budget: int) -> float:
    """Compute the number that the task's suite reports of a run.

    Args:
        task: of PMO, `auc_top` of its k; of GuacaMol, `guacamol_score` of its tops.
        calls: all of the run, in their order, distinct by canonical isomeric SMILES.
        budget: calls that were allowed; GuacaMol knows none and does not look at it.
    """
    if task.suite == "pmo":
        return auc_top([score for _, score in calls], budget, k=task.tops[0])
    return guacamol_score(without_stereo(calls), task.tops)
