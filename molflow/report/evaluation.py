"""The page of an evaluation shows numbers, properties and molecules.

The numbers come with their definitions, and the properties beside those of the test set. Molecules
that failed come with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rdkit import Chem

from molflow.chem.properties import PROPERTIES
from molflow.config import to_plain
from molflow.evaluation.standard_suite import SHOWN
from molflow.evaluation.verdict import Verdict, compared
from molflow.metrics.describing import FeaturedMolecules
from molflow.metrics.intervals import Estimate
from molflow.metrics.suites import SUITES, Metric
from molflow.report.cards import select
from molflow.report.charts import number, percent
from molflow.report.values import Attempt, Measure, Quantity, Report, Series

MOST = 20_000
"""A page has so many attempts at most, the first ones; the numbers are of all."""
NAMES = {"weight": "mw"}
"""The property of these features has another name."""


@dataclass(frozen=True)
class EvaluationReport(Report):
    """On this page molecules stand beside the reference's test set."""

    @property
    def labels(self) -> dict[Series, str]:
        """Name the two series of the page."""
        return {"training": "test set", "unguided": "evaluated"}


def evaluation_report(verdict: Verdict) -> Report:
    """Gather the page's values."""
    test = verdict.reference.splits.get("test", ())
    known = verdict.reference.population(test, SHOWN)
    plain = EvaluationReport(
        title=f"{len(verdict.subject):,} attempts of {verdict.source.name}",
        summary=_summary(verdict),
        table=_measures(verdict),
        quantities=[_quantity(feature, known) for feature in SHOWN],
        attempts=_attempts(verdict),
        config=to_plain(verdict.config),
    )
    drawn = frozenset(select(plain))
    pictures = verdict.source.pictures
    return replace(
        plain,
        attempts=[
            replace(one, mol=_mol(one, pictures.get(i))) if i in drawn else one
            for i, one in enumerate(plain.attempts)
        ],
    )


def _mol(attempt: Attempt, picture: Chem.Mol | None) -> Chem.Mol | None:
    return picture if attempt.smiles is None else Chem.MolFromSmiles(attempt.smiles)


def _quantity(feature: str, known: FeaturedMolecules) -> Quantity:
    prop = PROPERTIES[NAMES.get(feature, feature)]
    unit = f", {prop.unit}" if prop.unit else ""
    return Quantity(feature, f"{prop.doc}{unit}", training=known.array(feature).tolist())


def _attempts(verdict: Verdict) -> list[Attempt]:
    """Take the first MOST, without a molecule to draw; those that are sanitised have values."""
    checked = verdict.subject.checked[:MOST]
    whole = verdict.subject.population([one.smiles for one in checked if one.smiles is not None])
    rows = zip(*(whole.array(feature).tolist() for feature in SHOWN), strict=True)
    return [
        Attempt(
            one.smiles,
            one.reason,
            values={} if one.smiles is None else dict(zip(SHOWN, next(rows), strict=True)),
        )
        for one in checked
    ]


def _measures(verdict: Verdict) -> list[Measure]:
    metrics = SUITES[verdict.config.suite]
    return [
        Measure(key, one.value, share=metrics[key].share, doc=_doc(metrics[key], one))
        for key, one in verdict.evaluation.numbers.items()
    ]


def _doc(metric: Metric, one: Estimate) -> str:
    """Write the definition, and the interval in the units of the number."""
    if math.isnan(one.low):
        return metric.doc
    ends = percent if metric.share else number
    return f"{metric.doc}. 95 %: {ends(one.low)} to {ends(one.high)}"


def _summary(verdict: Verdict) -> str:
    reference, subject = verdict.reference, verdict.subject
    words = [
        f"Suite {verdict.config.suite}, compared with {reference.name} "
        f"({_sizes(reference.splits)}).",
        *(f"{line[0].upper()}{line[1:]}." for line in compared(verdict)),
    ]
    if len(subject) > MOST:
        words.append(f"Charts and molecules are of the first {MOST:,} attempts.")
    words += [f"Note: {obstacle}." for obstacle in verdict.evaluation.obstacles]
    return " ".join(words)


def _sizes(splits: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{name} {len(smiles):,}" for name, smiles in splits.items())
