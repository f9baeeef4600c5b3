"""References that attempts are compared with: a data set, or files of anyone's molecules.

A file is the training set, whole: nothing of it is set aside. A second file is the test set, or a
column says of each row which split it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.chem.sanitisation import without_place
from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import SDF, kind_of
from molflow.datasets.split_cells import split_of
from molflow.datasets.store import cache_folder
from molflow.errors import InputError
from molflow.evaluation.comparison import Reference
from molflow.evaluation.samples_file import judged
from molflow.metrics.attempts import identify_record, identify_smiles

if TYPE_CHECKING:
    from molflow.build import Dataset

Molecules = Mapping[str, list[str]]


def from_dataset(data: Dataset, device: str) -> Reference:
    """A data set with the splits that a model is trained and measured on."""
    return Reference(
        data.name,
        {name: data.smiles(name) for name in data.splits},
        cache_folder() / "statistics",
        device,
        left_out={data.name: data.dropped},
        stereo={data.name: data.stereo},
    )


def from_files(path: Path, columns: Columns, test: Path | None, device: str) -> Reference:
    """The molecules of a file, and of one for testing, by the rule that judges attempts.

    Args:
        path: the file.
        columns: the names of its columns.
        test: a second file.
        device: on which ChemNet runs.

    Raises:
        InputError: a file cannot be read or has no molecule, or no row is for training.
    """
    splits, left_out, told = read_reference(path, columns, "reference")
    files = dict.fromkeys(splits, path.name)
    dropped, stereo = {path.name: left_out}, {path.name: told}
    if test is not None:
        of_test, left_out, told = read_reference(test, Columns(columns.smiles), "reference_test")
        splits, files = {**splits, "test": of_test["train"]}, {**files, "test": test.name}
        dropped, stereo = {**dropped, test.name: left_out}, {**stereo, test.name: told}
    cache = cache_folder() / "statistics"
    return Reference(path.name, splits, cache, device, files, dropped, stereo)


def from_smiles(smiles: Sequence[str], device: str) -> Reference:
    """SMILES as the training set, by the rule that judges attempts. Texts that are none are
    counted.

    Args:
        smiles: of molecules.
        device: on which ChemNet runs.

    Raises:
        InputError: there is no molecule among them, or one of them is no text.
    """
    found: list[str] = []
    left_out: Counter[str] = Counter()
    stereo = 0
    for index, text in enumerate(smiles):
        if not isinstance(text, str):
            raise InputError(f"reference[{index}]={text!r}: a SMILES is needed")
        attempt = identify_smiles(text)
        one = attempt.checked
        if one.smiles is None:
            left_out[without_place(one.reason or "")] += 1
        else:
            found.append(one.smiles)
            stereo += attempt.stereo
    if not found:
        raise InputError("reference: no molecule")
    cache = cache_folder() / "statistics"
    return Reference(
        "reference",
        {"train": found},
        cache,
        device,
        left_out={"reference": left_out},
        stereo={"reference": stereo},
    )


def read_reference(
    path: Path, columns: Columns, key: str
) -> tuple[Molecules, Mapping[str, int], int]:
    """Read the molecules of a file by split, "train" where no column says another.

    Every row that holds a molecule counts, repeated ones too.

    Args:
        path: the file.
        columns: the names of its columns.
        key: the beginning of an error.

    Returns:
        SMILES by split, the number of rows without a molecule by reason, and of molecules that
            tell stereochemistry.

    Raises:
        InputError: the file cannot be read, or no row is for training.
    """
    identify = identify_record if kind_of(path, key) == SDF else identify_smiles
    splits: dict[str, list[str]] = {"train": []}
    left_out: Counter[str] = Counter()
    stereo = 0
    for row, attempt in judged(path, columns, key=key, judge=identify):
        one = attempt.checked
        if one.smiles is None:
            left_out[without_place(one.reason or "")] += 1
            continue
        split = "train" if columns.split is None else split_of(path, row, columns.split)
        splits.setdefault(split, []).append(one.smiles)
        stereo += attempt.stereo
    if not splits["train"]:
        asked = "" if columns.split is None else f" with {columns.split}=train"
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in left_out.most_common(5))
        raise InputError(f"{key}={str(path)!r}: no molecule{asked}{reasons and f': {reasons}'}")
    return splits, dict(left_out.most_common()), stereo
