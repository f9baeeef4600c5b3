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
from molflow.chem.smiles import LONGEST, MISSING, RECORD, identified, parse, parse_record
from molflow.metrics.validity import from_counts, sanitises_relaxed

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
    return judge(_of_smiles(text))


def judge_record(text: str) -> Attempt:
    """Of one record of an SDF, from its title on; what follows the connection table is ignored."""
    return judge(_of_record(text))


def identify_smiles(text: str) -> Attempt:
    """The same molecule as by `judge_smiles`, for a text that is compared with and not judged."""
    return identify(_of_smiles(text))


def identify_record(text: str) -> Attempt:
    """The same molecule as by `judge_record`, for a record that is compared with."""
    return identify(_of_record(text))


def _of_smiles(text: str) -> Chem.Mol | str:
    """The unsanitised molecule, or why there is none."""
    text = text.strip()
    if not text:
        return "empty"
    if text.lower() in MISSING:
        return "missing value"
    if len(text) > LONGEST:
        return f"text of more than {LONGEST:,} characters"
    return read_raw(text) or "does not parse"


def _of_record(text: str) -> Chem.Mol | str:
    if not text.strip():
        return "empty"
    if len(text) > RECORD:
        return f"record of more than {RECORD:,} characters"
    return read_raw_record(text) or "does not parse"


def read_raw(text: str) -> Chem.Mol | None:
    """The molecule as the SMILES writes it, unsanitised; None where RDKit reads none."""
    return parse(text, sanitize=False) if len(text) <= LONGEST else None


def read_raw_record(text: str) -> Chem.Mol | None:
    """The same of a record of an SDF."""
    return parse_record(text, sanitize=False)


def judge(raw: Chem.Mol | str) -> Attempt:
    """Of a molecule that was read without sanitisation, which is not changed; or why there is
    none."""
    attempt = identify(raw)
    if isinstance(raw, str) or _refusal(raw) is not None:
        return attempt
    with rdBase.BlockLogs():
        relaxed = sanitises_relaxed(Chem.RWMol(raw))
        return replace(attempt, relaxed=relaxed, valence=_is_valence_valid(raw))


def identify(raw: Chem.Mol | str) -> Attempt:
    """`judge` in the sense of plain and strict alone."""
    if isinstance(raw, str):
        return failed(raw)
    reason = _refusal(raw)
    if reason is not None:
        return failed(reason)
    with rdBase.BlockLogs():
        return Attempt(_checked(raw))


def _refusal(raw: Chem.Mol) -> str | None:
    """Why the graph that was written is no attempt at a molecule, in any sense."""
    if raw.GetNumAtoms() == 0:
        return "empty"
    if raw.GetNumAtoms() > MOST_ATOMS:
        return f"more than {MOST_ATOMS:,} atoms"
    if any(atom.GetAtomicNum() == 0 for atom in raw.GetAtoms()):
        return "no element: *"
    return None


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
