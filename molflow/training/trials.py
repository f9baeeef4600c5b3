"""Samples of a model in training, within a share of the time that the training took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from molflow.console import atomic_write, for_json, table
from molflow.files import METRICS
from molflow.generator import Generator
from molflow.modality import Known
from molflow.pictures import show
from molflow.samples import Samples

LEAST = 100
"""A trial has so many molecules, whatever they cost."""
SHOWN = 24


@dataclass
class TimedSamples:
    """Molecules in several numbers of steps each, as far as they fit in some seconds.

    Args:
        generator: the model.
        counts: numbers of steps; the first is sampled whatever it takes.
        n: the most molecules of each.
        seconds: for all together. LEAST molecules are sampled first. Numbers of steps for which
            these would take too long are left out; the others get as many more as there is time.
        seed: of the molecules.
        made: steps -> samples so far, also where the sampling is broken off.
    """

    generator: Generator
    counts: Sequence[int]
    n: int
    seconds: float
    seed: int
    made: dict[int, Samples] = field(default_factory=dict)

    def run(self) -> dict[int, Samples]:
        """Sample; the same number of molecules for every number of steps."""
        least, began, a_step = min(self.n, LEAST), time.monotonic(), 0.0
        for steps in self.counts:
            spent = time.monotonic() - began
            if self.made and spent + steps * a_step > self.seconds:
                continue
            self.made[steps] = self._sample(least, steps)
            a_step = (time.monotonic() - began - spent) / steps
        spent = time.monotonic() - began
        more = int(min(self.n, least * (self.seconds - spent) / max(spent, 1e-9)))
        if more > least:
            for steps in self.made:
                self.made[steps] = self._sample(more, steps)
        return self.made

    def _sample(self, n: int, steps: int) -> Samples:
        return self.generator.sample(n, steps, seed=self.seed)


def last_trial(samples: TimedSamples, known: Known, folder: Path) -> None:
    """Show molecules of the finished model: metrics.json, a table, and a picture or texts for
    people.

    It says how to make those that were left out. Ctrl-C ends it, and those made until then are
    shown.

    Args:
        samples: to be drawn.
        known: the molecules of training.
        folder: of the run.
    """
    broken = False
    try:
        made = samples.run()
    except KeyboardInterrupt:
        made, broken = dict(samples.made), True
        print("the last trial was broken off; the model is saved", file=sys.stderr)
    # Ctrl-C may come between: one number of molecules for all columns.
    fewest = min(map(len, made.values()), default=0)
    made = {steps: one[:fewest] for steps, one in made.items()}
    if made:
        _show(made, known, folder)
    asked = [k for k in samples.counts if k not in made]
    if asked or broken or fewest < samples.n:
        left = f"{', '.join(map(str, asked))} steps" if asked else f"all {samples.n:,}"
        why = "" if broken else ", which trainer.trial_share leaves no time for"
        program = "evaluate" if samples.generator.spec.modality.molecular else "sample"
        steps = max(asked or samples.counts)
        named = quote(f"checkpoint={folder}")
        print(f"trial of {left}{why}:")
        print(f"          python -m molflow.{program} {named} steps={steps}")


def _show(made: dict[int, Samples], known: Known, folder: Path) -> None:
    first = next(iter(made.values()))
    n, things = len(first), first.spec.modality.things
    shown = show(first[:SHOWN], folder)
    metrics = {steps: samples.metrics(known) for steps, samples in made.items()}
    rows = [
        {"n": n, "steps": k, "method": made[k].walk.method, "metrics": for_json(found)}
        for k, found in metrics.items()
    ]
    with atomic_write(folder / METRICS) as path:
        path.write_text(json.dumps({"samples": rows}, indent=1) + "\n")
    columns = [f"{row['steps']} {row['method']}" for row in rows]
    names = next(iter(metrics.values()))
    shares = [[name, *(found[name] for found in metrics.values())] for name in names]
    table(f"{n:,} {things}", ("number", *columns), shares)
    print(f"look at:  {shown}")
