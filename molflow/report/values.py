"""A report is made of plain, frozen values.

A *series* is a set of molecules that is drawn in one colour everywhere. There are three: the
training set, the molecules sampled without guidance, those sampled with it. A plain sampling has no
third series: its molecules are the unguided ones, and the page calls them "sampled".
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
    """A measure is one row of the table before/after.

    None and nan are written as a dash. A plain sampling gives `unguided` alone.

    Attributes:
        name: in the first column.
        unguided: the number of the unguided run.
        guided: the number of the guided run.
        share: whether it is a number in [0, 1], to be written in percent.
        doc: the definition.
    """

    name: str
    unguided: float | None = None
    guided: float | None = None
    share: bool = False
    doc: str = ""


@dataclass(frozen=True)
class Quantity:
    """A quantity is a property or a score: a number of every molecule, nan where it has none.

    The values of the attempts themselves are in ``Attempt.values``. A front pairs the unguided
    values of its two quantities by their position.

    Attributes:
        name: on the page.
        doc: the definition.
        better: the direction that is wanted, if any.
        target: the region that is wanted (low, high), infinite where it is open.
        training: the values of the training set.
        unguided: the values of the unguided series.
    """

    name: str
    doc: str = ""
    better: Better | None = None
    target: tuple[float, float] | None = None
    training: Sequence[float] = ()
    unguided: Sequence[float] = ()

    def hits(self, value: float) -> bool:
        """Tell whether a value lies in the target region, its ends included."""
        return self.target is not None and self.target[0] <= value <= self.target[1]


@dataclass(frozen=True)
class Attempt:
    """An attempt is one molecule that was tried for, valid or not.

    Attributes:
        smiles: None where sanitisation failed.
        reason: why it is not strictly valid, None if it is.
        mol: to be drawn, unsanitised where sanitisation failed; None where there is nothing to
            draw.
        values: name of a quantity -> number; a missing one is not known.
    """

    smiles: str | None
    reason: str | None = None
    mol: Chem.Mol | None = field(default=None, repr=False, compare=False)
    values: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """Give the number of that name, nan where it is not known."""
        number = self.values.get(name)
        return math.nan if number is None else float(number)


@dataclass(frozen=True)
class Ess:
    """Every group of `particles` has an effective sample size at every time.

    Attributes:
        particles: of a group.
        times: (K,), in [0, 1].
        sizes: K times the (G,) sizes of the groups, from 1 to `particles`.
    """

    particles: int
    times: Sequence[float]
    sizes: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Section:
    """A section is a part of the page beyond those of a sampling.

    Attributes:
        key: of its address.
        title: above it.
        html: markup, in which every text from outside is escaped.
    """

    key: str
    title: str
    html: str


@dataclass(frozen=True)
class Report:
    """A report holds all that the page says.

    Attributes:
        title: of the page.
        summary: below the title.
        table: the rows before/after.
        quantities: of every molecule.
        attempts: in the order of sampling, the invalid ones too.
        config: nested, of the kinds that YAML knows.
        guided: whether the attempts were sampled with guidance.
        ess: of particles, where there are some.
        fronts: pairs of names of quantities, each with a direction (`better`), whose Pareto front
            is drawn.
        sections: parts of the page after the summary.
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
        """Name the series that the attempts are."""
        return "guided" if self.guided else "unguided"

    @property
    def labels(self) -> dict[Series, str]:
        """Name every series on the page."""
        if self.guided:
            return {"training": "training set", "unguided": "unguided", "guided": "guided"}
        return {"training": "training set", "unguided": self.name}

    def values_of(self, quantity: Quantity) -> dict[Series, list[float]]:
        """Give the known, finite values of every series that has some."""
        series: dict[Series, Sequence[float]] = {
            "training": quantity.training,
            "unguided": quantity.unguided,
        }
        series[self.own] = [attempt.value(quantity.name) for attempt in self.attempts]
        known = {k: [float(x) for x in v if math.isfinite(x)] for k, v in series.items()}
        return {name: numbers for name, numbers in known.items() if numbers}
