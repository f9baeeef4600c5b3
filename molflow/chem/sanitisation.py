"""Sanitisation by RDKit in the literature's sense, and the reason why a molecule fails it."""

from __future__ import annotations

import re
from functools import cache

from rdkit import Chem, rdBase

from molflow.chem.vocabulary import atom_name

ORDERED = frozenset(
    {
        Chem.BondType.SINGLE,
        Chem.BondType.DOUBLE,
        Chem.BondType.TRIPLE,
        Chem.BondType.AROMATIC,
        Chem.BondType.QUADRUPLE,
        Chem.BondType.QUINTUPLE,
        Chem.BondType.HEXTUPLE,
        Chem.BondType.DATIVE,
    }
)
"""Bonds of a molecule, as against those of a drawing or a search."""


@cache
def implicit_hydrogens(atomic_number: int, charge: int, valence: int) -> int:
    """Hydrogens that RDKit adds to an atom with bonds of this total order, -1 if it refuses."""
    star = Chem.RWMol()
    atom = Chem.Atom(atomic_number)
    atom.SetFormalCharge(charge)
    star.AddAtom(atom)
    for leaf in range(1, valence + 1):
        star.AddAtom(Chem.Atom(0))
        star.AddBond(0, leaf, Chem.BondType.SINGLE)
    try:
        with rdBase.BlockLogs():
            star.UpdatePropertyCache(strict=True)
    except Chem.AtomValenceException:
        return -1
    return int(star.GetAtomWithIdx(0).GetNumImplicitHs())


def sanitise(mol: Chem.RWMol, operations: int = Chem.SANITIZE_ALL) -> str | None:
    """Sanitise a molecule in place, and return the reason why that fails, or None.

    Aromatic molecules are sanitised twice: RDKit passes a few whose aromatic form it cannot read.
    Call it under BlockLogs.

    Args:
        mol: the molecule, which is changed.
        operations: RDKit's flags, by default all.
    """
    try:
        Chem.SanitizeMol(mol, operations)
        if any(bond.GetIsAromatic() for bond in mol.GetBonds()):
            Chem.SanitizeMol(Chem.Mol(mol), operations)
    except Chem.AtomValenceException as error:
        return _valence_reason(error, mol)
    except (Chem.KekulizeException, Chem.AtomKekulizeException):
        return "kekulisation"
    except (Chem.MolSanitizeException, RuntimeError, ValueError) as error:
        return other_reason(error)
    return _orderless(mol)


def _orderless(mol: Chem.RWMol) -> str | None:
    """The reason why a sanitised molecule is none where a bond has no order, or an atom or a bond
    stands for several: RDKit lets both pass."""
    for bond in mol.GetBonds():
        kind = bond.GetBondType()
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        in_ring = bond.IsInRing() and all(atom.GetIsAromatic() for atom in ends)
        outside = kind == Chem.BondType.AROMATIC and not in_ring
        if kind not in ORDERED or outside or bond.HasQuery():
            name = "aromatic outside an aromatic ring" if outside else kind.name.lower()
            return f"bond without an order: {name}"
    return "atom that stands for several" if any(a.HasQuery() for a in mol.GetAtoms()) else None


def other_reason(error: Exception) -> str:
    """RDKit's message for a failure that has no name here, on one line."""
    return f"other: {' '.join(str(error).split())[:80]}"


def _valence_reason(error: Chem.AtomValenceException, mol: Chem.Mol) -> str:
    """Such as "valence: C 5 > 4 at atom 3": the atom's position in the graph, counted from 0."""
    index = error.cause.GetAtomIdx()  # type: ignore[attr-defined]  # missing in RDKit's stubs
    atom = mol.GetAtomWithIdx(index)
    number, charge = atom.GetAtomicNum(), atom.GetFormalCharge()
    valence = int(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))
    allowed = [v for v in range(valence) if implicit_hydrogens(number, charge, v) >= 0]
    limit = max(allowed, default=0)
    return f"valence: {atom_name(atom.GetSymbol(), charge)} {valence} > {limit} at atom {index}"


PLACE = re.compile(r" at atom (\d+)$")
"""The atom that a reason speaks of, at its end."""


def without_place(reason: str) -> str:
    """The same reason, whichever atom it was at."""
    return PLACE.sub("", reason)


def place_of(reason: str | None) -> list[int]:
    """The atom that a reason names, none or one."""
    found = PLACE.search(reason or "")
    return [int(found[1])] if found else []
