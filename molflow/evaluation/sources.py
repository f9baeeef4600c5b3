"""Sources of attempts: a file of anyone's molecules, or a model of ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import SDF, Row, has_column, kind_of, shortened
from molflow.datasets.parquet import PARQUET, columns_of
from molflow.errors import InputError
from molflow.evaluation.samples_file import Attempts, Failure, collect, judged
from molflow.files import AS_MADE, CSV, PARTS, PLAN, TABLES
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


def files_of(path: Path) -> list[Path]:
    """The files of ``samples=``: a file itself, or those of all samplings in a folder and below.

    InputError where there is none, or where a sampling has not ended.
    """
    if not path.is_dir():
        if not _parquet(path):
            kind_of(path, "samples")
        elif not path.is_file():
            raise InputError(f"samples={str(path)!r}: no such file")
        return [path]
    for plan in path.rglob(f"{PARTS}/{PLAN}"):
        raise InputError(
            f"samples={str(path)!r}: the sampling in {str(plan.parent.parent)!r} has not ended"
        )
    names = (CSV, f"{CSV}.gz", f"{TABLES}/part-*{PARQUET}")
    found = sorted(file for name in names for file in path.rglob(name))
    if not found:
        raise InputError(
            f"samples={str(path)!r}: a folder without {CSV}, {CSV}.gz or {TABLES}/part-*{PARQUET}"
        )
    return found


def from_file(
    path: Path,
    columns: Columns,
    most: int | None,
    tell: Tell,
    training: Collection[str] | None = None,
) -> Source:
    """The attempts of a file, or of all samplings in a folder, one behind the other.

    Of a file of molflow's own sampling they are the attempts as made. Where another has a row that
    says nothing of what was made, what that row is in the senses of relaxed_valid and valence_valid
    cannot be told.

    Args:
        path: of the file or folder.
        columns: which to read.
        most: attempts at most, the first ones.
        tell: hears of each that is not strictly valid, in order.
        training: as of ``collect``.

    Raises:
        InputError: it cannot be read, or holds no attempt.
    """
    pictures: dict[int, Chem.Mol] = {}
    files = files_of(path)
    as_made = columns.smiles is None and all(_has_as_made(file) for file in files)
    columns = Columns(AS_MADE) if as_made else columns
    in_records = files == [path] and not _parquet(path) and kind_of(path, "samples") == SDF

    def heard(failure: Failure) -> None:
        tell(failure)
        if not in_records and len(pictures) < PICTURED:
            _keep(pictures, failure.index, read_raw(failure.text))

    rows = (one for file in files for one in judged(file, columns))
    attempts = collect(islice(rows, most), heard, training)
    n = attempts.tally.counts.attempts
    if not n:
        raise InputError(f"{path}: holds no attempt")
    if not as_made and any(attempts.reasons[reason] for reason in UNTOLD):
        attempts.relaxed = attempts.valence = None
    digests = {str(file.relative_to(path.parent)): _digest(file) for file in files}
    told = {"sha256": digests[path.name]} if files == [path] else {"files": digests}
    return Source(path.name, {"file": path.name, **told, "attempts": n}, attempts, pictures)


def _parquet(path: Path) -> bool:
    return path.suffix.lower() == PARQUET


def _has_as_made(file: Path) -> bool:
    return AS_MADE in columns_of(file) if _parquet(file) else has_column(file, AS_MADE)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def from_model(
    generator: Generator,
    made: Samples,
    name: str,
    seed: int,
    tell: Tell,
    training: Collection[str] | None,
) -> Source:
    """The molecules that a model made, as attempts.

    Args:
        generator: the model.
        made: its samples.
        name: of the model.
        seed: of the samples.
        tell: is called with each that is not strictly valid, in order.
        training: as of ``collect``.
    """
    pictures: dict[int, Chem.Mol] = {}

    def heard(failure: Failure) -> None:
        tell(failure)
        if made.checked[failure.index].mol is None and len(pictures) < PICTURED:
            _keep(pictures, failure.index, made.spec.modality.sketch(made.things[failure.index]))

    attempts, n = attempts_of(made, heard, training), len(made)
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


def attempts_of(made: Samples, tell: Tell, training: Collection[str] | None) -> Attempts:
    """Samples as attempts; the arguments are those of ``collect``."""
    attempts, shares, n = collect(_rows(made), tell, training), made.metrics(None), len(made)
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
