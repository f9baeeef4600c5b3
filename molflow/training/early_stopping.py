"""The end of a run whose loss on held-out examples falls no more, and its best weights."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from molflow.cores import on_cores
from molflow.training.callbacks import Trial
from molflow.training.module import FlowModule


class EarlyStopping(pl.Callback):
    """Ends training after ``patience`` looks without a new least loss, and puts the best average
    back.

    The loss is that of training, on the held-out examples of ``trial``, with the averaged weights
    and the same noise at every look. That of a flow map is part of it. The map follows the diagonal
    later, so a run that looked at the diagonal alone would end too early. A run that is interrupted
    keeps its latest average, and its checkpoint holds the best one too.

    Args:
        trial: has the held-out examples.
        every: optimizer steps between two looks.
        patience: looks.
    """

    def __init__(self, trial: Trial, every: int, patience: int) -> None:
        self.trial, self.every, self.patience = trial, every, patience
        self.loss, self.step, self.stale = math.inf, 0, 0
        self.best: dict[str, Tensor] = {}

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Look when it is due. All processes are told the loss of the first."""
        assert isinstance(module, FlowModule)
        due = trainer.global_step % self.every == 0 and module.between_steps
        if not due or not self.trial.held_out:
            return
        loss = self._look(module) if trainer.is_global_zero else math.nan
        loss = trainer.strategy.broadcast(loss)
        self.stale += 1
        if loss < self.loss:
            self.loss, self.step, self.stale = loss, trainer.global_step, 0
            weights = module.average.module.state_dict()
            self.best = {name: value.clone() for name, value in weights.items()}
        if self.stale >= self.patience:
            trainer.should_stop = True

    def _look(self, module: FlowModule) -> float:
        with on_cores(self.trial.cores):
            losses = self.trial.held_out_losses(module)
        module.report(losses)
        return losses["valid/loss"]

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Put the best average in place of the last one, where the run is at its end."""
        assert isinstance(module, FlowModule)
        stopped = self.stale >= self.patience
        if not self.best or not (stopped or module.progress >= 1):
            return
        module.average.module.load_state_dict(self.best)
        module.progress = 1.0
        if trainer.is_global_zero:
            fell = f"no lower in {self.stale} looks since" if stopped else "lower at no later look"
            print(f"held-out loss: least at step {self.step:,}, {fell}; those weights are kept")

    def state_dict(self) -> dict[str, Any]:
        """The least loss, its step and weights, and the looks since."""
        return {"loss": self.loss, "step": self.step, "stale": self.stale, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was saved."""
        self.loss, self.step, self.stale, self.best = (
            state_dict[name] for name in ("loss", "step", "stale", "best")
        )
