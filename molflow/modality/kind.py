"""Sampling needs some knowledge of states beside the flow, whatever they are made of.

It asks how many variables an example of a size has, and for its blank state. It asks for the thing
that a finished state makes, and for the verdict of chemistry on that. And it asks which parts a
user may hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from molflow.flow.state import Fields, State

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.constraints import Constraint
    from molflow.chem.molecule import Checked

MOLECULAR = ("strict_valid", "unique", "novel")
Thing = TypeVar("Thing")
"""A finished state turns into a ``Graph``, or the text of a string of tokens."""
Held = TypeVar("Held")
"""A user holds a ``chem.constraints.Plan`` of graphs, or a ``sequence.prompt.Prompt``."""
Known = TypeVar("Known", contravariant=True)
"""Training knows canonical SMILES without stereo, or a ``metrics.text.Reference``."""
Sizes = NDArray[np.int64]
Law = NDArray[np.float64]


class Modality(Protocol[Thing, Held, Known]):
    """A modality is one kind of states. ``things`` names their things, in the plural."""

    @property
    def things(self) -> str: ...

    @property
    def molecular(self) -> bool:
        """Tell whether they are molecules, which chemistry judges; else they are texts."""
        ...

    @property
    def headlines(self) -> tuple[str, ...]:
        """Name the numbers of ``measure`` that training watches, the most telling one first."""
        ...

    @property
    def classes(self) -> Mapping[str, int]:
        """Count the classes of every field: field -> K."""
        ...

    def describe(self, max_size: int) -> str:
        """Describe the vocabulary for people."""
        ...

    def counts(self, size: int) -> Mapping[str, int]:
        """Count the variables of an example of this size: field -> D."""
        ...

    def blank(self, sizes: Tensor, largest: int) -> State:
        """Make states of these sizes (B,), padded to the largest, with every value 0."""
        ...

    def things_of(self, x: State) -> list[Thing]:
        """Turn the likeliest classes of every example into its thing."""
        ...

    def check(self, things: Sequence[Thing]) -> list[Checked]:
        """Let chemistry judge each thing."""
        ...

    def key(self, thing: Thing) -> bytes:
        """Give the same bytes for the same thing."""
        ...

    def subject(self, strict: str) -> Any:
        """Give a scorer its input: the molecule of a canonical SMILES, or the text.

        It is for a thing that chemistry has nothing against.
        """
        ...

    def written(self, thing: Thing) -> str:
        """Write all of a thing, molecule or not: a SMILES as it was made, or the text."""
        ...

    def sketch(self, thing: Thing) -> Chem.Mol | None:
        """Give the molecule as it was made, valid or not, to be drawn; None where there is none."""
        ...

    def measure(
        self, things: Sequence[Thing], checked: Sequence[Checked], known: Known | None
    ) -> dict[str, float]:
        """Measure how good the things are; the headlines are among the numbers.

        Args:
            things: the samples.
            checked: of every sample, by ``check``.
            known: to training, or None.
        """
        ...

    def plan(self, constraint: Constraint | None, prompt: str | None, max_size: int) -> Held | None:
        """Plan how a model meets a user's wishes, None where there are none.

        Args:
            constraint: parts of molecules, or None.
            prompt: a text with free places, or None.
            max_size: of the model's things.

        Raises:
            InputError: it cannot; the message says why.
        """
        ...

    def conditioned(self, law: Law, held: Held) -> Law:
        """Condition the law of sizes on the held parts.

        Args:
            law: of sizes.
            held: the plan.

        Raises:
            InputError: the law makes no such size.
        """
        ...

    def held_state(self, held: Held, sizes: Sizes, priority: NDArray[np.float64]) -> State:
        """Make states whose given variables are clean; noise goes elsewhere.

        Args:
            held: the plan.
            sizes: (B,); states are padded to N.
            priority: (B, N), random numbers behind all free choices.
        """
        ...

    def allowed(self, held: Held) -> Fields:
        """Tell which classes are allowed where variables are free.

        It is field -> (K,) bool, for fields of which some classes are ruled out.
        """
        ...

    def kept(self, thing: Thing, held: Held) -> bool:
        """Tell whether a thing has all that was to be held.

        Args:
            thing: the sample.
            held: the plan.
        """
        ...
