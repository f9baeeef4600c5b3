"""The arguments of a run with those of the run that it resumes or the model that it starts from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from molflow.config import TrainConfig, load_config, recipes, with_file
from molflow.config.key import expanded, from_plain, keys
from molflow.config.saved import anchored as anchored_place
from molflow.early import require_training
from molflow.errors import InputError
from molflow.training.record import read_record

OWN_FOLDER = ("out", "resume", "take_over")
RANKS = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "RANK", "SLURM_PROCID")
"""Variables in which Lightning, torchrun and SLURM number processes; the first is 0 in all."""


def configure(arguments: list[str]) -> tuple[TrainConfig, list[str]]:
    """The configuration, and all arguments behind it: those of a resumed run come first."""
    arguments = [anchored(argument) for argument in with_file("train", arguments)]
    own = {key_of(a): a.partition("=")[2] for a in arguments if key_of(a) in OWN_FOLDER}
    if not own.get("resume"):
        arguments = with_parent(arguments)
        config = load_config("train", arguments)
        require_training(config)
        return config, arguments
    resume = own["resume"]
    if own.get("out", resume) not in ("", resume):
        raise InputError(f"out={own['out']}: resume={resume} goes on in its own folder")
    kept = [a for a in read_record(resume)["arguments"] if key_of(a) not in OWN_FOLDER]
    combined = [*kept, *(a for a in arguments if key_of(a) not in ("out", "resume"))]
    resumed = load_config("train", combined)
    return replace(resumed, out=resume, resume=resume), combined


def with_parent(arguments: list[str]) -> list[str]:
    """The same, behind what the model that the run starts from says where the user does not.

    They are read together alone: a setting of the user may need one of the model.
    """
    checkpoints = [a.partition("=")[2] for a in arguments if key_of(a) == "checkpoint"]
    if not checkpoints or not checkpoints[-1]:
        return arguments
    from molflow.model.place import find_model

    place = find_model(checkpoints[-1])
    # A wrong key or value is told before torch is loaded.
    from_plain(TrainConfig, recipes.compose("train", TrainConfig, arguments))
    from molflow.model.checkpoint import read_spec
    from molflow.training.fine_tuning import inherited

    there, usual = inherited(arguments, read_spec(place))
    if is_main_process():
        print(f"as in {checkpoints[-1]}, where you say nothing: {' '.join(there) or 'no key'}")
        if usual:
            print(f"as suits few molecules: {' '.join(usual)}")
    return [*there, *usual, *arguments]


def key_of(argument: str) -> str:
    """The text before the first ``=``."""
    return argument.split("=", 1)[0]


def anchored(argument: str) -> str:
    """The argument with a path made absolute, so that it holds from any folder.

    A name that is no path here (a file that is missing, a released model) stays as it is.
    """
    name, _, value = argument.partition("=")
    known = keys(TrainConfig).get(name)
    if known is None or not known.path or not value:
        return argument
    if name in OWN_FOLDER:
        return f"{name}={Path(expanded(value, name))}"
    return f"{name}={anchored_place(known, value)}"


def is_main_process() -> bool:
    """False in the processes that a distributed run starts beside the first, on any machine."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
