"""A model on disk: ``model.safetensors`` and ``config.json`` in a folder. No code, no pickle.

The configuration holds what the weights do not: a ``ModelSpec``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from molflow.chem.vocabulary import Vocabulary
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS
from molflow.model.spec import COUNTS, ModelSpec
from molflow.sequence.vocabulary import TokenVocabulary

Shape = tuple[int, ...]


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
