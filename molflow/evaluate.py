"""Measure molecules: ``python -m molflow.evaluate samples=file.csv reference=qm9 out=<folder>``.

The molecules come from a file or from a model (``checkpoint=qm9 steps=4``), graph or tokens, under
one protocol. Every row is an attempt, and nothing is repaired or left out before it is counted.
Writes metrics.json, failed.csv (every attempt that is not strictly valid, and why) and report.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.claims import claimed
from molflow.config import EvaluateConfig, help_text, load_config, wants_help, write_config
from molflow.console import atomic_write, require_writable, run_program
from molflow.datasets.names import REFERENCES
from molflow.errors import InputError
from molflow.files import CHECKPOINT, METRICS, SETTINGS, WEIGHTS
from molflow.functional import make_callable
from molflow.model.place import find_model
from molflow.progress import announced

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from molflow.evaluation.comparison import Reference
    from molflow.evaluation.numbers import Evaluation
    from molflow.evaluation.samples_file import Failure
    from molflow.evaluation.sources import Source
    from molflow.evaluation.verdict import Verdict
    from molflow.generator import Generator

FAILED, PAGE = "failed.csv", "report.html"
OF_A_MODEL = (CHECKPOINT, WEIGHTS)
SAMPLED = 10_000
"""Molecules of a model where nobody asks for another number: the field's."""
EXPLAIN = "explain"


def main(arguments: list[str]) -> None:
    """Evaluates once, from the command line's ``key=value`` arguments and the word ``explain``."""
    if wants_help(arguments):
        print(help_text("evaluate"))
        return
    given = [f"{EXPLAIN}=true" if one == EXPLAIN else one for one in arguments]
    config = load_config("evaluate", given)
    if config.explain and config.samples is None and config.checkpoint is None:
        from molflow.evaluation.verdict import print_definitions

        print_definitions(config.suite)
        return
    carry_out(config, given)


def evaluate(*arguments: Any, **named: Any) -> Evaluation:
    """``evaluation.run.evaluate``, imported when it is called."""
    from molflow.evaluation import run

    return run.evaluate(*arguments, **named)


make_callable(__name__, evaluate)


def carry_out(config: EvaluateConfig, arguments: list[str]) -> None:
    """Reads or samples, measures, writes ``config.out`` and prints the table."""
    check(config)
    with claimed(Path(config.out), "evaluate", config.take_over):
        _carry_out(config, arguments)


def _carry_out(config: EvaluateConfig, arguments: list[str]) -> None:
    folder = Path(config.out)
    require_room(folder)
    with announced("loading torch and the model"):
        from molflow.evaluation.comparison import Subject
    from molflow.evaluation.numbers import WANTED, evaluate_suite
    from molflow.evaluation.verdict import Verdict, print_verdict, write_record
    from molflow.loading import load

    generator = None if config.checkpoint is None else load(config.checkpoint)
    if generator is not None and not generator.spec.modality.molecular:
        raise InputError(
            f"checkpoint={config.checkpoint}: writes texts, and this measures molecules; "
            "molflow.sample measures what it writes"
        )
    reference = load_reference(config, generator)
    # Gone first, written last: a folder with the record is a finished one.
    (folder / METRICS).unlink(missing_ok=True)
    with failures(folder / FAILED) as tell:
        source = source_of(config, generator, tell, reference.training)
    subject = Subject(source.attempts, WANTED[config.suite], reference.device)
    evaluation = evaluate_suite(config.suite, subject, reference, config.force)
    verdict = Verdict(config, source, subject, reference, evaluation)
    write_page(folder, verdict)
    write_config(folder, config)
    write_record(folder / METRICS, verdict, arguments)
    print_verdict(verdict)


def check(config: EvaluateConfig) -> None:
    """The rules that concern more than one key."""
    if (config.samples is None) == (config.checkpoint is None):
        raise InputError("samples=<file> or checkpoint=<model>: one of them is needed")
    if config.samples is not None:
        if config.reference is None:
            raise InputError("reference: needed with samples=, a data set or a file")
        if config.steps is not None:
            raise InputError(f"steps={config.steps}: only with checkpoint=")
        from molflow.evaluation.sources import files_of

        files_of(Path(config.samples))
    if config.checkpoint is not None:
        find_model(config.checkpoint)
    require_reference(config.reference)
    if config.reference_test is not None and config.split_column is not None:
        raise InputError("reference_test, split_column: only one of them says what the test set is")


def require_reference(reference: str | None) -> None:
    """InputError where it is neither a data set nor a file."""
    if reference is not None and not (reference in REFERENCES or Path(reference).is_file()):
        raise InputError(f"reference={reference!r}: one of {', '.join(REFERENCES)}, or a file")


def require_room(folder: Path) -> None:
    """InputError where the results cannot go, found before the work."""
    for name in OF_A_MODEL:
        if (folder / name).exists():
            raise InputError(f"out={folder}: holds a model ({name}); choose another folder")
    require_writable(folder)
    for name in (METRICS, FAILED, PAGE, SETTINGS):
        if (folder / name).is_dir():
            raise InputError(f"out={folder}: {name} is a folder there, a file of that name is due")


def load_reference(config: EvaluateConfig, generator: Generator | None) -> Reference:
    """The reference that ``config.reference`` names, or else the training data of the model.
    InputError names the choices."""
    import torch

    from molflow.build import build_dataset, dataset_of
    from molflow.datasets.columns import Columns
    from molflow.evaluation.references import from_dataset, from_files

    device = "cuda" if torch.cuda.is_available() else "cpu"
    reference, test = config.reference, config.reference_test
    require_reference(reference)
    if reference is not None and reference not in REFERENCES:
        columns = Columns(config.reference_column, config.split_column)
        return from_files(Path(reference), columns, None if test is None else Path(test), device)
    for key in ("reference_test", "split_column"):
        if getattr(config, key) is not None:
            raise InputError(f"{key}={getattr(config, key)!r}: only with a file as reference=")
    if reference is None:
        assert generator is not None
        data = dataset_of(generator.spec)
    else:
        path = [] if config.reference_path is None else [f"dataset.path={config.reference_path}"]
        data = build_dataset(load_config("train", [f"dataset={reference}", *path]).dataset)
    if not len(data.splits["train"]):
        raise InputError(f"reference: {data.name} has no training molecule")
    return from_dataset(data, device)


@contextmanager
def failures(path: Path) -> Iterator[Callable[[Failure], None]]:
    """A function that adds a row to failed.csv: the attempt from 0, its row, its text, why."""
    import csv

    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("attempt", "row", "text", "reason"))
        yield lambda one: writer.writerow((one.index, one.row, one.text, one.reason))


def source_of(
    config: EvaluateConfig,
    generator: Generator | None,
    tell: Callable[[Failure], None],
    training: Collection[str],
) -> Source:
    """The attempts of the file, or of the model; novelty is against ``training``."""
    from molflow.datasets.columns import Columns
    from molflow.evaluation.sources import from_file, from_model

    if generator is None:
        assert config.samples is not None
        columns = Columns(config.smiles_column)
        return from_file(Path(config.samples), columns, config.n, tell, training)
    assert config.checkpoint is not None
    n = SAMPLED if config.n is None else config.n
    made = generator.sample(n, config.steps, config.method, config.seed)
    name = Path(config.checkpoint).name
    return from_model(generator, made, name, config.seed, tell, training)


def write_page(folder: Path, verdict: Verdict) -> None:
    """report.html, where asked."""
    if not verdict.config.report:
        (folder / PAGE).unlink(missing_ok=True)
        return
    from molflow.report import write_report
    from molflow.report.evaluation import evaluation_report

    write_report(folder / PAGE, evaluation_report(verdict))


if __name__ == "__main__":
    run_program(main)
