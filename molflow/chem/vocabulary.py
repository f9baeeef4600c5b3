"""The vocabulary of graphs: an atom class is an element with its formal charge, a pair class an
order.

The charge belongs to the atom class ("N+", "O-"), so a generated molecule needs no repair: nitro
groups and zwitterions are made as such. Bonds are kekulised; "aromatic" exists only so that graphs
made by other programs can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BONDS = ("none", "single", "double", "triple")
AROMATIC = "aromatic"
ATOM_NAME = re.compile(r"([A-Z][a-z]?)(?:([+-])([2-9])?)?")


def atom_name(symbol: str, charge: int) -> str:
    """("N", 1) -> "N+", ("Ca", 2) -> "Ca+2", ("C", 0) -> "C"."""
    if charge == 0:
        return symbol
    sign = "+" if charge > 0 else "-"
    return symbol + sign + (str(abs(charge)) if abs(charge) > 1 else "")


def split_name(name: str) -> tuple[str, int]:
    """The inverse of `atom_name`: "Ca+2" -> ("Ca", 2). ValueError where name is no atom name."""
    match = ATOM_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"atom {name!r}: expected an element and its charge, such as C, N+, Ca+2")
    symbol, sign, digits = match.groups()
    size = int(digits or 1) if sign else 0
    return symbol, -size if sign == "-" else size


def strip_charges(name: str) -> str:
    """The neutral name of an atom: "N+" -> "N"."""
    return split_name(name)[0]


@dataclass(frozen=True)
class Vocabulary:
    """The meaning of the classes of a graph.

    Attributes:
        atoms: atoms[a] is the name of atom class a.
        bonds: bonds[b] is the name of pair class b; 0 is "none".
        charged: False where atoms are neutral names, as in the older literature. A charged atom
            becomes its neutral element, and the charge is lost.
        atom_class: the inverse of atoms, from name to class.

    Raises:
        ValueError: the bonds are others than BONDS, after which AROMATIC may follow. Or names are
            no atoms, come twice or contradict ``charged``.
    """

    atoms: tuple[str, ...]
    bonds: tuple[str, ...] = BONDS
    charged: bool = True
    atom_class: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.bonds not in (BONDS, (*BONDS, AROMATIC)):
            raise ValueError(f"bonds {self.bonds}: {BONDS}, {AROMATIC!r} may follow")
        if not self.atoms or len(set(self.atoms)) != len(self.atoms):
            raise ValueError(f"atoms {self.atoms}: at least one, and no name twice")
        charges = [split_name(name)[1] for name in self.atoms]
        if not self.charged and any(charges):
            raise ValueError(f"atoms {self.atoms}: charges in a vocabulary without charges")
        object.__setattr__(self, "atom_class", {name: i for i, name in enumerate(self.atoms)})

    @classmethod
    def infer(cls, names: Iterable[str], charged: bool = True) -> Vocabulary:
        """The vocabulary of the atom names seen, sorted by (atomic number, charge).

        Args:
            names: the names, or a mapping from them to counts.
            charged: False strips the charges.
        """
        from rdkit import Chem

        table = Chem.GetPeriodicTable()
        kept = {name if charged else strip_charges(name) for name in names}

        def rank(name: str) -> tuple[int, int]:
            symbol, charge = split_name(name)
            return table.GetAtomicNumber(symbol), charge

        return cls(tuple(sorted(kept, key=rank)), charged=charged)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"atoms": list(self.atoms), "bonds": list(self.bonds), "charged": self.charged}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Vocabulary:
        """The inverse of `to_dict`."""
        return cls(tuple(values["atoms"]), tuple(values["bonds"]), bool(values["charged"]))
