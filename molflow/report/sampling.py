"""The report of a sampling has its numbers and the properties of its molecules.

Beside these stand those of the training set and of the unguided control.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from molflow.chem.constraints import ONCE
from molflow.config import SampleConfig, to_plain
from molflow.report.drawing import attempts
from molflow.report.quantities import TRAINING, Row, rows_of, training_rows, wanted
from molflow.report.summary import Result, steering_numbers
from molflow.report.values import Ess, Measure, Quantity, Report

CONSTRAINTS = ("scaffold", "marks", "atoms", "elements", "forbidden")

WORDS: dict[str, tuple[str, str]] = {
    "mean_score": ("mean score", "over distinct strictly valid molecules that have one"),
    "top_score": ("mean score of the best 10\u00a0%", "of the same molecules"),
    "scored": ("molecules with a score", "distinct and strictly valid"),
    "strict_valid": ("strict validity", "sanitised whole and connected, of all attempts"),
    "unique": ("unique", "distinct molecules, of those that are sanitised"),
    "novel": ("novel", "not in the training set, of the distinct molecules"),
    "vu": ("valid and unique", "distinct strictly valid molecules, of all attempts"),
    "vun": ("valid, unique and novel", "of all attempts"),
    "internal_diversity": ("internal diversity", "1 - mean Tanimoto similarity of all pairs"),
    "nearest_training": ("nearest training similarity", "Tanimoto, mean of distinct molecules"),
    "kept": ("constraints kept", "of all attempts"),
    "kept_valid": ("constraints kept if valid", "of the strictly valid molecules"),
    "decorated": ("every mark has its bond", "of all attempts"),
    "substructure": ("scaffold found by RDKit", "of the strictly valid molecules"),
    "evaluations": ("network evaluations", "per molecule"),
    "looks": ("molecules judged on the way", "per molecule"),
    "calls": ("calls of the score", "in all; none for a molecule that came before"),
    "unasked": ("molecules not asked about", "beyond guidance.max_calls, worth guidance.invalid"),
    "ess": ("effective particles", "mean over molecules and times"),
    "resamplings": ("resamplings", "per molecule"),
    "ancestors": ("distinct ancestors", "at the end, mean"),
    "entropy": ("entropy of the look-ahead", "nats a variable"),
    "jumped": ("looks by the jump", "share of all"),
    "first": ("best score of the first generation", "mean, what is invalid included"),
    "gained": ("added by later generations", "mean"),
    "fit_calls": ("calls of the score for the surrogate's fit", "once, apart from those above"),
    "r2": ("R\u00b2 of the surrogate", "with the score, on soft held-out molecules"),
    "spearman": ("rank correlation of the surrogate", "the same"),
    "predicted": ("score by the surrogate", "of what came out, mean"),
    "gap": ("surrogate above the true score", "mean, what is invalid included"),
}
"""Name of a number (see ``summary``) -> its words and its definition."""
SHARES = frozenset(
    (
        "strict_valid",
        "unique",
        "novel",
        "vu",
        "vun",
        "kept",
        "kept_valid",
        "decorated",
        "substructure",
        "jumped",
    )
)


def sampling_report(config: SampleConfig, result: Result) -> Report:
    """Gather the page's values, without properties of training molecules where these are not here.

    Args:
        config: of the sampling.
        result: the sampling.
    """
    scorer, samples = result.scorer, result.run.samples
    rows = rows_of(result.run, scorer)
    unguided = [] if result.control is None else rows_of(result.control, scorer)
    training = training_rows(result.training or (), scorer)
    quantities, fronts = wanted(scorer)
    return Report(
        title=_title(config, result),
        summary=_summary(config, result),
        table=_measures(result),
        quantities=[_filled(quantity, training, unguided) for quantity in quantities],
        attempts=attempts(samples.things, samples.checked, samples.spec.modality, rows),
        config=to_plain(config),
        guided=result.control is not None,
        ess=_ess(result),
        fronts=fronts,
    )


def _filled(quantity: Quantity, training: Sequence[Row], unguided: Sequence[Row]) -> Quantity:
    name = quantity.name
    return replace(
        quantity,
        training=[row[name] for row in training if name in row],
        unguided=[row.get(name, math.nan) for row in unguided],
    )


def _measures(result: Result) -> list[Measure]:
    steering = result.run.samples.steering
    extra = {} if steering is None else steering_numbers(steering)
    both, numbers = result.control is not None, {**result.metrics, **extra}
    aim = result.run.samples.aim
    asked = {} if aim is None else aim.values
    aimed = {
        key: words
        for name, value in asked.items()
        for key, words in (
            (f"{name}_mean", (f"mean {name}", "of distinct strictly valid molecules")),
            (f"{name}_off", (f"mean distance from {name}={value:g}", "of the same molecules")),
        )
    }
    return [
        Measure(
            words,
            result.before.get(name) if both else numbers[name],
            numbers[name] if both else None,
            share=name in SHARES,
            doc=doc,
        )
        for name, (words, doc) in {**aimed, **WORDS}.items()
        if name in numbers and not math.isnan(numbers[name])
    ]


def _title(config: SampleConfig, result: Result) -> str:
    title = f"{result.run.totals.attempts:,} molecules"
    if config.scaffold:
        title += f" on {config.scaffold}"
    if result.scorer is not None:
        title += f" toward {result.scorer.describe()}"
    return title


def _summary(config: SampleConfig, result: Result) -> str:
    walk = result.run.samples.walk
    model = Path(config.checkpoint).name
    words = [f"Model {model}, {walk}, seed {config.seed}."]
    asked = {name: getattr(config, name) for name in CONSTRAINTS}
    if config.marks == ONCE:
        del asked["marks"]
    held = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    words += [f"Constraints: {held}."] if held else []
    aim = result.run.samples.aim
    words += [f"Asked for {aim}."] if aim is not None else []
    words += _guided(result)
    totals, shown = result.run.totals, len(result.run.samples)
    if result.enough is not None:
        words.append(
            f"{totals.passed:,} of {totals.attempts:,} attempts passed ({result.enough}); numbers "
            "are of all attempts."
        )
    if shown < totals.attempts:
        words.append(f"Charts and molecules are of the first {shown:,} attempts.")
    if result.training is None:
        words.append("The training set is not here, so that nothing is compared with it.")
    else:
        n = min(TRAINING, len(result.training))
        words.append(f"The training set is shown by {n:,} of its molecules.")
    return " ".join(words)


def _guided(result: Result) -> list[str]:
    steering, scorer = result.run.samples.steering, result.scorer
    if steering is None or scorer is None:
        return []
    guide, failed = steering.guide, scorer.errors().total()
    words = [
        f"Guided by {guide.guidance} a molecule; the unguided control has the same seed, sizes, "
        "steps and constraints."
    ]
    if failed:
        words.append(f"The score failed on {failed:,} of {len(scorer.known):,} molecules.")
    return words


def _ess(result: Result) -> Ess | None:
    steering = result.run.samples.steering
    if steering is None or steering.sizes is None:
        return None
    return Ess(steering.guide.guidance.particles, steering.times, steering.sizes.tolist())
