"""Properties with an argument: similarities by hand, formulas, and names that are not known."""

import math

import pytest
from rdkit import Chem

from molflow.chem import fingerprints
from molflow.chem.families import element_counts, find_property, read_formula, smarts
from molflow.chem.properties import PROPERTIES
from molflow.errors import InputError


def test_a_molecule_is_most_similar_to_itself() -> None:
    assert find_property("similarity(OCC)").compute(Chem.MolFromSmiles("CCO")) == 1


def test_similarity_is_tanimotos_of_the_fragments_up_to_radius_two() -> None:
    """Ethanol has 3 kinds of atoms and 3 of neighbourhoods, propanol 3 and 4 and itself whole.

    The atoms and the two ends are shared: 5 of 6 + 8 - 5.
    """
    propanol = find_property("similarity(CCCO)")
    assert propanol.compute(Chem.MolFromSmiles("CCO")) == pytest.approx(5 / 9)


def test_the_reference_may_be_written_in_any_way() -> None:
    assert find_property("similarity(OCC)") == find_property("Similarity( C(O)C )")


@pytest.mark.parametrize(("smiles", "expected"), [("CCN", 1), ("CCP", 1), ("CCO", 0)])
def test_a_smarts_is_present_or_not(smiles: str, expected: float) -> None:
    assert find_property("smarts([#7,P])").compute(Chem.MolFromSmiles(smiles)) == expected


def test_upper_and_lower_case_are_one() -> None:
    assert find_property(" LogP ") is PROPERTIES["logp"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qd", "property 'qd': did you mean qed?.*tpsa.*smarts"),
        ("zzzz", "property 'zzzz': one of qed, logp"),
        ("qed(CCO)", "qed takes no argument"),
        ("similarity", r"needs an argument, as in similarity\("),
        ("similarity()", "needs an argument"),
        ("similarity(C1CC)", r"similarity\(C1CC\): the SMILES does not parse"),
        ("similarity(*C)", "the SMILES no element"),
        ("smarts([#7)", "does not parse"),
        ("smarts(C\udcff)", "does not parse"),
        ("smarts(" + "C" * 10_001 + ")", "does not parse"),
        ("", "property ''"),
    ],
)
def test_an_unknown_property_is_one_line_of_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_property(text)
    assert "\n" not in str(caught.value)


def test_an_empty_pattern_is_no_pattern() -> None:
    with pytest.raises(InputError, match="does not parse"):
        smarts("")


def test_a_bad_smarts_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError):
        find_property("smarts([#7)")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("", 1), ("_ecfp4", 24 / 30), ("_ecfp6", 32 / 40), ("_fcfp4", 24 / 30)],
)
def test_counts_tell_rings_of_different_size_apart_and_bits_do_not(
    kind: str, expected: float
) -> None:
    """Every atom of cyclooctane and of cyclodecane has the same environment at each radius.

    There are 8 and 10 of each, at radius 0, 1 and 2, and for ECFP6 at 3.
    """
    prop = find_property(f"similarity{kind}(C1CCCCCCC1)")
    assert prop.compute(Chem.MolFromSmiles("C1CCCCCCCCC1")) == pytest.approx(expected)


def test_features_do_not_tell_halogens_apart() -> None:
    bromobenzene = Chem.MolFromSmiles("Brc1ccccc1")
    assert find_property("similarity_fcfp4(Clc1ccccc1)").compute(bromobenzene) == 1
    assert find_property("similarity_ecfp4(Clc1ccccc1)").compute(bromobenzene) < 1


def test_atom_pairs_are_counted_by_ends_and_distance() -> None:
    """Propane has 2 pairs of an end and a middle at 1 and 1 of ends at 2; butane has 6 pairs.

    Of those, 2 of an end and a middle at 1 are shared: 2 of 3 + 6 - 2.
    """
    butane = Chem.MolFromSmiles("CCCC")
    assert find_property("similarity_ap(CCC)").compute(butane) == pytest.approx(2 / 7)


def test_atom_pairs_go_up_to_ten_bonds() -> None:
    """Of 12 atoms in a chain 66 pairs, one of them 11 bonds apart."""
    assert fingerprints.ap(Chem.MolFromSmiles("C" * 12)).GetTotalVal() == 65


def test_pharmacophores_are_compared_by_bits() -> None:
    """Ethylenediamine has the 5 bits of ethanolamine and one more, for its second amine."""
    prop = find_property("similarity_phco(NCCO)")
    molecules = [Chem.MolFromSmiles(smiles) for smiles in ("NCCO", "NCCN", "c1ccccc1")]
    assert [prop.compute(mol) for mol in molecules] == pytest.approx([1, 5 / 6, 0])


@pytest.mark.parametrize("name", list(fingerprints.SIMILARITIES))
def test_chirality_changes_no_similarity(name: str) -> None:
    prop = find_property(f"{name}(N[C@@H](C)C(=O)O)")
    assert prop.compute(Chem.MolFromSmiles("N[C@H](C)C(=O)O")) == 1
    assert prop.name == f"{name}(CC(N)C(=O)O)"


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", {"C": 2, "H": 6, "O": 1}),
        ("[2H]C([2H])([2H])O", {"C": 1, "H": 4, "O": 1}),
        ("[NH3+]CC(=O)[O-]", {"C": 2, "H": 5, "N": 1, "O": 2}),
        ("[Na+].[Cl-]", {"Na": 1, "Cl": 1}),
        ("[Fe+2]", {"Fe": 1}),
        ("*C", {"C": 1, "H": 3, "*": 1}),
    ],
)
def test_atoms_are_counted_with_their_hydrogens(smiles: str, expected: dict[str, int]) -> None:
    assert element_counts(Chem.MolFromSmiles(smiles)) == expected


def test_an_element_is_counted() -> None:
    molecule = Chem.MolFromSmiles("FC(F)(F)CCl")
    wanted = ("element(F)", "element(Cl)", "element(C)", "element(H)", "element(Br)")
    assert [find_property(name).compute(molecule) for name in wanted] == [3, 1, 2, 2, 0]


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", 1),
        ("COC", 1),
        ("CCCO", math.exp(-(1 + 4 + 1.5**2) / 2 / 4)),
        ("CCN", math.exp(-(0 + 1 + 1 + 0.5**2) / 2 / 4)),
        ("C" * 200, 0),
    ],
)
def test_a_formula_is_met_by_isomers_and_missed_by_gaussians(smiles: str, expected: float) -> None:
    """1-propanol has one C and two H too many; ethylamine one H too many, no O, one atom more."""
    isomer = find_property("isomer(C2H6O)")
    assert isomer.compute(Chem.MolFromSmiles(smiles)) == pytest.approx(expected, abs=1e-12)


def test_a_formula_is_read_with_and_without_numbers() -> None:
    assert read_formula("C9H10N2O2PF2Cl") == {
        "C": 9,
        "H": 10,
        "N": 2,
        "O": 2,
        "P": 1,
        "F": 2,
        "Cl": 1,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("isomer()", "needs an argument, as in isomer"),
        ("isomer(c2h6o)", r"isomer\(c2h6o\): expected elements and numbers"),
        ("isomer(C2 H6)", "expected elements and numbers"),
        ("isomer((CH3)2O)", "expected elements and numbers"),
        ("isomer(2C)", "expected elements and numbers"),
        ("isomer(C2H6-)", "expected elements and numbers"),
        ("isomer(C2*)", r"no element has the symbol \*"),
        ("isomer(C2Xx)", "no element has the symbol Xx"),
        ("isomer(CD4)", "no element has the symbol D"),
        ("isomer(CH3CH2OH)", "C comes twice"),
        ("isomer(C0H4)", "C0: 1 to 1000 atoms"),
        ("isomer(C1001)", "C1001: 1 to 1000 atoms"),
        ("isomer(C" + "9" * 5000 + ")", "1 to 1000 atoms"),
        ("element(f)", r"element\(f\): no element has this symbol"),
        ("element(*)", "no element"),
        ("element", "needs an argument"),
        ("bertz(C)", "bertz takes no argument"),
        ("similarity_ap(C1CC)", r"similarity_ap\(C1CC\): the SMILES does not parse"),
        ("similarity_ecfp5(C)", "did you mean similarity_ecfp"),
    ],
)
def test_an_argument_without_sense_is_one_line_of_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_property(text)
    assert "\n" not in str(caught.value)


def test_a_pattern_is_graded() -> None:
    assert find_property("smarts(C)").graded
