"""The states of a model are graphs or strings of tokens, and turn into molecules or texts."""

from __future__ import annotations

from molflow.chem.vocabulary import Vocabulary
from molflow.modality.graphs import Graphs
from molflow.modality.kind import Held, Known, Modality, Thing
from molflow.modality.strings import Strings
from molflow.sequence.vocabulary import TokenVocabulary

__all__ = ["Graphs", "Held", "Known", "Modality", "Strings", "Thing", "modality_of"]


def modality_of(vocabulary: Vocabulary | TokenVocabulary) -> Modality:
    """Tell the kind of states that a vocabulary is of."""
    return Graphs(vocabulary) if isinstance(vocabulary, Vocabulary) else Strings(vocabulary)
