"""Sample molecules: ``python -m molflow.sample checkpoint=<run folder> n=1000 out=<folder>``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.claims import claimed
from molflow.config import SampleConfig, help_text, load_config, wants_help
from molflow.console import run_program
from molflow.early import require_sampling
from molflow.errors import InputError
from molflow.progress import announced, progress

if TYPE_CHECKING:
    from molflow.generator import Generator
    from molflow.guidance.guides import Guide
    from molflow.guidance.scores import Remembered
    from molflow.metrics.similarity import References
    from molflow.modality import Known
    from molflow.model.conditions import Aim, Standard
    from molflow.model.spec import ModelSpec
    from molflow.report.summary import Result, Run
    from molflow.samples import Samples
    from molflow.sampling.noise import Crowd
    from molflow.sampling.walk import Walk

REFERENCES = 100_000
"""Training molecules at most, chosen by a seed, among which the nearest is sought."""


def main(arguments: list[str]) -> None:
    """Samples once, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("sample"))
        return
    sample(load_config("sample", arguments), arguments)


def sample(config: SampleConfig, arguments: list[str]) -> None:
    """Loads the model, samples, writes ``config.out`` and prints what was reached.

    With guidance an unguided control comes first: the same seed, sizes, walk and constraints.
    """
    require_sampling(config)
    with claimed(Path(config.out), "sample", config.take_over):
        with announced("loading torch and the model"):
            from molflow.guidance.steer import configured_guide

        guide = configured_guide(config.guidance)
        if guide is None:
            _sample(config, arguments, None)
            return
        with closing(guide.scorer):
            _sample(config, arguments, guide)


def _sample(config: SampleConfig, arguments: list[str], guide: Guide | None) -> None:
    from molflow.report.results import require_room, write_results
    from molflow.report.tables import print_result

    task = prepare(config, guide)
    require_room(Path(config.out))
    for caution in cautions(task, guide):
        print(f"warning: {config.checkpoint} {caution}", file=sys.stderr)
    result = carry_out(task, guide)
    write_results(config, arguments, task.generator, result)
    print_result(config, result)


@dataclass(frozen=True)
class SampleTask:
    """A sampling whose arguments make sense."""

    config: SampleConfig
    generator: Generator
    walk: Walk
    crowd: Crowd

    def run(self, guide: Guide | None) -> Samples:
        """The molecules; ``guide`` changes neither their sizes nor the walk."""
        return self.generator.follow(self.walk, self.crowd, guide)


def cautions(task: SampleTask, guide: Guide | None) -> list[str]:
    """Warn of requests that the model was not trained for."""
    from molflow.chem.constraints import Plan
    from molflow.sampling.methods import METHODS

    spec, found = task.generator.spec, []
    if (task.config.scaffold or task.config.prompt) and spec.shown == 0:
        part = "scaffold" if task.config.scaffold else "prompt"
        found.append(
            f"was trained without shown parts (flow.shown=0): it keeps a {part}, but has not "
            "learned to build on one"
        )
    if isinstance(task.crowd.plan, Plan) and task.crowd.plan.scaffold.stereo:
        found.append(
            f"knows no stereochemistry: that of scaffold={task.config.scaffold!r} is not held"
        )
    if task.crowd.aim is not None:
        found += outside(task.crowd.aim, spec.condition)
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
    """Loads the model and looks for every mistake that can be found before the sampling.

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
    crowd = generator.crowd(range(config.n), config.seed, plan, aim)
    return SampleTask(config, generator, walk, crowd)


def require_for_texts(config: SampleConfig) -> None:
    """InputError for what only molecules have."""
    guidance = config.guidance
    if guidance.objective or guidance.components:
        raise InputError(
            "guidance.objective: of molecules, and this model writes texts: "
            "guidance.score=path.py:function scores them"
        )
    if config.trajectory:
        raise InputError("trajectory=true: draws molecules, and this model writes texts")


def carry_out(task: SampleTask, guide: Guide | None) -> Result:
    """Samples, scores and measures. InputError where a fit needs molecules that are not here."""
    from molflow.guidance.kinds import SurrogateGradient
    from molflow.guidance.scores import Remembered
    from molflow.report.results import kept_scores
    from molflow.report.summary import Result, Run, measure_samples

    spec = task.generator.spec
    known, training, obstacle = training_of(spec)
    fitted = guide is not None and isinstance(guide.guidance, SurrogateGradient)
    if training is None and fitted:
        why = obstacle or "fitted to molecules alone"
        raise InputError(f"guidance={SurrogateGradient.name}: {why}")
    if guide is None:
        run = Run(task.run(None))
        return Result(run, measure_samples(run, known), training=training, obstacle=obstacle)
    scorer = Remembered(guide.scorer, spec.modality.subject)
    with kept_scores(Path(task.config.out), scorer):
        control, guided = task.run(None), task.run(replace(guide, scorer=scorer))
        before, after = (judged(one, scorer) for one in (control, guided))
    references = None if training is None else references_of(training)
    return Result(
        after,
        measure_samples(after, known, references),
        before,
        measure_samples(before, known, references),
        scorer,
        training,
        obstacle,
    )


def judged(samples: Samples, scorer: Remembered) -> Run:
    """The score of every attempt, also of those that guidance did not ask about."""
    from molflow.report.summary import Run

    scores = scorer.judge(samples.checked)
    return Run(replace(samples, scored=scores, parts=scorer.parts), scores)


def training_of(spec: ModelSpec) -> tuple[Known | None, list[str] | None, str]:
    """The training data as samples are compared with it.

    Returns:
        The known texts, the SMILES where they are molecules, and the reason why there is neither.
    """
    from molflow.build import dataset_of, known_of

    try:
        dataset = dataset_of(spec)
    except InputError as error:
        return None, None, f"no training set: {error}"
    return known_of(dataset), dataset.smiles("train") if spec.modality.molecular else None, ""


def references_of(training: Sequence[str]) -> References:
    """The training molecules, or REFERENCES of them, by their fingerprints, kept in the cache."""
    from rdkit import Chem

    from molflow.metrics.similarity import chosen, fingerprints, index_references
    from molflow.report.references import remembered

    smiles = chosen(training, REFERENCES)

    def read() -> References:
        shown = progress(smiles, "reading the training set", unit="molecules")
        return index_references(fingerprints(Chem.MolFromSmiles(one) for one in shown))

    return remembered(smiles, read)


if __name__ == "__main__":
    run_program(main)
