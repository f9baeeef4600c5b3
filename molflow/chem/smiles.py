"""Reading and writing SMILES, always without stereochemistry, which a graph does not hold."""

from __future__ import annotations

from rdkit import Chem, rdBase

from molflow.chem.vocabulary import atom_name

LONGEST = 10_000
"""Characters of a SMILES text: of a few times more, RDKit's recursion can end the process."""


class Unusable(Exception):
    """A molecule that cannot become a graph; `reason` is a short category to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_smiles(smiles: str) -> Chem.Mol:
    """The sanitised molecule without stereochemistry, atom maps and explicit hydrogens.

    Raises Unusable where the text is longer than LONGEST, does not parse, is empty or holds a
    wildcard.
    """
    if len(smiles) > LONGEST:
        raise Unusable(f"text of more than {LONGEST:,} characters")
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise Unusable("does not parse")
    if mol.GetNumAtoms() == 0:
        raise Unusable("no atoms")
    Chem.RemoveStereochemistry(mol)
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() == 0:
            raise Unusable("no element: *")
        atom.SetAtomMapNum(0)
    return mol


def canonical_smiles(mol: Chem.Mol) -> str:
    """RDKit's canonical SMILES, without stereochemistry."""
    return Chem.MolToSmiles(mol, isomericSmiles=False)


def canonical_order(mol: Chem.Mol) -> Chem.Mol:
    """The same molecule, its atoms numbered in the order in which the canonical SMILES writes
    them."""
    canonical_smiles(mol)
    order = mol.GetProp("_smilesAtomOutputOrder").strip("[],").split(",")
    return Chem.RenumberAtoms(mol, [int(i) for i in order])


def atom_names(mol: Chem.Mol) -> list[str]:
    """The name of every atom: element and formal charge."""
    return [atom_name(atom.GetSymbol(), atom.GetFormalCharge()) for atom in mol.GetAtoms()]
