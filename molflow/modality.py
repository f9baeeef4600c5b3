"""What the states of a model are made of, and what they turn into: graphs or strings of tokens.

All that sampling needs to know beside the flow: how many variables an example of a size has, its
blank state, what a finished state says and what chemistry says of that, and what a user may hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.files import MOLECULES, WRITINGS
from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import blank_state, to_graphs
from molflow.sequence import prompt as prompts
from molflow.sequence.prompt import Prompt
from molflow.sequence.state import blank_tokens, to_tokens
from molflow.sequence.vocabulary import TokenVocabulary

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.chem.constraints import Constraint, Plan
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


@dataclass(frozen=True)
class Graphs:
    """Molecules as graphs: one variable an atom, one an unordered pair."""

    vocabulary: Vocabulary
    things: str = MOLECULES
    headlines: tuple[str, ...] = MOLECULAR

    @property
    def classes(self) -> dict[str, int]:
        return {"atoms": len(self.vocabulary.atoms), "pairs": len(self.vocabulary.bonds)}

    def counts(self, size: int) -> dict[str, int]:
        return {"atoms": size, "pairs": pair_count(size)}

    def blank(self, sizes: Tensor, largest: int) -> State:
        atoms, pairs = self.classes.values()
        return blank_state(sizes, largest, (atoms, pairs))

    def things_of(self, x: State) -> list[Graph]:
        return to_graphs(x)

    def check(self, things: Sequence[Graph]) -> list[Checked]:
        from molflow.chem.molecule import check_many

        return check_many(things, self.vocabulary)

    def subject(self, strict: str) -> Chem.Mol:
        from molflow.chem.molecule import read_smiles

        return read_smiles(strict)

    def key(self, thing: Graph) -> bytes:
        return thing.atoms.tobytes() + b"|" + thing.pairs.tobytes()

    def sketch(self, thing: Graph) -> Chem.Mol | None:
        from molflow.chem.molecule import build

        if not len(thing):
            return None
        mol = build(thing, self.vocabulary).GetMol()
        mol.UpdatePropertyCache(strict=False)
        return mol

    def measure(
        self, things: Sequence[Graph], checked: Sequence[Checked], known: Known | None
    ) -> dict[str, float]:
        from molflow.metrics.validity import measure

        return measure(things, checked, self.vocabulary, known)

    def describe(self, max_size: int) -> str:
        return f"up to {max_size} atoms of {' '.join(self.vocabulary.atoms)}"

    def plan(self, constraint: Constraint | None, prompt: str | None, max_size: int) -> Plan | None:
        from molflow.chem.constraints import plan

        if prompt is not None:
            raise InputError(f"prompt={prompt!r}: this model makes graphs; scaffold= keeps a part")
        return None if constraint is None else plan(constraint, self.vocabulary, max_size)

    def conditioned(self, law: Law, held: Plan) -> Law:
        from molflow.chem.holding import conditioned

        return conditioned(law, held)

    def held_state(self, held: Plan, sizes: Sizes, priority: NDArray[np.float64]) -> State:
        from molflow.chem.holding import held_state

        return held_state(held, sizes, priority)

    def allowed(self, held: Plan) -> Fields:
        from molflow.chem.holding import allowed_classes

        return allowed_classes(held)

    def kept(self, thing: Graph, held: Plan) -> bool:
        from molflow.chem.holding import kept

        return kept(thing, held)


@dataclass(frozen=True)
class Strings:
    """Texts, or molecules as SMILES: one variable a token."""

    vocabulary: TokenVocabulary

    @property
    def molecular(self) -> bool:
        """Whether the texts are SMILES."""
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

    def sketch(self, thing: str) -> Chem.Mol | None:
        from molflow.metrics.attempts import read_raw

        mol = read_raw(thing) if self.molecular else None
        if mol is not None:
            mol.UpdatePropertyCache(strict=False)
        return mol

    def measure(
        self, things: Sequence[str], checked: Sequence[Checked], known: Known | None
    ) -> dict[str, float]:
        from molflow.metrics.attempts import measure_smiles
        from molflow.metrics.text import measure_text, variety

        if self.molecular:
            return measure_smiles(things, checked, known)
        return variety(things) if known is None else measure_text(things, known)

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
        except ValueError:  # What SELFIES come to may have none, or others, of its own.
            return False


def _with_molecule(checked: Checked) -> Checked:
    """The molecule of its SMILES, for those that have one."""
    from molflow.chem.molecule import read_smiles

    return checked if checked.smiles is None else replace(checked, mol=read_smiles(checked.smiles))


def modality_of(vocabulary: Vocabulary | TokenVocabulary) -> Modality:
    """The kind of states that a vocabulary is of."""
    return Graphs(vocabulary) if isinstance(vocabulary, Vocabulary) else Strings(vocabulary)
