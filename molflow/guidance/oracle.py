"""A scorer of molecules as a reward of states: decoded, checked, each distinct one scored once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from molflow.chem.molecule import Checked
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.guidance.scores import Remembered, has_score
from molflow.modality import Modality

if TYPE_CHECKING:
    from molflow.chem.aggregation import Scored
    from molflow.chem.scoring import Scorer


class Oracle:
    """A reward (``flow.guidance.Reward``) that asks a scorer, and counts.

    A molecule that is not strictly valid, or for which the scorer has no score, is worth
    ``invalid``. The scorer gets a molecule with its atoms in the order of its canonical SMILES,
    whatever the graph. At ``max_calls`` the scorer is asked no more. Molecules that it does not
    know then are worth ``invalid`` too.

    Attributes:
        asked: states that were judged.
        calls: molecules that the scorer was asked about. A molecule that comes again, as any graph,
            costs none.
        unasked: canonical SMILES of molecules that came at ``max_calls``.
    """

    def __init__(
        self,
        scorer: Scorer,
        modality: Modality,
        invalid: float = 0.0,
        max_calls: int | None = None,
    ) -> None:
        if not math.isfinite(invalid):
            raise InputError(f"guidance.invalid={invalid}: a finite number is needed")
        self.scores = (
            scorer if isinstance(scorer, Remembered) else Remembered(scorer, modality.subject)
        )
        self.known_before = len(self.scores.known)
        self.modality, self.invalid, self.max_calls = modality, invalid, max_calls
        self.asked = 0
        self.unasked: set[str] = set()
        self.of_thing: dict[bytes, float] = {}

    @property
    def calls(self) -> int:
        """Molecules that the scorer was asked about."""
        return len(self.scores.known) - self.known_before

    def __call__(self, x: State) -> Tensor:
        """(B,) float64 rewards of clean states."""
        things = self.modality.things_of(x)
        self.asked += len(things)
        keys = [self.modality.key(thing) for thing in things]
        new = {
            key: thing for key, thing in zip(keys, things, strict=True) if key not in self.of_thing
        }
        checked = self.modality.check(list(new.values()))
        for key, one in zip(new, self.judge(checked), strict=True):
            self.of_thing[key] = self.reward(one)
        return torch.tensor([self.of_thing[key] for key in keys], dtype=torch.float64)

    def judge(self, checked: Sequence[Checked]) -> list[Scored | None]:
        """The scores of strictly valid molecules, None for the others and for those that are not
        asked.
        """
        strict = [one.strict for one in checked if one.strict is not None]
        new = [one for one in dict.fromkeys(strict) if one not in self.scores.known]
        room = len(new) if self.max_calls is None else max(self.max_calls - self.calls, 0)
        self.unasked.update(new[room:])
        self.scores.ask(new[:room])
        known = self.scores.known
        return [None if one.strict is None else known.get(one.strict) for one in checked]

    def reward(self, scored: Scored | None) -> float:
        """The reward of a molecule to guidance, a finite number."""
        return scored.total if scored is not None and has_score(scored) else self.invalid
