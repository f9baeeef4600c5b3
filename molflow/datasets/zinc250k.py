"""ZINC250k: 249,455 purchasable molecules of 6 to 38 atoms, nine elements.

They were drawn from ZINC (Irwin et al., J. Chem. Inf. Model. 52, 1757, 2012) by Gomez-Bombarelli et
al., ACS Cent. Sci. 4, 268 (2018). ZINC's terms forbid passing it on, so the file of those authors
is downloaded. `dataset.path` may name one instead: the same molecules in the same order, in any
form that `molecule_file` reads.

The split is our own, at random by `dataset.seed`:

| train | valid | test |
| --- | --- | --- |
| 224,511 | 12,472 | 12,472 |

The literature since CGVAE (Liu et al. 2018) and GDSS (Jo et al. 2022) tests on 24,887 molecules,
and has no validation set. Their indices come in a file that no rule reproduces. Both test sets are
drawn at random from the same molecules, so measures against them agree up to their size.

Rows are numbered from 1. Molecules that differ in stereo alone are all kept, as the literature
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from molflow.datasets import molecule_file, smiles_file
from molflow.datasets.download import download_folder, fetch
from molflow.datasets.loaders import MoleculeDataset, positions
from molflow.datasets.names import VOCABULARIES, require_name
from molflow.datasets.packing import Recipe
from molflow.datasets.prepare import prepare_files
from molflow.errors import InputError

FILE = "250k_rndm_zinc_drugs_clean_3.csv"
URL = (
    "https://raw.githubusercontent.com/aspuru-guzik-group/chemical_vae/main/models/zinc_properties/"
    + FILE
)
DIGEST = "md5:b59078b2b04c6e9431280e3dc42048d5"
ROWS = 249_455
FRACTIONS = (0.9, 0.05, 0.05)


def load(
    path: str | Path | None = None,
    cache: Path | None = None,
    vocabulary: str = "charged",
    seed: int = 0,
    max_atoms: int | None = None,
) -> MoleculeDataset:
    """ZINC250k, prepared once and then kept.

    Args:
        path: the molecules; without it they are downloaded.
        cache: the folder where they are kept, by default `cache_folder()`.
        vocabulary: as of `qm9.load`.
        seed: of the split.
        max_atoms: larger molecules are left out of their splits.

    Raises:
        InputError: the file cannot be had or read, or is another.
    """
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    source = fetch(URL, DIGEST, download_folder(cache) / FILE) if path is None else Path(path)
    place = molecule_file.layout(source, key="dataset.path")
    recipe = Recipe(place, vocabulary == "charged", max_atoms, distinct=False)
    packed, report = prepare_files(
        "zinc250k", [source], cache, lambda: read(source), recipe, total=ROWS
    )
    present = len(packed) + sum(packed.dropped.values())
    if present != ROWS:
        raise InputError(f"{source}: {present} molecules, {ROWS} expected for dataset=zinc250k")
    parts = smiles_file.split_indices(ROWS, FRACTIONS, seed)
    splits = {name: positions(part + 1, packed.ids) for name, part in parts.items()}
    return MoleculeDataset("zinc250k", packed, splits, report)


def read(source: Path) -> Iterator[molecule_file.Row]:
    """The rows, from 1; the official file breaks lines inside its cells, so rows are not lines."""
    for number, row in enumerate(molecule_file.read(source, key="dataset.path"), start=1):
        yield row._replace(number=number)
