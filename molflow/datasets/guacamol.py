"""GuacaMol: 1.59 million molecules of ChEMBL, twelve elements, at most 88 atoms.

Brown et al., J. Chem. Inf. Model. 59, 1096 (2019), with the authors' split into train, valid and
test. Rows are numbered from 1 through the three files, one behind the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from molflow.datasets import molecule_file
from molflow.datasets.download import download_folder, fetch
from molflow.datasets.loaders import MoleculeDataset, consecutive, numbered, positions
from molflow.datasets.names import VOCABULARIES, require_name
from molflow.datasets.packing import Recipe
from molflow.datasets.prepare import prepare_files

URL = "https://ndownloader.figshare.com/files/"
FILES = {
    "train": ("13612760", "md5:05ad85d871958a05c02ab51a4fde8530"),
    "valid": ("13612766", "md5:e53db4bff7dc4784123ae6df72e3b1f0"),
    "test": ("13612757", "md5:677b757ccec4809febd83850b43e1616"),
}
ROWS = {"train": 1_273_104, "valid": 79_568, "test": 238_706}


def load(
    cache: Path | None = None, vocabulary: str = "charged", max_atoms: int | None = None
) -> MoleculeDataset:
    """GuacaMol, downloaded and prepared once and then kept.

    Args:
        cache: the folder where it is kept, by default `cache_folder()`.
        vocabulary: as of `qm9.load`.
        max_atoms: larger molecules are left out of their splits.

    Raises:
        InputError: a file cannot be had, or is another.
    """
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    folder = download_folder(cache)
    sources = {
        name: fetch(URL + number, digest, folder / f"guacamol_v1_{name}.smi")
        for name, (number, digest) in FILES.items()
    }
    recipe = Recipe("smiles", vocabulary == "charged", max_atoms, distinct=False)
    packed, report = prepare_files(
        "guacamol",
        list(sources.values()),
        cache,
        lambda: read(sources),
        recipe,
        total=sum(ROWS.values()),
    )
    splits = {name: positions(rows, packed.ids) for name, rows in consecutive(ROWS).items()}
    return MoleculeDataset("guacamol", packed, splits, report)


def read(sources: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """(row, SMILES) of the files. InputError where one has not as many as it should."""
    return numbered((str(path), _lines(path), ROWS[name]) for name, path in sources.items())


def _lines(path: Path) -> Iterator[str]:
    return (row.text for row in molecule_file.read(path))
