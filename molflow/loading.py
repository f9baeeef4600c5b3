"""A model by its name, looked for before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from molflow.model.place import find_model
from molflow.progress import announced

if TYPE_CHECKING:
    from molflow.generator import Generator


def load(checkpoint: str | Path, device: str = "auto", batch_size: int = 512) -> Generator:
    """The model in a folder, or a released one by its name, to sample from.

    Args:
        checkpoint: a run folder or any folder with model.safetensors and config.json; or "qm9"; or
            "hf:owner/name" of a hub, with "@revision" behind it a branch, a tag or a commit.
        device: a name that torch knows; "auto" is the GPU where there is one.
        batch_size: particles of a batch, at most; no molecule depends on it.

    Raises:
        InputError: says what is missing, damaged or does not fit.
    """
    find_model(checkpoint)
    with announced("loading torch and the model"):
        from molflow.generator import Generator
        from molflow.model.model import read_model

        model = read_model(checkpoint, device)
        return Generator(model.net, model.spec, model.fingerprint, batch_size)
