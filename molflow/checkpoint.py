"""A model on disk: ``model.safetensors`` and ``config.json`` in a folder. No code, no pickle.

The configuration holds what the weights do not: the shape of the network, the vocabulary, the law
of sizes, the scale of the prior, and where the training data came from.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from molflow.chem.vocabulary import Vocabulary
from molflow.console import atomic_write
from molflow.errors import InputError

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True)
class ModelSpec:
    """What a model is besides its weights; all of it plain numbers and text.

    size_law: (max_atoms + 1,) probabilities of the number of atoms in training.
    positions: whether atoms come in canonical order and the network knows their index.
    loss: the name of the objective, which says what the network's output means.
    dataset: name, path, split and vocabulary of the training data, to find them again.
    """

    vocabulary: Vocabulary
    max_atoms: int
    size_law: tuple[float, ...]
    width: int
    pair_width: int
    depth: int
    heads: int
    positions: bool
    loss: str
    prior_scale: float
    dataset: dict[str, Any]

    @property
    def classes(self) -> tuple[int, int]:
        """(A, E): how many classes an atom and a pair have."""
        return len(self.vocabulary.atoms), len(self.vocabulary.bonds)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"format": FORMAT, **asdict(self), "vocabulary": self.vocabulary.to_dict()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ModelSpec:
        """The inverse of ``to_dict``; raises KeyError or ValueError on anything else."""
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']}: this version reads format {FORMAT}")
        values = {field.name: plain[field.name] for field in fields(cls)}
        values["vocabulary"] = Vocabulary.from_dict(plain["vocabulary"])
        values["size_law"] = tuple(plain["size_law"])
        return cls(**values)


def save_model(folder: Path, net: nn.Module, spec: ModelSpec) -> None:
    """Writes weights and configuration, each to a temporary name first."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    with atomic_write(folder / WEIGHTS) as path:
        save_file(tensors, path, metadata={"format": "pt"})
    with atomic_write(folder / CONFIG) as path:
        path.write_text(json.dumps(spec.to_dict(), indent=1) + "\n")


def read_spec(folder: Path) -> ModelSpec:
    """The configuration of the model in ``folder``."""
    path = folder / CONFIG
    if not folder.is_dir() or not path.is_file():
        raise InputError(f"checkpoint={folder}: not a folder with {CONFIG} and {WEIGHTS}")
    try:
        return ModelSpec.from_dict(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the configuration of a model ({error!r})") from None


def load_weights(folder: Path, net: nn.Module) -> None:
    """Reads the weights in ``folder`` into ``net``, which must have exactly their names and shapes."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"checkpoint={folder}: {WEIGHTS} is missing")
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: truncated or not a safetensors file ({error})") from None
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise InputError(f"{path}: weights do not fit {CONFIG} beside them: {first}") from None


def weights_hash(folder: Path) -> str:
    """sha256 of the weights file: which model made these molecules."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
