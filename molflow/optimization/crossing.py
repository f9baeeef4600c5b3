"""Crossover of two molecules: parts on either side of one cut bond, or of two cuts of a ring.

The idea is that of Graph GA (Jensen, Chem. Sci. 2019, 10, 3567). Molecules are editable ones of
``optimization.edits``, and children are not sanitised.
"""

from __future__ import annotations

from dataclasses import dataclass

from rdkit import Chem

from molflow.optimization.edits import ORDERS, Random, choice


@dataclass(frozen=True)
class Part:
    """A part of a molecule with the atoms where it was cut, one or two."""

    mol: Chem.Mol
    ends: tuple[int, ...]


def chain_crossover(first: Chem.RWMol, second: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Cut each parent at a bond outside of rings, and bond a part of each to the other's.

    Args:
        first, second: editable molecules.
        random: a generator.

    Returns:
        A child, or None where a parent has no such bond.
    """
    parts = [_cut_chain(mol, random) for mol in (first, second)]
    if parts[0] is None or parts[1] is None:
        return None
    one, other = (choice(random, both) for both in parts if both is not None)
    return _joined(one, other, (1,))


def ring_crossover(first: Chem.RWMol, second: Chem.RWMol, random: Random) -> Chem.RWMol | None:
    """Cut each parent at two bonds of one ring; a part of one closes with one of the other.

    Args:
        first, second: editable molecules.
        random: a generator.

    Returns:
        A child, or None where a parent has no ring or the parts do not fit.
    """
    parts = [_cut_ring(mol, random) for mol in (first, second)]
    if parts[0] is None or parts[1] is None:
        return None
    one, other = (choice(random, both) for both in parts if both is not None)
    if random.random() < 0.5:
        other = Part(other.mol, other.ends[::-1])
    return _joined(one, other, tuple(choice(random, (1, 2), (0.7, 0.3)) for _ in one.ends))


def _cut_chain(mol: Chem.RWMol, random: Random) -> list[Part] | None:
    Chem.FastFindRings(mol)
    bonds = [
        b for b in mol.GetBonds() if not b.IsInRing() and b.GetBondType() == Chem.BondType.SINGLE
    ]
    if not bonds:
        return None
    bond = choice(random, bonds)
    return _parts(mol, [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())])


def _cut_ring(mol: Chem.RWMol, random: Random) -> list[Part] | None:
    rings = [list(ring) for ring in Chem.GetSymmSSSR(mol)]
    if not rings:
        return None
    ring = choice(random, rings)
    size = len(ring)
    start, length = int(random.integers(size)), int(random.integers(1, size))
    inside = [(start + length - 1) % size, start]
    cuts = [(ring[inside[1] - 1], ring[start]), (ring[inside[0]], ring[(inside[0] + 1) % size])]
    return _parts(mol, cuts)


def _parts(mol: Chem.RWMol, cuts: list[tuple[int, int]]) -> list[Part] | None:
    """The two parts of a molecule without these bonds, None where there are more or fewer."""
    cut = Chem.RWMol(mol)
    for i, j in cuts:
        if cut.GetBondBetweenAtoms(i, j) is not None:
            cut.RemoveBond(i, j)
    members: list[tuple[int, ...]] = []
    made = Chem.GetMolFrags(cut, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=members)
    if len(made) != 2:
        return None
    ends = [end for pair in cuts for end in pair]
    return [
        Part(part, tuple(atoms.index(end) for end in ends if end in atoms))
        for part, atoms in zip(made, map(list, members), strict=True)
    ]


def _joined(one: Part, other: Part, orders: tuple[int, ...]) -> Chem.RWMol | None:
    """Both parts with a bond of each order from an end of one to an end of the other."""
    if not len(one.ends) == len(other.ends) == len(orders):
        return None
    child, shift = Chem.RWMol(Chem.CombineMols(one.mol, other.mol)), one.mol.GetNumAtoms()
    for i, j, order in zip(one.ends, other.ends, orders, strict=True):
        if child.GetBondBetweenAtoms(i, shift + j) is not None:
            return None
        child.AddBond(i, shift + j, ORDERS[order])
    return child
