"""Which molecules are the same: one rule for all texts, wherever they are compared."""

import pytest
from rdkit import Chem

from molflow.chem.molecule import largest_fragment
from molflow.chem.smiles import canonical_smiles, identified, parse, read_smiles
from molflow.metrics.attempts import judge_record, judge_smiles

SAME = {
    "[H]/N=C(\\C)N": "CC(=N)N",
    "[H]N=C(C)N": "CC(=N)N",
    "[H]/N=C1/CCCN1": "N=C1CCCN1",
    "[H][C@](F)(Cl)Br": "FC(Cl)Br",
    "[2H]C([2H])([2H])O": "CO",
    "[13CH3]CO": "CCO",
    "[CH3:1][OH:2]": "CO",
    "F/C=C/F": "FC=CF",
    "[H]F": "F",
}
APART = {
    "CC(C)(C)N[O]": "CC(C)(C)N[O]",
    "[CH2]c1ccccc1": "[CH2]c1ccccc1",
    "C[NH3+]": "C[NH3+]",
    "N->[Cu+2]<-N": "[NH3]->[Cu+2]<-[NH3]",
    "OC(=O)C.[Na+]": "CC(=O)O.[Na+]",
    "[H][H]": "[H][H]",
}


@pytest.mark.parametrize(("text", "smiles"), [*SAME.items(), *APART.items()])
def test_a_text_has_one_canonical_smiles_as_training_molecule_and_as_attempt(text, smiles):
    assert canonical_smiles(read_smiles(text)) == smiles
    assert judge_smiles(text).checked.smiles == smiles
    assert canonical_smiles(read_smiles(smiles)) == smiles


def test_a_record_of_an_sdf_has_the_smiles_of_its_text():
    mol = Chem.AddHs(Chem.MolFromSmiles("C/C(N)=N\\[2H]"))
    assert judge_record(Chem.MolToMolBlock(mol)).checked.smiles == "CC(=N)N"


def test_the_molecule_that_is_given_stays_as_it_was():
    mol = Chem.MolFromSmiles("[13CH3][C@H](N)O")
    identified(mol)
    assert Chem.MolToSmiles(mol) == "[13CH3][C@H](N)O"


@pytest.mark.parametrize("text", ["CCN.Cl", "Cl.CCN", "CCN", "CC(=O)[O-].[Na+]"])
def test_the_largest_fragment_is_that_of_an_attempt(text):
    assert largest_fragment(text) == judge_smiles(text).checked.largest


def test_bytes_that_are_no_utf_8_are_no_molecule():
    assert parse("C\udcff") is None
