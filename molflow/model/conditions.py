"""Properties as conditions: which ones a model is trained with, and which values are asked for.

A network sees a property as (value - mean) / spread, both of its training set; they go with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molflow.chem.properties import PROPERTIES
from molflow.config.key import listed, numbers_by_name
from molflow.errors import InputError

EXAMPLE = "qed=0.6,logp=1.5"


@dataclass(frozen=True, repr=False)
class Standard:
    """A property of ``chem.properties.PROPERTIES`` over the training molecules: its mean, its
    standard deviation > 0, its least and its greatest value."""

    name: str
    mean: float
    spread: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"{self.name} {self.mean:.4g}±{self.spread:.4g} ({self.low:.4g} to {self.high:.4g})"

    def of(self, value: float) -> float:
        """(value - mean) / spread."""
        return (value - self.mean) / self.spread


def parse_names(text: str) -> tuple[str, ...]:
    """The names of ``model.condition=qed,logp``; none of an empty text. InputError for others."""
    names = tuple(name.lower() for name in listed(text))
    for i, name in enumerate(names):
        if name not in PROPERTIES:
            raise InputError(f"model.condition={text!r}: {name!r} is none of {_list(PROPERTIES)}")
        if name in names[:i]:
            raise InputError(f"model.condition={text!r}: {name} comes twice")
    return names


def standardise(
    names: Sequence[str], values: NDArray[np.float32], train: NDArray[np.int64]
) -> tuple[tuple[Standard, ...], NDArray[np.float32]]:
    """The mean and spread of each property over the molecules ``train``, and all values by them.

    values: (M, C) of C properties, nan where one is not known; nan stays. InputError where a
    property tells no two training molecules apart.
    """
    standards = tuple(
        _standard(name, values[train, c].astype(np.float64)) for c, name in enumerate(names)
    )
    return standards, standardised(standards, values)


def standardised(standards: Sequence[Standard], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, C): (value - mean) / spread of C properties; nan stays."""
    means, spreads = ([getattr(s, part) for s in standards] for part in ("mean", "spread"))
    return ((values - means) / spreads).astype(np.float32)


def _standard(name: str, values: NDArray[np.float64]) -> Standard:
    known = values[~np.isnan(values)]
    if len(known) == 0 or known.min() == known.max():
        raise InputError(f"model.condition={name}: the same for all training molecules")
    # Exact sums: the same on every machine, as a resumed run is compared with its beginning.
    mean = math.fsum(known) / len(known)
    spread = math.sqrt(math.fsum((known - mean) ** 2) / len(known))
    return Standard(name, mean, spread, float(known.min()), float(known.max()))


@dataclass(frozen=True)
class Aim:
    """The values that are asked of every molecule.

    values: by name, as given. row: (C,) of all properties of the model, standardised, nan where
    nothing is asked. weight: of guidance without a classifier (``flow.conditioning.mixed``).
    """

    values: Mapping[str, float]
    row: tuple[float, ...]
    weight: float

    def __str__(self) -> str:
        asked = ", ".join(f"{name}={value:g}" for name, value in self.values.items())
        return f"{asked} with weight {self.weight:g}"

    @property
    def evaluations(self) -> int:
        """Of the network, for each posterior."""
        return 1 if self.weight in (0, 1) else 2

    def context(self, count: int) -> Tensor:
        """(count, C): the same for every example."""
        return torch.tensor(self.row).expand(count, -1)


def make_aim(
    condition: Mapping[str, float] | None, weight: float, standards: Sequence[Standard]
) -> Aim | None:
    """The request to a model that was trained with ``standards``; None where there is none.

    InputError names a value or a weight that makes no sense, and what the model was trained with.
    """
    if not isinstance(weight, Real) or not 0 <= weight < math.inf:
        raise InputError(f"weight={weight!r}: a number of at least 0")
    if not condition:
        if weight != 1:
            raise InputError(f"weight={weight}: needs a condition such as {EXAMPLE}")
        return None
    names = [standard.name for standard in standards]
    for name, value in condition.items():
        if not names:
            raise InputError(f"condition: {name!r}: this model was trained without any condition")
        if name not in names:
            raise InputError(f"condition: {name!r}: this model was trained with {_list(names)}")
        if not isinstance(value, Real) or not math.isfinite(value):
            raise InputError(f"condition: {name}={value!r}: a finite number is needed")
    row = tuple(s.of(float(condition.get(s.name, math.nan))) for s in standards)
    return Aim(dict(condition), row, float(weight))


def parse_condition(text: str | None) -> dict[str, float] | None:
    """The values of ``guidance.condition=qed=0.8,logp=1.5``. InputError for another form."""
    return None if text is None else numbers_by_name("guidance.condition", text, EXAMPLE)


def _list(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(names)
