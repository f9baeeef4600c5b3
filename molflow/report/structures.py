"""The script searches and saves structures, whose chemistry RDKit has perceived.

Rings, aromaticity, hydrogens and valences stand on the page. The script's own SMARTS then needs
graphs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from molflow.chem.molecule import BOND_ORDERS

if TYPE_CHECKING:
    from rdkit import Chem

MOST = 999
"""A molfile of version 2000 holds so many atoms."""
AROMATIC = 4
"""This is added to the order of an aromatic bond."""

Kind = tuple[str, int, int, int, int, int]
"""Symbol, atomic number, charge, implicit hydrogens, valence, aromatic (1) or not (0)."""


class Structure(TypedDict):
    """A structure is written as lists of whole numbers.

    Attributes:
        atoms: (n,) indices of kinds.
        bonds: (3 m,) begin, end and kekulised order, AROMATIC added, of every bond.
        points: (2 n,) x and y of every atom in the drawing.
        rings: the atoms of RDKit's symmetrised smallest rings, in order around each.
    """

    atoms: list[int]
    bonds: list[int]
    points: list[int]
    rings: list[list[int]]


def structure(
    mol: Chem.Mol, points: Sequence[tuple[int, int]], kinds: dict[Kind, int]
) -> Structure | None:
    """Write a sanitised molecule; None where a molfile of version 2000 cannot hold it.

    Args:
        mol: of n atoms.
        points: (n, 2), the places of the atoms in the drawing.
        kinds: of the atoms of the page, kind -> index; new ones are added.
    """
    from rdkit import Chem

    kekulised = Chem.Mol(mol)
    Chem.Kekulize(kekulised)
    orders = [BOND_ORDERS.get(bond.GetBondType()) for bond in kekulised.GetBonds()]
    if mol.GetNumAtoms() > MOST or not all(order in (1, 2, 3) for order in orders):
        return None
    bonds: list[int] = []
    for bond, order in zip(mol.GetBonds(), orders, strict=True):
        code = (order or 0) + AROMATIC * bond.GetIsAromatic()
        bonds += (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), code)
    return {
        "atoms": [kinds.setdefault(_kind(a), len(kinds)) for a in mol.GetAtoms()],
        "bonds": bonds,
        "points": [x for point in points for x in point],
        "rings": [list(ring) for ring in mol.GetRingInfo().AtomRings()],
    }


def _kind(atom: Chem.Atom) -> Kind:
    return (
        atom.GetSymbol(),
        atom.GetAtomicNum(),
        atom.GetFormalCharge(),
        atom.GetTotalNumHs(),
        atom.GetTotalValence(),
        int(atom.GetIsAromatic()),
    )
