"""The numbers of a suite, each computed as `metrics.suites` defines it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from molflow.errors import InputError
from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.published_suites import more, of_guacamol, of_moses
from molflow.evaluation.standard_suite import (
    COMPARED,
    SHOWN,
    Notes,
    Numbers,
    copying,
    distances,
    likeness,
    validity,
)
from molflow.metrics import chemnet
from molflow.metrics.suites import SUITES

WANTED = {
    "standard": (*COMPARED, "print", "passes"),
    "moses": (*COMPARED, "passes"),
    "guacamol": (*SHOWN, "guacamol", "guacamol_print"),
}
WANTED["full"] = tuple(dict.fromkeys(name for names in WANTED.values() for name in names))
"""Features of a molecule that each suite needs, those of the page included."""

Part = Callable[[Subject, Reference, Notes], Numbers]

STANDARD = (validity, distances, likeness, copying)
PARTS: dict[str, tuple[Part, ...]] = {
    "standard": STANDARD,
    "moses": (of_moses,),
    "guacamol": (of_guacamol,),
    "full": (*STANDARD, of_moses, of_guacamol, more),
}


@dataclass(frozen=True)
class Evaluation:
    """The numbers of a suite.

    Attributes:
        suite: one of `metrics.suites.SUITES`.
        numbers: in the order of the suite.
        counts: the molecules that they are of.
        obstacles: why some are nan.
    """

    suite: str
    numbers: Numbers
    counts: Mapping[str, int]
    obstacles: Sequence[str]

    @property
    def metrics(self) -> dict[str, float]:
        """Name -> value, nan where it is undefined."""
        return {name: one.value for name, one in self.numbers.items()}


def evaluate_suite(
    suite: str, subject: Subject, reference: Reference, force: bool = False
) -> Evaluation:
    """Compute all numbers of a suite.

    Args:
        suite: one of `metrics.suites.SUITES`.
        subject: the attempts.
        reference: the data set that they are compared with.
        force: whether to compute FCD of fewer than 1,000 molecules too.
    """
    notes = Notes(force)
    try:
        chemnet.weights_file()
    except InputError as error:
        notes.lacks_chemnet = True
        notes.say(str(error))
    kept = len(subject.checked)
    if kept < len(subject):
        notes.say(
            f"molecules are compared, and MOSES's novelty is counted, among the first {kept:,} of "
            f"{len(subject):,} attempts; shares of all attempts are of all"
        )
    found: Numbers = {}
    for part in PARTS[suite]:
        found |= part(subject, reference, notes)
    numbers = {key: found[key] for key in SUITES[suite]}
    return Evaluation(suite, numbers, notes.counts, notes.obstacles)
