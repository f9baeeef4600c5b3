"""An evaluation in Python: molecules against molecules, as ``python -m molflow.evaluate`` does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.config import load_config
from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import Row
from molflow.datasets.names import REFERENCES
from molflow.errors import InputError
from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.numbers import WANTED, Evaluation, evaluate_suite
from molflow.evaluation.references import from_dataset, from_files, from_smiles
from molflow.evaluation.samples_file import Attempts, collect
from molflow.evaluation.sources import attempts_of, from_file
from molflow.metrics.attempts import JudgedAttempt, failed, judge_smiles
from molflow.samples import Samples

if TYPE_CHECKING:
    Molecules = Samples | Iterable[str | None] | Path


def evaluate(
    samples: Molecules | str,
    reference: Sequence[str] | str | Path,
    suite: str = "standard",
    force: bool = False,
) -> Evaluation:
    """Measure molecules against a reference; every one is an attempt, and nothing is repaired.

    Args:
        samples: what a model sampled, SMILES (None is an attempt that made none), a file, or a
            folder with the results of one or several samplings.
        reference: training molecules as SMILES, a data set by its name, or a file.
        suite: "standard", "moses", "guacamol" or "full".
        force: whether to compute FCD of fewer than 1,000 molecules too.

    Returns:
        The numbers, and why some are undefined; ``metrics`` has their values by name.

    Raises:
        InputError: an argument is none of these, or holds no molecule.
    """
    if suite not in WANTED:
        raise InputError(f"suite={suite!r}: one of {', '.join(WANTED)}")
    against = _reference(reference)
    attempts = _attempts(samples, against.training)
    subject = Subject(attempts, WANTED[suite], against.device)
    return evaluate_suite(suite, subject, against, force)


def _attempts(samples: Molecules | str, training: Collection[str]) -> Attempts:
    if isinstance(samples, Samples):
        if not samples.spec.modality.molecular:
            raise InputError("samples: texts, and this measures molecules")
        return attempts_of(samples, lambda failure: None, training)
    if isinstance(samples, str | Path):
        path = Path(samples).expanduser()
        return from_file(path, Columns(), None, lambda failure: None, training).attempts
    found = collect(_judged(samples), lambda failure: None, training)
    if not found.checked:
        raise InputError("samples: no attempt")
    if found.reasons["missing value"]:
        found.relaxed = found.valence = None
    return found


def _judged(samples: Iterable[str | None]) -> Iterator[tuple[Row, JudgedAttempt]]:
    for index, text in enumerate(samples):
        if text is not None and not isinstance(text, str):
            raise InputError(f"samples[{index}]={text!r}: a SMILES or None is needed")
        attempt = failed("missing value") if text is None else judge_smiles(text)
        yield Row(index, text or ""), attempt


def _reference(reference: Sequence[str] | str | Path) -> Reference:
    import torch

    from molflow.build import build_dataset

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if isinstance(reference, str) and reference in REFERENCES:
        return from_dataset(
            build_dataset(load_config("train", [f"dataset={reference}"]).dataset), device
        )
    if isinstance(reference, str | Path):
        path = Path(reference).expanduser()
        if not path.is_file():
            known = ", ".join(REFERENCES)
            raise InputError(f"reference={str(reference)!r}: one of {known}, a file, or SMILES")
        return from_files(path, Columns(), None, device)
    return from_smiles(reference, device)
