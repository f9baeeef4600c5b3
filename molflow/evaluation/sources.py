"""Sources of attempts: a file of anyone's molecules, or a model of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import SDF, Row, has_column, kind_of, shortened
from molflow.errors import InputError
from molflow.evaluation.samples_file import Attempts, Failure, collect, judged
from molflow.files import AS_MADE
from molflow.metrics.attempts import JudgedAttempt, read_raw, without_molecule

if TYPE_CHECKING:
    from rdkit import Chem

    from molflow.generator import Generator
    from molflow.samples import Samples

PICTURED = 2_000
"""So many attempts, the first ones, are kept to be drawn though they are no molecules."""

UNTOLD = ("empty", "missing value")
"""Reasons of rows that do not say which molecule was made."""

Tell = Callable[[Failure], None]


@dataclass(frozen=True, eq=False)
class Source:
    """Attempts, and words about their source.

    Attributes:
        name: of the file or of the model.
        about: facts for the record.
        attempts: all of them.
        pictures: attempt -> a drawing of one that is no molecule, unsanitised.
    """

    name: str
    about: Mapping[str, Any]
    attempts: Attempts
    pictures: Mapping[int, Chem.Mol]


def from_file(path: Path, columns: Columns, most: int | None, tell: Tell) -> Source:
    """The attempts of a file; of a file of molflow's own sampling, the attempts as made.

    Where another has a row that does not say which molecule was made, the row's relaxed_valid and
    valence_valid cannot be told.

    Args:
        path: the file.
        columns: the names of its columns.
        most: the first attempts alone, so many.
        tell: is called with each that is not strictly valid, in order.

    Raises:
        InputError: the file cannot be read, or holds no attempt.
    """
    pictures: dict[int, Chem.Mol] = {}
    in_records = kind_of(path, "samples") == SDF
    as_made = columns.smiles is None and has_column(path, AS_MADE)
    columns = Columns(AS_MADE) if as_made else columns

    def heard(failure: Failure) -> None:
        tell(failure)
        if not in_records and len(pictures) < PICTURED:
            _keep(pictures, failure.index, read_raw(failure.text))

    attempts = collect(judged(path, columns, most), heard)
    if not attempts.checked:
        raise InputError(f"{path}: holds no attempt")
    if not as_made and any(attempts.reasons[reason] for reason in UNTOLD):
        attempts.relaxed = attempts.valence = None
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    about = {"file": path.name, "sha256": digest, "attempts": len(attempts.checked)}
    return Source(path.name, about, attempts, pictures)


def from_model(generator: Generator, made: Samples, name: str, seed: int, tell: Tell) -> Source:
    """The molecules that a model made, as attempts.

    Args:
        generator: the model.
        made: its samples.
        name: of the model.
        seed: of the samples.
        tell: is called with each that is not strictly valid, in order.
    """
    pictures: dict[int, Chem.Mol] = {}

    def heard(failure: Failure) -> None:
        tell(failure)
        if made.checked[failure.index].mol is None and len(pictures) < PICTURED:
            _keep(pictures, failure.index, made.spec.modality.sketch(made.things[failure.index]))

    attempts, n = attempts_of(made, heard), len(made)
    about = {
        "model": name,
        "sha256": generator.fingerprint,
        "n": n,
        "seed": seed,
        "steps": made.walk.steps,
        "method": made.walk.method,
        "evaluations_per_molecule": made.evaluations,
        "seconds": {"network": made.network_seconds, "chemistry": made.chemistry_seconds},
    }
    return Source(f"{name} in {made.walk}", about, attempts, pictures)


def attempts_of(made: Samples, tell: Tell) -> Attempts:
    """Samples as attempts. ``tell`` hears of each that is not strictly valid."""
    attempts, shares, n = collect(_rows(made), tell), made.metrics(None), len(made)
    attempts.relaxed = _count(shares["relaxed_valid"], n)
    attempts.valence = _count(shares["valence_valid"], n)
    return attempts


def _rows(made: Samples) -> Iterator[tuple[Row, JudgedAttempt]]:
    for index, (thing, one) in enumerate(zip(made.things, made.checked, strict=True)):
        written = shortened(made.spec.modality.written(thing))
        yield Row(index, written), JudgedAttempt(without_molecule(one))


def _count(share: float, n: int) -> int | None:
    return None if share != share else round(share * n)


def _keep(pictures: dict[int, Chem.Mol], index: int, mol: Chem.Mol | None) -> None:
    if mol is not None and mol.GetNumAtoms():
        pictures[index] = mol
