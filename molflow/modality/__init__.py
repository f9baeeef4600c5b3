"""The states of a model are graphs or strings of tokens, and turn into molecules or texts."""

from __future__ import annotations

from typing import Any

from molflow.chem.constraints import Plan
from molflow.chem.vocabulary import Vocabulary
from molflow.graph.graph import Graph
from molflow.metrics.text import TextReference
from molflow.modality import kind
from molflow.modality.graphs import Graphs
from molflow.modality.strings import Strings
from molflow.sequence.prompt import Prompt
from molflow.sequence.vocabulary import TokenVocabulary

__all__ = ["Graphs", "Held", "Known", "Modality", "Strings", "Thing", "modality_of"]

Modality = kind.Modality[Any, Any, Any]
"""A kind of states whose things are not told apart here; ``Graphs`` and ``Strings`` tell."""
Thing = Graph | str
"""A finished state turns into a graph, or into the text of a string of tokens."""
Held = Plan | Prompt
"""A user holds parts of graphs, or of strings."""
Known = frozenset[str] | TextReference
"""Training knows canonical SMILES without stereo, or the words and n-grams of texts."""


def modality_of(vocabulary: Vocabulary | TokenVocabulary) -> Modality:
    """Tell the kind of states that a vocabulary is of."""
    if isinstance(vocabulary, Vocabulary):
        graphs: kind.Modality[Graph, Plan, frozenset[str]] = Graphs(vocabulary)
        return graphs
    strings: kind.Modality[str, Prompt, Known] = Strings(vocabulary)
    return strings
