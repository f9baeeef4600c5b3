"""Properties: values known from elsewhere or computed by hand, and names that are not known."""

import math

import pytest
from rdkit import Chem

from molflow.chem.properties import PROPERTIES, find_property, smarts
from molflow.errors import InputError

ASPIRIN = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
TESTOSTERONE = Chem.MolFromSmiles("CC12CCC3C(C1CCC2O)CCC4=CC(=O)CCC34C")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qed", 0.5501),
        ("logp", 1.3101),
        ("sa", 1.5800),
        ("tpsa", 63.60),
        ("mw", 180.159),
        ("rotatable", 2),
        ("rings", 1),
        ("aromatic_rings", 1),
        ("hbd", 1),
        ("hba", 3),
        ("atoms", 13),
        ("pains", 0),
    ],
)
def test_aspirin_has_its_published_properties(name: str, expected: float) -> None:
    assert PROPERTIES[name].compute(ASPIRIN) == pytest.approx(expected, abs=6e-4)


def test_solubility_is_delaneys_formula_by_hand() -> None:
    by_hand = 0.16 - 0.63 * 1.3101 - 0.0062 * 180.159 + 0.066 * 2 - 0.74 * 6 / 13
    assert by_hand == pytest.approx(-1.99189, abs=1e-5)
    assert PROPERTIES["esol"].compute(ASPIRIN) == pytest.approx(by_hand, abs=1e-5)


def test_a_steroid_looks_more_natural_than_aspirin() -> None:
    likeness = PROPERTIES["np"].compute
    assert likeness(TESTOSTERONE) > 1.5 > likeness(ASPIRIN)


def test_models_are_read_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    from molflow.chem.properties import _np_model, _sa_model

    _np_model.cache_clear()
    _sa_model.cache_clear()
    PROPERTIES["np"].compute(ASPIRIN)
    PROPERTIES["sa"].compute(ASPIRIN)
    assert capfd.readouterr() == ("", "")


def test_a_quinone_is_a_pains_alert() -> None:
    assert PROPERTIES["pains"].compute(Chem.MolFromSmiles("O=C1C=CC(=O)C=C1")) == 1


def test_brenk_counts_every_alert() -> None:
    """Nitrobenzene: nitro group, and oxygen-nitrogen single bond."""
    assert PROPERTIES["brenk"].compute(Chem.MolFromSmiles("O=[N+]([O-])c1ccccc1")) == 2


def test_the_usual_range_lies_within_the_limits() -> None:
    for prop in PROPERTIES.values():
        assert prop.limits[0] <= prop.low < prop.high <= prop.limits[1], prop


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


def test_limits_hold_for_a_graded_property_alone() -> None:
    assert PROPERTIES["qed"].graded
    assert find_property("smarts(C)").graded
    assert not PROPERTIES["sa"].graded
    assert PROPERTIES["logp"].limits == (-math.inf, math.inf)
