"""The known atom type that is most like a new one, from which a model that learns it starts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rdkit import Chem, rdBase

from molflow.chem.vocabulary import split_name

Difference = tuple[bool, bool, int, int, int]


def nearest_atom(name: str, known: Sequence[str]) -> str:
    """The atom type of ``known`` that is most like ``name``.

    Other charges of the same element come first, then elements of the same group (as many outer
    electrons), then all others. Among equals these decide in turn: the nearest valence, the nearest
    charge, the nearest atomic number, the order of ``known``.
    """
    return min(known, key=lambda other: _difference(name, other))


def _difference(name: str, other: str) -> Difference:
    (number, charge), (its_number, its_charge) = (_number_and_charge(n) for n in (name, other))
    table = Chem.GetPeriodicTable()
    groups = table.GetNOuterElecs(number), table.GetNOuterElecs(its_number)
    return (
        number != its_number,
        groups[0] != groups[1],
        abs(valence(name) - valence(other)),
        abs(charge - its_charge),
        abs(number - its_number),
    )


def _number_and_charge(name: str) -> tuple[int, int]:
    symbol, charge = split_name(name)
    return Chem.GetPeriodicTable().GetAtomicNumber(symbol), charge


@cache
def valence(name: str) -> int:
    """The number of hydrogens that RDKit gives to a lone atom: 3 of "B", 4 of "N+", 0 of metals."""
    number, charge = _number_and_charge(name)
    atom, mol = Chem.Atom(number), Chem.RWMol()
    atom.SetFormalCharge(charge)
    mol.AddAtom(atom)
    with rdBase.BlockLogs():
        mol.UpdatePropertyCache(strict=False)
    return int(mol.GetAtomWithIdx(0).GetTotalNumHs())
