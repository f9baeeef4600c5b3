"""The Lightning trainer of a run: hardware, callbacks, and the checkpoint to resume."""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from molflow.config import TrainConfig, TrainerConfig
from molflow.errors import InputError
from molflow.files import CHECKPOINT
from molflow.model.checkpoint import read_spec
from molflow.model.parents import PARENTAL, require_same
from molflow.model.spec import ModelSpec
from molflow.training.callbacks import Checkpoints, Cores, Progress, Snapshots, Trial
from molflow.training.early_stopping import EarlyStopping
from molflow.training.loggers import make_loggers
from molflow.training.module import FlowModule
from molflow.training.setup import WITHOUT_DERIVATIVE

LONG_STEPS = 3000
LONG_MINUTES = 10.0
"""From here on a run repays a minute of preparation."""

MOST_WORKERS = 12
"""The most processes that prepare batches for a GPU, unless more are asked for."""

FEWEST_EXAMPLES = 32
"""The fewest examples for one of several processes on a CPU: with less, its network is mostly
overhead.
"""


def processes(settings: TrainerConfig) -> int:
    """The number of devices of this machine: as asked, else one, or up to one for each CPU core.

    A CPU core with a process of its own does more than as one of several threads. The number of
    processes that were started already stands.

    Raises:
        InputError: the batch cannot be shared out evenly.
    """
    size, asked = settings.batch_size, settings.devices
    if asked is None and "LOCAL_RANK" in os.environ:
        asked = int(os.environ.get("WORLD_SIZE", 1)) // settings.nodes
    if asked is None and settings.nodes > 1:
        asked = 1
    if asked is not None and size % (asked * settings.nodes):
        divide = f"trainer.batch_size={size}: not a multiple of trainer.devices={asked}"
        of_each = f" on each of trainer.nodes={settings.nodes}" if settings.nodes > 1 else ""
        raise InputError(f"{divide}{of_each}, which share it")
    if asked is not None:
        _warn_of_crowding(settings, asked)
        return asked
    if not (trains_on_cpu(settings) and is_long(settings) and is_program()):
        return 1
    able = [n for n in range(2, torch.get_num_threads() + 1) if size % n == 0]
    return max((n for n in able if size // n >= FEWEST_EXAMPLES), default=1)


def workers_of(settings: TrainerConfig) -> int:
    """The number of processes that prepare batches, as asked or by the hardware.

    On a CPU it is 0, as all cores train. On a GPU it is one for each core but one, up to
    MOST_WORKERS.
    """
    if settings.workers is not None:
        return settings.workers
    return 0 if trains_on_cpu(settings) else min(MOST_WORKERS, torch.get_num_threads() - 1)


def _warn_of_crowding(settings: TrainerConfig, asked: int) -> None:
    """Says, once, that there are more processes than cores."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = os.cpu_count() or 1 if affinity is None else len(affinity(0))
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    if trains_on_cpu(settings) and asked > cores and first:
        print(
            f"warning: trainer.devices={asked}: so many processes on {cores} CPU cores wait for "
            "each other",
            file=sys.stderr,
        )


def trains_on_cpu(settings: TrainerConfig) -> bool:
    """Whether the run trains on a CPU: where asked, or where ``auto`` finds nothing else."""
    if settings.accelerator != "auto":
        return settings.accelerator == "cpu"
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def is_program() -> bool:
    """Whether the command line trains: other processes can be started like this one.

    It is ``python -m molflow.train``, ``python -m molflow train`` or the script ``molflow train``.
    This cannot be said of a notebook or of somebody's own script.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = Path(sys.argv[0]).stem if spec is None else spec.name
    one_of_all = name == ("molflow" if spec is None else "molflow.__main__")
    return name == "molflow.train" or (one_of_all and sys.argv[1:2] == ["train"])


def is_long(settings: TrainerConfig) -> bool:
    """Whether the run may last long enough to repay a minute of preparation."""
    return settings.steps >= LONG_STEPS and (settings.max_minutes or math.inf) >= LONG_MINUTES


def make_trainer(config: TrainConfig, trial: Trial, devices: int) -> pl.Trainer:
    """Lightning's trainer with our callbacks.

    Args:
        config: of the run.
        trial: the callback that samples.
        devices: how many of the hardware in ``config``, on each machine.

    Raises:
        InputError: the hardware is not to be had here.
    """
    _quieten_lightning()
    settings, folder = config.trainer, Path(config.out)
    several = devices > 1 and trains_on_cpu(settings)
    arguments: dict[str, Any] = {
        "max_steps": settings.steps,
        "max_epochs": -1,
        "accumulate_grad_batches": settings.accumulate,
        "accelerator": settings.accelerator,
        "devices": devices,
        "num_nodes": settings.nodes,
        "strategy": settings.strategy,
        "precision": "bf16-mixed" if wants_bf16(settings) else "32-true",
        "logger": make_loggers(config),
        "callbacks": [
            *([Cores(devices)] if several else []),
            Progress(settings.batch_size * settings.accumulate, trial.spec.modality.things),
            trial,
            Snapshots(folder, trial.spec, settings.snapshots),
            *early_stopping(settings, trial),
            Checkpoints(folder, trial.spec, settings.checkpoint_minutes),
        ],
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
    }
    if several and settings.devices is None:
        # Nobody asked for several: they are ours to start, whatever started this one.
        arguments["plugins"] = [LightningEnvironment()]
    try:
        return pl.Trainer(**arguments)
    except MisconfigurationException as error:
        asked = f"trainer.accelerator={settings.accelerator}, trainer.devices={devices}"
        raise InputError(f"{asked}: not to be had here ({str(error).splitlines()[0]})") from None


def early_stopping(settings: TrainerConfig, trial: Trial) -> list[EarlyStopping]:
    """The callback that ends a run early, where it is to be."""
    if settings.patience is None:
        return []
    return [EarlyStopping(trial, settings.validate_every, settings.patience)]


def wants_bf16(settings: TrainerConfig) -> bool:
    """Whether to compute in bf16: where asked, or where ``auto`` finds hardware on which it is
    faster.
    """
    if settings.precision != "auto":
        return settings.precision == "bf16"
    if torch.cuda.is_available() and settings.accelerator != "cpu":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def wants_compilation(settings: TrainerConfig, distill: str) -> bool:
    """Whether to compile: where asked, or where ``auto`` finds a compiler and a long run.

    Such a run repays a minute. A network that is differentiated along time compiles for many
    minutes, and does so only where asked.
    """
    if settings.compile != "auto":
        return settings.compile == "always"
    compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))
    return compiler and is_long(settings) and distill in WITHOUT_DERIVATIVE


@dataclass(frozen=True)
class Resumed:
    """A checkpoint that fits.

    Attributes:
        path: where it is.
        step: how far its run had come.
        minutes: of wall time that the run had taken.
        stale: looks at the held-out loss since its best.
    """

    path: str
    step: int
    minutes: float
    stale: int


def checkpoint_to_resume(folder: Path, spec: ModelSpec, module: FlowModule) -> Resumed:
    """The checkpoint in ``folder``, after a look at whether it can be read and fits.

    Args:
        folder: of the run.
        spec: of the model that is to be trained.
        module: with the network.

    Raises:
        InputError: it is damaged, or the model of that run is another than ``spec``. A vocabulary
            or a law of sizes that changed would give the old weights a new meaning.
    """
    path = folder / CHECKPOINT
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        tensors = {name: tuple(value.shape) for name, value in saved["state_dict"].items()}
        seen, step = saved["molflow"], int(saved["global_step"])
        stale = saved["callbacks"].get(EarlyStopping.__name__, {}).get("stale", 0)
        resumed = Resumed(str(path), step, float(seen["minutes"]), int(stale))
        complete = {"pytorch-lightning_version", "loops", "optimizer_states"} <= saved.keys()
        (optimizer,) = saved["optimizer_states"]
        if not complete or "parts" not in optimizer or int(seen["batches_seen"]) < step:
            raise ValueError
    except Exception:  # whatever a damaged or foreign archive makes the reader stumble over
        raise InputError(f"{path}: truncated or not a checkpoint of this molflow") from None
    require_same(f"{path}: ", read_spec(folder), spec, (*PARENTAL, "size_law", "condition"))
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    for name in wanted | tensors:
        there, here = tensors.get(name), wanted.get(name)
        if there != here:
            raise InputError(f"{path}: {name} is {there} there and {here} in this configuration")
    return resumed


def _quieten_lightning() -> None:
    """Hints about loaders, sanity checks and products; errors and our own lines remain."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def fit(trainer: pl.Trainer, module: FlowModule, checkpoint: str | None) -> None:
    """Train.

    Args:
        trainer: Lightning's.
        module: with the network.
        checkpoint: where to go on; None begins anew.

    Raises:
        KeyboardInterrupt: the training was broken off.
    """
    try:
        trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # what Lightning makes of a KeyboardInterrupt
        raise KeyboardInterrupt from None
