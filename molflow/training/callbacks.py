"""Callbacks of a training run, around its steps: progress, trials, checkpoints, Ctrl-C."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from molflow.console import written
from molflow.cores import on_cores
from molflow.files import CHECKPOINT, MOLECULES, SNAPSHOTS
from molflow.flow.state import State
from molflow.generator import Generator, Samples
from molflow.modality import Known
from molflow.model.checkpoint import save_model
from molflow.model.spec import ModelSpec
from molflow.pictures import show
from molflow.progress import terminal
from molflow.training.module import FlowModule, draws
from molflow.training.trials import SHOWN, TimedSamples

TRIAL_STEPS = 20
FEW_STEPS = (1, 4)
"""A trial of a flow map makes jumps in these numbers of steps too."""


class Progress(pl.Callback):
    """A bar with examples per second, loss and remaining time; without a terminal, lines."""

    def __init__(
        self, batch_size: int, things: str = MOLECULES, seconds_between_lines: float = 30.0
    ) -> None:
        self.batch_size, self.things = batch_size, things
        self.interval = 0.2 if sys.stderr.isatty() else seconds_between_lines
        self.bar: Any = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Open the bar."""
        self.first_step, self.started, self.shown = trainer.global_step, time.monotonic(), 0.0
        if sys.stderr.isatty() and trainer.is_global_zero:
            from rich.progress import BarColumn, Progress, TextColumn

            columns = TextColumn("training"), BarColumn(), TextColumn("{task.fields[line]}")
            self.bar = Progress(*columns, console=terminal())
            self.bar.add_task("training", total=1.0, line="")
            self.bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Show where the run is, a few times a second."""
        now = time.monotonic()
        if now - self.shown < self.interval or not trainer.is_global_zero:
            return
        self.shown = now
        assert isinstance(module, FlowModule)
        done, minutes = module.progress, module.minutes()
        steps = trainer.global_step - self.first_step
        rate = steps * self.batch_size / (now - self.started)
        left = f", {minutes * (1 / done - 1):.1f} min left" if done > 0.01 else ""
        total = module.optimisation.steps
        line = f"step {trainer.global_step:,}/{total:,}, {written(rate, 3)} {self.things}/s{left}"
        if isinstance(outputs, dict) and "loss" in outputs:
            line += f", loss {float(outputs['loss']):.3f}"
        if self.bar is not None:
            self.bar.update(0, completed=done, line=line)
        else:
            print(f"training: {line}", file=sys.stderr, flush=True)

    def on_train_end(self, *_: Any) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        """Close the bar."""
        self.on_train_end()


class Cores(pl.Callback):
    """Shares the cores out to so many processes, as long as they train."""

    def __init__(self, processes: int) -> None:
        self.all = torch.get_num_threads()
        self.own = max(1, self.all // processes)

    def on_train_start(self, *_: Any) -> None:
        """Take a share, after Lightning has taken one that counts hyperthreads."""
        torch.set_num_threads(self.own)

    def on_train_end(self, *_: Any) -> None:
        """Give the share back: as many threads as before Lightning."""
        torch.set_num_threads(self.all)

    def on_exception(self, *_: Any) -> None:
        """Give the share back."""
        self.on_train_end()


class Trial(pl.Callback):
    """Every so many steps: the loss on held-out molecules, and a sample from the average.

    Args:
        spec: of the model.
        held_out: batches of held-out molecules.
        training: the molecules that are known, to tell new ones.
        folder: of the run.
        every: optimizer steps between two trials; 0 for none.
        molecules: the most of every sample.
        seconds: for all samples together. Where they are over, a sample has ``trials.LEAST``
            molecules.
    """

    def __init__(
        self,
        spec: ModelSpec,
        held_out: Sequence[State],
        training: Known,
        folder: Path,
        every: int,
        molecules: int = 1000,
        seconds: float = math.inf,
    ) -> None:
        self.spec, self.held_out, self.training = spec, held_out, training
        self.folder, self.every = folder, every
        self.molecules, self.seconds = molecules, seconds
        self.cores = torch.get_num_threads()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Run the trial after the step that it is due at.

        It has the cores of all processes, because the others wait for it.
        """
        assert isinstance(module, FlowModule)
        due = self.every > 0 and trainer.global_step % self.every == 0
        if module.between_steps and due and trainer.is_global_zero:
            with on_cores(self.cores):
                self.run(module)

    def run(self, module: FlowModule) -> Samples:
        """Log ``trial/*`` and draw the first molecules."""
        generator = Generator(module.average.module.eval(), self.spec)
        began = time.monotonic()
        counts = (TRIAL_STEPS, *FEW_STEPS) if self.spec.flow_map else (TRIAL_STEPS,)
        sampling = TimedSamples(generator, counts, self.molecules, self.seconds, module.seed)
        made, *jumps = sampling.run().values()
        self.seconds -= time.monotonic() - began
        metrics = made.metrics(self.training)
        values = {f"trial/{name}": value for name, value in metrics.items()}
        first, *others = self.spec.modality.headlines
        few = {one.walk.steps: one.metrics(self.training)[first] for one in jumps}
        values |= {f"trial/{first}_{k}": value for k, value in few.items()}
        losses = self.held_out_losses(module)
        values |= losses
        shown = show(made[:SHOWN], self.folder)
        module.report(values)
        for logger in module.loggers:
            if hasattr(logger, "log_image") and shown.suffix == ".png":
                logger.log_image("trial/molecules", [str(shown)])
        print(
            f"trial of {len(made):,} at step {module.global_step:,}: "
            f"{first} {written(metrics[first])}"
            f"{''.join(f' ({k} step: {written(value)})' for k, value in few.items())}, "
            f"{''.join(f'{name} {written(metrics[name])}, ' for name in others)}"
            f"held-out loss {losses.get('valid/loss', math.nan):.4f}",
            file=sys.stderr,
            flush=True,
        )
        return made

    @torch.no_grad()
    def held_out_losses(self, module: FlowModule) -> dict[str, float]:
        """``valid/*``: the training loss of the average on held-out molecules, a batch at a time.

        Times and noise are the same at every trial. Empty without held-out molecules.
        """
        sums: dict[str, float] = {}
        for k, batch in enumerate(self.held_out):
            x_1 = batch.to(module.device)
            total, parts = module.loss(module.average.module, x_1, draws(x_1, 0, k, 0))
            for name, part in {"loss": total, **parts}.items():
                sums[f"valid/{name}"] = sums.get(f"valid/{name}", 0.0) + len(x_1) * part.item()
        count = sum(len(batch) for batch in self.held_out)
        return {name: value / count for name, value in sums.items()}


class Snapshots(pl.Callback):
    """Keeps the average at the end of each of ``parts`` equal parts of the run; of 0 parts, never.

    ``snapshots/<k>-of-<parts>`` in the run folder is a model to sample from.
    """

    def __init__(self, folder: Path, spec: ModelSpec, parts: int) -> None:
        self.folder, self.spec, self.parts = folder / SNAPSHOTS, spec, parts
        self.kept: int | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Save when a part has ended. Those before a resumption were saved by then."""
        assert isinstance(module, FlowModule)
        if self.kept is None:
            # The module has not looked at the clock again: this is where the run began.
            before = range(1, int(self.parts * module.progress) + 1)
            self.kept = max((k for k in before if self._place(k).is_dir()), default=0)
        self._keep(trainer, module)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save the end of the last part, if it was reached."""
        assert isinstance(module, FlowModule)
        self._keep(trainer, module)

    def _keep(self, trainer: pl.Trainer, module: FlowModule) -> None:
        first, ended = self.kept or 0, int(self.parts * module.progress)
        if ended <= first or not module.between_steps:
            return
        module.require_finite(*module.net.parameters())
        self.kept = ended
        if trainer.is_global_zero:
            for k in range(first + 1, ended + 1):
                save_model(self._place(k), module.average.module, self.spec)

    def _place(self, part: int) -> Path:
        return self.folder / f"{part}-of-{self.parts}"


class Checkpoints(pl.Callback):
    """Saves the run every few minutes, at the end, and when a signal asks to stop.

    SIGINT (Ctrl-C) and SIGTERM end the run after the batch in hand; a second one ends it at once.
    Weights that are not finite are never saved.
    """

    def __init__(self, folder: Path, spec: ModelSpec, minutes: float) -> None:
        self.folder, self.spec, self.seconds = folder, spec, 60 * minutes
        self.interrupted = False

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Start the clock and listen for signals; Lightning gives them back after the run."""
        self.saved, self.speaks = time.monotonic(), trainer.is_global_zero
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        """Save when it is time, stop when asked. All processes decide alike.

        It acts only between optimizer steps: gradients that are still being accumulated are not
        saved.
        """
        assert isinstance(module, FlowModule)
        if not module.between_steps:
            return
        decide: Callable[..., bool] = trainer.strategy.reduce_boolean_decision
        stop = decide(self.interrupted, all=False)
        due = decide(time.monotonic() - self.saved > self.seconds, all=False)
        self.interrupted = stop
        if stop:
            trainer.should_stop = True
        elif due:
            self.save(trainer, module)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save the state that was reached."""
        self.save(trainer, module)

    def save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write ``last.ckpt`` to continue from, ``model.safetensors`` and ``config.json`` to
        sample.
        """
        assert isinstance(module, FlowModule)
        module.require_finite(*module.net.parameters())
        path = self.folder / CHECKPOINT
        temporary = path.with_name(f".{CHECKPOINT}.tmp")
        trainer.save_checkpoint(temporary, weights_only=False)
        if trainer.is_global_zero:
            # The checkpoint last: a run is only gone on with beside its model.
            save_model(self.folder, module.average.module, self.spec)
            temporary.replace(path)
        self.saved = time.monotonic()

    def _ask_to_stop(self, number: int, frame: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        if self.speaks:
            print("stopping after this batch, then saving", file=sys.stderr, flush=True)
