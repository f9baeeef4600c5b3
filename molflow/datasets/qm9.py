"""QM9: 130,831 molecules of up to nine heavy atoms C, N, O, F, and the splits of the literature.

Source: Ramakrishnan et al., Scientific Data 1, 140022 (2014), 133,885 molecules in the order of
their GDB index. Of these, 3,054 failed the authors' check of geometry ("uncharacterised") and are
not in our file. Molecules that occur twice are kept, as the literature does.

| split | train | valid | test | rule |
| --- | --- | --- | --- | --- |
| digress | 97,734 | 20,042 | 13,055 | Vignac et al. 2023, see below |
| edm | 100,000 | 17,748 | 13,083 | Hoogeboom et al. 2022: permuted with numpy's seed 0 |
| random | 100,000 | 17,748 | 13,083 | shuffled by `seed` |

The rule of digress shuffles all 133,885 with pandas' `sample(frac=1, random_state=42)` and cuts
them at 100,000 and 120,497. The uncharacterised are taken out after that.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from molflow.datasets.loaders import SPLITS, Indices, MoleculeDataset
from molflow.datasets.names import QM9_SPLITS, VOCABULARIES, require_name
from molflow.datasets.packing import Recipe
from molflow.datasets.prepare import prepare_files
from molflow.errors import InputError

FILE = "qm9.csv.gz"
ROWS = 130_831
LAST_ID = 133_885
TRAIN = 100_000


def load(
    cache: Path | None = None,
    split: str = "digress",
    vocabulary: str = "charged",
    seed: int = 0,
    max_atoms: int | None = None,
) -> MoleculeDataset:
    """QM9 with one of its splits, prepared once and then kept.

    Args:
        cache: the folder where it is kept, by default `cache_folder()`.
        split: one of `names.QM9_SPLITS`.
        vocabulary: "charged" has a class for each element and charge; "stripped" for elements only
            (the SMILES keep their charges).
        seed: for split="random" alone.
        max_atoms: larger molecules are left out of their splits.

    Raises:
        InputError: a name is unknown, or the file is missing or not ours.
    """
    require_name("dataset.split", split, QM9_SPLITS)
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    source = data_file()
    recipe = Recipe("smiles", vocabulary == "charged", max_atoms, distinct=False)
    packed, report = prepare_files("qm9", [source], cache, lambda: read(source), recipe, total=ROWS)
    present = len(packed) + sum(packed.dropped.values())
    if present != ROWS:
        raise InputError(f"{source}: {present} rows, {ROWS} expected; replace the file")
    everything = packed.ids if not packed.dropped else np.array([row for row, _ in read(source)])
    parts = split_ids(split, everything, seed)
    splits = {name: _positions(part, packed.ids) for name, part in parts.items()}
    return MoleculeDataset("qm9", packed, splits, report)


def data_file() -> Path:
    """The path of qm9.csv.gz, in the installed package or in a checkout's data folder.

    InputError where it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "data" / FILE, package.parent / "data" / FILE]
    for place in places:
        if place.is_file():
            return place
    raise InputError(f"{FILE} is in neither {places[0].parent} nor {places[1].parent}")


def read(source: Path) -> Iterator[tuple[int, str]]:
    """(GDB index, SMILES) of every row of the file, as given there."""
    try:
        with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield int(row["gdb_id"]), row["smiles"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{source}: not QM9 as molflow carries it: {error!r}") from error


def split_ids(split: str, characterised: Indices, seed: int = 0) -> dict[str, Indices]:
    """GDB indices by split; digress names uncharacterised ones too.

    Args:
        split: one of `names.QM9_SPLITS`.
        characterised: the ascending GDB indices (130831,) of the file.
        seed: for split="random" alone.
    """
    if split == "digress":
        order = np.random.RandomState(42).permutation(LAST_ID) + 1
    elif split == "edm":
        order = np.random.RandomState(0).permutation(characterised)
    else:
        order = np.random.default_rng(seed).permutation(characterised)
    parts = np.split(order, [TRAIN, len(order) - int(0.1 * len(order))])
    return dict(zip(SPLITS, parts, strict=True))


def _positions(wanted: Indices, ids: Indices) -> Indices:
    """Where the wanted GDB indices stand in `ids` (M,), in their order; absent ones left out."""
    where = np.full(LAST_ID + 1, -1)
    where[ids] = np.arange(len(ids))
    found = where[wanted]
    return found[found >= 0]
