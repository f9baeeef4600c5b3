"""Sampling goes on until enough molecules pass: valid, distinct, new, within limits.

Attempts follow one another by their index, so that those which pass are the same whatever the size
of a batch or of a part.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral

from molflow.chem.molecule import Checked
from molflow.chem.objective import Component, Objective, parse_objective
from molflow.errors import InputError
from molflow.metrics.tally import Seen, hashes

VALID, UNIQUE, NOVEL = "valid", "unique", "novel"
CONDITIONS = (VALID, UNIQUE, NOVEL)
PART = 10_000
"""Attempts made, written and counted at once, at most."""
FEWEST = 100
"""Attempts of a part, at least, where some are still lacking."""
PATIENCE = 20
"""So many attempts for each molecule that is wanted, at most, where nobody says how many."""


@dataclass(frozen=True)
class Enough:
    """As many attempts as it takes until ``n`` molecules pass.

    All that pass are strictly valid.

    Attributes:
        n: molecules that pass.
        until: what they are, of CONDITIONS, between commas: "unique" is the first of its kind among
            these attempts, "novel" is not in the training set.
        keep: limits on their properties as an objective writes them, such as "mw:<500,sa:<4". Only
            what is met or not is one: <, >, <=, >=, a..b, or the exact number of a count.
        max_attempts: the sampling ends here at the latest; None is 20 for each molecule.

    Raises:
        InputError: one of them makes no sense.
    """

    n: int
    until: str = f"{VALID},{UNIQUE}"
    keep: str | None = None
    max_attempts: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("n", self.n), ("max_attempts", self.most)):
            if not isinstance(value, Integral) or value < 1:
                raise InputError(f"{name}={value!r}: a whole number of at least 1 is needed")
        for one in self.conditions:
            if one not in CONDITIONS:
                raise InputError(f"until={self.until!r}: some of {','.join(CONDITIONS)}")
        if self.most < self.n:
            raise InputError(f"max_attempts={self.most}: fewer than n={self.n}")
        _ = self.limits

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The words of ``until``."""
        return tuple(part.strip() for part in self.until.split(","))

    @cached_property
    def limits(self) -> Objective | None:
        """The limits of ``keep``."""
        if self.keep is None:
            return None
        try:
            objective = parse_objective(self.keep)
        except InputError as error:
            raise InputError(f"keep={self.keep!r}: {error}") from None
        for one in objective.components:
            goal = one.transform.text
            limit = goal.startswith(("<", ">")) or ".." in goal or goal.isdecimal()
            if not limit or one.weight != 1:
                raise InputError(
                    f"keep={self.keep!r}: {one} is no limit, such as mw:<500, qed:>=0.5, "
                    "logp:1..3 or rings:2"
                )
        return objective

    @property
    def most(self) -> int:
        """Attempts, at most."""
        return PATIENCE * self.n if self.max_attempts is None else self.max_attempts

    def __str__(self) -> str:
        limits = "" if self.keep is None else f", {self.keep}"
        return f"{', '.join(self.conditions)}{limits}"


def within(component: Component, value: float) -> bool:
    """Whether a value of the component's property keeps its limit; nan does not."""
    (low, high), goal = component.transform.wanted, component.transform.text
    if not component.property.count and goal.startswith(("<", ">")) and goal[1] != "=":
        return low < value < high
    return low <= value <= high


class Sieve:
    """It says of attempts, which come in the order of their index, why they do not pass."""

    def __init__(self, enough: Enough, known: Collection[str] = frozenset()) -> None:
        """Begins with no attempt.

        Args:
            enough: what is asked for.
            known: training molecules by canonical SMILES, a set; looked at for "novel" alone.
        """
        self.enough, self.known = enough, known
        self.seen = Seen()

    def see(self, checked: Sequence[Checked]) -> list[str | None]:
        """The reason of every attempt why it does not pass, None for those that do."""
        strict = {i: one.strict for i, one in enumerate(checked) if one.strict is not None}
        first = self.seen.add(hashes(strict.values())).tolist()
        refused: list[str | None] = ["not valid"] * len(checked)
        for (i, smiles), is_first in zip(strict.items(), first, strict=True):
            refused[i] = self._refusal(checked[i], smiles, is_first)
        return refused

    def _refusal(self, one: Checked, smiles: str, is_first: bool) -> str | None:
        conditions, limits = self.enough.conditions, self.enough.limits
        assert one.mol is not None, "a valid molecule is there"
        if UNIQUE in conditions and not is_first:
            return "came before"
        if NOVEL in conditions and smiles in self.known:
            return "in the training set"
        for component in () if limits is None else limits.components:
            value, error = component.property.value(one.mol)
            if error is not None or not within(component, value):
                return f"not {component}"
        return None


@dataclass
class Course:
    """How far a sampling has come.

    Attributes:
        wanted: attempts that pass.
        most: attempts at most.
        first: index of the first attempt.
        attempts: so far.
        refused: reason -> how many of them did not pass.
    """

    wanted: int
    most: int
    first: int = 0
    attempts: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> int:
        """Attempts that passed."""
        return self.attempts - self.refused.total()

    def spans(self, part: int = PART) -> Iterator[range]:
        """Indices of the next attempts, until there is enough; `take` hears of them in between."""
        while self.passed < self.wanted and self.attempts < self.most:
            missing, left = self.wanted - self.passed, self.most - self.attempts
            share = max(self.passed, 1) / self.attempts if self.attempts else 1.0
            size = min(part, left, max(FEWEST, math.ceil(missing / share)))
            start = self.first + self.attempts
            yield range(start, start + size)

    def take(self, refused: Sequence[str | None]) -> int:
        """Counts attempts up to the last that is wanted.

        Args:
            refused: why each does not pass, or None.

        Returns:
            How many of them are counted.
        """
        passed = [place for place, reason in enumerate(refused) if reason is None]
        missing = self.wanted - self.passed
        taken = len(refused) if len(passed) < missing else passed[missing - 1] + 1
        self.attempts += taken
        self.refused.update(reason for reason in refused[:taken] if reason is not None)
        return taken
