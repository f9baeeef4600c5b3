"""The scores of molecules that were sampled, each distinct one asked for once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from molflow.chem.functions import Own, Streak
from molflow.chem.molecule import Checked, canonical_smiles, read_smiles
from molflow.chem.objective import Objective
from molflow.progress import progress

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.aggregation import Scored
    from molflow.chem.scoring import Scorer


CHUNK = 64
"""So many attempts are judged between two signs of progress, where a scorer takes many at once."""
SCORE = "score"
"""The name of the score in files and on the page."""


def desirability_of(part: str) -> str:
    """Name the desirability of a component: the same in tables, on pages and in files."""
    return f"{part}_desirability"


class Remembered:
    """A scorer (`chem.scoring.Scorer`) that asks another once about each molecule.

    Guidance and the tables then see the same numbers, also of a slow or a random function of the
    user. A score of the user's own that fails too often in a row ends with an InputError. The
    scores before are known then.

    Attributes:
        known: canonical SMILES, or text, -> score, of all that was ever asked for.
        read: canonical SMILES, or text, -> the scorer's subject.
    """

    def __init__(self, scorer: Scorer, read: Callable[[str], Any] = read_smiles) -> None:
        self.scorer, self.read = scorer, read
        self.known: dict[str, Scored] = {}
        own = scorer if isinstance(scorer, Own) else None
        self.streak = Streak(None if own is None else own.max_failures)
        self.at_once = None if own is None else own.at_once

    @property
    def names(self) -> tuple[str, ...]:
        return self.scorer.names

    @property
    def objective(self) -> Objective | None:
        """The objective, or None where the score is a function of the user."""
        return self.scorer if isinstance(self.scorer, Objective) else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of an objective; a function of the user is its own only component."""
        return () if self.objective is None else self.names

    def describe(self) -> str:
        """Describe the score for people: "qed:max", "geometric mean of qed:max, sa:<3"."""
        if self.objective is not None and len(self.objective.components) == 1:
            return str(self.objective)
        return self.scorer.describe()

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        """The scores of sanitised molecules, in order."""
        smiles = [canonical_smiles(mol) for mol in mols]
        self.ask(smiles)
        return [self.known[one] for one in smiles]

    def ask(self, smiles: Iterable[str | None]) -> None:
        """Make the scores of these molecules, by their canonical SMILES, known."""
        new = dict.fromkeys(one for one in smiles if one is not None and one not in self.known)
        asked = list(new)
        size = self.at_once or max(len(asked), 1)
        for chunk in (asked[i : i + size] for i in range(0, len(asked), size)):
            # Read anew: the last digits of a score depend on the order of the atoms.
            found = self.scorer.score_many([self.read(one) for one in chunk])
            self.known |= dict(zip(chunk, found, strict=True))
            self.streak.see(found)

    def judge(self, checked: Sequence[Checked]) -> tuple[Scored | None, ...]:
        """The score of every attempt, None where it is not strictly valid."""
        size = self.at_once or CHUNK
        chunks = [checked[i : i + size] for i in range(0, len(checked), size)]
        for chunk in progress(chunks, "scoring", len(checked), "attempts", weight=len):
            self.ask(one.strict for one in chunk)
        return tuple(None if one.strict is None else self.known[one.strict] for one in checked)

    def errors(self) -> Counter[str]:
        """The number of distinct molecules without a score, by the error."""
        return Counter(scored.error for scored in self.known.values() if scored.error is not None)

    def close(self) -> None:
        """Free what the other scorer holds."""
        self.scorer.close()


def has_score(scored: Scored | None) -> bool:
    """Whether there is a number: a strictly valid molecule, and no error on it."""
    return scored is not None and scored.error is None and math.isfinite(scored.total)
