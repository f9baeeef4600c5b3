"""Where a model lies: told without a look into it, so that a wrong name costs nothing."""

from __future__ import annotations

from pathlib import Path

from molflow.config.key import expanded
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS, is_place
from molflow.model.hub import HUB, fetch

PRETRAINED = Path(__file__).parents[1] / "pretrained"


def find_model(checkpoint: str | Path) -> Path:
    """The folder of a model.

    Args:
        checkpoint: that folder, or the file of weights in it; or a released model by its name,
            such as "qm9", where no model in a folder of that name is here; or "hf:owner/name",
            which is fetched from a hub.

    Raises:
        InputError: says what is missing.
    """
    given = str(checkpoint)
    place = str(fetch(given)) if given.startswith(HUB) else expanded(given, "checkpoint")
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
