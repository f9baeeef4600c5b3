"""Rewards, validity and diversity of the molecules of one cell of benchmarks.guidance."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.guidance.tasks import aim
from molflow.chem.molecule import read_smiles
from molflow.metrics.similarity import fingerprints, internal_diversity

if TYPE_CHECKING:
    from molflow.chem.aggregation import Scored
    from molflow.chem.objective import Objective

Numbers = dict[str, float]


def scores(smiles: Collection[str | None], objective: Objective) -> dict[str | None, Scored | None]:
    """The score of every distinct molecule; None for None and for molecules without a score."""
    known = sorted(one for one in smiles if one is not None)
    found = objective.score_many([read_smiles(one) for one in known])
    usable = [None if scored.error is not None else scored for scored in found]
    return {None: None, **dict(zip(known, usable, strict=True))}


def measure_rewards(ends: Sequence[str | None], objective: Objective) -> Numbers:
    """Rewards and values of the distinct strictly valid molecules; shares are of the attempts.

    | number | meaning |
    | --- | --- |
    | reward | the mean score; molecules without a score count 0 |
    | reward_error | its standard error |
    | reward_spread | the standard deviation of scores |
    | value_<property> | the mean of the property, where it could be computed |
    | distance | mean of abs(value - target), of tasks that ask for an interval |
    | met | share within the interval, of tasks that ask for one |
    | diversity | 1 - the mean similarity of all ordered pairs (`metrics.similarity`) |
    | atoms | the mean size |

    Args:
        ends: a SMILES for every attempt, None where it is not strictly valid.
        objective: the score.
    """
    distinct = list(dict.fromkeys(one for one in ends if one is not None))
    known = scores(distinct, objective)
    scored = [known[one] for one in distinct]
    mols = [read_smiles(one) for one in distinct]
    valid = sum(one is not None for one in ends)
    rewards = np.array([0.0 if one is None else one.total for one in scored])
    return {
        "reward": mean(rewards),
        "reward_error": deviation(rewards) / math.sqrt(max(len(rewards), 1)),
        "reward_spread": deviation(rewards),
        "strict_valid": valid / len(ends),
        "vu": len(distinct) / len(ends),
        "unique": len(distinct) / valid if valid else math.nan,
        "distinct": float(len(distinct)),
        "diversity": internal_diversity(fingerprints(mols)),
        "atoms": mean(np.array([mol.GetNumAtoms() for mol in mols], float)),
        **values([one for one in scored if one is not None], objective),
    }


def values(scores: Sequence[Scored], objective: Objective) -> Numbers:
    """The part of `measure_rewards` that is about properties."""
    wanted = aim(objective)
    columns = np.array([scored.values for scored in scores]).reshape(-1, len(objective.components))
    found = {f"value_{name}": mean(columns[:, i]) for i, name in enumerate(objective.names)}
    if wanted is None:
        return found | {"distance": math.nan, "met": math.nan}
    value = columns[:, wanted.component]
    within = (wanted.low <= value) & (value <= wanted.high)
    distance = mean(np.abs(value - wanted.target))
    return found | {"distance": distance, "met": mean(within.astype(float))}


def mean(numbers: np.ndarray) -> float:
    """The mean of the numbers that are no nan; nan where there is none."""
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else math.nan


def deviation(numbers: np.ndarray) -> float:
    """The standard deviation of a sample; nan of fewer than two numbers."""
    return float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan
