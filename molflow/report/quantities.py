"""A page of a sampling shows of every molecule its score, the parts of that, and properties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rdkit import Chem

from molflow.chem.describing import DESCRIBED, described
from molflow.chem.objective import Component
from molflow.chem.properties import PROPERTIES, Property
from molflow.guidance.scores import SCORE, Remembered, desirability_of, has_score
from molflow.metrics.similarity import chosen
from molflow.progress import progress
from molflow.report.summary import Run
from molflow.report.values import Better, Quantity

if TYPE_CHECKING:
    from molflow.chem.aggregation import Scored

Row = dict[str, float]
"""Name of a quantity -> number, of one molecule."""

TRAINING = 2000
"""Properties are compared with those of so many training molecules, chosen by a fixed seed."""


def wanted(scorer: Remembered | None) -> tuple[list[Quantity], list[tuple[str, str]]]:
    """List the quantities of a page, the score first, and the pair whose front it draws.

    The front of a component that wants neither more nor less is that of its desirability.
    """
    objective = None if scorer is None else scorer.objective
    components = () if objective is None else objective.components
    names = () if objective is None else objective.names
    parts = [_component(name, one) for name, one in zip(names, components, strict=True)]
    front: list[Quantity] = []
    if len(parts) > 1:
        front = [part if part.better else _desirability(part.name) for part in parts[:2]]
    taken = {one.property.name for one in components}
    quantities = [
        *([] if scorer is None else [Quantity(SCORE, scorer.describe(), "high")]),
        *parts,
        *(quantity for quantity in front if quantity not in parts),
        *(Quantity(name, _doc(PROPERTIES[name])) for name in DESCRIBED if name not in taken),
    ]
    return quantities, [(front[0].name, front[1].name)] if front else []


def _desirability(name: str) -> Quantity:
    return Quantity(desirability_of(name), "how well it meets the goal, from 0 to 1", "high")


def _component(name: str, component: Component) -> Quantity:
    transform, prop = component.transform, component.property
    target = transform.wanted if any(map(math.isfinite, transform.wanted)) else None
    return Quantity(name, f"{_doc(prop)}; wanted: {transform.text}", direction(component), target)


def direction(component: Component) -> Better | None:
    """Tell whether more or less of the property is wanted, None where neither."""
    low, high = component.transform.wanted
    if math.isfinite(low) and math.isfinite(high):
        return None
    if math.isfinite(low) or math.isfinite(high):
        return "high" if math.isfinite(low) else "low"
    ends = component.property.low, component.property.high
    less, more = (component.transform(end) for end in ends)
    return "high" if more > less else "low" if less > more else None


def _doc(prop: Property) -> str:
    return f"{prop.doc}{f', {prop.unit}' if prop.unit else ''}"


def rows_of(run: Run, scorer: Remembered | None) -> list[Row]:
    """Gather name of a quantity -> number for every attempt; empty where it is not strictly valid.

    Args:
        run: the attempts.
        scorer: of the run; None where nothing is scored.
    """
    rows: list[Row] = []
    for i, (one, properties) in enumerate(zip(run.samples, run.samples.properties, strict=True)):
        if one.reason is not None:
            rows.append({})
            continue
        scored = run.scores[i] if run.scores else None
        rows.append({**properties, **score_values(scored, scorer)})
    return rows


def score_values(scored: Scored | None, scorer: Remembered | None) -> Row:
    """Name the score and its parts as the page's quantities are named.

    Args:
        scored: a molecule's score, None where it has none.
        scorer: of the run.
    """
    if scored is None or scorer is None:
        return {}
    row = {SCORE: scored.total if has_score(scored) else math.nan}
    if scorer.parts:
        row |= dict(zip(scorer.parts, scored.values, strict=True))
        ways = zip(scorer.parts, scored.desirabilities, strict=True)
        row |= {desirability_of(name): desirability for name, desirability in ways}
    return row


def training_rows(training: Sequence[str], scorer: Remembered | None) -> list[Row]:
    """Gather the same of TRAINING training molecules.

    A function of the user is not asked about them, because it may take long.

    Args:
        training: SMILES.
        scorer: of the run.
    """
    rows = []
    for smiles in progress(chosen(training, TRAINING), "training set", unit="molecules"):
        mol = Chem.MolFromSmiles(smiles)
        objective = None if scorer is None else scorer.objective
        scored = None if objective is None else objective.score(mol)
        rows.append({**described(mol), **score_values(scored, scorer)})
    return rows
