"""Scaffolds: the part of a molecule that sampling keeps, read from SMILES with attachment points.

A dummy atom, ``[*:1]`` or ``*``, marks its neighbour and stands for one single bond to the rest of
the molecule (``constraints.MARKS``). Such bonds start at marked atoms alone, or anywhere where none
is marked. A scaffold of several fragments is to be linked. Pairs between two fragments are free
where both atoms may grow, and all others are held.

Training shows connected parts in the order that they have in the canonical SMILES of the whole
molecule. A scaffold alone does not tell this order. The order here is that of the canonical SMILES
of the scaffold with a carbon at every mark, which agrees most often. In random parts of QM9 it is
the order of the whole molecule in:

| order by the canonical SMILES of | all parts | parts with rings |
| --- | --- | --- |
| the scaffold with carbons | 50 % | 50 % |
| the scaffold alone | 47 % | 40 % |
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molflow.chem.molecule import build, check, to_graph
from molflow.chem.smiles import LONGEST, Unusable, canonical_order, has_stereo, identified, parse
from molflow.chem.vocabulary import Vocabulary, atom_name
from molflow.errors import InputError
from molflow.graph.graph import Graph, Ints, pair_count, pair_endpoints

Bools = NDArray[np.bool_]

CAP = "cap"
QUOTED = 60
"""Characters of a scaffold's text that an error repeats."""


@dataclass(frozen=True, eq=False)
class Scaffold:
    """A part of k atoms to keep, the first k of every molecule, and where the molecule may grow.

    Attributes:
        text: as the user wrote it.
        graph: classes of the atoms, and of the k(k-1)/2 pairs among them.
        fixed: (k(k-1)/2,), pairs that are held. The others link fragments.
        grows: (k,), atoms where bonds to new atoms may start.
        marks: (k,), the number of dummy atoms at each.
        fragments: (k,), the fragment of every atom, counted from 0.
        mol: the sanitised molecule of graph, hydrogens at the marks; None where k = 0.
        stereo: whether the text tells stereochemistry, which a graph does not hold.
    """

    text: str
    graph: Graph
    fixed: Bools
    grows: Bools
    marks: Ints
    fragments: Ints
    mol: Chem.Mol | None
    stereo: bool = False

    def __len__(self) -> int:
        return len(self.graph)

    def error(self, problem: str) -> InputError:
        """Make an InputError of a mistake in this scaffold, in one line."""
        return _error(self.text, problem)


def _error(text: str, problem: str) -> InputError:
    quoted = repr(text if len(text) <= QUOTED else text[: QUOTED - 3] + "...")
    return InputError(f"scaffold={quoted}: {problem}")


def no_scaffold() -> Scaffold:
    """A scaffold without atoms: everything may grow."""
    nothing, none = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Scaffold("", Graph(nothing, nothing), none, none, nothing, nothing, None)


def read_scaffold(text: str, vocabulary: Vocabulary, max_atoms: int) -> Scaffold:
    """Read a scaffold from SMILES, as `smiles.identified` leaves it: no stereo, no isotopes.

    Args:
        text: SMILES with attachment points.
        vocabulary: that of the model.
        max_atoms: the most atoms that the scaffold may have.

    Raises:
        InputError: the text does not parse, or has more than ``max_atoms`` atoms. The vocabulary
            lacks an atom, or has no charges without which there is no molecule. A mark is not on a
            single bond to one atom, or an atom has more marks than it takes further bonds.
    """
    mol, atoms = _capped(text)
    if atoms > max_atoms:
        raise _error(text, f"{atoms} atoms, where the model makes at most {max_atoms}")
    graph = _graph(text, mol, atoms, vocabulary)
    checked = check(graph, vocabulary)
    if checked.mol is None:
        raise _error(text, f"{checked.reason} in the vocabulary {', '.join(vocabulary.atoms)}")
    marked = [cap.GetNeighbors()[0].GetIdx() for cap in list(mol.GetAtoms())[atoms:]]
    marks = np.bincount(np.array(marked, np.int64), minlength=atoms)
    for i in np.flatnonzero(marks).tolist():
        if not takes_bonds(graph, vocabulary, i, int(marks[i])):
            name = vocabulary.atoms[graph.atoms[i]]
            raise _error(text, f"the marked atom {name} has no free valence for its mark")
    grows = marks > 0 if marked else np.ones(atoms, np.bool_)
    fragments = np.zeros(atoms, np.int64)
    for number, members in enumerate(Chem.GetMolFrags(checked.mol)):
        fragments[list(members)] = number
    low, high = pair_endpoints(atoms)
    fixed = (fragments[low] == fragments[high]) | ~(grows[low] & grows[high])
    stereo = has_stereo(parse(text))
    return Scaffold(text, graph, fixed, grows, marks, fragments, checked.mol, stereo)


def _graph(text: str, mol: Chem.Mol, atoms: int, vocabulary: Vocabulary) -> Graph:
    """The classes of the first atoms of a capped scaffold and of the pairs among them."""
    for atom in list(mol.GetAtoms())[:atoms]:
        name = atom_name(atom.GetSymbol(), atom.GetFormalCharge() if vocabulary.charged else 0)
        if name not in vocabulary.atom_class:
            known = ", ".join(vocabulary.atoms)
            raise _error(text, f"{name} is outside the vocabulary, which knows {known}")
    names = vocabulary.atoms if "C" in vocabulary.atom_class else (*vocabulary.atoms, "C")
    try:
        whole = to_graph(mol, replace(vocabulary, atoms=names))
    except Unusable as error:
        raise _error(text, error.reason) from None
    pairs = whole.pairs[: pair_count(atoms)]
    return Graph(whole.atoms[:atoms].astype(np.int64), pairs.astype(np.int64))


def takes_bonds(graph: Graph, vocabulary: Vocabulary, atom: int, count: int = 1) -> bool:
    """Whether RDKit accepts ``count`` further single bonds at an atom of a valid graph.

    Args:
        graph: of a molecule.
        vocabulary: the meaning of its classes.
        atom: its place in the graph.
        count: of bonds.
    """
    mol = build(graph, vocabulary)
    for _ in range(count):
        mol.AddBond(atom, mol.AddAtom(Chem.Atom(0)), Chem.BondType.SINGLE)
    try:
        with rdBase.BlockLogs():
            mol.UpdatePropertyCache(strict=True)
    except Chem.AtomValenceException:
        return False
    return True


def _capped(text: str) -> tuple[Chem.Mol, int]:
    """The molecule with a carbon for every mark, in its order, carbons last; and k."""
    mol = canonical_order(_with_carbons(text))
    order = sorted(range(mol.GetNumAtoms()), key=lambda i: mol.GetAtomWithIdx(i).HasProp(CAP))
    marks = sum(atom.HasProp(CAP) for atom in mol.GetAtoms())
    return Chem.RenumberAtoms(mol, order), len(order) - marks


def _with_carbons(text: str) -> Chem.Mol:
    if len(text) > LONGEST:
        raise _error(text, f"text of more than {LONGEST:,} characters")
    read = parse(text)
    if read is None:
        raise _error(text, "does not parse as SMILES")
    mol = Chem.RWMol(identified(read))
    marks = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(marks) == mol.GetNumAtoms():
        raise _error(text, "no atoms")
    for i in marks:
        _require_attached(text, mol.GetAtomWithIdx(i))
    for i in marks:
        carbon = Chem.Atom(6)
        carbon.SetBoolProp(CAP, True)
        mol.ReplaceAtom(i, carbon)
    with rdBase.BlockLogs():
        Chem.SanitizeMol(mol)
    return mol.GetMol()


def _require_attached(text: str, mark: Chem.Atom) -> None:
    bonds = mark.GetBonds()
    if (
        len(bonds) != 1
        or bonds[0].GetBondType() != Chem.BondType.SINGLE
        or bonds[0].GetOtherAtom(mark).GetAtomicNum() == 0
    ):
        raise _error(text, "an attachment point * needs one single bond to one atom")
