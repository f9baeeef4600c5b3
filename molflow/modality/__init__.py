"""What the states of a model are made of, and what they turn into: graphs or strings of tokens."""

from __future__ import annotations

from molflow.chem.vocabulary import Vocabulary
from molflow.modality.graphs import Graphs
from molflow.modality.kind import Held, Known, Modality, Thing
from molflow.modality.strings import Strings
from molflow.sequence.vocabulary import TokenVocabulary

__all__ = ["Graphs", "Held", "Known", "Modality", "Strings", "Thing", "modality_of"]


def modality_of(vocabulary: Vocabulary | TokenVocabulary) -> Modality:
    """The kind of states that a vocabulary is of."""
    return Graphs(vocabulary) if isinstance(vocabulary, Vocabulary) else Strings(vocabulary)
