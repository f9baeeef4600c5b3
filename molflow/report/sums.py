"""The numbers of a sampling are summed up over its parts, which come one after another."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rdkit.DataStructs import BitVectToBinaryText, CreateFromBinaryText, ExplicitBitVect

from molflow.chem.constraints import Plan
from molflow.chem.holding import decorated
from molflow.chem.properties import PROPERTIES
from molflow.guidance.scores import has_score
from molflow.metrics.similarity import (
    References,
    fingerprints,
    internal_diversity,
    nearest_similarity,
)
from molflow.metrics.tally import Hashes, Tally, hashes

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.aggregation import Scored
    from molflow.samples import Samples

TOP = 10
"""The best tenth has one molecule of every 10 begun."""
DIVERSE = 10_000
"""The pairs of so many molecules at most, the first ones, make the internal diversity."""


class Sums:
    """Sums up molecules in parts: see ``summary.measure_samples`` for the numbers.

    Memory grows by the hashes of distinct molecules alone, and by their scores where there are any.
    """

    def __init__(
        self, training: Collection[str] | None, references: References | None = None
    ) -> None:
        """Begin with no molecule.

        Args:
            training: canonical SMILES, a set, or None.
            references: fingerprints of training molecules.
        """
        self.references = references
        self.tally = Tally(training)
        self.prints: list[ExplicitBitVect] = []
        self.means: dict[str, list[float]] = {}
        self.totals: list[float] | None = None
        self.evaluations = nan

    def add(self, samples: Samples, scores: Sequence[Scored | None] = ()) -> None:
        """Add the attempts of a part.

        Args:
            samples: the attempts.
            scores: of every attempt, empty where nothing is scored.
        """
        n, shares = len(samples), samples.metrics(None)
        counts = (round(shares[name] * n) for name in ("relaxed_valid", "valence_valid"))
        first = self.tally.add(samples.checked, *counts)
        lacking = DIVERSE - len(self.prints)
        valid = [mol for mol in samples.molecules if mol is not None]
        self.prints += fingerprints(valid[:lacking])
        if scores:
            found = [one for i in first if (one := scores[i]) is not None and has_score(one)]
            self.totals = (self.totals or []) + [one.total for one in found]
        mols = [mol for i in first if (mol := samples[i].mol) is not None]
        if self.references is not None:
            nearest = nearest_similarity(fingerprints(mols), self.references)
            self._mean("nearest_training", nearest)
        self._keep(samples)
        self._reach(samples, mols)
        self.evaluations = float(samples.evaluations)

    def _mean(self, name: str, values: Sequence[float] | NDArray[np.float64]) -> None:
        total, count = self.means.get(name, (0.0, 0))
        added = np.asarray(values, np.float64)
        self.means[name] = [total + float(added.sum()), count + len(added)]

    def _keep(self, samples: Samples) -> None:
        plan = samples.plan
        if plan is None:
            return
        strict = [i for i, one in enumerate(samples) if one.reason is None]
        self._mean("kept", samples.kept)
        self._mean("kept_valid", [samples.kept[i] for i in strict])
        if isinstance(plan, Plan) and plan.scaffold.marks.any():
            self._mean("decorated", [decorated(graph, plan) for graph in samples.graphs])
        if isinstance(plan, Plan) and plan.scaffold.mol is not None:
            self._mean("substructure", [bool(samples.substructure[i]) for i in strict])

    def _reach(self, samples: Samples, mols: Sequence[Chem.Mol]) -> None:
        for name, asked in {} if samples.aim is None else samples.aim.values.items():
            values = [PROPERTIES[name].value(mol)[0] for mol in mols]
            values = [value for value in values if not math.isnan(value)]
            self._mean(f"{name}_mean", values)
            self._mean(f"{name}_off", [abs(value - asked) for value in values])

    def numbers(self) -> dict[str, float]:
        """Give the numbers of all that was added."""
        means = {
            name: total / count if count else nan for name, (total, count) in self.means.items()
        }
        return {
            **({} if self.totals is None else scored_numbers(self.totals)),
            **self.tally.numbers(),
            "internal_diversity": internal_diversity(self.prints),
            **means,
            "evaluations": self.evaluations,
        }

    def state(self) -> dict[str, Any]:
        """Give what `restore` goes on from, beside the arrays of `traces`, for JSON."""
        counts = vars(self.tally.counts)
        return {"counts": counts, "means": self.means, "evaluations": self.evaluations}

    def restore(
        self, state: Mapping[str, Any], traces: Sequence[Mapping[str, NDArray[Any]]]
    ) -> None:
        """Go on behind parts that were added once.

        Args:
            state: after the last of them.
            traces: of each.
        """
        kinds, strict = (
            np.concatenate([one[name] for one in traces]) for name in ("kinds", "strict_kinds")
        )
        self.tally.restore(state["counts"], kinds, strict)
        self.means = {name: list(pair) for name, pair in state["means"].items()}
        self.evaluations = state["evaluations"]
        rows = (row for one in traces for row in one["prints"])
        self.prints = [CreateFromBinaryText(row.tobytes()) for row in rows]


def traces(samples: Samples, prints: Sequence[ExplicitBitVect]) -> dict[str, NDArray[Any]]:
    """Give what a part leaves behind for `Sums.restore`.

    Args:
        samples: of the part.
        prints: that it added.

    Returns:
        kinds, strict_kinds: hashes of largest fragments and of strictly valid molecules. prints:
        (k, bytes), packed fingerprints.
    """
    packed = [np.frombuffer(BitVectToBinaryText(one), np.uint8) for one in prints]
    return {
        "kinds": _hashed([one.largest for one in samples]),
        "strict_kinds": _hashed([one.strict for one in samples]),
        "prints": np.stack(packed) if packed else np.zeros((0, 0), np.uint8),
    }


def _hashed(smiles: Sequence[str | None]) -> Hashes:
    return hashes(one for one in smiles if one is not None)


def scored_numbers(totals: Sequence[float]) -> dict[str, float]:
    """Count scores, and average all of them and the best tenth, rounded up."""
    ordered = sorted(totals, reverse=True)
    best = ordered[: math.ceil(len(ordered) / TOP)]
    return {"scored": len(ordered), "mean_score": mean(ordered), "top_score": mean(best)}


def mean(values: Sequence[float]) -> float:
    """Average values; nan of no value."""
    return float(np.mean(values)) if len(values) else nan
