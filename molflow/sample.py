"""Sample molecules: ``python -m molflow.sample checkpoint=<run folder> n=1000 out=<folder>``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.claims import claimed
from molflow.config import SampleConfig, help_text, load_config, to_plain, wants_help
from molflow.config.key import expanded, from_plain
from molflow.console import announced, progress, run_program
from molflow.early import enough_of, require_sampling
from molflow.errors import InputError

if TYPE_CHECKING:
    from molflow.enough import Course, Enough
    from molflow.generator import Generator
    from molflow.guidance.guides import Guide
    from molflow.guidance.scores import Remembered
    from molflow.library.parts import Parts
    from molflow.metrics.similarity import References
    from molflow.modality import Held, Known
    from molflow.model.checkpoint import ModelSpec
    from molflow.model.conditions import Aim, Standard
    from molflow.report.summary import Result, Run
    from molflow.samples import Samples
    from molflow.sampling.noise import Crowd
    from molflow.sampling.walk import Walk

REFERENCES = 100_000
"""Training molecules at most, chosen by a seed, among which the nearest is sought."""


HOW = ("resume", "take_over")
"""Arguments beside which those of a sampling that was broken off hold."""


def main(arguments: list[str]) -> None:
    """Samples once, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("sample"))
        return
    sample(*configure(arguments))


def configure(arguments: list[str]) -> tuple[SampleConfig, list[str]]:
    """The configuration and the arguments behind it, those of a sampling that is gone on with.

    InputError where there is no such sampling, or a key would change it.
    """
    given = {one.partition("=")[0]: one.partition("=")[2] for one in arguments}
    if not given.get("resume"):
        return load_config("sample", arguments), arguments
    from molflow.library.parts import read_plan

    for name in given:
        if name not in HOW:
            raise InputError(
                f"{name}={given[name]}: resume= takes the arguments of the sampling; beside it "
                "only take_over"
            )
    folder = expanded(given["resume"], "resume")
    plan = read_plan(Path(folder))
    before = from_plain(SampleConfig, plan["config"])
    how = load_config("sample", [f"checkpoint={before.checkpoint}", *arguments])
    config = replace(before, out=folder, resume=folder, take_over=how.take_over)
    return config, plan["arguments"]


def sample(config: SampleConfig, arguments: list[str]) -> None:
    """Loads the model, samples, writes ``config.out`` and prints what was reached.

    With guidance there is an unguided control: the same seed, sizes, walk and constraints.
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
    from molflow.library.parts import Parts
    from molflow.report.results import require_room, write_results
    from molflow.report.tables import print_result

    task, folder = prepare(config, guide), Path(config.out)
    molecular = task.generator.spec.modality.molecular
    parts = Parts(folder, config.format, config.first)
    require_room(folder)
    for caution in cautions(task, guide):
        print(f"warning: {config.checkpoint} {caution}", file=sys.stderr)
    begin(parts, task, arguments)
    with parts.kept():
        if guide is None and molecular:
            result = in_parts(task, parts)
        else:
            result = carry_out(task, guide)
            if molecular:
                parts.write(result.run.samples)
        if molecular:
            parts.finish()
        write_results(config, arguments, task.generator, result)
    print_result(config, result)


def begin(parts: Parts, task: SampleTask, arguments: list[str]) -> None:
    """Writes what is asked for, or looks whether it is what a sampling was begun with.

    InputError where an unfinished sampling is in the way, or another model made its molecules.
    """
    from molflow.library.parts import read_plan

    config, fingerprint = task.config, task.generator.fingerprint
    if config.resume is None:
        parts.require_none()
        plain = {"config": to_plain(config), "arguments": arguments, "sha256": fingerprint}
        parts.begin(plain)
    elif read_plan(parts.folder)["sha256"] != fingerprint:
        raise InputError(f"resume={config.resume}: began with other weights than those there now")


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

    def guided(self, guide: Guide | None) -> Samples:
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
    """What the model was not trained for."""
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


def prepare(config: SampleConfig, guide: Guide | None) -> SampleTask:
    """Loads the model and looks for every mistake that can be found before the sampling."""
    from molflow.chem.constraints import parse_constraint
    from molflow.generator import load
    from molflow.model.conditions import parse_condition
    from molflow.sampling.walk import Route, read_noise_scale, read_times

    constraint = parse_constraint(
        config.scaffold, config.elements, config.forbidden, marks=config.marks
    )
    condition = parse_condition(config.guidance.condition)
    times = read_times(config.times, config.steps)
    scale = read_noise_scale(config.noise_scale)
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


def in_parts(task: SampleTask, parts: Parts) -> Result:
    """Samples what is not there yet, part by part, and measures all. InputError where novelty is
    asked for and the training set is not here."""
    from molflow.enough import NOVEL, Sieve
    from molflow.library.making import Making, run_in_parts
    from molflow.report.summary import Result

    known, training, obstacle = training_of(task.generator.spec)
    enough = task.enough
    if enough is not None and NOVEL in enough.conditions and known is None:
        raise InputError(f"until={enough.until}: {obstacle}")
    assert known is None or isinstance(known, frozenset)

    def sieve() -> Sieve | None:
        return None if enough is None else Sieve(enough, known or frozenset())

    run, metrics = run_in_parts(Making(task.make, task.course, sieve, known), parts)
    return Result(run, metrics, training=training, obstacle=obstacle, enough=enough)


def carry_out(task: SampleTask, guide: Guide | None) -> Result:
    """Samples all at once, scores and measures. InputError where a fit needs molecules that are not
    here."""
    from molflow.guidance.kinds import SurrogateGradient
    from molflow.guidance.scores import Remembered
    from molflow.report.results import kept_scores
    from molflow.report.summary import Result, Run, measure

    spec = task.generator.spec
    known, training, obstacle = training_of(spec)
    fitted = guide is not None and isinstance(guide.guidance, SurrogateGradient)
    if training is None and fitted:
        why = obstacle or "fitted to molecules alone"
        raise InputError(f"guidance={SurrogateGradient.name}: {why}")
    if guide is None:
        run = Run(task.guided(None))
        return Result(run, measure(run, known), training=training, obstacle=obstacle)
    scorer = Remembered(guide.scorer, spec.modality.subject)
    with kept_scores(Path(task.config.out), scorer):
        guided = task.guided(replace(guide, scorer=scorer))
        first = task.config.first
        control = task.make(range(first, first + len(guided)))
        before, after = (judged(one, scorer) for one in (control, guided))
    references = None if training is None else references_of(training)
    return Result(
        after,
        measure(after, known, references),
        before,
        measure(before, known, references),
        scorer,
        training,
        obstacle,
        task.enough,
    )


def judged(samples: Samples, scorer: Remembered) -> Run:
    """The score of every attempt, also of those that guidance did not ask about."""
    from molflow.report.summary import Run

    scores = scorer.judge(samples.checked)
    return Run(replace(samples, scored=scores, parts=scorer.parts), scores)


def training_of(spec: ModelSpec) -> tuple[Known | None, list[str] | None, str]:
    """What samples are compared with, the SMILES that the model was trained on where they are
    molecules, and the reason why there is neither."""
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
