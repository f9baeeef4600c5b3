"""The model that a run starts from, or goes on with: what it must share, and its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.modality import Graphs
from molflow.model.checkpoint import load_weights, read_spec
from molflow.model.growth import grown_vocabulary, grown_weights
from molflow.model.network import build_network
from molflow.model.place import find_model
from molflow.model.spec import ModelSpec
from molflow.sequence.vocabulary import TokenVocabulary

PARENTAL = (
    "vocabulary",
    "max_size",
    "width",
    "pair_width",
    "pair_expand",
    "distances",
    "heads",
    "positions",
    "loss",
    "prior_scale",
)
"""What a run must share with the model that it goes on with."""
GROWS = ("vocabulary", "max_size")
"""What of it a model of graphs may have more of than the one whose weights it starts from."""
SHOWN = 12
"""Symbols that one vocabulary has alone, of those that an error names."""


def load_parent(checkpoint: str, net: nn.Module, spec: ModelSpec) -> None:
    """Gives ``net`` the weights of a trained model; InputError where that is of another kind.

    A model of graphs may have more atom types and larger molecules, ``growth`` says how they begin.
    A model with a condition starts from one of the same condition, means and spreads included; or
    from one without any. A deep model starts from one of its depth or less. What reads the
    condition and the blocks that are added start as 0, so that at first the two models are the
    same.
    """
    folder = find_model(checkpoint)
    parent = read_spec(folder)
    place = f"checkpoint={checkpoint}: "
    require_kind(place, parent, spec)
    require_growth(place, parent, spec)
    require_same(place, parent, spec, [name for name in PARENTAL if name not in GROWS])
    if parent.condition:
        require_same(place, parent, spec, ["condition"])
    if parent.depth > spec.depth:
        raise InputError(
            f"{place}depth is {parent.depth} there and {spec.depth} here: blocks are only added"
        )
    smaller = build_network(parent)
    load_weights(folder, smaller, parent.vocabulary)
    own, weights = net.state_dict(), smaller.state_dict()
    if isinstance(spec.modality, Graphs):
        weights = grown_weights(weights, parent, spec)
    net.load_state_dict(own | {k: grown(v, own[k]) for k, v in weights.items()})


def grown(value: Tensor, own: Tensor) -> Tensor:
    """``value``, and what ``own`` has behind it: in the rows of blocks that the parent lacks."""
    return torch.cat([value, own[len(value) :]]) if len(value) < len(own) else value


def require_kind(place: str, there: ModelSpec, here: ModelSpec) -> None:
    """InputError, beginning with ``place``, where one makes graphs and the other strings."""
    if type(there.modality) is type(here.modality):
        return
    kinds = [
        f"{'graphs' if isinstance(spec.modality, Graphs) else 'strings'}, "
        f"{spec.modality.describe(spec.max_size)}"
        for spec in (there, here)
    ]
    raise InputError(f"{place}makes {kinds[0]}; here it would be {kinds[1]}")


def require_growth(place: str, there: ModelSpec, here: ModelSpec) -> None:
    """InputError, beginning with ``place``, where a model has less than its parent of GROWS, or
    where strings differ in them."""
    old, new = there.vocabulary, here.vocabulary
    if not isinstance(old, Vocabulary) or not isinstance(new, Vocabulary):
        require_same(place, there, here, GROWS)
        return
    if old.charged != new.charged:
        words = ["charged" if one.charged else "stripped" for one in (old, new)]
        raise InputError(f"{place}dataset.vocabulary is {words[0]} there and {words[1]} here")
    if grown_vocabulary(old, new) != new:
        require_same(place, there, here, ["vocabulary"])
    if there.max_size > here.max_size:
        require_same(place, there, here, ["max_size"])


def require_same(place: str, there: ModelSpec, here: ModelSpec, names: Sequence[str]) -> None:
    """InputError, beginning with ``place``, that names the first difference among ``names``."""
    for name in names:
        old, new = getattr(there, name), getattr(here, name)
        if old != new:
            words = f"{old!s:.90}", f"{new!s:.90}"
            if isinstance(old, TokenVocabulary) and isinstance(new, TokenVocabulary):
                words = beside(old, new), beside(new, old)
            raise InputError(f"{place}{name} is {words[0]} there and {words[1]} here")


def beside(these: TokenVocabulary, those: TokenVocabulary) -> str:
    """What a vocabulary is, and what it has that another has not."""
    alone = [symbol for symbol in these.symbols if symbol not in those.symbols]
    with_ = ", with " + " ".join(map(repr, alone[:SHOWN])) if alone else ""
    end = " and an end" if these.end else ""
    return f"{len(these.symbols)} of {these.scheme}{end}{with_}"
