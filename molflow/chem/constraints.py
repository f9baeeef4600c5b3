"""Constraints on molecules: a scaffold to keep, a number of atoms, counts and bans of elements.

A constraint becomes a plan in the classes of a model before anything is sampled. Where the model
cannot meet it, an InputError says why. ``chem.holding`` makes states of a plan.

>>> constraint = parse_constraint(scaffold="[*:1]c1ccncc1", elements="O:1", forbidden="F")
>>> plan(constraint, vocabulary, max_atoms=9).sizes                     # doctest: +SKIP
(7, 9)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
from rdkit import Chem

from molflow.chem.scaffold import Bools, Scaffold, no_scaffold, read_scaffold, takes_bonds
from molflow.chem.vocabulary import ATOM_NAME, Vocabulary, split_name, strip_charges
from molflow.errors import InputError
from molflow.graph.graph import Ints

COUNT = re.compile(r"\s*([A-Z][a-z]?)\s*[:=]\s*([0-9]{1,6})\s*")
ONCE, AT_LEAST_ONCE, OPTIONAL = MARKS = ("once", "at_least_once", "optional")
"""Rules for a mark of a scaffold.

- once: a single bond to a new atom, and no other bond of the marked atom to new atoms.
- at_least_once: a single bond to a new atom; the marked atom may have others.
- optional: the marked atom may have any bonds to new atoms, or none.
"""
ELEMENTS = frozenset(Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119))


@dataclass(frozen=True)
class Constraint:
    """A constraint that every molecule must satisfy; without arguments, every molecule does.

    Attributes:
        scaffold: SMILES. The molecule may grow at the neighbours of dummy atoms ``[*:1]``, and
            everywhere if there is none. Several fragments are to be linked.
        atoms: the number of atoms.
        elements: exact counts in the whole molecule, scaffold and charged atoms included.
        forbidden: elements ("N": with any charge) and charged atoms ("N+": that one alone) that do
            not occur.
        marks: one of MARKS. By default every dummy atom becomes exactly one single bond to a new
            atom.

    Raises:
        InputError: an argument is of the wrong type.
    """

    scaffold: str | None = None
    atoms: int | None = None
    elements: Mapping[str, int] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    marks: str = ONCE

    def __post_init__(self) -> None:
        if self.scaffold is not None and not isinstance(self.scaffold, str):
            raise InputError(
                f"scaffold={self.scaffold!r}: a SMILES is needed; Chem.MolToSmiles(mol) writes one"
            )
        if not isinstance(self.elements, Mapping):
            raise InputError(f"elements={self.elements!r}: counts such as {{'N': 1}} are needed")
        if isinstance(self.forbidden, str) or not isinstance(self.forbidden, Collection):
            raise InputError(f"forbidden={self.forbidden!r}: names such as ('F', 'N+') are needed")
        object.__setattr__(self, "forbidden", tuple(self.forbidden))

    def __str__(self) -> str:
        """Write it as it is asked for: scaffold='CC', elements='N:2,O:1'."""
        counts = ",".join(f"{name}:{count}" for name, count in self.elements.items())
        asked = {"scaffold": self.scaffold, "atoms": self.atoms, "elements": counts or None}
        asked["marks"] = None if self.marks == ONCE else self.marks
        asked["forbidden"] = ",".join(self.forbidden) or None
        return ", ".join(f"{name}={one!r}" for name, one in asked.items() if one is not None)


def parse_constraint(
    scaffold: str | None = None,
    elements: str | None = None,
    forbidden: str | None = None,
    atoms: int | None = None,
    marks: str = ONCE,
) -> Constraint:
    """Read the constraint of a command line. An empty text is no constraint.

    Args:
        scaffold: SMILES, see Constraint.
        elements: counts, such as "N:2,O:1".
        forbidden: names, such as "F,S".
        atoms: the number of atoms.
        marks: one of MARKS.

    Raises:
        InputError: counts or names are not written so.
    """
    return Constraint(
        (scaffold or "").strip() or None,
        atoms,
        _read_counts(elements or ""),
        _read_names(forbidden or ""),
        marks,
    )


def _read_counts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in text.split(",") if text.strip() else ():
        match = COUNT.fullmatch(item)
        if match is None:
            raise InputError(f"elements={text!r}: counts such as N:2,O:1 are needed")
        if match[1] in counts:
            raise InputError(f"elements={text!r}: {match[1]} has two counts")
        counts[match[1]] = int(match[2])
    return counts


def _read_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    for name in names:
        if ATOM_NAME.fullmatch(name) is None:
            raise InputError(f"forbidden={text!r}: elements such as F,S are needed")
    return names


@dataclass(frozen=True, eq=False)
class Plan:
    """A constraint that a model can meet, in the classes of its vocabulary.

    Attributes:
        constraint: as it was asked for.
        vocabulary: that of the model.
        scaffold: k atoms, the first of every molecule.
        drawn: classes (m,) to be held at free atoms that random numbers choose.
        allowed: (A,), the classes that the other free atoms may have.
        sizes: the smallest and the largest number of atoms.
    """

    constraint: Constraint
    vocabulary: Vocabulary
    scaffold: Scaffold
    drawn: Ints
    allowed: Bools
    sizes: tuple[int, int]

    @property
    def marks(self) -> Ints:
        """Atoms of the scaffold (M,) that have a single bond to a new atom each.

        Those of one fragment stand side by side, and an atom with two marks comes twice. It is
        empty where no such bond is asked for.
        """
        scaffold = self.scaffold
        if self.constraint.marks == OPTIONAL:
            return np.zeros(0, np.int64)
        atoms = np.argsort(scaffold.fragments, kind="stable")
        return np.repeat(atoms, scaffold.marks[atoms])


def plan(constraint: Constraint, vocabulary: Vocabulary, max_atoms: int) -> Plan:
    """Turn a constraint into the plan of a model that makes at most ``max_atoms`` atoms.

    Args:
        constraint: as it is asked for.
        vocabulary: that of the model.
        max_atoms: the size of its largest molecule.

    Raises:
        InputError: the model cannot meet the constraint; the message says why.
    """
    _require_whole(constraint)
    _require_elements(constraint)
    if constraint.marks not in MARKS:
        raise InputError(f"marks={constraint.marks!r}: one of {', '.join(MARKS)}")
    text = constraint.scaffold
    scaffold = read_scaffold(text, vocabulary, max_atoms) if text else no_scaffold()
    banned = np.array([is_forbidden(name, constraint) for name in vocabulary.atoms])
    for a in scaffold.graph.atoms.tolist():
        if banned[a]:
            raise scaffold.error(f"it holds {vocabulary.atoms[a]}, which is forbidden")
    counted = [strip_charges(name) in constraint.elements for name in vocabulary.atoms]
    drawn, allowed = _drawn(constraint, vocabulary, scaffold, banned), ~banned & ~np.array(counted)
    sizes = _sizes(constraint, scaffold, len(drawn), bool(allowed.any()), max_atoms)
    _require_growth(scaffold, vocabulary, sizes[0])
    return Plan(constraint, vocabulary, scaffold, drawn, allowed, sizes)


def _require_whole(constraint: Constraint) -> None:
    for name, value in {"atoms": constraint.atoms or 0, **constraint.elements}.items():
        if not isinstance(value, Integral) or value < 0:
            raise InputError(f"{name}={value!r}: a whole number is needed")


def _require_elements(constraint: Constraint) -> None:
    for option, names in (("elements", constraint.elements), ("forbidden", constraint.forbidden)):
        for name in names:
            match = ATOM_NAME.fullmatch(name)
            plain = match is not None and (option == "forbidden" or name == match[1])
            if match is None or not plain or match[1] not in ELEMENTS:
                raise InputError(f"{option}: {name!r} is no chemical element")


def is_forbidden(name: str, constraint: Constraint) -> bool:
    """Whether the constraint forbids atoms of that name ("N+"), by the name or by the element."""
    return name in constraint.forbidden or strip_charges(name) in constraint.forbidden


def _drawn(
    constraint: Constraint, vocabulary: Vocabulary, scaffold: Scaffold, banned: Bools
) -> Ints:
    """The classes of the counted atoms that the scaffold does not have, the least charged ones."""
    inside = Counter(strip_charges(vocabulary.atoms[a]) for a in scaffold.graph.atoms)
    drawn: list[int] = []
    for element, count in constraint.elements.items():
        classes = [a for a, name in enumerate(vocabulary.atoms) if strip_charges(name) == element]
        if count and not classes:
            known = ", ".join(dict.fromkeys(map(strip_charges, vocabulary.atoms)))
            raise InputError(
                f"elements={element}:{count}: outside the vocabulary, which knows {known}"
            )
        usable = [a for a in classes if not banned[a]]
        if count and not usable:
            raise InputError(f"elements={element}:{count}: {element} is forbidden")
        if inside[element] > count:
            raise scaffold.error(
                f"it has {inside[element]} {element}, where elements={element}:{count}"
            )
        if count > inside[element]:
            neutral = min(usable, key=lambda a: abs(split_name(vocabulary.atoms[a])[1]))
            drawn += [neutral] * (count - inside[element])
    return np.array(drawn, np.int64)


def _sizes(
    constraint: Constraint, scaffold: Scaffold, drawn: int, others: bool, max_atoms: int
) -> tuple[int, int]:
    """The range of sizes; drawn: counted atoms beside the scaffold, others: whether more may be."""
    k, atoms, ends = len(scaffold), constraint.atoms, _ends(constraint, scaffold)
    parts = {"atoms of the scaffold": k, "counted atoms": drawn}
    held = " and ".join(f"{n} {what}" for what, n in parts.items() if n) or "no atom"
    if atoms is not None:
        if not 1 <= atoms <= max_atoms:
            raise InputError(f"atoms={atoms}: this model makes 1 to {max_atoms} atoms")
        if atoms < k + drawn:
            raise InputError(f"atoms={atoms}: the constraints hold {held}")
        if atoms < k + ends:
            raise scaffold.error(
                f"atoms={atoms} leaves {atoms - k} atoms for {ends} marks of a fragment, where "
                f"marks={constraint.marks}"
            )
        if atoms > k + drawn and not others:
            raise InputError(
                f"atoms={atoms}: the constraints hold {held} and leave no element for another"
            )
        return atoms, atoms
    smallest = max(k + max(drawn, ends, 1 if k else 0), 1)
    largest = max_atoms if others else k + drawn
    if smallest > max_atoms:
        rest = "" if k + drawn > max_atoms else ", so that none is left to grow"
        raise InputError(
            f"constraints: they hold {held}, the model makes at most {max_atoms}{rest}"
        )
    if smallest > largest:
        raise InputError("constraints: every element is forbidden or counted, none is left to grow")
    return smallest, largest


def _ends(constraint: Constraint, scaffold: Scaffold) -> int:
    """New atoms that the marks need: those of one fragment bond to different ones."""
    if constraint.marks == OPTIONAL or not len(scaffold):
        return 0
    return int(np.bincount(scaffold.fragments, scaffold.marks).max())


def _require_growth(scaffold: Scaffold, vocabulary: Vocabulary, smallest: int) -> None:
    """Every fragment must be able to bond with the rest, if there is one."""
    fragments = set(scaffold.fragments.tolist())
    if smallest == len(scaffold) and len(fragments) == 1:
        return
    for number in fragments:
        fragment = scaffold.fragments == number
        members = np.flatnonzero(fragment & scaffold.grows).tolist()
        smiles = Chem.MolFragmentToSmiles(scaffold.mol, np.flatnonzero(fragment).tolist())
        which = f"fragment {smiles} " if len(fragments) > 1 else "it "
        if not members:
            raise scaffold.error(f"{which}has no mark, so that nothing links it")
        if not any(takes_bonds(scaffold.graph, vocabulary, i) for i in members):
            raise scaffold.error(f"{which}has no free valence, so that nothing can grow")
