"""How far a step of the optimizer goes, and how long a run lasts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from molflow.plugins import Table

SCHEDULES = Table[Callable[[float], float]](
    "schedules",
    {
        "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
        "constant": lambda progress: 1.0,
        "decay": lambda progress: 1 - math.sqrt(progress),
    },
)
"""Progress in [0, 1] -> a share of the learning rate.

A training of several parts keeps a constant rate in all but the last, which brings it down as
1 - sqrt(progress) (Haegele et al. 2024, "Scaling laws and compute-optimal training beyond fixed
training durations")."""


@dataclass(frozen=True)
class Optimisation:
    """Linear warm-up, then a schedule of SCHEDULES over steps or minutes, whichever end first.

    Attributes:
        steps: of the optimizer.
        max_minutes: of wall time; None for no limit.
        learning_rate: the largest.
        weight_decay: as of AdamW.
        warmup: steps.
        gradient_clip: the largest norm of a gradient, 0 for no limit.
        ema_decay: of the averaged weights that sampling uses; the average starts at the first step.
        schedule: one of SCHEDULES.
    """

    steps: int
    max_minutes: float | None
    learning_rate: float
    weight_decay: float
    warmup: int
    gradient_clip: float
    ema_decay: float
    schedule: str = "cosine"

    def rate_factor(self, step: int, progress: float) -> float:
        """min(1, (step + 1) / warm-up) times the schedule at this progress: a share of the rate."""
        return min(1.0, (step + 1) / max(1, self.warmup)) * SCHEDULES[self.schedule](progress)

    def progress(self, step: int, minutes: float) -> float:
        """The larger of the shares of steps and of minutes used, in [0, 1]."""
        done = step / self.steps
        if self.max_minutes is not None:
            done = max(done, minutes / self.max_minutes)
        return min(1.0, done)
