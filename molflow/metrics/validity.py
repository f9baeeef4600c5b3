"""How many attempts became molecules, how many of these are distinct, how many are new.

Four things are called validity in the literature, from RDKit's valence test alone (GDSS, GruM,
CatFlow) to a whole sanitised connected molecule (EGO). All are measured here, each over all
attempts; an empty graph is invalid in every sense. Nothing is repaired before counting: full
sanitisation is RDKit's default one, whose clean-up reads a pentavalent nitro group as the charged
one, and only `relaxed_valid` adds charges, by its definition. Undefined is nan.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import nan

from rdkit import Chem, rdBase

from molflow.chem.molecule import Checked, Vocabulary, build, sanitise
from molflow.graph.graph import Graph

NORMAL_VALENCE = {"N": 3, "O": 2, "S": 2}
NO_CLEANUP = Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP


def is_valence_valid(graph: Graph, vocabulary: Vocabulary) -> bool:
    """RDKit's SANITIZE_PROPERTIES alone passes: no kekulisation, aromaticity or clean-up."""
    if len(graph) == 0:
        return False
    mol = build(graph, vocabulary)
    with rdBase.BlockLogs():
        return Chem.SanitizeMol(mol, Chem.SANITIZE_PROPERTIES, catchErrors=True) == 0


def is_relaxed_valid(graph: Graph, vocabulary: Vocabulary) -> bool:
    """Sanitises after every neutral N, O, S that RDKit refuses with exactly one bond order over
    its normal valence (3, 2, 2) was given the charge +1.

    The charges stand in for RDKit's own clean-up, so a pentavalent nitro group is plain-valid and
    not relaxed-valid, as in the published numbers.
    """
    if len(graph) == 0:
        return False
    with rdBase.BlockLogs():
        return sanitises_relaxed(build(graph, vocabulary))


def sanitises_relaxed(mol: Chem.RWMol) -> bool:
    """`is_relaxed_valid` of an unsanitised molecule, which is changed; hydrogens that stand in
    brackets count among an atom's bonds. Call under BlockLogs."""
    for problem in Chem.DetectChemistryProblems(mol, Chem.SANITIZE_PROPERTIES):
        atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
        bonds = int(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))
        valence = bonds + atom.GetNumExplicitHs()
        normal = NORMAL_VALENCE.get(atom.GetSymbol())
        if normal is not None and valence == normal + 1 and atom.GetFormalCharge() == 0:
            atom.SetFormalCharge(1)
    return sanitise(mol, NO_CLEANUP) is None


def _ratio(count: int, total: int) -> float:
    return count / total if total else nan


def from_checked(checked: Sequence[Checked], training: Collection[str] | None) -> dict[str, float]:
    """Validity, uniqueness and novelty of attempts that were checked already.

    strict_valid: sanitised and connected / attempts
    plain_valid:  sanitised / attempts; of a disconnected molecule the largest fragment counts on
    unique:       distinct SMILES of largest fragments / plain-valid
    novel:        those of the distinct that training lacks / distinct
    vu, vun:      distinct strictly valid molecules (that training lacks) / attempts

    training holds canonical SMILES without stereochemistry (a set: it is searched for every
    molecule); None leaves novel and vun undefined.
    """
    attempts = len(checked)
    plain = [one.largest for one in checked if one.largest is not None]
    strict = [one.smiles for one in checked if one.smiles is not None and one.connected]
    distinct, strict_distinct = set(plain), set(strict)
    novel = vun = nan
    if training is not None:
        novel = _ratio(sum(smiles not in training for smiles in distinct), len(distinct))
        vun = _ratio(sum(smiles not in training for smiles in strict_distinct), attempts)
    return {
        "strict_valid": _ratio(len(strict), attempts),
        "plain_valid": _ratio(len(plain), attempts),
        "unique": _ratio(len(distinct), len(plain)),
        "novel": novel,
        "vu": _ratio(len(strict_distinct), attempts),
        "vun": vun,
    }


def measure(
    graphs: Sequence[Graph],
    checked: Sequence[Checked],
    vocabulary: Vocabulary,
    training: Collection[str] | None,
) -> dict[str, float]:
    """`from_checked` of the graphs, and with it, as fractions of attempts, relaxed_valid
    (`is_relaxed_valid`) and valence_valid (`is_valence_valid`)."""
    relaxed = sum(is_relaxed_valid(graph, vocabulary) for graph in graphs)
    valence = sum(is_valence_valid(graph, vocabulary) for graph in graphs)
    return from_counts(checked, relaxed, valence, training)


def from_counts(
    checked: Sequence[Checked], relaxed: int, valence: int, training: Collection[str] | None
) -> dict[str, float]:
    """`from_checked` of attempts, with the shares of those that are relaxed- and valence-valid."""
    numbers = from_checked(checked, training)
    return {
        "strict_valid": numbers.pop("strict_valid"),
        "plain_valid": numbers.pop("plain_valid"),
        "relaxed_valid": _ratio(relaxed, len(checked)),
        "valence_valid": _ratio(valence, len(checked)),
        **numbers,
    }
