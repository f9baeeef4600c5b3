"""The filters of MOSES (Polykovskiy et al. 2020) pass molecules that a medicinal chemist might buy.

A molecule passes that has none of these:

- a ring of 8 atoms or more
- a charged atom
- an element other than C, N, S, O, F, Cl, Br and H
- a pattern of the medicinal chemistry filters of MOSES (MCF)
- a pattern of PAINS (Baell and Holloway, J. Med. Chem. 53, 2719 (2010)), as MOSES carries it

Patterns are looked for with all hydrogens as atoms, which some of them name.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from rdkit import Chem, rdBase

LISTS = Path(__file__).with_name("data")
ELEMENTS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
LARGEST_RING = 7


def passes_filters(mol: Chem.Mol) -> bool:
    """Tell whether a sanitised molecule passes all filters; one without atoms does not."""
    return why_filtered(mol) is None


def why_filtered(mol: Chem.Mol) -> str | None:
    """Name the first filter that holds a sanitised molecule back, or None.

    It is one of "ring of 8 atoms", "charge on N", "element P", "pattern MCF1" (its name in the
    lists), "no atoms", "not read back". The last says that its SMILES without stereo is no molecule
    again.
    """
    if mol.GetNumAtoms() == 0:
        return "no atoms"
    largest = max(map(len, mol.GetRingInfo().AtomRings()), default=0)
    if largest > LARGEST_RING:
        return f"ring of {largest} atoms"
    for atom in mol.GetAtoms():
        if atom.GetFormalCharge():
            return f"charge on {atom.GetSymbol()}"
        if atom.GetSymbol() not in ELEMENTS:
            return f"element {atom.GetSymbol()}"
    whole = Chem.AddHs(mol)
    for name, pattern in patterns():
        if whole.HasSubstructMatch(pattern):
            return f"pattern {name}"
    with rdBase.BlockLogs():
        back = Chem.MolFromSmiles(Chem.MolToSmiles(mol, isomericSmiles=False))
    return "not read back" if back is None else None


@cache
def patterns() -> tuple[tuple[str, Chem.Mol], ...]:
    """Read names and SMARTS of MCF, then of PAINS, as molecules to look for."""
    with (LISTS / "mcf.csv").open(newline="") as file:
        named = [(row["names"], row["smarts"]) for row in csv.DictReader(file)]
    with (LISTS / "wehi_pains.csv").open(newline="") as file:
        for smarts, label in csv.reader(file):
            named.append((label.removeprefix("<regId=").removesuffix(">"), smarts.strip()))
    return tuple((name, Chem.MolFromSmarts(smarts)) for name, smarts in named)
