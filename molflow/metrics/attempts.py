"""Attempts that come as text, judged by the same definitions as graphs of our own.

The molecule that a text writes is read without sanitisation, so that nothing is repaired before it
is judged; hydrogens in brackets are counted as they stand. What `metrics.validity` says of the
graph that a network made is said here of that molecule:

plain    RDKit's full sanitisation passes, and RDKit reads the SMILES that it then writes; a
         wildcard atom is no element and fails
strict   plain, and connected
relaxed  sanitises without RDKit's clean-up after every neutral N, O, S refused for one bond order
         over its valence was given the charge +1
valence  RDKit's SANITIZE_PROPERTIES alone passes
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rdkit import Chem, rdBase

from molflow.chem.molecule import Checked, checked, other_reason, sanitise
from molflow.chem.smiles import LONGEST, identified, parse
from molflow.metrics.validity import from_counts, sanitises_relaxed

MISSING = frozenset({"nan", "na", "n/a", "null", "none"})
RECORD = 200_000
"""Characters of a record of an SDF: some two thousand atoms, hydrogens included."""
MOST_ATOMS = 1_000
"""Of a molecule, as it is written: of more, a single one takes minutes to describe."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt. checked: as of a graph, its molecule left out."""

    checked: Checked
    relaxed: bool = False
    valence: bool = False


def failed(reason: str) -> Attempt:
    """An attempt that is no molecule in any sense."""
    return Attempt(Checked(None, None, None, 0, reason))


def judge_smiles(text: str) -> Attempt:
    """Of a SMILES: empty, missing (nan, None, ...), too long and unreadable ones have failed."""
    text = text.strip()
    if not text:
        return failed("empty")
    if text.lower() in MISSING:
        return failed("missing value")
    if len(text) > LONGEST:
        return failed(f"text of more than {LONGEST:,} characters")
    mol = read_raw(text)
    return failed("does not parse") if mol is None else judge(mol)


def judge_record(text: str) -> Attempt:
    """Of one record of an SDF, from its title on; what follows the connection table is ignored."""
    if not text.strip():
        return failed("empty")
    if len(text) > RECORD:
        return failed(f"record of more than {RECORD:,} characters")
    mol = read_raw_record(text)
    return failed("does not parse") if mol is None else judge(mol)


def read_raw(text: str) -> Chem.Mol | None:
    """The molecule as the SMILES writes it, unsanitised; None where RDKit reads none."""
    return parse(text, sanitize=False) if len(text) <= LONGEST else None


def read_raw_record(text: str) -> Chem.Mol | None:
    """The same of a record of an SDF."""
    with rdBase.BlockLogs():
        try:
            return Chem.MolFromMolBlock(text, sanitize=False, removeHs=False)
        except (RuntimeError, ValueError):
            return None


def judge(raw: Chem.Mol) -> Attempt:
    """Of a molecule that was read without sanitisation; it is not changed."""
    if raw.GetNumAtoms() == 0:
        return failed("empty")
    if raw.GetNumAtoms() > MOST_ATOMS:
        return failed(f"more than {MOST_ATOMS:,} atoms")
    if any(atom.GetAtomicNum() == 0 for atom in raw.GetAtoms()):
        return failed("no element: *")
    with rdBase.BlockLogs():
        return Attempt(_checked(raw), sanitises_relaxed(Chem.RWMol(raw)), _is_valence_valid(raw))


def _checked(raw: Chem.Mol) -> Checked:
    mol = Chem.RWMol(raw)
    pieces = len(Chem.GetMolFrags(mol))
    failure = sanitise(mol)
    if failure is not None:
        return Checked(None, None, None, pieces, _reason(raw, failure))
    try:
        found = without_molecule(checked(identified(mol)))
    except (Chem.MolSanitizeException, RuntimeError, ValueError) as error:
        return Checked(None, None, None, pieces, other_reason(error))
    written = {found.smiles, found.largest}
    if any(one is not None and Chem.MolFromSmiles(one) is None for one in written):
        return Checked(None, None, None, pieces, "its own SMILES does not parse")
    return found


def _reason(raw: Chem.Mol, failure: str) -> str:
    """The same with hydrogens in brackets counted among an atom's bonds."""
    if not any(atom.GetNumExplicitHs() for atom in raw.GetAtoms()):
        return failure
    mol = Chem.Mol(raw)
    mol.UpdatePropertyCache(strict=False)
    return sanitise(Chem.RWMol(Chem.AddHs(mol, explicitOnly=True))) or failure


def _is_valence_valid(raw: Chem.Mol) -> bool:
    return Chem.SanitizeMol(Chem.RWMol(raw), Chem.SANITIZE_PROPERTIES, catchErrors=True) == 0


def without_molecule(checked: Checked) -> Checked:
    """The same, small enough to keep a million of."""
    return checked if checked.mol is None else replace(checked, mol=None)


def measure_smiles(
    texts: Sequence[str], checked: Sequence[Checked], training: Collection[str] | None
) -> dict[str, float]:
    """`metrics.validity.measure` of SMILES: the same names, by the definitions above."""
    attempts = [judge_smiles(text) for text in texts]
    relaxed = sum(one.relaxed for one in attempts)
    valence = sum(one.valence for one in attempts)
    return from_counts(checked, relaxed, valence, training)
