"""MOSES's filters: what each holds back, and the lists of patterns as they were taken over."""

from hashlib import sha256

import pytest
from rdkit import Chem

from molflow.metrics.filters import LISTS, passes_filters, patterns, why_filtered

DRUG_LIKE = [
    "COCc1nnc(NC(=O)COc2ccc(C(C)(C)C)cc2)s1",
    "O=C(C1CC2C=CC1C2)N1CCOc2ccccc21",
    "Nc1c(Br)cccc1C(=O)Nc1ccncn1",
    "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1",
    "COc1ccc(-c2cc(=O)c3c(O)c(OC)c(OC)cc3o2)cc1O",
    "CCOC(=O)c1ncn2c1CN(C)C(=O)c1cc(F)ccc1-2",
]
"""Of MOSES's test sets, all of which it had passed through these filters."""


def why(smiles: str) -> str | None:
    return why_filtered(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize("smiles", DRUG_LIKE)
def test_molecules_of_moses_pass(smiles) -> None:
    assert why(smiles) is None
    assert passes_filters(Chem.MolFromSmiles(smiles))


def test_a_ring_of_eight_is_too_large_and_one_of_seven_is_not() -> None:
    assert why("C1CCCCCCC1") == "ring of 8 atoms"
    assert why("C1CCCCCC1") is None


def test_no_atom_may_be_charged_even_where_the_charges_cancel() -> None:
    assert why("C[N+](C)(C)CC(=O)[O-]") == "charge on N"
    assert why("CC(=O)[O-]") == "charge on O"


def test_other_elements_than_those_of_drugs_do_not_pass() -> None:
    assert why("CCCP") == "element P"
    assert why("CCI") == "element I"
    assert why("CC[Si](C)(C)C") == "element Si"
    assert why("[2H]C") is None


def test_patterns_meet_hydrogens_as_atoms() -> None:
    # MCF4 is [H]C([H])([#6])[F,Cl,Br,I].
    assert why("CCCl") == "pattern MCF4"
    assert why("CC(C)(C)Cl") is None


def test_the_list_of_medicinal_chemistry_filters_is_searched() -> None:
    assert why("C=CC#N") == "pattern MCF1"  # [#6]=&!@[#6]-[#6]#[#7]
    assert why("FC(F)(F)C(F)(F)C(F)F") == "pattern MCF22"  # seven fluorines, anywhere


def test_the_list_of_pains_is_searched() -> None:
    # A pyrazole with a hydroxyl beside N-phenyl, and an alkyl group on the carbon across.
    found = why("Cc1cc(O)n(-c2ccccc2)n1")
    assert found is not None
    assert found.startswith("pattern het_5_pyrazole_OH")


def test_a_molecule_without_atoms_does_not_pass() -> None:
    assert why_filtered(Chem.Mol()) == "no atoms"
    assert not passes_filters(Chem.Mol())


def test_all_patterns_of_both_lists_are_there_and_readable() -> None:
    names = [name for name, _ in patterns()]
    assert len(names) == 22 + 480
    assert names[:2] == ["MCF1", "MCF2"]
    assert names[22] == "anil_di_alk_F(14)"
    assert all(pattern is not None for _, pattern in patterns())


def test_the_lists_are_the_ones_the_notice_speaks_of() -> None:
    notice = (LISTS / "NOTICE").read_text()
    for name in ("mcf.csv", "wehi_pains.csv"):
        assert f"{sha256((LISTS / name).read_bytes()).hexdigest()}  {name}" in notice
