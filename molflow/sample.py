"""Sample molecules: ``python -m molflow.sample checkpoint=<run folder> n=1000 out=<folder>``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.claims import claimed
from molflow.config import SampleConfig, help_text, load_config, to_plain, wants_help
from molflow.config.key import expanded, from_plain
from molflow.console import run_program
from molflow.early import require_sampling
from molflow.errors import InputError
from molflow.library.task import SampleTask, cautions, prepare
from molflow.progress import announced, progress

if TYPE_CHECKING:
    from molflow.guidance.guides import Guide
    from molflow.guidance.scores import Remembered
    from molflow.library.parts import Parts
    from molflow.metrics.similarity import References
    from molflow.modality import Known
    from molflow.model.spec import ModelSpec
    from molflow.report.summary import Result, Run
    from molflow.samples import Samples

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
    parts = Parts(folder, config.format, config.first)
    require_room(folder)
    for caution in cautions(task, guide):
        print(f"warning: {config.checkpoint} {caution}", file=sys.stderr)
    begin(parts, task, arguments)
    with parts.kept():
        result = carry_out(task, guide, parts)
        if task.generator.spec.modality.molecular:
            parts.finish()
        write_results(replace(config, resume=None), arguments, task.generator, result)
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


def carry_out(task: SampleTask, guide: Guide | None, parts: Parts) -> Result:
    """Samples and measures; molecules are written to ``parts``."""
    if not task.generator.spec.modality.molecular:
        return at_once(task, guide)
    if guide is None:
        return in_parts(task, parts)
    result = at_once(task, guide)
    parts.write(result.run.samples)
    return result


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


def at_once(task: SampleTask, guide: Guide | None) -> Result:
    """Samples all at once, scores and measures. InputError where a fit needs molecules that are not
    here."""
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
        run = Run(task.make_all(None))
        return Result(run, measure_samples(run, known), training=training, obstacle=obstacle)
    scorer = Remembered(guide.scorer, spec.modality.subject)
    with kept_scores(Path(task.config.out), scorer):
        guided = task.make_all(replace(guide, scorer=scorer))
        first = task.config.first
        control = task.make(range(first, first + len(guided)))
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
        task.enough,
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
