"""Where the numbers of a run are logged: CSV files in its folder, and wandb where asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from molflow.config import TrainConfig, to_plain
from molflow.errors import InputError


def make_loggers(config: TrainConfig) -> list[Logger]:
    """CSV in the run folder, a new part for each resumption; wandb beside it where asked.

    Raises:
        InputError: wandb is asked for, and has no key.
    """
    folder = Path(config.out)
    part = len(list(folder.glob("logs/*/metrics.csv")))
    # Written at every row: those of steps that no multiple of a larger number meets would wait for
    # the end, and be lost in a crash.
    loggers: list[Logger] = [
        CSVLogger(folder, name="logs", version=str(part), flush_logs_every_n_steps=1)
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
    """Write everything logged so far to disk, and end a run of wandb."""
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _has_wandb_key() -> bool:
    import wandb

    return bool(os.environ.get("WANDB_API_KEY")) or wandb.login(prompt=False)
