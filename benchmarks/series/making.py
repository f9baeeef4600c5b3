"""Series of molecules by rule: those of a file that have a part, or that get one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from molflow.chem.molecule import Unusable, canonical_smiles, read_smiles
from molflow.console import atomic_write
from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import read
from molflow.errors import InputError
from molflow.progress import progress

FEWEST = 20
"""The fewest molecules of a series: below, a tenth of it says nothing."""


@dataclass(frozen=True)
class Rule:
    """A rule that cuts a series from a file.

    Attributes:
        smarts: of the part that all molecules of the series have.
        most: how many it takes.
        replaced: the part whose place it takes, in molecules that have that once; None where
            molecules are taken as they are.
        by: the part that comes there, its first atom bonded.
    """

    smarts: str
    most: int
    replaced: str | None = None
    by: str | None = None

    def holds(self, mol: Chem.Mol) -> bool:
        """Whether a molecule is of the series."""
        return bool(mol.HasSubstructMatch(Chem.MolFromSmarts(self.smarts)))

    def of(self, mol: Chem.Mol) -> Chem.Mol | None:
        """The molecule of the series that this one is, or becomes; None where there is none."""
        if self.replaced is None or self.by is None:
            return mol if self.holds(mol) else None
        old = Chem.MolFromSmarts(self.replaced)
        if len(mol.GetSubstructMatches(old)) != 1:
            return None
        made = Chem.ReplaceSubstructs(mol, old, Chem.MolFromSmiles(self.by))[0]
        Chem.SanitizeMol(made)
        return made


RULES = {
    "arylpiperazines": Rule("c-[NX3]1CCNCC1", 1000),
    "boronic_acids": Rule("c-[BX3]([OX2H])[OX2H]", 1000, "[Br;$(Br-c)]", "B(O)O"),
    "coumarins": Rule("O=c1ccc2ccccc2o1", 200),
}
"""A class of scaffolds, one with an element that ZINC250k lacks, and one with few molecules."""


def make(source: Path, column: str, names: Iterable[str], folder: Path) -> dict[str, Path]:
    """Write a CSV file of SMILES for each series of these names, in ``folder``.

    The molecules of a series are drawn from all that ``source`` gives, always the same ones. Files
    that lie there are kept.

    Args:
        source: a file of molecules.
        column: of its SMILES.
        names: of RULES.
        folder: of the files.

    Raises:
        InputError: the source cannot be read, or gives fewer than FEWEST of a series.
    """
    paths = {name: folder / f"{name}.csv" for name in names}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        found = _found(source, column, missing)
        for name in missing:
            _write(paths[name], _chosen(name, found[name], source))
    return paths


def _found(source: Path, column: str, names: list[str]) -> dict[str, dict[str, None]]:
    """All distinct molecules of these series, in the order of the source."""
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    rows = read(source, Columns(column), key="path")
    with rdBase.BlockLogs():
        for row in progress(rows, f"looking for {', '.join(names)}", unit="molecules"):
            try:
                mol = read_smiles(row.text)
            except Unusable:
                continue
            for name in names:
                made = RULES[name].of(mol)
                if made is not None:
                    found[name][canonical_smiles(made)] = None
    return found


def _chosen(name: str, found: Iterable[str], source: Path) -> list[str]:
    smiles = list(found)
    if len(smiles) < FEWEST:
        raise InputError(f"{source}: {len(smiles)} {name}, at least {FEWEST} are needed")
    order = np.random.default_rng(0).permutation(len(smiles))[: RULES[name].most]
    return [smiles[k] for k in order]


def _write(path: Path, smiles: list[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("smiles\n" + "".join(f"{one}\n" for one in smiles))
