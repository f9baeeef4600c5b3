"""A sampling prints numbers before and after, the cost of guidance, and failures with reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import indent

from molflow.config import SampleConfig
from molflow.console import table, written
from molflow.enough import Enough
from molflow.files import TEXTS
from molflow.guidance.scores import Remembered
from molflow.modality import Modality
from molflow.report.results import PAGE
from molflow.report.summary import Result, Totals, steering_numbers

SHOWN = 8
"""A table has so many reasons and errors."""
READ = 5
"""So many texts are to be read at once."""
OF_THE_LITERATURE = ("relaxed_valid", "valence_valid", "scored")
"""The table before/after leaves these numbers to run.json."""


def print_result(config: SampleConfig, result: Result) -> None:
    """Print the tables, the speed and the place of the results.

    Args:
        config: of the sampling.
        result: the sampling.
    """
    samples = result.run.samples
    walk = samples.walk
    modality = samples.spec.modality
    things = modality.things
    totals = result.run.totals
    title = f"{totals.attempts:,} {things}, {walk}, seed {config.seed}"
    if result.scorer is None or result.control is None:
        table(title, ("metric", "value"), _known(result.metrics))
    else:
        _compare(f"{title}, guided toward {result.scorer.describe()}", result)
        _steering(result, things)
    if samples.aim is not None:
        print(
            f"asked for: {samples.aim}; of each property, mean and mean distance (off) from the "
            "value, over the distinct strictly valid molecules"
        )
    if samples.plan is not None:
        print(_about_kept(config, modality))
    if result.obstacle:
        print(f"what needs the training set was not measured: {result.obstacle}")
    failed = totals.reasons.most_common(SHOWN)
    _counts("commonest reasons of failure", "reason", failed, things)
    if result.enough is not None:
        _enough(result.enough, totals, things)
    if result.scorer is not None:
        _errors(result.scorer, things)
    if not modality.molecular:
        print(f"the first of {TEXTS}:")
        for text in samples.texts[:READ]:
            print(indent(text, "  "))
    network, chemistry = totals.network_seconds, totals.chemistry_seconds
    rate = totals.attempts / (network + chemistry)
    first = "network" if result.scorer is None else "network and scores"
    second = f", chemistry {chemistry:.2f} s" if modality.molecular else ""
    page = config.report and modality.molecular
    print(f"speed:   {written(rate, 3)} {things}/s ({first} {network:.2f} s{second})")
    print(f"results: {config.out}{f', with {PAGE}' if page else ''}")


def _enough(enough: Enough, totals: Totals, things: str) -> None:
    """Print why attempts did not pass, and how many did."""
    refused = totals.refused.most_common()
    _counts(f"why {things} did not pass ({enough})", "reason", refused, things)
    share = totals.passed / totals.attempts
    line = f"{totals.passed:,} of {totals.attempts:,} attempts passed ({share:.1%})"
    if totals.passed < enough.n:
        line += f": fewer than the {enough.n:,} that were asked for, at max_attempts={enough.most}"
    print(line)


def _about_kept(config: SampleConfig, modality: Modality) -> str:
    """Explain the numbers of the held parts."""
    if not modality.molecular:
        return "prompt: kept is the share of texts that have all that it says in its place"
    asked = config.scaffold or ""
    return (
        "constraints: kept is the share of all attempts that have all that is held in its "
        "place, kept_valid that of the strictly valid"
        + (", substructure that in which RDKit finds the scaffold" if config.scaffold else "")
        + (", decorated that in which every mark has its bond" if "*" in asked else "")
    )


def _known(numbers: dict[str, float]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in numbers.items() if not math.isnan(value)]


def _compare(title: str, result: Result) -> None:
    """Print before and after; below, the rule of the scores' means and their numbers."""
    before, after = result.before, result.metrics
    rows = [
        (name, before[name], value)
        for name, value in after.items()
        if name not in OF_THE_LITERATURE and not (math.isnan(value) and math.isnan(before[name]))
    ]
    table(title, ("metric", "unguided", "guided"), rows)
    print(
        f"scores: over the distinct {_judged(result)} that have one, "
        f"{before['scored']:,.0f} unguided and {after['scored']:,.0f} guided; top_score is the "
        "mean of their best tenth"
    )


def _judged(result: Result) -> str:
    """Name the things that a score is asked for: every text counts."""
    modality = result.run.samples.spec.modality
    return f"strictly valid {modality.things}" if modality.molecular else modality.things


def _steering(result: Result, things: str) -> None:
    steering = result.run.samples.steering
    assert steering is not None
    guide, numbers = steering.guide, steering_numbers(steering)
    words = {
        "looks": f"{things} judged on the way, per {things[:-1]}",
        "calls": "calls of the score, in all",
        "unasked": f"{things} not asked about, beyond guidance.max_calls",
        "ess": f"effective particles of {guide.guidance.particles}, mean",
        "resamplings": f"resamplings, per {things[:-1]}",
        "ancestors": f"distinct ancestors of {guide.guidance.particles} particles, mean",
        "entropy": "entropy of the look-ahead, nats a variable",
        "jumped": "share of looks by the jump",
        "first": "best score of the first generation, mean",
        "gained": "added by the other generations, mean",
        "fit_calls": "calls of the score to fit the surrogate, once, apart from those above",
        "r2": "R^2 of the surrogate with the score, soft held-out molecules",
        "spearman": "their rank correlation",
        "predicted": "score of what came out by the surrogate, mean",
        "gap": "by how much that exceeds the true one, what is invalid included",
    }
    for part in result.scorer.parts if result.scorer is not None else ():
        words |= {f"r2_{part}": f"R^2 for {part}", f"spearman_{part}": f"rank correlation, {part}"}
    rows = [(words[name], value) for name, value in numbers.items()]
    table(f"guidance by {guide.guidance.name}", ("what it took", "value"), rows)
    if steering.unasked:
        print(
            f"guidance.max_calls={guide.max_calls} was reached: {steering.unasked:,} distinct "
            f"{things} were not asked about, and worth {guide.invalid:.4g} while guiding; the "
            "metrics score all that came out"
        )


def _errors(scorer: Remembered, things: str) -> None:
    """Print where the score failed, among all that it was asked about."""
    errors = scorer.errors()
    failed = f"{errors.total():,} of {len(scorer.known):,} {things} asked about have no score"
    _counts(failed, "error", errors.most_common(SHOWN), things)


def _counts(title: str, what: str, rows: Sequence[tuple[str, int]], things: str) -> None:
    if rows:
        table(title, (what, things), rows)
