"""A sampling is asked for this; every mistake that can be found before it begins is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from molflow.config import SampleConfig
from molflow.early import enough_of
from molflow.errors import InputError

if TYPE_CHECKING:
    from molflow.enough import Course, Enough
    from molflow.generator import Generator
    from molflow.guidance.guides import Guide
    from molflow.modality import Held
    from molflow.model.conditions import Aim, Standard
    from molflow.samples import Samples
    from molflow.sampling.noise import Crowd
    from molflow.sampling.walk import Walk


@dataclass(frozen=True)
class SampleTask:
    """A sampling whose arguments make sense."""

    config: SampleConfig
    generator: Generator
    walk: Walk
    plan: Held | None
    aim: Aim | None
    enough: Enough | None = None

    def crowd(self, span: range) -> Crowd:
        """The attempts of these indices."""
        return self.generator.crowd(span, self.config.seed, self.plan, self.aim)

    def make(self, span: range) -> Samples:
        """Those attempts, unguided."""
        return self.generator.follow(self.walk, self.crowd(span))

    def make_all(self, guide: Guide | None) -> Samples:
        """All attempts at once; ``guide`` changes neither their sizes nor the walk."""
        first, enough = self.config.first, self.enough
        if enough is not None:
            return self.generator.gather(enough, self.walk, self.crowd, guide, first)
        crowd = self.crowd(range(first, first + self.config.n))
        return self.generator.follow(self.walk, crowd, guide)

    def course(self) -> Course:
        """The way from the first attempt to the last."""
        from molflow.enough import Course

        most = self.config.n if self.enough is None else self.enough.most
        return Course(self.config.n, most, self.config.first)


def cautions(task: SampleTask, guide: Guide | None) -> list[str]:
    """Tell what the model was not trained for."""
    from molflow.chem.constraints import Plan
    from molflow.sampling.methods import METHODS

    spec, found = task.generator.spec, []
    if (task.config.scaffold or task.config.prompt) and spec.shown == 0:
        part = "scaffold" if task.config.scaffold else "prompt"
        found.append(
            f"was trained without shown parts (flow.shown=0): it keeps a {part}, but has not "
            "learned to build on one"
        )
    if isinstance(task.plan, Plan) and task.plan.scaffold.stereo:
        found.append(
            f"knows no stereochemistry: that of scaffold={task.config.scaffold!r} is not held"
        )
    if task.aim is not None:
        found += outside(task.aim, spec.condition)
    jumps = METHODS[task.walk.method].jumps or (guide is not None and guide.guidance.jumps)
    if jumps and not spec.flow_map:
        found.append(
            "has learned no flow map (flow.distill=none): where a state will land is a guess"
        )
    return found


def outside(aim: Aim, standards: Sequence[Standard]) -> list[str]:
    """Values that are asked for and lie outside the range of the training molecules."""
    return [
        f"was trained with {one}: {one.name}={aim.values[one.name]:g} lies outside, where it has "
        "learned nothing"
        for one in standards
        if one.name in aim.values and not one.low <= aim.values[one.name] <= one.high
    ]


def prepare(
    config: SampleConfig, guide: Guide | None, generator: Generator | None = None
) -> SampleTask:
    """Load the model and look for every mistake that can be found before the sampling.

    Args:
        config: of the sampling.
        guide: toward which it goes, or None.
        generator: the model, where it is loaded already.
    """
    from molflow.chem.constraints import parse_constraint
    from molflow.loading import load
    from molflow.model.conditions import parse_condition
    from molflow.sampling.walk import Route, read_noise_scale, read_times

    constraint = parse_constraint(
        config.scaffold, config.elements, config.forbidden, marks=config.marks
    )
    condition = parse_condition(config.guidance.condition)
    times = read_times(config.times, config.steps)
    scale = read_noise_scale(config.noise_scale)
    if generator is None:
        generator = load(config.checkpoint, batch_size=config.batch_size)
    if not generator.spec.modality.molecular:
        require_for_texts(config)
    route = Route(config.steps, config.method, config.noise, config.temperature, times, scale)
    walk = generator.walk(route, guide)
    plan = generator.plan(config.atoms, constraint, config.prompt)
    aim = generator.aim(condition, config.guidance.weight)
    return SampleTask(config, generator, walk, plan, aim, enough_of(config))


def require_for_texts(config: SampleConfig) -> None:
    """InputError for what only molecules have."""
    guidance = config.guidance
    for name in ("until", "keep"):
        if getattr(config, name) is not None:
            raise InputError(f"{name}: of molecules, and this model writes texts")
    if config.format != "csv":
        raise InputError(f"format={config.format}: of molecules, and this model writes texts")
    if guidance.objective or guidance.components:
        raise InputError(
            "guidance.objective: of molecules, and this model writes texts: "
            "guidance.score=path.py:function scores them"
        )
    if config.trajectory:
        raise InputError("trajectory=true: draws molecules, and this model writes texts")
