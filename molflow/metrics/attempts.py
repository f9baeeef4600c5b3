"""Attempts that come as text are judged by the same definitions as graphs of our own.

The molecule that a text writes is read without sanitisation, so that nothing is repaired before it
is judged. Hydrogens in brackets are counted as they stand. `metrics.validity` judges the graph that
a network made; here that molecule is judged so:

- plain: RDKit's full sanitisation passes, and RDKit reads the SMILES that it then writes. A
  wildcard atom is no element and fails.
- strict: plain, and connected.
- relaxed: it sanitises without RDKit's clean-up. Every neutral N, O, S refused for one bond order
  over its valence got the charge +1 before.
- valence: RDKit's SANITIZE_PROPERTIES alone passes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rdkit import Chem, rdBase

from molflow.chem.molecule import Checked, checked
from molflow.chem.sanitisation import other_reason, sanitise
from molflow.chem.smiles import (
    LONGEST,
    MISSING,
    RECORD,
    has_stereo,
    identified,
    parse,
    parse_record,
    writes_stereo,
)
from molflow.metrics.validity import from_counts, sanitises_relaxed

MOST_ATOMS = 1_000
"""A molecule has at most so many atoms as written; a larger one takes minutes to describe."""


@dataclass(frozen=True, slots=True)
class JudgedAttempt:
    """An attempt was judged.

    Attributes:
        checked: as of a graph, its molecule left out.
        relaxed: whether it is relaxed-valid.
        valence: whether it is valence-valid.
        stereo: whether what is compared with tells stereochemistry, which is left out.
    """

    checked: Checked
    relaxed: bool = False
    valence: bool = False
    stereo: bool = False


def failed(reason: str) -> JudgedAttempt:
    """Give the verdict on an attempt that is no molecule in any sense."""
    return JudgedAttempt(Checked(None, None, None, 0, reason))


def judge_smiles(text: str) -> JudgedAttempt:
    """Judge a SMILES: empty, missing (nan, None, ...), too long and unreadable ones have failed."""
    return judge(_of_smiles(text))


def judge_record(text: str) -> JudgedAttempt:
    """Judge one record of an SDF, from its title on; text behind its table is ignored."""
    return judge(_of_record(text))


def identify_smiles(text: str) -> JudgedAttempt:
    """Read the molecule of `judge_smiles` from a text that is compared with and not judged."""
    return replace(identify(_of_smiles(text)), stereo=writes_stereo(text))


def identify_record(text: str) -> JudgedAttempt:
    """Read the molecule of `judge_record` from a record that is compared with."""
    raw = _of_record(text)
    told = not isinstance(raw, str) and has_stereo(parse_record(text))
    return replace(identify(raw), stereo=told)


def _of_smiles(text: str) -> Chem.Mol | str:
    """Read the unsanitised molecule, or tell why there is none."""
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
    """Read the molecule as the SMILES writes it, unsanitised; None where RDKit reads none."""
    return parse(text, sanitize=False) if len(text) <= LONGEST else None


def read_raw_record(text: str) -> Chem.Mol | None:
    """Read the molecule of a record of an SDF, unsanitised; None where RDKit reads none."""
    return parse_record(text, sanitize=False)


def judge(raw: Chem.Mol | str) -> JudgedAttempt:
    """Judge a molecule that was read without sanitisation, or the reason why there is none."""
    attempt = identify(raw)
    if isinstance(raw, str) or _refusal(raw) is not None:
        return attempt
    with rdBase.BlockLogs():
        relaxed = sanitises_relaxed(Chem.RWMol(raw))
        return replace(attempt, relaxed=relaxed, valence=_is_valence_valid(raw))


def identify(raw: Chem.Mol | str) -> JudgedAttempt:
    """Judge in the sense of plain and strict alone."""
    if isinstance(raw, str):
        return failed(raw)
    reason = _refusal(raw)
    if reason is not None:
        return failed(reason)
    with rdBase.BlockLogs():
        return JudgedAttempt(_checked(raw))


def _refusal(raw: Chem.Mol) -> str | None:
    """Tell why the graph that was written is no attempt at a molecule, in any sense."""
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
    """Give the same reason with hydrogens in brackets counted among an atom's bonds."""
    if not any(atom.GetNumExplicitHs() for atom in raw.GetAtoms()):
        return failure
    mol = Chem.Mol(raw)
    mol.UpdatePropertyCache(strict=False)
    return sanitise(Chem.RWMol(Chem.AddHs(mol, explicitOnly=True))) or failure


def _is_valence_valid(raw: Chem.Mol) -> bool:
    return Chem.SanitizeMol(Chem.RWMol(raw), Chem.SANITIZE_PROPERTIES, catchErrors=True) == 0


def without_molecule(checked: Checked) -> Checked:
    """Drop the molecule, so that the rest is small enough to keep a million of."""
    return checked if checked.mol is None else replace(checked, mol=None)


def measure_smiles(
    texts: Sequence[str], checked: Sequence[Checked], training: Collection[str] | None
) -> dict[str, float]:
    """Measure SMILES under the names of `validity.measure_graphs`, by the definitions above.

    Args:
        texts: the attempts.
        checked: of every attempt.
        training: canonical SMILES without stereo, or None.
    """
    attempts = [judge_smiles(text) for text in texts]
    relaxed = sum(one.relaxed for one in attempts)
    valence = sum(one.valence for one in attempts)
    return from_counts(checked, relaxed, valence, training)
