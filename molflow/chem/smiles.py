"""Reading and writing SMILES, and the one rule of which molecules are the same: `identified`."""

from __future__ import annotations

from rdkit import Chem, rdBase

from molflow.chem.vocabulary import atom_name

LONGEST = 10_000
"""The most characters of a SMILES text. A few times more can end the process in RDKit's recursion.
"""

RECORD = 200_000
"""The most characters of a record of an SDF: some two thousand atoms, hydrogens included."""
MISSING = frozenset({"nan", "na", "n/a", "null", "none"})
"""Texts in lower case that say that there is no molecule."""
MARKS = frozenset("[/\\*|")
"""Without these a text writes no wildcard and nothing that `identified` leaves out."""
STEREO = frozenset("@/\\")


class Unusable(Exception):
    """A molecule that cannot become a graph; `reason` is a short category to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_smiles(smiles: str) -> Chem.Mol:
    """The sanitised molecule of a text, as `identified` leaves it.

    Raises:
        Unusable: the text is longer than LONGEST, does not parse, is empty or holds a wildcard.
    """
    if len(smiles) > LONGEST:
        raise Unusable(f"text of more than {LONGEST:,} characters")
    mol = parse(smiles)
    if mol is not None and mol.GetNumAtoms() and MARKS.isdisjoint(smiles):
        return mol
    return _required(mol)


def read_sdf_record(record: str) -> Chem.Mol:
    """The sanitised molecule of a record of an SDF, as `identified` leaves it.

    Raises:
        Unusable: as of `read_smiles`, for a text longer than RECORD.
    """
    if len(record) > RECORD:
        raise Unusable(f"record of more than {RECORD:,} characters")
    return _required(parse_record(record))


def _required(mol: Chem.Mol | None) -> Chem.Mol:
    if mol is None:
        raise Unusable("does not parse")
    if mol.GetNumAtoms() == 0:
        raise Unusable("no atoms")
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        raise Unusable("no element: *")
    return identified(mol)


def parse_record(record: str, sanitize: bool = True) -> Chem.Mol | None:
    """`parse` of a record of an SDF."""
    with rdBase.BlockLogs():
        try:
            return Chem.MolFromMolBlock(record, sanitize=sanitize, removeHs=False)
        except (RuntimeError, ValueError):
            return None


def parse(smiles: str, sanitize: bool = True) -> Chem.Mol | None:
    """The molecule of a text with its hydrogens as written; None where RDKit reads none."""
    parameters = Chem.SmilesParserParams()
    for name, value in (("sanitize", sanitize), ("removeHs", False)):
        setattr(parameters, name, value)
    with rdBase.BlockLogs():
        try:
            return Chem.MolFromSmiles(smiles, parameters)
        except UnicodeEncodeError:  # Bytes of a file that are no UTF-8.
            return None


def identified(mol: Chem.Mol) -> Chem.Mol:
    """Reduce a sanitised molecule to all that tells two molecules apart in every comparison.

    Stereochemistry, isotopes, atom maps and the hydrogens that an atom's valence implies are left
    out. Formal charges, radicals, dative bonds and all fragments stay. Samples, references,
    training sets and scaffolds all go through here, so that equal molecules have one SMILES.
    """
    plain = Chem.Mol(mol)
    Chem.RemoveStereochemistry(plain)
    hydrogens = False
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetIsotope(0)  # RDKit keeps a hydrogen that has one.
        hydrogens = hydrogens or atom.GetAtomicNum() == 1
    if not hydrogens:
        return plain
    with rdBase.BlockLogs():
        return Chem.RemoveHs(plain)


def writes_stereo(smiles: str) -> bool:
    """Whether a SMILES writes stereochemistry."""
    return not STEREO.isdisjoint(smiles)


def has_stereo(mol: Chem.Mol | None) -> bool:
    """Whether a molecule has stereochemistry that `identified` leaves out."""
    if mol is None:
        return False
    centres = any(a.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for a in mol.GetAtoms())
    none = (Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOANY)
    return centres or any(bond.GetStereo() not in none for bond in mol.GetBonds())


def canonical_smiles(mol: Chem.Mol) -> str:
    """RDKit's canonical SMILES, without stereochemistry."""
    return Chem.MolToSmiles(mol, isomericSmiles=False)


def canonical_order(mol: Chem.Mol) -> Chem.Mol:
    """The same molecule, its atoms in the order in which the canonical SMILES writes them."""
    canonical_smiles(mol)
    order = mol.GetProp("_smilesAtomOutputOrder").strip("[],").split(",")
    return Chem.RenumberAtoms(mol, [int(i) for i in order])


def atom_names(mol: Chem.Mol) -> list[str]:
    """The name of every atom: element and formal charge."""
    return [atom_name(atom.GetSymbol(), atom.GetFormalCharge()) for atom in mol.GetAtoms()]
