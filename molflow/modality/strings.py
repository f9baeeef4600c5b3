"""States can be strings of tokens, which turn into texts or molecules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from molflow.errors import InputError
from molflow.files import MOLECULES, WRITINGS
from molflow.flow.state import Fields, State
from molflow.modality.kind import MOLECULAR, Law, Sizes
from molflow.sequence import prompt as prompts
from molflow.sequence.prompt import Prompt
from molflow.sequence.state import blank_tokens, to_tokens
from molflow.sequence.vocabulary import TokenVocabulary

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.constraints import Constraint
    from molflow.chem.molecule import Checked
    from molflow.metrics.text import TextReference


@dataclass(frozen=True)
class Strings:
    """Texts, or molecules as SMILES, are strings here: one variable a token.

    ``Modality`` describes its methods.
    """

    vocabulary: TokenVocabulary

    @property
    def molecular(self) -> bool:
        """Tell whether the texts are SMILES."""
        return self.vocabulary.scheme != "characters"

    @property
    def things(self) -> str:
        return MOLECULES if self.molecular else WRITINGS

    @property
    def headlines(self) -> tuple[str, ...]:
        return MOLECULAR if self.molecular else ("words_in_vocabulary", "entropy", "perplexity")

    @property
    def classes(self) -> dict[str, int]:
        return {"tokens": self.vocabulary.classes}

    def counts(self, size: int) -> dict[str, int]:
        return {"tokens": size}

    def blank(self, sizes: Tensor, largest: int) -> State:
        return blank_tokens(sizes, largest, self.vocabulary.classes)

    def things_of(self, x: State) -> list[str]:
        return [self.vocabulary.decode(ids) for ids in to_tokens(x, self.vocabulary.end_class)]

    def check(self, things: Sequence[str]) -> list[Checked]:
        from molflow.chem.molecule import Checked
        from molflow.metrics.attempts import judge_smiles

        if not self.molecular:
            return [Checked(text, text, None, 1, None) for text in things]
        return [_with_molecule(judge_smiles(text).checked) for text in things]

    def subject(self, strict: str) -> Chem.Mol | str:
        from molflow.chem.molecule import read_smiles

        return read_smiles(strict) if self.molecular else strict

    def key(self, thing: str) -> bytes:
        return thing.encode()

    def written(self, thing: str) -> str:
        return thing

    def sketch(self, thing: str) -> Chem.Mol | None:
        from molflow.metrics.attempts import read_raw

        mol = read_raw(thing) if self.molecular else None
        if mol is not None:
            mol.UpdatePropertyCache(strict=False)
        return mol

    def measure(
        self,
        things: Sequence[str],
        checked: Sequence[Checked],
        known: Collection[str] | TextReference | None,
    ) -> dict[str, float]:
        from molflow.metrics.attempts import measure_smiles
        from molflow.metrics.text import TextReference, measure_text, variety

        if self.molecular:
            assert not isinstance(known, TextReference)
            return measure_smiles(things, checked, known)
        if known is None:
            return variety(things)
        assert isinstance(known, TextReference)
        return measure_text(things, known)

    def describe(self, max_size: int) -> str:
        symbols = "".join(self.vocabulary.symbols) if not self.molecular else None
        shown = repr(symbols) if symbols is not None else " ".join(self.vocabulary.symbols)
        return f"up to {max_size} tokens of {shown}"

    def plan(
        self, constraint: Constraint | None, prompt: str | None, max_size: int
    ) -> Prompt | None:
        if constraint is not None:
            raise InputError(
                f"{constraint}: only for models of graphs, and this one writes strings of tokens; "
                "prompt= holds some of them"
            )
        try:
            return (
                None if prompt is None else prompts.read_prompt(prompt, self.vocabulary, max_size)
            )
        except ValueError as error:
            raise InputError(f"prompt={prompt!r}: {error}") from None

    def conditioned(self, law: Law, held: Prompt) -> Law:
        try:
            return prompts.conditioned(law, held)
        except ValueError as error:
            raise InputError(f"prompt={held.text!r}: {error}") from None

    def held_state(self, held: Prompt, sizes: Sizes, priority: NDArray[np.float64]) -> State:
        return prompts.held_state(held, sizes, priority.shape[1], self.vocabulary.classes)

    def allowed(self, held: Prompt) -> Fields:
        return {}

    def kept(self, thing: str, held: Prompt) -> bool:
        try:
            return prompts.kept(self.vocabulary.encode(thing), held)
        except ValueError:  # The SMILES of SELFIES may have no SELFIES, or others.
            return False


def _with_molecule(checked: Checked) -> Checked:
    """Add the molecule of its SMILES, for those that have one."""
    from molflow.chem.molecule import read_smiles

    return checked if checked.smiles is None else replace(checked, mol=read_smiles(checked.smiles))
