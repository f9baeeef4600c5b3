"""Atom names and vocabularies."""

import pytest

from molflow.chem.vocabulary import Vocabulary, atom_name, split_name, strip_charges


@pytest.mark.parametrize(
    ("symbol", "charge", "name"),
    [("C", 0, "C"), ("N", 1, "N+"), ("O", -1, "O-"), ("Ca", 2, "Ca+2"), ("Cl", 3, "Cl+3")],
)
def test_an_atom_is_named_by_element_and_charge(symbol: str, charge: int, name: str) -> None:
    assert atom_name(symbol, charge) == name
    assert split_name(name) == (symbol, charge)


@pytest.mark.parametrize("name", ["", "*", "c", "N++", "O-1", "+"])
def test_what_is_no_atom_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected an element and its charge"):
        split_name(name)


def test_stripping_leaves_the_element() -> None:
    assert [strip_charges(name) for name in ("N+", "Ca+2", "C")] == ["N", "Ca", "C"]


def test_an_inferred_vocabulary_is_sorted_by_atomic_number_and_charge() -> None:
    counts = {"F": 1, "O": 9, "C": 80, "N+": 2, "O-": 2, "N": 10}
    assert Vocabulary.infer(counts).atoms == ("C", "N", "N+", "O-", "O", "F")


def test_an_inferred_vocabulary_without_charges_holds_elements() -> None:
    vocabulary = Vocabulary.infer(["N+", "C", "O-", "O"], charged=False)
    assert vocabulary.atoms == ("C", "N", "O")
    assert not vocabulary.charged


def test_a_vocabulary_comes_back_from_its_json_values() -> None:
    vocabulary = Vocabulary(("C", "N"), charged=False)
    assert vocabulary.to_dict() == {
        "atoms": ["C", "N"],
        "bonds": ["none", "single", "double", "triple"],
        "charged": False,
    }
    assert Vocabulary.from_dict(vocabulary.to_dict()) == vocabulary


def test_a_vocabulary_without_charges_refuses_a_charged_name() -> None:
    with pytest.raises(ValueError, match="charges in a vocabulary without charges"):
        Vocabulary(("C", "N+"), charged=False)


def test_a_vocabulary_refuses_an_atom_named_twice() -> None:
    with pytest.raises(ValueError, match="no name twice"):
        Vocabulary(("C", "C"))


def test_a_vocabulary_refuses_other_bonds() -> None:
    with pytest.raises(ValueError, match="aromatic"):
        Vocabulary(("C",), ("none", "double"))
