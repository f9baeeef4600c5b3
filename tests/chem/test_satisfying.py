"""Whether a molecule satisfies a constraint, wherever its scaffold lies."""

from __future__ import annotations

import pytest
from rdkit import Chem

from molflow.chem.constraints import Constraint, plan
from molflow.chem.satisfying import place_of_scaffold
from molflow.chem.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("C", "N", "O", "F"))


def satisfies(smiles: str, **asked: object) -> bool:
    held = plan(Constraint(**asked), VOCABULARY, 12)  # type: ignore[arg-type]
    return place_of_scaffold(Chem.MolFromSmiles(smiles), held) is not None


@pytest.mark.parametrize(
    ("smiles", "asked", "kept"),
    [
        ("CCO", {"atoms": 3}, True),
        ("CCO", {"atoms": 4}, False),
        ("NCCO", {"elements": {"N": 1}}, True),
        ("NCCN", {"elements": {"N": 1}}, False),
        ("FCC", {"forbidden": ("F",)}, False),
        ("Cc1ccncc1", {"scaffold": "c1ccncc1"}, True),
        ("Cc1ccccc1", {"scaffold": "c1ccncc1"}, False),
        ("CCc1ccncc1", {"scaffold": "[*:1]c1ccncc1"}, True),
        ("CCc1cccnc1", {"scaffold": "[*:1]c1ccncc1"}, False),
        ("Cc1ccncc1C", {"scaffold": "[*:1]c1ccncc1"}, False),
        ("CCC", {"scaffold": "[*:1]C"}, True),
        ("CCC", {"scaffold": "[*:1]CC"}, True),
        ("CN(C)C", {"scaffold": "[*:1]NC"}, False),
        ("CN(C)C", {"scaffold": "[*:1]NC", "marks": "at_least_once"}, True),
        ("C=NC", {"scaffold": "[*:1]NC", "marks": "at_least_once"}, False),
        ("C=NC", {"scaffold": "[*:1]NC", "marks": "optional"}, True),
        ("NC", {"scaffold": "[*:1]NC", "marks": "optional", "atoms": 2}, True),
        ("CNO", {"scaffold": "[*:1]C.[*:2]O"}, True),
        ("CCOC", {"scaffold": "[*:1]C.[*:2]O"}, False),
        ("CCOC", {"scaffold": "[*:1]C.[*:2]O", "marks": "at_least_once"}, True),
    ],
)
def test_a_molecule_satisfies_what_sampling_would_hold(smiles, asked, kept):
    assert satisfies(smiles, **asked) == kept


def test_the_place_of_the_scaffold_is_in_its_order():
    held = plan(Constraint(scaffold="[*:1]OC"), VOCABULARY, 12)
    mol = Chem.MolFromSmiles("CCCOC")
    place = place_of_scaffold(mol, held)
    assert place is not None
    names = [VOCABULARY.atoms[a] for a in held.scaffold.graph.atoms]
    assert [mol.GetAtomWithIdx(i).GetSymbol() for i in place] == names
