"""The result of sampling: molecules or texts in the order of their index, invalid ones included."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from molflow.chem.aggregation import Scored
from molflow.chem.molecule import Checked
from molflow.enough import Course, Enough, Sieve
from molflow.errors import InputError
from molflow.graph.graph import Graph
from molflow.guidance.guided import Steering, combined
from molflow.modality import Graphs, Held, Known, Strings, Thing
from molflow.model.conditions import Aim
from molflow.model.spec import ModelSpec
from molflow.sampling.walk import Walk
from molflow.tabulated import Tabulated

if TYPE_CHECKING:
    from rdkit import Chem

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class Samples(Tabulated):
    """Generated molecules in the order of their index, valid or not; or generated texts.

    ``samples[3]`` is what chemistry says of molecule 3, ``samples[:24]`` the first 24.

    Attributes:
        things: what the network made, a graph or a text each.
        checked: what chemistry says of each.
        spec: of the model.
        walk: how they were made.
        network_seconds: wall time of the network, scores that guidance asks for included.
        chemistry_seconds: wall time of the checks.
        plan: of the constraints.
        steering: what guidance did.
        aim: the properties that were asked for.
        scored: the score of every attempt of a guided sampling, None where it is not strictly valid
            or was not asked about.
        parts: the components of that score, none of a function of the user.
        indices: of the attempts among all of their seed; by default they count from 0.
        refused: why an attempt does not pass, None for those that do, where they were made until
            there were enough (`enough.Enough`).
    """

    things: list[Thing]
    checked: list[Checked]
    spec: ModelSpec
    walk: Walk
    network_seconds: float
    chemistry_seconds: float
    plan: Held | None = None
    steering: Steering | None = None
    aim: Aim | None = None
    scored: Sequence[Scored | None] | None = None
    parts: tuple[str, ...] = ()
    indices: Sequence[int] | None = None
    refused: Sequence[str | None] | None = None

    @property
    def evaluations(self) -> float:
        """Network evaluations per molecule."""
        if self.steering is not None:
            return self.steering.evaluations
        return self.walk.evaluations * (1 if self.aim is None else self.aim.evaluations)

    def __len__(self) -> int:
        return len(self.things)

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.checked)

    @overload  # A mask of one integer is an integer, which mypy takes for an overlap.
    def __getitem__(self, index: SupportsIndex) -> Checked: ...  # type: ignore[overload-overlap]

    @overload
    def __getitem__(self, index: slice | Sequence[Any] | NDArray[Any]) -> Samples: ...

    def __getitem__(self, index: Any) -> Checked | Samples:
        """What chemistry says of one, or the samples of a slice, a mask or several integers.

        Raises:
            IndexError: an integer is out of range.
            InputError: the index is something else.
        """
        if isinstance(index, slice):
            return self._at(range(len(self))[index])
        try:
            return self.checked[operator.index(index)]
        except TypeError:
            return self._at(_places(index, len(self)))

    def _at(self, places: Sequence[int]) -> Samples:
        steering = self.steering
        if steering is not None and steering.claims is not None:
            steering = replace(steering, claims=steering.claims[list(places)])
        return replace(
            self,
            things=[self.things[i] for i in places],
            checked=[self.checked[i] for i in places],
            scored=None if self.scored is None else [self.scored[i] for i in places],
            steering=steering,
            indices=[self.index[i] for i in places],
            refused=None if self.refused is None else [self.refused[i] for i in places],
        )

    @property
    def valid(self) -> Samples:
        """The strictly valid ones."""
        return self._at([i for i, reason in enumerate(self.reasons) if reason is None])

    @property
    def passed(self) -> Samples:
        """Those that pass, where they were made until there were enough; else the strictly valid
        ones."""
        return self._at(self.chosen)

    def distinct(self) -> Samples:
        """The first of every strictly valid kind, by canonical SMILES or by the text itself."""
        first: dict[str, int] = {}
        for i, one in enumerate(self.checked):
            if one.strict is not None:
                first.setdefault(one.strict, i)
        return self._at(list(first.values()))

    def __repr__(self) -> str:
        valid = sum(reason is None for reason in self.reasons)
        return f"Samples({len(self):,} {self.spec.modality.things}, {valid:,} valid)"

    @property
    def graphs(self) -> list[Graph]:
        """The graphs that the network made; InputError where it makes strings."""
        if not isinstance(self.spec.modality, Graphs):
            raise InputError(
                "this model makes strings of tokens, no graphs: samples.texts has them"
            )
        return cast("list[Graph]", self.things)

    @property
    def texts(self) -> list[str]:
        """The texts that the network wrote; InputError where it makes graphs."""
        if not isinstance(self.spec.modality, Strings):
            raise InputError("this model makes graphs, no texts: samples.smiles writes them")
        return cast("list[str]", self.things)

    @cached_property
    def molecules(self) -> list[Chem.Mol | None]:
        """A molecule that passed sanitisation and is connected, or None; see ``reasons``."""
        return [c.mol if c.connected else None for c in self.checked]

    @cached_property
    def smiles(self) -> list[str | None]:
        """Canonical SMILES of every molecule that passes sanitisation, None for the others."""
        return [c.smiles for c in self.checked]

    @cached_property
    def reasons(self) -> list[str | None]:
        """Why a molecule is not strictly valid, None for those that are."""
        return [c.reason for c in self.checked]

    def metrics(self, training: Known | None = None) -> dict[str, float]:
        """The validities, uniqueness and novelty (see ``metrics.validity``), or of texts what
        ``metrics.text`` measures.

        training: a set of canonical SMILES without stereochemistry, None leaves novelty undefined;
        of texts a ``metrics.text.Reference``, None leaves what it is needed for.
        """
        return self.spec.modality.measure(self.things, self.checked, training)


def gathered(
    enough: Enough, sieve: Sieve, make: Callable[[range], Samples], first: int = 0
) -> Samples:
    """The attempts up to the last that there had to be, with why each does not pass.

    Args:
        enough: how many must pass.
        sieve: the judge, who has seen nothing.
        make: gives the attempts of these indices.
        first: index of the first attempt.
    """
    course, parts = Course(enough.n, enough.most, first), []
    for span in course.spans():
        made = make(span)
        refused = sieve.see(made.checked)
        course.take(refused)
        parts.append(replace(made, refused=refused))
    return joined(parts)[: course.attempts]


def joined(parts: Sequence[Samples]) -> Samples:
    """Attempts that were made one part after the other, as one."""
    if len(parts) == 1:
        return parts[0]
    first, steerings = parts[0], [one.steering for one in parts if one.steering is not None]
    return replace(
        first,
        things=[thing for one in parts for thing in one.things],
        checked=[checked for one in parts for checked in one.checked],
        network_seconds=sum(one.network_seconds for one in parts),
        chemistry_seconds=sum(one.chemistry_seconds for one in parts),
        steering=combined(steerings, list(map(len, parts))) if steerings else None,
        scored=_joined([one.scored for one in parts]),
        indices=[i for one in parts for i in one.index],
        refused=_joined([one.refused for one in parts]),
    )


def _joined(parts: Sequence[Sequence[T] | None]) -> list[T] | None:
    there = [part for part in parts if part is not None]
    return [item for part in there for item in part] if there else None


def _places(index: Any, n: int) -> list[int]:
    """The places that a mask or several integers name."""
    given = np.asarray(index) if not isinstance(index, str) else np.zeros(())
    if given.dtype == bool and given.shape == (n,):
        return np.flatnonzero(given).tolist()
    whole = given.ndim == 1 and (np.issubdtype(given.dtype, np.integer) or not given.size)
    if not whole or (given.size and not (given.min() >= -n and given.max() < n)):
        raise InputError(
            f"samples[{index!r}]: an integer, a slice, a mask of {n}, or integers from {-n} to "
            f"{n - 1}"
        )
    return [int(i) % n for i in given]
