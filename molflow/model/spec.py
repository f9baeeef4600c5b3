"""What a model is besides its weights, as a value; ``checkpoint`` reads and writes it.

The specification holds the shape of the network, the vocabulary, the law of sizes, the scale of the
prior, and where the training data came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from molflow.chem.properties import PROPERTIES
from molflow.chem.vocabulary import Vocabulary
from molflow.modality import Modality, modality_of
from molflow.model.conditions import Standard
from molflow.sequence.vocabulary import TokenVocabulary

FORMAT = 3
READABLE = (1, 2, FORMAT)
"""Format 1 calls the largest size max_atoms, and has no condition; before format 3 the MLP of
pairs is four times as wide as a pair, and attention of graphs knows no distances."""
COUNTS = ("max_size", "width", "depth", "heads", "pair_expand")
KINDS = (
    ("positions", bool),
    ("distances", bool),
    ("loss", str),
    ("flow_map", bool),
    ("dataset", dict),
)
LATER = ("flow", "parent")
"""Sections that older files lack."""


@dataclass(frozen=True)
class ModelSpec:
    """What a model is besides its weights; all of it plain numbers and text.

    vocabulary: of the atoms and bonds of graphs, or of the tokens of strings. max_size: atoms or
    tokens at most. size_law: (max_size + 1,) probabilities of their number in training.
    pair_width: channels of a pair of atoms; None where there are no pairs.
    positions: whether atoms come in canonical order and the network knows their index.
    loss: the name of the objective, which says what the network's output means.
    dataset: name, path, split and vocabulary of the training data, to find them again.
    flow_map: whether it has learned to jump, off the diagonal s = t.
    shown: share of the training examples that showed a part clean, as constraints do.
    condition: the properties that it was told of molecules in training, in the order of the
    context of its states.
    pair_expand, distances: as of ``GraphTransformer``; strings have no pairs, and always distances.
    flow: the settings of the flow in training (``config.FlowConfig``); empty in older files.
    parent: of a model that started from another, its ``checkpoint``, and the share ``replay`` of
    every batch that was of its molecules; else empty.
    """

    vocabulary: Vocabulary | TokenVocabulary
    max_size: int
    size_law: tuple[float, ...]
    width: int
    pair_width: int | None
    depth: int
    heads: int
    positions: bool
    loss: str
    prior_scale: float
    dataset: dict[str, Any]
    flow_map: bool = False
    shown: float = 0.0
    condition: tuple[Standard, ...] = ()
    pair_expand: int = 4
    distances: bool = False
    flow: dict[str, Any] = field(default_factory=dict)
    parent: dict[str, Any] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """What its states are of."""
        return modality_of(self.vocabulary)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"format": FORMAT, **asdict(self), "vocabulary": self.vocabulary.to_dict()}

    @classmethod
    def from_dict(cls, plain: Any) -> ModelSpec:
        """The inverse of ``to_dict``. ValueError says what is missing or wrong in anything else."""
        if not isinstance(plain, dict) or "format" not in plain:
            raise ValueError("format is missing")
        if plain["format"] not in READABLE:
            known = ", ".join(map(str, READABLE))
            raise ValueError(f"format is {plain['format']!r}, this version reads {known}")
        if plain["format"] == 1 and "max_atoms" in plain:
            plain = {**plain, "max_size": plain["max_atoms"], "condition": []}
        if plain["format"] < 3:
            plain = {**plain, "pair_expand": 4, "distances": False}
        plain = {name: {} for name in LATER} | plain
        missing = [field.name for field in fields(cls) if field.name not in plain]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        values = {field.name: plain[field.name] for field in fields(cls)}
        try:
            values["vocabulary"] = _vocabulary(plain["vocabulary"])
            values["size_law"] = tuple(float(p) for p in plain["size_law"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"vocabulary or size_law: {error!r}") from None
        try:
            values["condition"] = tuple(Standard(**one) for one in plain["condition"])
        except TypeError as error:
            raise ValueError(f"condition: {error!r}") from None
        _check(values)
        return cls(**values)


def _vocabulary(plain: Mapping[str, Any]) -> Vocabulary | TokenVocabulary:
    return (TokenVocabulary if "symbols" in plain else Vocabulary).from_dict(plain)


def _check(values: Mapping[str, Any]) -> None:
    """ValueError where numbers are of no use, so that nothing fails later for want of sense."""
    for name in COUNTS:
        if type(values[name]) is not int or values[name] < 1:
            raise ValueError(f"{name} is {values[name]!r}, not a count")
    for name, kind in (*KINDS, *((name, dict) for name in LATER)):
        if not isinstance(values[name], kind):
            raise ValueError(f"{name} is {values[name]!r}, not a {kind.__name__}")
    pairs = isinstance(values["vocabulary"], Vocabulary)
    if pairs != (type(values["pair_width"]) is int and values["pair_width"] > 0):
        wanted = "a count" if pairs else "null, as there are no pairs"
        raise ValueError(f"pair_width is {values['pair_width']!r}, not {wanted}")
    heads = values["heads"] * (1 if pairs else 2)  # Rotary positions turn pairs of channels.
    if values["width"] % heads:
        raise ValueError(f"width {values['width']} is no multiple of {heads}, for so many heads")
    shown, scale, law = values["shown"], values["prior_scale"], values["size_law"]
    if not isinstance(shown, int | float) or not 0 <= shown < 1:
        raise ValueError(f"shown is {shown!r}, not a share below 1")
    if not isinstance(scale, int | float) or not 0 < scale < math.inf:
        raise ValueError(f"prior_scale is {scale!r}, not a positive number")
    replay = values["parent"].get("replay", 0)
    if not isinstance(replay, int | float) or not 0 <= replay < 1:
        raise ValueError(f"parent: replay is {replay!r}, not a share below 1")
    if len(law) != values["max_size"] + 1 or min(law) < 0 or not math.isclose(sum(law), 1):
        raise ValueError(f"size_law is no law of sizes from 0 to max_size={values['max_size']}")
    if law[0] > 0:
        raise ValueError("size_law has things of size 0")
    _check_condition(values["condition"])


def _check_condition(standards: Sequence[Standard]) -> None:
    for one in standards:
        numbers = [one.mean, one.spread, one.low, one.high]
        sound = all(isinstance(x, int | float) and math.isfinite(x) for x in numbers)
        if not isinstance(one.name, str) or not sound or not one.low < one.high or one.spread <= 0:
            raise ValueError(f"condition is {vars(one)}, not a name, mean, spread, low and high")
        if one.name not in PROPERTIES:
            raise ValueError(f"condition has {one.name!r}, no property that this version knows")
    names = [one.name for one in standards]
    if len(set(names)) < len(names):
        raise ValueError(f"condition has a name twice: {', '.join(names)}")
