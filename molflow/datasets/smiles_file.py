"""Molecules from any file that `molecule_file` reads, with a vocabulary and sizes of their own.

Rows without a usable molecule and molecules that came before are left out, counted by reason and
listed. So are molecules of more than 256 atoms, where no other limit is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from molflow.datasets.columns import Columns
from molflow.datasets.loaders import SPLITS, Indices, MoleculeDataset
from molflow.datasets.molecule_file import CHOICES, SDF, kind_of, layout, read
from molflow.datasets.names import VOCABULARIES, require_name
from molflow.datasets.packing import LARGEST, Recipe
from molflow.datasets.prepare import prepare_files
from molflow.datasets.split_cells import split_of
from molflow.errors import InputError


def load(
    path: str | Path | None,
    cache: Path | None = None,
    smiles_column: str | None = None,
    max_atoms: int | None = None,
    vocabulary: str = "charged",
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    split_column: str | None = None,
) -> MoleculeDataset:
    """The distinct molecules of a file, split as a column says or else at random.

    Args:
        path: the file, of a kind that `molecule_file` reads.
        cache: where the prepared molecules are kept, by default `cache_folder()`.
        smiles_column: its name, by default one of `molecule_file.USUAL`.
        max_atoms: larger molecules are left out, by default those above `packing.LARGEST`.
        vocabulary: as of `qm9.load`.
        fractions: shares of train, valid and test in a random split.
        seed: of the random split.
        split_column: its cells say train, val or test; a molecule that comes twice has the split
            of its first row.

    Raises:
        InputError: names the file, and the row or the columns, where it cannot be read, holds no
            usable molecule or too many kinds of atoms.
    """
    if path is None:
        raise InputError(f"dataset.path is not given: a file, {CHOICES}")
    path = Path(path)
    require_name("dataset.vocabulary", vocabulary, VOCABULARIES)
    sound = len(fractions) == 3 and min(fractions) >= 0 and abs(sum(fractions) - 1) < 1e-6
    if not sound or fractions[0] == 0:
        raise InputError(f"fractions {tuple(fractions)}: train, valid, test > 0, >= 0, >= 0, sum 1")
    records = kind_of(path, "dataset.path") == SDF
    limit = LARGEST if max_atoms is None else max_atoms
    columns = Columns(smiles_column)
    place = layout(path, columns, "dataset.path")
    recipe = Recipe(place, vocabulary == "charged", limit, distinct=True, records=records)
    packed, report = prepare_files(
        "molecules", [path], cache, lambda: read(path, columns, "dataset.path"), recipe
    )
    splits = (
        split_indices(len(packed), fractions, seed)
        if split_column is None
        else named_splits(path, Columns(smiles_column, split_column), packed.ids)
    )
    return MoleculeDataset(path.name.split(".")[0], packed, splits, report)


def named_splits(path: Path, columns: Columns, rows: Indices) -> dict[str, Indices]:
    """The indices of molecules by the split that each row names.

    Args:
        path: the file.
        columns: the names of its columns; that of splits is needed.
        rows: (M,), the rows of the molecules.

    Raises:
        InputError: a cell names no split, or no molecule is for training.
    """
    assert columns.split is not None
    places = {row: i for i, row in enumerate(rows.tolist())}
    found: dict[str, list[int]] = {name: [] for name in SPLITS}
    for row in read(path, columns, "dataset.path"):
        if row.number in places:
            found[split_of(path, row, columns.split)].append(places[row.number])
    if not found["train"]:
        raise InputError(f"{path}: no usable molecule with {columns.split}=train")
    return {name: np.array(part, np.int64) for name, part in found.items()}


def split_indices(n: int, fractions: Sequence[float], seed: int) -> dict[str, Indices]:
    """Shuffled indices by split; valid and test are rounded down, and train takes the rest.

    Of two molecules or more, valid has one at least where it is to have any.

    Args:
        n: the number of molecules; indices are below it.
        fractions: of train, valid and test.
        seed: of the shuffling.
    """
    valid, test = int(fractions[1] * n), int(fractions[2] * n)
    valid = max(valid, int(n > 1 and fractions[1] > 0))
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, [n - valid - test, n - test])
    return dict(zip(SPLITS, parts, strict=True))
