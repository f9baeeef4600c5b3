"""A model on disk: ``model.safetensors`` and ``config.json`` in a folder. No code, no pickle.

The configuration holds what the weights do not: the shape of the network, the vocabulary, the law
of sizes, the scale of the prior, and where the training data came from.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from molflow.chem.properties import PROPERTIES
from molflow.chem.vocabulary import Vocabulary
from molflow.config.key import expanded
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS, is_place
from molflow.modality import Modality, modality_of
from molflow.model.conditions import Standard
from molflow.sequence.vocabulary import TokenVocabulary

FORMAT = 3
READABLE = (1, 2, FORMAT)
"""Format 1 calls the largest size max_atoms, and has no condition; before format 3 the MLP of
pairs is four times as wide as a pair, and attention of graphs knows no distances."""
PRETRAINED = Path(__file__).parents[1] / "pretrained"
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
Shape = tuple[int, ...]


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


def save_model(folder: Path, net: nn.Module, spec: ModelSpec) -> None:
    """Writes weights and configuration, each to a temporary name first."""
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    # The network's shape does not tell two vocabularies of one size apart: the names go along.
    content = save(tensors, metadata={"format": "pt", "vocabulary": _names(spec.vocabulary)})
    with atomic_write(folder / WEIGHTS) as path:
        path.write_bytes(content)
    with atomic_write(folder / CONFIG) as path:
        path.write_text(json.dumps(spec.to_dict(), indent=1) + "\n")


def find_model(checkpoint: str | Path) -> Path:
    """The folder of a model, given as that folder, as the file of weights in it, or by the name of
    a released model such as "qm9" where no model in a folder of that name is here.

    InputError says what is missing.
    """
    place = expanded(str(checkpoint), "checkpoint")
    folder = Path(place)
    released = PRETRAINED / folder.name
    if not is_place(place) and released.is_dir():
        return released
    if folder.name == WEIGHTS and not folder.is_dir():
        folder = folder.parent
    if not folder.is_dir():
        names = ", ".join(sorted(path.name for path in PRETRAINED.iterdir()))
        wrong = "a file, where a folder is needed" if folder.is_file() else "no such folder"
        raise InputError(f"checkpoint={checkpoint}: {wrong}; released models: {names}")
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"checkpoint={checkpoint}: no model there, {name} is missing")
    return folder


def read_spec(folder: Path) -> ModelSpec:
    """The configuration of the model in ``folder``; InputError where it is none."""
    path = folder / CONFIG
    try:
        return ModelSpec.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: truncated or not JSON ({error})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not the configuration of a model: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None


def require_fit(folder: Path, spec: ModelSpec, build: Callable[[ModelSpec], nn.Module]) -> None:
    """InputError where the file of weights in ``folder`` is not of the network that ``spec`` names.

    Compares names and shapes alone, so a configuration with absurd numbers allocates nothing.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    try:
        with safe_open(path, "pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise InputError(f"{path}: truncated or not a safetensors file ({error})") from None
    _require_vocabulary(path, metadata, spec.vocabulary)
    _require_plausible(path, found, spec)
    with torch.device("meta"), _Unfilled():
        wanted = build(spec)
    _require_shapes(path, found, wanted)


class _Unfilled(TorchFunctionMode):
    """Nothing is filled with initial values: on the meta device torch would import its compiler for
    that, which takes seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", "") == torch.nn.init.__name__:
            return named.get("tensor", *args[:1])
        return func(*args, **named)


def _require_plausible(path: Path, found: Mapping[str, Shape], spec: ModelSpec) -> None:
    """Every block has tensors and every other count is the side of one."""
    sides = [side for shape in found.values() if 0 not in shape for side in shape]
    for name in (*COUNTS, "pair_width"):
        value = getattr(spec, name) or 0
        limit = len(found) if name == "depth" else max(sides, default=0)
        if value > limit:
            _misfit(path, f"{name} is {value} there, more than they have room for")


def load_weights(folder: Path, net: nn.Module, vocabulary: Vocabulary | TokenVocabulary) -> str:
    """Reads the weights in ``folder`` into ``net``; the sha256 of their file.

    InputError where the file is damaged, names another vocabulary, or holds other names or shapes
    than ``net``.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / WEIGHTS
    try:
        content = path.read_bytes()
        tensors = load(content)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise InputError(f"{path}: truncated or not a safetensors file ({error})") from None
    _require_vocabulary(path, _metadata(content), vocabulary)
    _require_shapes(path, {name: tuple(value.shape) for name, value in tensors.items()}, net)
    net.load_state_dict(tensors)
    return hashlib.sha256(content).hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """What a sound safetensors file says of itself: 8 bytes of length, then a JSON header."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _names(vocabulary: Vocabulary | TokenVocabulary) -> str:
    if isinstance(vocabulary, TokenVocabulary):
        return json.dumps(vocabulary.to_dict())
    return " ".join((*vocabulary.atoms, *vocabulary.bonds))


def _require_vocabulary(
    path: Path, metadata: Mapping[str, str], vocabulary: Vocabulary | TokenVocabulary
) -> None:
    named = metadata.get("vocabulary", _names(vocabulary))
    if named != _names(vocabulary):
        raise InputError(f"{path}: of another vocabulary ({named}) than {CONFIG} beside it")


def _require_shapes(path: Path, found: Mapping[str, Shape], net: nn.Module) -> None:
    """InputError for the first tensor that is missing, unknown or of another shape."""
    wanted = net.state_dict()
    for name in wanted:
        if name not in found:
            _misfit(path, f"{name} is missing")
        ours, theirs = tuple(wanted[name].shape), found[name]
        if ours != theirs:
            _misfit(path, f"{name} is {theirs} instead of {ours}: another vocabulary or size")
    for name in found:
        if name not in wanted:
            _misfit(path, f"{name} is unknown")


def _misfit(path: Path, difference: str) -> NoReturn:
    raise InputError(f"{path}: not the weights of {CONFIG} beside it: {difference}")
