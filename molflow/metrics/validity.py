"""Attempts are counted: those that became molecules, the distinct of these, and the new ones.

Four things are called validity in the literature, from RDKit's valence test alone (GDSS, GruM,
CatFlow) to a whole sanitised connected molecule (EGO). All are measured here, each over all
attempts. An empty graph is invalid in every sense. Nothing is repaired before counting. Full
sanitisation is RDKit's default one, whose clean-up reads a pentavalent nitro group as the charged
one. Only `relaxed_valid` adds charges, by its definition. Undefined is nan.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rdkit import Chem, rdBase

from molflow.chem.molecule import Checked, Vocabulary, build
from molflow.chem.sanitisation import sanitise
from molflow.graph.graph import Graph
from molflow.metrics.tally import Tally

NORMAL_VALENCE = {"N": 3, "O": 2, "S": 2}
NO_CLEANUP = Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP


def is_valence_valid(graph: Graph, vocabulary: Vocabulary) -> bool:
    """Tell whether RDKit's SANITIZE_PROPERTIES alone passes.

    There is no kekulisation, aromaticity or clean-up.

    Args:
        graph: the attempt.
        vocabulary: of its classes.
    """
    if len(graph) == 0:
        return False
    mol = build(graph, vocabulary)
    with rdBase.BlockLogs():
        return Chem.SanitizeMol(mol, Chem.SANITIZE_PROPERTIES, catchErrors=True) == 0


def is_relaxed_valid(graph: Graph, vocabulary: Vocabulary) -> bool:
    """Tell whether it sanitises after some atoms were given the charge +1.

    These are the neutral N, O, S that RDKit refuses with exactly one bond order over their normal
    valence (3, 2, 2). The charges stand in for RDKit's own clean-up. So a pentavalent nitro group
    is plain-valid and not relaxed-valid, as in the published numbers.

    Args:
        graph: the attempt.
        vocabulary: of its classes.
    """
    if len(graph) == 0:
        return False
    with rdBase.BlockLogs():
        return sanitises_relaxed(build(graph, vocabulary))


def sanitises_relaxed(mol: Chem.RWMol) -> bool:
    """Apply the test of `is_relaxed_valid` to an unsanitised molecule, which is changed.

    Hydrogens that stand in brackets count among an atom's bonds. Call it under BlockLogs.
    """
    for problem in Chem.DetectChemistryProblems(mol, Chem.SANITIZE_PROPERTIES):
        atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
        bonds = int(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))
        valence = bonds + atom.GetNumExplicitHs()
        normal = NORMAL_VALENCE.get(atom.GetSymbol())
        if normal is not None and valence == normal + 1 and atom.GetFormalCharge() == 0:
            atom.SetFormalCharge(1)
    return sanitise(mol, NO_CLEANUP) is None


def from_checked(checked: Sequence[Checked], training: Collection[str] | None) -> dict[str, float]:
    """Count the validity, uniqueness and novelty of attempts that were checked already.

    They are those numbers of ``Tally.numbers`` that the graphs are not needed for.

    Args:
        checked: the attempts.
        training: as of `measure`.
    """
    numbers = from_counts(checked, 0, 0, training)
    del numbers["relaxed_valid"], numbers["valence_valid"]
    return numbers


def measure_graphs(
    graphs: Sequence[Graph],
    checked: Sequence[Checked],
    vocabulary: Vocabulary,
    training: Collection[str] | None,
) -> dict[str, float]:
    """Measure graphs by ``Tally.numbers``.

    Args:
        graphs: the attempts.
        checked: of every attempt.
        vocabulary: of their classes.
        training: canonical SMILES without stereochemistry (a set: it is searched for every
            molecule); None leaves novel and vun undefined.
    """
    relaxed = sum(is_relaxed_valid(graph, vocabulary) for graph in graphs)
    valence = sum(is_valence_valid(graph, vocabulary) for graph in graphs)
    return from_counts(checked, relaxed, valence, training)


def from_counts(
    checked: Sequence[Checked], relaxed: int, valence: int, training: Collection[str] | None
) -> dict[str, float]:
    """Measure attempts by ``Tally.numbers``.

    Args:
        checked: the attempts.
        relaxed: how many are relaxed-valid.
        valence: how many are valence-valid.
        training: as of `measure`.
    """
    tally = Tally(training)
    tally.add(checked, relaxed, valence)
    return tally.numbers()
