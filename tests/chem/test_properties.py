"""Properties: values known from elsewhere or computed by hand, and names that are not known."""

import math

import pytest
from rdkit import Chem

from molflow.chem.properties import PROPERTIES

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


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [("CC", 0), ("CCC", 0), ("CCO", 3 * math.log2(3) - 2), ("c1ccccc1", 71.96100505779535)],
)
def test_complexity_counts_kinds_of_elements_and_of_connections(
    smiles: str, expected: float
) -> None:
    """Ethanol's 2 C and 1 O carry 3 log2 3 - 2 log2 2 bits, and its one connection none."""
    assert PROPERTIES["bertz"].compute(Chem.MolFromSmiles(smiles)) == pytest.approx(expected)


def test_the_usual_range_lies_within_the_limits() -> None:
    for prop in PROPERTIES.values():
        assert prop.limits[0] <= prop.low < prop.high <= prop.limits[1], prop


def test_limits_hold_for_a_graded_property_alone() -> None:
    assert PROPERTIES["qed"].graded
    assert not PROPERTIES["sa"].graded
    assert PROPERTIES["logp"].limits == (-math.inf, math.inf)
