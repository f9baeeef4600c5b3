"""What a report is made of: plain, frozen values.

A *series* is a set of molecules that is drawn in one colour everywhere: the training set, what was
sampled without guidance, what was sampled with it. A plain sampling has no third series: its
molecules are the unguided ones, and the page calls them "sampled".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rdkit import Chem

Series = Literal["training", "unguided", "guided"]
Better = Literal["high", "low"]


@dataclass(frozen=True)
class Measure:
    """One row of the table before/after: a number of the unguided and one of the guided run.

    share: a number in [0, 1] to be written in percent. None and nan are written as a dash.
    A plain sampling gives `unguided` alone.
    """

    name: str
    unguided: float | None = None
    guided: float | None = None
    share: bool = False
    doc: str = ""


@dataclass(frozen=True)
class Quantity:
    """A property or a score: a number of every molecule, nan where it has none.

    better: the direction that is wanted, if any. target: the region that is wanted (low, high),
    infinite where it is open. training, unguided: the values of the series to compare with; those
    of the attempts themselves are in ``Attempt.values``. A front pairs the unguided values of its
    two quantities by their position.
    """

    name: str
    doc: str = ""
    better: Better | None = None
    target: tuple[float, float] | None = None
    training: Sequence[float] = ()
    unguided: Sequence[float] = ()

    def hits(self, value: float) -> bool:
        """Whether a value lies in the target region, its ends included."""
        return self.target is not None and self.target[0] <= value <= self.target[1]


@dataclass(frozen=True)
class Attempt:
    """One molecule that was tried for, valid or not.

    smiles: None where sanitisation failed. reason: why it is not strictly valid, None if it is.
    mol: what to draw, unsanitised where sanitisation failed; None where there is nothing to draw.
    values: name of a quantity -> number; a missing one is not known.
    """

    smiles: str | None
    reason: str | None = None
    mol: Chem.Mol | None = field(default=None, repr=False, compare=False)
    values: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """The number of that name, nan where it is not known."""
        number = self.values.get(name)
        return math.nan if number is None else float(number)


@dataclass(frozen=True)
class Ess:
    """The effective sample size of every group of `particles` at every time.

    times (K,), in [0, 1]; sizes: K times the (G,) sizes of the groups, from 1 to `particles`.
    """

    particles: int
    times: Sequence[float]
    sizes: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Section:
    """A part of the page beyond those of a sampling. key: of its address. html: markup, in which
    every text from outside is escaped."""

    key: str
    title: str
    html: str


@dataclass(frozen=True)
class Report:
    """All that the page says.

    attempts: in the order of sampling, the invalid ones too. guided: whether they were sampled
    with guidance. fronts: pairs of names of quantities, each with a direction (`better`), whose
    Pareto front is drawn. config: nested, of the kinds that YAML knows. sections: after the
    summary.
    name: of the attempts' series, where they are not guided.
    """

    title: str
    summary: str
    table: Sequence[Measure]
    quantities: Sequence[Quantity]
    attempts: Sequence[Attempt]
    config: Mapping[str, Any]
    guided: bool = False
    ess: Ess | None = None
    fronts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()
    name: str = "sampled"

    @property
    def own(self) -> Series:
        """The series that the attempts are."""
        return "guided" if self.guided else "unguided"

    @property
    def labels(self) -> dict[Series, str]:
        """The name of every series on the page."""
        if self.guided:
            return {"training": "training set", "unguided": "unguided", "guided": "guided"}
        return {"training": "training set", "unguided": self.name}

    def values_of(self, quantity: Quantity) -> dict[Series, list[float]]:
        """The known values of every series that has some; infinite and nan ones are left out."""
        series: dict[Series, Sequence[float]] = {
            "training": quantity.training,
            "unguided": quantity.unguided,
        }
        series[self.own] = [attempt.value(quantity.name) for attempt in self.attempts]
        known = {k: [float(x) for x in v if math.isfinite(x)] for k, v in series.items()}
        return {name: numbers for name, numbers in known.items() if numbers}
