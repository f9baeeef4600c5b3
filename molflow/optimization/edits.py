"""Small edits of molecules, as genetic algorithms on graphs have them.

The kinds of edits are those of Jensen, Chem. Sci. 2019, 10, 3567.

An edit takes an editable molecule, kekulised and without a word on hydrogens, and a random
generator. It gives another such molecule, or None where it finds no place. Nothing is sanitised
here: `finished` says whether the result is a molecule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from rdkit import Chem, rdBase

from molflow.chem.smiles import LONGEST, canonical_smiles

Random = np.random.Generator
Edit = Callable[[Chem.RWMol, Random], Chem.RWMol | None]
T = TypeVar("T")

ELEMENTS = ("C", "N", "O", "F", "S", "Cl", "Br")
SHARES = (0.3, 0.2, 0.2, 0.1, 0.1, 0.06, 0.04)
"""A new atom is of each of `ELEMENTS` so often."""
VALENCES = {"C": 4, "N": 3, "O": 2, "F": 1, "S": 2, "Cl": 1, "Br": 1}
ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
LARGEST_RING = 7
"""The most atoms of a ring; edits make larger ones by accident alone."""
CLOSED = {3: 0.04, 4: 0.04, 5: 0.42, 6: 0.5}
"""A new ring has so many atoms so often."""


def editable(smiles: str) -> Chem.RWMol | None:
    """The molecule of a SMILES, kekulised, without stereo; None where there is none."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles) if len(smiles) <= LONGEST else None
        if mol is None or not mol.GetNumAtoms():
            return None
        Chem.RemoveStereochemistry(mol)
        try:
            Chem.Kekulize(mol, clearAromaticFlags=True)
        except Chem.KekulizeException:
            return None
    for atom in mol.GetAtoms():
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(False)
    return Chem.RWMol(mol)


def finished(mol: Chem.Mol | None, largest: int) -> str | None:
    """The canonical SMILES of a connected molecule of ``largest`` atoms at most, else None.

    Molecules that a score rewards and no chemist would make are refused too, see `ODD` and
    LARGEST_RING.
    """
    if mol is None or not 1 < mol.GetNumAtoms() <= largest:
        return None
    with rdBase.BlockLogs():
        copy = Chem.Mol(mol)
        try:
            Chem.SanitizeMol(copy)
        except (Chem.MolSanitizeException, RuntimeError, ValueError):
            return None
        if len(Chem.GetMolFrags(copy)) > 1 or not _plausible(copy):
            return None
        smiles = canonical_smiles(copy)
        again = Chem.MolFromSmiles(smiles)
    return None if again is None else canonical_smiles(again)


ODD = tuple(
    Chem.MolFromSmarts(pattern)
    for pattern in ("[r;!#16]=[r]=[r]", "[r3]=[r3]", "[r4]=;@[r4]", "[R]#[R]", "[#8,#16][#8]")
)
"""Refused structures: cumulated and triple bonds in rings, strained double bonds, peroxides."""


def _plausible(mol: Chem.Mol) -> bool:
    rings = mol.GetRingInfo().AtomRings()
    if max(map(len, rings), default=0) > LARGEST_RING:
        return False
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        return False
    return not any(mol.HasSubstructMatch(pattern) for pattern in ODD)


def choice(random: Random, items: Sequence[T], shares: Sequence[float] | None = None) -> T:
    """Draw one of the items, by their shares."""
    if shares is None:
        return items[int(random.integers(len(items)))]
    upto = np.cumsum(shares)
    return items[int(np.searchsorted(upto, random.random() * upto[-1], side="right"))]


def _element(random: Random, order: int) -> str:
    """An element that takes a bond of this order."""
    able = [k for k, name in enumerate(ELEMENTS) if VALENCES[name] >= order]
    return ELEMENTS[choice(random, able, [SHARES[k] for k in able])]


def _room(mol: Chem.Mol) -> list[int]:
    """How many hydrogens every atom has to give."""
    mol.UpdatePropertyCache(strict=False)
    return [atom.GetTotalNumHs() for atom in mol.GetAtoms()]


def append_atom(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Put a new atom on one that has hydrogens."""
    order = choice(random, (1, 2, 3), (0.7, 0.25, 0.05))
    places = [i for i, room in enumerate(_room(mol)) if room >= order]
    if not places:
        return None
    new = mol.AddAtom(Chem.Atom(_element(random, order)))
    mol.AddBond(choice(random, places), new, ORDERS[order])
    return mol


def insert_atom(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Put a new atom in the middle of a single bond."""
    bonds = [b for b in mol.GetBonds() if b.GetBondType() == Chem.BondType.SINGLE]
    if not bonds:
        return None
    bond = choice(random, bonds)
    i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    mol.RemoveBond(i, j)
    new = mol.AddAtom(Chem.Atom(choice(random, ("C", "N", "O", "S"), (0.5, 0.25, 0.2, 0.05))))
    mol.AddBond(i, new, Chem.BondType.SINGLE)
    mol.AddBond(new, j, Chem.BondType.SINGLE)
    return mol


def delete_atom(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Take away an atom of at most three neighbours, and join its neighbours."""
    places = [a.GetIdx() for a in mol.GetAtoms() if a.GetDegree() <= 3]
    if mol.GetNumAtoms() < 3 or not places:
        return None
    place = choice(random, places)
    neighbours = [a.GetIdx() for a in mol.GetAtomWithIdx(place).GetNeighbors()]
    order = random.permutation(len(neighbours))
    hub = [neighbours[k] for k in order]
    for other in hub[1:]:
        if mol.GetBondBetweenAtoms(hub[0], other) is None:
            mol.AddBond(hub[0], other, Chem.BondType.SINGLE)
    mol.RemoveAtom(place)
    return mol


def replace_atom(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Give an atom without charge another element, where its bonds allow it."""
    atoms = [a for a in mol.GetAtoms() if not a.GetFormalCharge()]
    if not atoms:
        return None
    atom = choice(random, atoms)
    valence = sum(round(b.GetBondTypeAsDouble()) for b in atom.GetBonds())
    able = [
        k
        for k, name in enumerate(ELEMENTS)
        if name != atom.GetSymbol() and VALENCES[name] >= valence
    ]
    if not able:
        return None
    name = ELEMENTS[choice(random, able, [SHARES[k] for k in able])]
    mol.ReplaceAtom(atom.GetIdx(), Chem.Atom(name))
    return mol


def change_order(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Give a bond another order."""
    room, found = _room(mol), []
    for bond in mol.GetBonds():
        i, j, now = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondTypeAsDouble()
        spare = min(room[i], room[j])
        found += [(i, j, k) for k in ORDERS if k != now and k - now <= spare]
    if not found:
        return None
    # Triple bonds are rare in molecules, and so they are here.
    i, j, order = choice(random, found, [0.1 if k == 3 else 1.0 for _, _, k in found])
    mol.GetBondBetweenAtoms(i, j).SetBondType(ORDERS[order])
    return mol


def open_ring(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Take away a bond of a ring."""
    Chem.FastFindRings(mol)
    bonds = [b for b in mol.GetBonds() if b.IsInRing()]
    if not bonds:
        return None
    bond = choice(random, bonds)
    mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return mol


def close_ring(mol: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Bond two atoms with hydrogens, so that a ring of 3 to 6 atoms closes."""
    size = choice(random, list(CLOSED), list(CLOSED.values()))
    room, distance = _room(mol), Chem.GetDistanceMatrix(mol, force=True)
    able = np.array(room) > 0
    first, second = np.nonzero(np.triu((distance == size - 1) & able & able[:, None]))
    if not len(first):
        return None
    k = int(random.integers(len(first)))
    mol.AddBond(int(first[k]), int(second[k]), Chem.BondType.SINGLE)
    return mol


EDITS: tuple[tuple[Edit, float], ...] = (
    (append_atom, 0.2),
    (insert_atom, 0.12),
    (delete_atom, 0.18),
    (replace_atom, 0.18),
    (change_order, 0.14),
    (open_ring, 0.06),
    (close_ring, 0.12),
)
"""All edits, and how often each is drawn."""


def edited(mol: Chem.RWMol, count: int, random: Random) -> Chem.RWMol | None:
    """Make several edits of a molecule, which is changed.

    Args:
        mol: an editable molecule.
        count: of edits.
        random: a generator.

    Returns:
        The molecule, or None where an edit found no place.
    """
    changed: Chem.RWMol | None = mol
    for _ in range(count):
        if changed is None:
            return None
        edit = choice(random, [e for e, _ in EDITS], [share for _, share in EDITS])
        changed = edit(changed, random)
    return changed
