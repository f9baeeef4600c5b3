"""What sampling needs to know of states beside the flow, whatever they are made of.

How many variables an example of a size has, its blank state, what a finished state says and what
chemistry says of that, and what a user may hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from molflow.flow.state import Fields, State

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.constraints import Constraint
    from molflow.chem.molecule import Checked

MOLECULAR = ("strict_valid", "unique", "novel")
Thing = Any
"""What a finished state turns into: a ``Graph``, or the text of a string of tokens."""
Held = Any
"""What a user holds: a ``chem.constraints.Plan`` for graphs, a ``sequence.prompt.Prompt``."""
Known = Any
"""What training knows: canonical SMILES without stereo, or a ``metrics.text.Reference``."""
Sizes = NDArray[np.int64]
Law = NDArray[np.float64]


class Modality(Protocol):
    """One kind of states. ``things`` says what of, in the plural."""

    @property
    def things(self) -> str: ...

    @property
    def molecular(self) -> bool:
        """Whether they are molecules, which chemistry judges; else they are texts."""
        ...

    @property
    def headlines(self) -> tuple[str, ...]:
        """The numbers of ``measure`` that training watches, the most telling one first."""
        ...

    @property
    def classes(self) -> Mapping[str, int]:
        """field -> K."""
        ...

    def describe(self, max_size: int) -> str:
        """What the vocabulary holds, for people."""
        ...

    def counts(self, size: int) -> Mapping[str, int]:
        """field -> D of an example of this size."""
        ...

    def blank(self, sizes: Tensor, largest: int) -> State:
        """States of these sizes (B,), padded to the largest, with every value 0."""
        ...

    def things_of(self, x: State) -> list[Thing]:
        """What the likeliest classes of every example make."""
        ...

    def check(self, things: Sequence[Thing]) -> list[Checked]:
        """What chemistry says of each."""
        ...

    def key(self, thing: Thing) -> bytes:
        """The same for the same thing."""
        ...

    def subject(self, strict: str) -> Any:
        """What a scorer gets of a thing that chemistry has nothing against: the molecule of its
        canonical SMILES, or the text."""
        ...

    def written(self, thing: Thing) -> str:
        """The text that says all of it, molecule or not: a SMILES as it was made, or the text."""
        ...

    def sketch(self, thing: Thing) -> Chem.Mol | None:
        """The molecule as it was made, valid or not, to be drawn; None where there is none."""
        ...

    def measure(
        self, things: Sequence[Thing], checked: Sequence[Checked], known: Known | None
    ) -> dict[str, float]:
        """The numbers that say how good they are, what ``check`` says of each given; the headlines
        are among them."""
        ...

    def plan(self, constraint: Constraint | None, prompt: str | None, max_size: int) -> Held | None:
        """How a model of so large things meets what a user asks for, None where that is nothing;
        InputError says why it cannot."""
        ...

    def conditioned(self, law: Law, held: Held) -> Law:
        """The law of sizes, given what is held; InputError where it makes no such size."""
        ...

    def held_state(self, held: Held, sizes: Sizes, priority: NDArray[np.float64]) -> State:
        """States of these sizes (B,), padded to N, whose given variables are clean; noise goes
        elsewhere. priority (B, N): random numbers behind what is free to be chosen."""
        ...

    def allowed(self, held: Held) -> Fields:
        """field -> (K,) bool, for those of which some classes are ruled out where they are free."""
        ...

    def kept(self, thing: Thing, held: Held) -> bool:
        """Whether it has all that was to be held."""
        ...
