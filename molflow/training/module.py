"""The Lightning shell around the flow: draws and average. No mathematics.

A batch, its times and its noise are functions of (seed, step, rank) alone. So a resumed run goes
through the very numbers of an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from molflow.errors import InputError
from molflow.flow.flow_map import Network
from molflow.flow.joint_loss import Draws, JointLoss
from molflow.flow.state import State
from molflow.flow.times import stratified
from molflow.nn.compilation import compile_blocks, compiled_twin
from molflow.training.optimisation import Optimisation
from molflow.training.optimizers import optimizer_of

LOG_EVERY = 20
"""Steps between two rows of the log."""

AHEAD = 4
"""Every worker prepares so many batches before they are asked for."""

SHAPES = 64
"""The network is compiled for so many shapes of a batch, at most."""


class Stream(Protocol):
    """An endless stream of training batches, each a function of its step."""

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of the batch at ``step`` for one of ``world`` processes."""


def draws(x_1: State, seed: int, step: int, rank: int) -> Draws:
    """Draw the random numbers of a batch, functions of (seed, step, rank).

    Args:
        x_1: clean states, whose shapes and device the numbers take.
        seed: of the run.
        step: of the stream.
        rank: of the process.
    """
    generator = torch.Generator().manual_seed(_key(seed, step, rank))
    rows = [stratified(u, len(x_1)) for u in torch.rand(4, generator=generator)]
    shuffled = [row[torch.randperm(len(x_1), generator=generator)] for row in rows]
    noise = {
        name: torch.randn(value.shape, generator=generator).to(value.device)
        for name, value in x_1.values.items()
    }
    uniform = torch.stack(shuffled).to(x_1.device)
    if x_1.context is None:
        return Draws(uniform, noise)
    examples, components = x_1.context.shape
    known = torch.rand(examples, components + 1, generator=generator)
    return Draws(uniform, noise, known.to(x_1.device))


def _key(seed: int, step: int, rank: int) -> int:
    """A 63-bit seed that differs for every (seed, step, rank)."""
    words = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


class FlowModule(pl.LightningModule):
    """Trains a network (x_s, s, t) -> State on a stream of clean states.

    ``average`` holds the exponential moving average of the weights, from which to sample.

    Args:
        net: the network.
        stream: of training batches.
        joint_loss: of the diagonal and of the flow map.
        optimisation: rate, schedule and average.
        seed: of times and noise.
        workers: processes that prepare batches ahead; 0 prepares each where it is used.
    """

    def __init__(
        self,
        net: nn.Module,
        stream: Stream,
        joint_loss: JointLoss,
        optimisation: Optimisation,
        seed: int,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.average = AveragedModel(
            net, multi_avg_fn=get_ema_multi_avg_fn(optimisation.ema_decay)
        ).requires_grad_(False)
        self.compiled_average: Network | None = None
        self.stream = stream
        self.joint_loss = joint_loss
        self.optimisation = optimisation
        self.seed = seed
        self.workers = workers
        self.batches_seen = 0
        self.progress = 0.0
        self.minutes_before = 0.0
        self._started = time.monotonic()

    def compile_networks(self) -> None:
        """Compile the network, and a second way to call the average where it teaches.

        Samples, whose shapes are many, go on without compilation.
        """
        # Student and teacher in every width of a batch: beyond the limit torch compiles no more.
        torch._dynamo.config.recompile_limit = SHAPES  # type: ignore[attr-defined]
        compile_blocks(self.net)
        distillation = self.joint_loss.distillation
        if distillation is not None and distillation.average_teacher:
            # A bound method, not the module: its weights are not to be registered twice.
            self.compiled_average = compiled_twin(self.average.module).__call__

    def loss(self, net: Network, x_1: State, drawn: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """The joint loss of ``net``, taught by itself or by the average.

        Args:
            net: the network, or the average.
            x_1: clean states.
            drawn: the random numbers of the batch.

        Returns:
            The scalar that training minimises, and the means that it is made of.
        """
        teacher, distillation = net, self.joint_loss.distillation
        if distillation is not None and distillation.average_teacher:
            teacher = self.compiled_average or self.average.module
        return self.joint_loss(net, teacher, x_1, drawn)

    def training_step(self, batch: tuple[int, State, Draws], batch_idx: int) -> Tensor:
        """Compute the loss of one batch: its step, its states and its random numbers."""
        step, x_1, drawn = batch
        total, parts = self.loss(self.net, x_1, drawn)
        self.batches_seen = step + 1
        if step % LOG_EVERY == 0:
            self.require_finite(total)
            values = {f"train/{name}": part.item() for name, part in parts.items()}
            self.report({**values, "train/loss": total.item(), "train/minutes": self.minutes()})
        return total

    def require_finite(self, *tensors: Tensor) -> None:
        """Raise InputError where training has diverged, before anything of it is saved."""
        if not all(bool(tensor.isfinite().all()) for tensor in tensors):
            raise InputError(
                f"training diverged before step {self.global_step}: the loss is not finite; "
                f"lower trainer.learning_rate={self.optimisation.learning_rate:g}"
            )

    def report(self, values: dict[str, float]) -> None:
        """Write numbers to every logger, at the step that they belong to."""
        for logger in self.loggers:
            logger.log_metrics(values, step=self.global_step)

    def train_dataloader(self) -> Iterable[tuple[int, State, Draws]]:
        """The stream from the first batch that this run has not seen."""
        start, world = self.batches_seen, self.trainer.world_size
        batches = BatchesFrom(self.stream, start, self.global_rank, world, self.seed)
        if self.workers == 0:
            return batches
        return DataLoader(batches, batch_size=None, num_workers=self.workers, prefetch_factor=AHEAD)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Muon inside the network, AdamW around it (see ``molflow.training.optimizers``)."""
        settings = self.optimisation
        return optimizer_of(self.net, settings.learning_rate, settings.weight_decay)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip the norm here: Lightning refuses to for a fused optimizer, fearing fp16 scaling."""
        if self.optimisation.gradient_clip > 0:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.optimisation.gradient_clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Set the learning rate of this step, take it, and move the average."""
        factor = self.optimisation.rate_factor(self.global_step, self.progress)
        rate = self.optimisation.learning_rate * factor
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.net)

    @property
    def between_steps(self) -> bool:
        """Whether the batches so far fill whole optimizer steps: no gradient is accumulating."""
        return self.batches_seen % self.trainer.accumulate_grad_batches == 0

    def minutes(self) -> float:
        """Minutes of wall time spent in training, including those of the runs that this one
        resumes.
        """
        return self.minutes_before + (time.monotonic() - self._started) / 60

    def measure_progress(self) -> float:
        """The larger of the shares of steps and of minutes used, in [0, 1].

        Processes have clocks of their own, so all of them take part and get that of the first.
        """
        settings = self.optimisation
        minutes = self.minutes()
        if settings.max_minutes is not None and self.trainer.world_size > 1:
            minutes = self.trainer.strategy.broadcast(minutes)
        return settings.progress(self.global_step, minutes)

    def on_train_start(self) -> None:
        """Start the clock. The average is only ever evaluated."""
        self.average.eval()
        self._started = time.monotonic()
        self.progress = self.measure_progress()

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop when the minutes are used up, between two optimizer steps."""
        self.progress = self.measure_progress()
        if self.progress >= 1 and self.between_steps:
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the place in the stream and the time used."""
        checkpoint["molflow"] = {"batches_seen": self.batches_seen, "minutes": self.minutes()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue where ``checkpoint`` stopped."""
        self.batches_seen = checkpoint["molflow"]["batches_seen"]
        self.minutes_before = checkpoint["molflow"]["minutes"]


@dataclass(frozen=True)
class BatchesFrom(IterableDataset):
    """The batches of a stream with their random numbers, from ``start`` on, without an end.

    The workers of a loader take turns, so that the loader gives the batches in their order.
    """

    stream: Stream
    start: int
    rank: int
    world: int
    seed: int

    def __iter__(self) -> Iterator[tuple[int, State, Draws]]:
        worker = get_worker_info()
        turn, turns = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in count(self.start + turn, turns):
            x_1 = self.stream.batch(step, self.rank, self.world)
            yield step, x_1, draws(x_1, self.seed, step, self.rank)
