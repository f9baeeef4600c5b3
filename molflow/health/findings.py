"""Findings judge a flow map's health: each holds a value against another, with a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molflow.flow.health import Key

NEGLIGIBLE = 1e-3
EXACT = 1e-8


@dataclass(frozen=True)
class Finding:
    """A finding is one line of the summary.

    Attributes:
        question: it is about.
        value: None where the question does not apply to the model.
        against: the value is held against this.
        verdict: says how they compare.
    """

    question: str
    value: float | None
    against: str
    verdict: str


def fields_and_times(means: Mapping[Key, float]) -> tuple[list[str], list[float]]:
    """List the fields of the states and the grid of times that were measured."""
    fields = dict.fromkeys(field for measure, field, *_ in means if measure == "semigroup")
    return list(fields), sorted({t for *_, t in means})


def judge(means: Mapping[Key, float]) -> Iterator[Finding]:
    """Judge the measures, field by field: each stands beside the same of Euler steps."""
    fields, times = fields_and_times(means)
    shortest, longest = list(pairwise(times)), [(times[0], times[-1])]
    everywhere = list(combinations(times, 2))
    for field in fields:
        for measure, question in (
            ("semigroup", "two jumps equal one, all s < t"),
            ("flow", "a jump ends where the flow does, all s < t"),
        ):
            yield _beside_euler(means, f"{field}: {question}", measure, field, everywhere)
        yield _beside_euler(means, f"{field}: so for the shortest jumps", "flow", field, shortest)
        yield _beside_euler(means, f"{field}: so for one jump from 0 to 1", "flow", field, longest)
        sure, unsure = (means["entropy", field, times[0], t] for t in (times[-1], times[0]))
        against = f"{unsure:.3g} of mu_00"
        yield Finding(f"{field}: entropy of mu_01", sure, against, graded(sure, unsure))


def _beside_euler(
    means: Mapping[Key, float],
    question: str,
    measure: str,
    field: str,
    places: list[tuple[float, float]],
) -> Finding:
    """Average a measure over pairs of times, and hold it against the same of Euler steps."""

    def mean(name: str) -> float:
        values = [means.get((name, field, s, t), 0.0) for s, t in places]
        return sum(values) / len(values)

    value, euler, floor = mean(measure), mean(f"{measure}_euler"), mean(f"{measure}_floor")
    walk = f" (walk: {floor:.2g})" if floor else ""
    return Finding(
        question, value, f"{euler:.3g} of Euler steps{walk}", graded(value, euler, floor)
    )


def judge_likelihood(
    bits: Mapping[str, tuple[float, float]], classes: Mapping[str, int]
) -> Iterator[Finding]:
    """Hold the diagonal's bits for held-out data against classes that are all equally likely.

    Args:
        bits: field -> bits a variable and the standard error.
        classes: field -> K.
    """
    for field, (value, error) in bits.items():
        guess = math.log2(classes[field])
        against = f"{guess:.3g} of a guess (value ± {error:.2g})"
        yield Finding(f"{field}: bits a variable, at most", value, against, graded(value, guess))


def graded(value: float, yardstick: float, floor: float = 0.0) -> str:
    """Grade a value: good, fair, bad or undefined.

    It is good at most at half the yardstick, or where it cannot be told from 0. It is bad where it
    is no less than the yardstick.

    Args:
        value: smaller is better.
        yardstick: to compare with.
        floor: the error of the reference that ``value`` was measured against.
    """
    if math.isnan(value) or math.isnan(yardstick):
        return "undefined"
    if value <= max(yardstick / 2, floor, NEGLIGIBLE):
        return "good"
    return "fair" if value < yardstick else "bad"


def no_better(means: Mapping[Key, float], measure: str, field: str, s: float, t: float) -> bool:
    """Tell whether a measure between s and t is graded bad beside an Euler step.

    Args:
        means: of the measures.
        measure: "semigroup" or "flow".
        field: of the states.
        s: the earlier time.
        t: the later time.
    """
    value, euler = means[measure, field, s, t], means[f"{measure}_euler", field, s, t]
    return graded(value, euler, means.get((f"{measure}_floor", field, s, t), 0.0)) == "bad"


def judge_identities(errors: Mapping[str, float | None]) -> Iterator[Finding]:
    """Judge identities: each holds to rounding or is broken."""
    about = {
        "slope": "slope on the diagonal - velocity",
        "padding": "logits padded - alone",
        "permutation": "logits permuted - of permuted atoms",
    }
    absent = {
        "padding": "not applicable: one size, no padding",
        "permutation": "not applicable: canonical order",
    }
    for name, error in errors.items():
        if error is None:
            yield Finding(about[name], None, "", absent[name])
        else:
            verdict = "holds" if error <= EXACT else "broken"
            yield Finding(about[name], error, f"at most {EXACT:g}", verdict)
