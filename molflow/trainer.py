"""The Lightning trainer of a run: hardware, loggers, callbacks, and the checkpoint to resume."""

from __future__ import annotations

import logging
import math
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from molflow.callbacks import CHECKPOINT, Checkpoints, Progress, Trial
from molflow.config import TrainConfig, TrainerConfig, to_plain
from molflow.errors import InputError
from molflow.module import FlowModule

STEPS_WORTH_COMPILING = 3000
MINUTES_WORTH_COMPILING = 10.0


def make_trainer(config: TrainConfig, trial: Trial) -> pl.Trainer:
    """Lightning's trainer with our callbacks, on the hardware that ``config`` names."""
    _quieten_lightning()
    settings, folder = config.trainer, Path(config.out)
    return pl.Trainer(
        max_steps=settings.steps,
        max_epochs=-1,
        accumulate_grad_batches=settings.accumulate,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy=settings.strategy,
        precision="bf16-mixed" if wants_bf16(settings) else "32-true",
        logger=make_loggers(config),
        callbacks=[
            Progress(settings.batch_size),
            trial,
            Checkpoints(folder, trial.spec, settings.checkpoint_minutes),
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def make_loggers(config: TrainConfig) -> list[Logger]:
    """CSV in the run folder, a new part for each resumption; wandb beside it where asked."""
    folder = Path(config.out)
    part = len(list(folder.glob("logs/*/metrics.csv")))
    loggers: list[Logger] = [
        CSVLogger(folder, name="logs", version=str(part), flush_logs_every_n_steps=100)
    ]
    if config.logger.name == "wandb":
        if not config.logger.offline and not _has_wandb_key():
            raise InputError("logger=wandb: no API key; run `wandb login`, or logger.offline=true")
        loggers.append(
            WandbLogger(
                project=config.logger.project,
                offline=config.logger.offline,
                save_dir=folder,
                config=to_plain(config),
            )
        )
    return loggers


def close_loggers(loggers: Sequence[Any]) -> None:
    """Everything logged so far is on disk, and a run of wandb is over."""
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def wants_bf16(settings: TrainerConfig) -> bool:
    """bf16 where asked, or where ``auto`` finds hardware on which it is faster."""
    if settings.precision != "auto":
        return settings.precision == "bf16"
    if torch.cuda.is_available() and settings.accelerator != "cpu":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def wants_compilation(settings: TrainerConfig) -> bool:
    """Where asked, or where ``auto`` finds a compiler and a run long enough to repay a minute."""
    if settings.compile != "auto":
        return settings.compile == "always"
    compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))
    minutes = settings.max_minutes or math.inf
    long = settings.steps >= STEPS_WORTH_COMPILING and minutes >= MINUTES_WORTH_COMPILING
    return compiler and long


def checkpoint_to_resume(config: TrainConfig, module: FlowModule) -> str | None:
    """The path of the checkpoint, after a look at whether it can be read and fits the module."""
    if config.resume is None:
        return None
    path = Path(config.out) / CHECKPOINT
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except Exception as error:  # whatever a damaged archive makes the reader stumble over
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: truncated or not a checkpoint ({line})") from None
    wanted = module.state_dict()
    for name in wanted | saved:
        shapes = [tuple(d[name].shape) if name in d else None for d in (saved, wanted)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{path}: {name} is {shapes[0]} there and {shapes[1]} in this configuration"
            )
    return str(path)


def _has_wandb_key() -> bool:
    import wandb

    return bool(os.environ.get("WANDB_API_KEY")) or wandb.login(prompt=False)


def _quieten_lightning() -> None:
    """Hints about loaders, sanity checks and products; errors and our own lines remain."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def fit(trainer: pl.Trainer, module: FlowModule, checkpoint: str | None) -> Any:
    """Trains, from ``checkpoint`` on if there is one."""
    trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
