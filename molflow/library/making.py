"""A library is made part by part; what is known of it grows by hashes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from molflow.enough import PART, Course, Sieve
from molflow.library.parts import Parts
from molflow.progress import meter
from molflow.report.summary import Run, Totals
from molflow.report.sums import Sums, traces
from molflow.samples import Samples

SHOWN = 1_000
"""Attempts of a page, the first ones, where there are several parts."""

Make = Callable[[range], Samples]
"""The attempts of these indices."""


@dataclass(frozen=True)
class Making:
    """How the attempts are made, and what becomes of them.

    Attributes:
        make: gives the attempts of a span.
        course: gives the way from the first attempt to the last, at its beginning.
        sieve: gives the judge of what passes, who has seen nothing; None where all counts.
        known: training molecules by canonical SMILES, a set, or None.
    """

    make: Make
    course: Callable[[], Course]
    sieve: Callable[[], Sieve | None]
    known: Collection[str] | None


def run_in_parts(making: Making, parts: Parts) -> tuple[Run, dict[str, float]]:
    """Makes the attempts that are not there yet and writes them.

    Returns:
        The sampling and its numbers. Of several parts it holds the first SHOWN attempts.
    """
    course, sieve, sums = making.course(), making.sieve(), Sums(making.known)
    totals = restored(parts, course, sieve, sums)
    shown = next(_made(making.make, making.course(), making.sieve())) if course.attempts else None
    left = None if course.most > course.wanted else course.most - course.attempts
    with meter("in all", left, "attempts") as ran:
        for made in _made(making.make, course, sieve):
            before, counted, written = len(sums.prints), Totals.of(made), totals.chosen
            sums.add(made)
            totals = totals + counted
            record = {**_plain(counted), "state": sums.state()}
            parts.add(made, written, record, traces(made, sums.prints[before:]))
            shown = shown or made
            ran(len(made))
    assert shown is not None
    if totals.attempts == len(shown):
        return Run(shown), sums.numbers()
    return Run(shown[:SHOWN], whole=totals), sums.numbers()


def _made(make: Make, course: Course, sieve: Sieve | None) -> Iterator[Samples]:
    """The attempts of one span after the other, up to the last that is wanted."""
    for span in course.spans(PART):
        made = make(span)
        if sieve is not None:
            made = replace(made, refused=sieve.see(made.checked))
        yield made[: course.take(made.refused or [None] * len(made))]


def restored(parts: Parts, course: Course, sieve: Sieve | None, sums: Sums) -> Totals:
    """Add up the parts that are done, and tell the three of them."""
    records, totals = parts.done(), Totals(0, 0.0, 0.0, Counter(), Counter())
    arrays = [parts.traces(record["first"]) for record in records]
    for record in records:
        totals = totals + _totals(record)
    course.attempts, course.refused = totals.attempts, Counter(totals.refused)
    if records:
        sums.restore(records[-1]["state"], arrays)
    if sieve is not None:
        for one in arrays:
            sieve.seen.add(one["strict_kinds"])
    return totals


def _plain(totals: Totals) -> dict[str, Any]:
    return {
        "seconds": [totals.network_seconds, totals.chemistry_seconds],
        "reasons": dict(totals.reasons),
        "refused": dict(totals.refused),
    }


def _totals(record: Mapping[str, Any]) -> Totals:
    network, chemistry = record["seconds"]
    reasons, refused = Counter(record["reasons"]), Counter(record["refused"])
    return Totals(record["attempts"], network, chemistry, reasons, refused)
