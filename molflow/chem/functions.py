"""Scores of the user's own: their common part, and the end of a run whose scores fail too often."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from molflow.chem.aggregation import Scored
from molflow.chem.score_worker import Plain, number, reason
from molflow.errors import InputError

TOLD = 10
"""A warning follows so many failures in a row."""
MAX_FAILURES = 50
"""A run ends after so many failures in a row, unless another number is asked for."""


class Own:
    """A score of the user's own: one component, whose value is used as it is.

    ``total`` is unbounded, larger is better. It is nan after an error, because 0 might be better
    than every true score.

    Args:
        name: of the component.
        at_once: the most subjects of one call; None is any number.
        max_failures: a run ends after so many subjects in a row without a score; None is no bound.
    """

    def __init__(
        self, name: str, at_once: int | None = 1, max_failures: int | None = MAX_FAILURES
    ) -> None:
        self.name, self.at_once, self.max_failures = name, at_once, max_failures

    @property
    def names(self) -> tuple[str, ...]:
        """The component's name."""
        return (self.name,)

    def scored(self, value: float, error: str | None) -> Scored:
        """Make one score of a value. ``error`` says why there is none; the value is nan then."""
        return Scored(value, (value,), (value,), None if error is None else f"{self.name}: {error}")


class OwnFunction(Own):
    """A function of this program as a score, named after the function.

    Args:
        function: of a molecule (of a text, where texts are written) to a number; or, batched, of a
            list of them to as many numbers.
        batched: whether it takes lists.
        max_failures: see ``Own``.

    Raises:
        InputError: it is no function.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        batched: bool = False,
        max_failures: int | None = MAX_FAILURES,
    ) -> None:
        if not callable(function):
            raise InputError(f"{function!r}: a function of a molecule is needed")
        name = str(getattr(function, "__name__", type(function).__name__)).strip("<>")
        super().__init__(name, None if batched else 1, max_failures)
        self.function, self.batched = function, batched

    def describe(self) -> str:
        """The function's name."""
        return self.name

    def score_many(self, subjects: Sequence[Any]) -> list[Scored]:
        """Score the subjects in order. An error of a batched call is the error of every subject in
        it.
        """
        if not self.batched:
            return [self._scored(self._judged, one) for one in subjects]
        if not subjects:
            return []
        try:
            results = list(self.function(list(subjects)))
            if len(results) != len(subjects):
                raise Plain(f"returned {len(results)} numbers for {len(subjects)}")
        except Exception as error:
            return [self.scored(math.nan, reason(error, ""))] * len(subjects)
        return [self._scored(number, one) for one in results]

    def _judged(self, subject: Any) -> float:
        return number(self.function(subject))

    def _scored(self, judge: Callable[[Any], float], one: Any) -> Scored:
        try:
            return self.scored(judge(one), None)
        except Exception as error:
            return self.scored(math.nan, reason(error, ""))

    def close(self) -> None:
        """Do nothing: a function of this program holds no process."""


class Streak:
    """The number of subjects in a row without a score, of which ``most`` end the run.

    TOLD in a row are told on stderr.
    """

    def __init__(self, most: int | None) -> None:
        self.most, self.length = most, 0

    def see(self, found: Sequence[Scored]) -> None:
        """Count on. InputError, with the last error, where the streak is too long."""
        for scored in found:
            self.length = 0 if scored.error is None else self.length + 1
            if self.length == TOLD:
                print(
                    f"warning: {TOLD} in a row have no score, the last: {scored.error}",
                    file=sys.stderr,
                    flush=True,
                )
            if self.most is not None and self.length >= self.most:
                raise InputError(
                    f"guidance.max_failures={self.most}: so many in a row have no score, the last: "
                    f"{scored.error}"
                )
