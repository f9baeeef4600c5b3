"""Attempts given as text are judged as graphs are, and nothing is repaired before."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.molecule import Checked, Vocabulary, build
from molflow.chem.smiles import LONGEST, canonical_smiles, read_smiles
from molflow.graph.graph import Graph
from molflow.metrics.attempts import MOST_ATOMS, RECORD, judge, judge_record, judge_smiles

RELEASED = Path(__file__).parents[3] / "shared" / "data" / "digress_qm9_graphs.txt.gz"
CNOF = Vocabulary(("C", "N", "O", "F"), ("none", "single", "double", "triple", "aromatic"))


@pytest.mark.parametrize(
    ("text", "strict", "plain", "relaxed", "valence"),
    [
        pytest.param("CCO", 1, 1, 1, 1, id="a molecule"),
        pytest.param("CCO.O", 0, 1, 1, 1, id="two fragments"),
        pytest.param("CN(C)(C)C", 0, 0, 1, 0, id="nitrogen one over"),
        pytest.param("[NH4]", 0, 0, 1, 0, id="nitrogen one over by hydrogens in brackets"),
        pytest.param("C[NH3]C", 0, 0, 0, 0, id="nitrogen two over"),
        pytest.param("[O-](C)(C)C", 0, 0, 0, 0, id="a charged atom gets no other charge"),
        pytest.param("c1cccc1", 0, 0, 0, 1, id="not kekulisable"),
        pytest.param("CN(=O)=O", 1, 1, 0, 0, id="a nitro group that RDKit's clean-up reads"),
        pytest.param("C1CC", 0, 0, 0, 0, id="no SMILES"),
        pytest.param("*C", 0, 0, 0, 0, id="a wildcard"),
        pytest.param("", 0, 0, 0, 0, id="nothing"),
    ],
)
def test_a_text_is_valid_in_these_senses(text, strict, plain, relaxed, valence):
    attempt = judge_smiles(text)
    one = attempt.checked
    found = (one.strict is not None, one.smiles is not None, attempt.relaxed, attempt.valence)
    assert found == (strict, plain, relaxed, valence)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("None", "missing value"),
        ("nan", "missing value"),
        ("C" * (LONGEST + 1), "text of more than 10,000 characters"),
        ("C1CC", "does not parse"),
        ("*C", "no element: *"),
        ("F[C](F)(F)(F)F", "valence: C 5 > 4 at atom 1"),
        ("C[CH5]", "valence: C 6 > 4 at atom 1"),
        ("c1cccc1", "kekulisation"),
        ("C.C.O", "fragments: 3"),
        (f"C{'C' * MOST_ATOMS}", "more than 1,000 atoms"),
    ],
)
def test_an_attempt_that_is_not_strictly_valid_says_why(text, reason):
    assert judge_smiles(text).checked.reason == reason


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("OCC", "CCO"),
        ("C[C@H](O)N", "CC(N)O"),
        ("[CH3:7]C", "CC"),
        ("[H]C([H])([H])[H]", "C"),
        ("C1=CC=CC=C1", "c1ccccc1"),
        ("[2H]C([2H])([2H])O", "CO"),
        ("[13CH3]O", "CO"),
        ("[H:1]CO", "CO"),
    ],
)
def test_a_molecule_is_known_by_its_canonical_smiles_without_stereo_maps_and_hydrogens(
    text, smiles
):
    assert judge_smiles(text).checked.smiles == smiles


def test_the_largest_fragment_goes_on_the_first_in_the_alphabet_of_equals():
    assert judge_smiles("O.CCC.CCN.C").checked.largest == "CCC"
    assert judge_smiles("[2H]O[2H].CO").checked.largest == "CO"


def test_a_molecule_that_breaks_when_its_hydrogens_are_left_out_has_failed():
    # Nitrogen gives a hydrogen a dative bond; without that hydrogen RDKit counts one more on it.
    checked = judge_smiles("[NH3]->[H]").checked
    assert (checked.smiles, checked.largest) == (None, None)
    assert (checked.reason or "").startswith("other: ")


def test_a_molecule_whose_own_smiles_cannot_be_read_has_failed():
    checked = judge_smiles("P1P[CH-][S+]=[Al][O]1.[CH3-]").checked
    assert (checked.smiles, checked.largest) == (None, None)
    assert checked.reason == "its own SMILES does not parse"


def test_the_largest_molecule_that_is_judged_is_one():
    assert judge_smiles("C" * MOST_ATOMS).checked.reason is None


@pytest.mark.parametrize("text", ["CC(=O)Oc1ccccc1C(O)=O", "C[N+](C)(C)CC([O-])=O", "c1cc[nH]c1"])
def test_a_record_of_an_sdf_is_judged_as_its_smiles(text):
    mol = Chem.MolFromSmiles(text)
    assert judge_record(Chem.MolToMolBlock(mol)) == judge_smiles(text)
    with_hydrogens = judge_record(Chem.MolToMolBlock(Chem.AddHs(mol)))
    assert with_hydrogens.checked == judge_smiles(text).checked
    assert judge_smiles(text).checked.smiles == canonical_smiles(read_smiles(text))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("\n\n", "empty"),
        ("title\n\n\n  3  x\n", "does not parse"),
        ("x" * (RECORD + 1), "record of more than 200,000 characters"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("CO")).replace("V2000", "V4000"), "does not parse"),
    ],
)
def test_a_broken_record_has_failed(record, reason):
    assert judge_record(record).checked.reason == reason


@pytest.mark.skipif(not RELEASED.exists(), reason="the graphs released by DiGress are not here")
def test_the_molecules_of_the_graphs_released_by_digress_give_the_known_numbers():
    with gzip.open(RELEASED, "rt") as file:
        blocks = file.read().split("N=")[1:]
    judged = []
    for block in blocks:
        lines = block.splitlines()
        n = int(lines[0])
        square = np.array([line.split() for line in lines[4 : 4 + n]], dtype=np.int8)
        atoms = np.array(lines[2].split(), dtype=np.int8)
        judged.append(judge(build(Graph(atoms, square[np.tril_indices(n, -1)]), CNOF).GetMol()))
    assert len(judged) == 10_000
    assert sum(one.checked.strict is not None for one in judged) == 9893
    assert sum(one.checked.smiles is not None for one in judged) == 9921
    assert sum(one.relaxed for one in judged) == 9938
    assert sum(one.valence for one in judged) == 9930


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CC~O", "unspecified"),
        ("C:C", "aromatic outside an aromatic ring"),
        ("CC:O", "aromatic outside an aromatic ring"),
        ("c1ccccc1~C", "unspecified"),
    ],
)
def test_a_bond_without_an_order_makes_no_molecule(text, kind):
    attempt = judge_smiles(text)
    assert attempt.checked == Checked(None, None, None, 1, f"bond without an order: {kind}")
    assert not attempt.relaxed


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("c1ccccc1-c1ccccc1", "c1ccc(-c2ccccc2)cc1"),
        ("N->[Cu+2]<-N", "[NH3]->[Cu+2]<-[NH3]"),
        ("C1:C:C:C:C:C:1", "c1ccccc1"),
    ],
)
def test_a_bond_with_an_order_does(text, smiles):
    assert judge_smiles(text).checked.smiles == smiles


@pytest.mark.parametrize("kind", [5, 6, 7, 8])
def test_a_bond_of_a_query_in_an_sdf_makes_no_molecule(kind):
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")).replace("  2  3  1", f"  2  3  {kind}")
    assert judge_record(block).checked.reason.startswith("bond without an order")
