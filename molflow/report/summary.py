"""Numbers sum up a sampling: of the molecules, of the guidance, of the constraints.

Scores are averaged over the distinct strictly valid molecules that have one. So neither repeating
the best molecule nor failing on the worst helps; validity stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from molflow.chem.constraints import Plan
from molflow.chem.holding import decorated
from molflow.chem.properties import PROPERTIES
from molflow.guidance.scores import Remembered, has_score
from molflow.metrics.similarity import (
    References,
    fingerprints,
    internal_diversity,
    nearest_similarity,
)

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.aggregation import Scored
    from molflow.guidance.guided import Steering
    from molflow.modality import Known
    from molflow.samples import Samples

TOP = 10
"""The best tenth has one molecule of every 10 begun."""
DIVERSE = 10_000
"""The pairs of so many molecules at most, the first ones, make the internal diversity."""


@dataclass(frozen=True)
class Run:
    """A run is one sampling.

    Attributes:
        samples: the attempts.
        scores: of every attempt, None where it is not strictly valid; empty where nothing is
            scored.
    """

    samples: Samples
    scores: Sequence[Scored | None] = ()

    @cached_property
    def distinct(self) -> dict[str, int]:
        """Find the distinct strictly valid molecules: SMILES -> index of the first of its kind."""
        found: dict[str, int] = {}
        for i, one in enumerate(self.samples):
            if one.strict is not None:
                found.setdefault(one.strict, i)
        return found

    @property
    def valid(self) -> list[Chem.Mol]:
        """List the strictly valid molecules."""
        return [mol for mol in self.samples.molecules if mol is not None]


@dataclass(frozen=True)
class Result:
    """A result is a sampling and, with guidance, its unguided control.

    Attributes:
        run: the sampling.
        metrics: its numbers.
        control: the unguided sampling.
        before: its numbers.
        scorer: None where nothing is scored.
        training: SMILES, or None and the obstacle.
        obstacle: why there are no training molecules.
    """

    run: Run
    metrics: dict[str, float]
    control: Run | None = None
    before: dict[str, float] = field(default_factory=dict)
    scorer: Remembered | None = None
    training: Sequence[str] | None = None
    obstacle: str = ""


def measure_samples(
    run: Run,
    training: Known | None,
    references: References | None = None,
) -> dict[str, float]:
    """Measure all numbers of a sampling: those of ``metrics.validity``, and these by name.

    - scored, mean_score, top_score: where something is scored, distinct strictly valid molecules
      with a score, their mean, and that of the best tenth, rounded up.
    - internal_diversity: see ``metrics.similarity``; of the first DIVERSE strictly valid molecules.
    - nearest_training: where there are references, the mean similarity of distinct strictly valid
      molecules to the nearest one.
    - kept, kept_valid: where constraints are asked for, the share of all attempts, and of the
      strictly valid ones, with all held parts in place.
    - decorated: the share of all attempts in which every mark of the scaffold has its bond.
    - substructure: the share of the strictly valid ones in which RDKit finds the scaffold.
    - <property>_mean, <property>_off: where a value is asked for, over distinct strictly valid
      molecules the mean, and the mean distance from that value.
    - evaluations: of the network, per molecule.

    Texts have those of ``metrics.text``, and the others that have a meaning for them.

    Args:
        run: the sampling.
        training: known molecules or text.
        references: fingerprints of training molecules.
    """
    if not run.samples.spec.modality.molecular:
        return {
            **_scores(run),
            **run.samples.metrics(training),
            **_kept(run),
            "evaluations": float(run.samples.evaluations),
        }
    return {
        **_scores(run),
        **run.samples.metrics(training),
        "internal_diversity": internal_diversity(fingerprints(run.valid[:DIVERSE])),
        **({} if references is None else {"nearest_training": _nearest(run, references)}),
        **_kept(run),
        **_reached(run),
        "evaluations": float(run.samples.evaluations),
    }


def _scores(run: Run) -> dict[str, float]:
    if not run.scores:
        return {}
    found = (run.scores[i] for i in run.distinct.values())
    totals = sorted((s.total for s in found if s is not None and has_score(s)), reverse=True)
    best = totals[: math.ceil(len(totals) / TOP)]
    return {"scored": len(totals), "mean_score": mean(totals), "top_score": mean(best)}


def _nearest(run: Run, references: References) -> float:
    mols = (run.samples[i].mol for i in run.distinct.values())
    prints = fingerprints(mol for mol in mols if mol is not None)
    return mean(nearest_similarity(prints, references))


def _kept(run: Run) -> dict[str, float]:
    samples = run.samples
    if samples.plan is None:
        return {}
    numbers = {"kept": mean(samples.kept)}
    if not samples.spec.modality.molecular:
        return numbers
    strict = [i for i, one in enumerate(samples) if one.reason is None]
    numbers["kept_valid"] = mean([samples.kept[i] for i in strict])
    plan = samples.plan
    if isinstance(plan, Plan) and plan.scaffold.marks.any():
        numbers["decorated"] = mean([decorated(graph, plan) for graph in samples.graphs])
    if isinstance(plan, Plan) and plan.scaffold.mol is not None:
        numbers["substructure"] = mean([bool(samples.substructure[i]) for i in strict])
    return numbers


def _reached(run: Run) -> dict[str, float]:
    if run.samples.aim is None:
        return {}
    mols = [run.samples[i].mol for i in run.distinct.values()]
    numbers = {}
    for name, asked in run.samples.aim.values.items():
        values = [PROPERTIES[name].value(mol)[0] for mol in mols if mol is not None]
        values = [value for value in values if not math.isnan(value)]
        numbers[f"{name}_mean"] = mean(values)
        numbers[f"{name}_off"] = mean([abs(value - asked) for value in values])
    return numbers


def mean(values: Sequence[float]) -> float:
    """Average values; nan of no value."""
    return float(np.mean(values)) if len(values) else nan


def steering_numbers(steering: Steering) -> dict[str, float]:
    """Tell the cost and the course of guidance.

    They are means over the molecules; calls of the score are in all.

    - looks: molecules judged on the way.
    - unasked: distinct molecules that the score was not asked about, where its calls are capped.
    - ess: effective sample size, over the times too.
    - resamplings: of the particles of each molecule.
    - ancestors: distinct ones at the end.
    - entropy: of the look-ahead, nats a variable, over the times too.
    - jumped: the share of looks by mu_{t,1}, over the times too.
    - first, gained: the best reward of the first generation, and the gain by the others.
    - predicted, gap: the surrogate's score of the molecules that are kept, and its excess over the
      true one.
    - r2, spearman: the surrogate's agreement with the score on soft held-out molecules, for every
      component too where there are several.
    - fit_calls: calls of the score for the surrogate's fit, apart from calls.
    """
    numbers = {"looks": steering.looks, "calls": float(steering.calls)}
    if steering.guide.max_calls is not None:
        numbers["unasked"] = float(steering.unasked)
    times = steering_by_time(steering)
    if steering.ancestors is not None:
        numbers["ess"] = mean([row["ess"] for row in times])
        numbers["resamplings"] = sum(row["resampled"] for row in times)
        numbers["ancestors"] = times[-1]["ancestors"]
    if steering.entropy:
        numbers["entropy"] = mean([row["entropy"] for row in times])
        numbers["jumped"] = mean([row["jumped"] for row in times])
    if steering.history is not None:
        best = steering.history.mean(1)
        numbers["first"], numbers["gained"] = float(best[0]), float(best[-1] - best[0])
    if steering.claims is not None:
        said, true = steering.claims.mean(0).tolist()
        numbers |= {**steering.fit, "predicted": said, "gap": said - true}
    return numbers


def steering_by_time(steering: Steering) -> list[dict[str, float]]:
    """Give the same at every time t of a look: means over the molecules."""
    if steering.sizes is None or steering.resampled is None or steering.ancestors is None:
        return [
            {"time": t, "entropy": nats, "jumped": share}
            for t, (nats, share) in steering.entropy.items()
        ]
    columns = (steering.sizes, steering.resampled, steering.ancestors)
    means = zip(*(column.mean(1).tolist() for column in columns), strict=True)
    return [
        {"time": t, "ess": ess, "resampled": resampled, "ancestors": ancestors}
        for t, (ess, resampled, ancestors) in zip(steering.times, means, strict=True)
    ]
