"""Vocabularies of tokens: texts come back, SMILES are cut as usual, what is unknown is named."""

import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.sequence.vocabulary import TokenVocabulary, UnknownSymbol, split

QM9 = Path(__file__).parents[2] / "data" / "qm9.csv.gz"
LETTERS = TokenVocabulary(tuple(" abcdefghijklmnopqrstuvwxyz"), "characters")


@pytest.fixture(scope="module")
def qm9() -> list[str]:
    """The SMILES of QM9, every one of them."""
    with gzip.open(QM9, "rt") as file:
        column = next(file).rstrip().split(",").index("smiles")
        return [line.rstrip().split(",")[column] for line in file]


@given(text=st.text(alphabet=" abcdefghijklmnopqrstuvwxyz"))
def test_a_text_comes_back_from_its_classes(text):
    ids = LETTERS.encode(text)
    assert ids.dtype == "int64"
    assert ids.shape == (len(text),)
    assert LETTERS.decode(ids) == text


@given(text=st.text(min_size=1))
def test_any_text_comes_back_through_the_vocabulary_of_its_characters(text):
    vocabulary = TokenVocabulary.infer([text], "characters")
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_classes_are_the_places_of_the_symbols():
    assert LETTERS.encode("a b").tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("smiles", "symbols"),
    [
        ("ClCBr", ["Cl", "C", "Br"]),
        ("c1cc[nH]c1", ["c", "1", "c", "c", "[nH]", "c", "1"]),
        ("C%12CC%12", ["C", "%12", "C", "C", "%12"]),
        ("C%(123)B", ["C", "%(123)", "B"]),
        ("[13C@@H](F)(Cl)/C=C\\I", ["[13C@@H]", "(", "F", ")", "(", "Cl", ")", *"/C=C\\I"]),
        ("[O-].[Na+]", ["[O-]", ".", "[Na+]"]),
        ("N->[Fe]<-N", ["N", "->", "[Fe]", "<-", "N"]),
        ("CC>>CO", [*"CC>>CO"]),
        ("", []),
    ],
)
def test_a_smiles_is_cut_into_its_tokens(smiles, symbols):
    assert split(smiles, "smiles") == symbols


ATOMS = st.sampled_from(["C", "Cl", "Br", "B", "[nH]", "[N+]", "[C@@H]", "c", "[Se]", "*"])
LINKS = st.sampled_from(["", "=", "#", "$", ":", "/", "\\", "-", ".", "~", "->", "<-", ">"])
RINGS = st.sampled_from(["", "1", "%10", "%(100)", "(", ")"])


@given(tokens=st.lists(st.tuples(ATOMS, RINGS, LINKS)))
def test_whatever_atoms_bonds_and_rings_are_joined_is_cut_at_the_same_places(tokens):
    parts = [part for token in tokens for part in token if part]
    assert split("".join(parts), "smiles") == parts


def test_every_smiles_of_qm9_comes_back_from_its_classes(qm9):
    vocabulary = TokenVocabulary.infer(qm9, "smiles")
    assert len(qm9) > 130_000
    assert {"C", "[NH3+]", "[CH-]", "#", "1"} < set(vocabulary.symbols)
    assert all(vocabulary.decode(vocabulary.encode(smiles)) == smiles for smiles in qm9)


def test_inferred_symbols_are_sorted_and_do_not_depend_on_the_order_of_texts():
    assert TokenVocabulary.infer(["ba", "ac"], "characters").symbols == ("a", "b", "c")
    assert TokenVocabulary.infer(["ac", "ba"], "characters").symbols == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "symbol", "column"), [("The", "T", 1), ("a b.", ".", 4), ("caf\u00e9s", "\u00e9", 4)]
)
def test_an_unknown_character_is_named_with_its_column(text, symbol, column):
    with pytest.raises(UnknownSymbol, match=f"column {column}: '{symbol}' is not one of ' ' a b c"):
        LETTERS.encode(text)


def test_the_column_of_an_unknown_token_is_that_of_its_first_character():
    vocabulary = TokenVocabulary(("C", "Cl"), "smiles")
    with pytest.raises(UnknownSymbol, match=r"column 6: '\[nH\]' is not one of C Cl") as caught:
        vocabulary.encode("ClClC[nH]C")
    assert (caught.value.symbol, caught.value.column) == ("[nH]", 6)


@pytest.mark.parametrize(("smiles", "column"), [("CCx", 3), ("C[C", 2), ("%1C", 1), ("CC\n", 3)])
def test_what_begins_no_token_is_named_with_its_column(smiles, column):
    with pytest.raises(UnknownSymbol, match=f"column {column}: .* begins no symbol of smiles"):
        split(smiles, "smiles")


def test_a_text_that_cannot_be_cut_is_named_by_its_number():
    with pytest.raises(ValueError, match="text 2: column 2: 'q' begins no symbol of smiles"):
        TokenVocabulary.infer(["CC", "Cq"], "smiles")


def test_of_many_symbols_an_error_names_some():
    many = TokenVocabulary(tuple(chr(0x4E00 + k) for k in range(50)), "characters")
    with pytest.raises(UnknownSymbol, match=r"and 10 more$"):
        many.encode("a")


def test_the_end_is_the_last_class_and_a_text_stops_there():
    vocabulary = TokenVocabulary(("a", "b"), "characters", end=True)
    assert (vocabulary.classes, vocabulary.end_class) == (3, 2)
    assert vocabulary.decode([1, 0, 2, 1, 2]) == "ba"
    assert vocabulary.encode("ab").tolist() == [0, 1]


def test_without_an_end_there_is_no_class_for_it():
    assert (LETTERS.classes, LETTERS.end_class) == (27, None)


@pytest.mark.parametrize("k", [-1, 27])
def test_a_class_without_a_symbol_is_refused(k):
    with pytest.raises(ValueError, match=f"class {k}: the vocabulary has classes 0 to 26"):
        LETTERS.decode([0, k])


@pytest.mark.parametrize("vocabulary", [LETTERS, TokenVocabulary(("C", "[nH]"), "smiles", True)])
def test_a_vocabulary_comes_back_from_json(vocabulary):
    assert TokenVocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": "ab"}, "symbols 'ab': expected a list"),
        ({"symbols": ["a", 1]}, "symbol 1: expected a str"),
        ({"symbols": []}, "at least one"),
        ({"symbols": ["a", "a"]}, "no symbol twice"),
        ({"symbols": ["ab"]}, "symbol 'ab': not one symbol of characters"),
        ({"scheme": "words"}, "scheme 'words': one of characters, smiles, selfies"),
        ({"scheme": "smiles", "symbols": ["CC"]}, "symbol 'CC': not one symbol of smiles"),
        ({"end": 1}, "end 1: expected a bool"),
        ({"other": 1}, "expected"),
    ],
)
def test_values_that_are_no_vocabulary_are_refused(change, message):
    values = {"symbols": ["a", "b"], "scheme": "characters", "end": False}
    with pytest.raises(ValueError, match=message):
        TokenVocabulary.from_dict({**values, **change})


def test_an_unknown_scheme_is_refused_before_any_text():
    with pytest.raises(ValueError, match="scheme 'words': one of characters, smiles, selfies"):
        TokenVocabulary.infer(["a"], "words")


def test_selfies_write_the_same_molecule():
    vocabulary = TokenVocabulary.infer(["CC=O", "C1CC1"], "selfies")
    assert vocabulary.symbols == ("[=O]", "[C]", "[Ring1]")
    assert vocabulary.decode(vocabulary.encode("CC=O")) == "CC=O"
    assert vocabulary.decode(vocabulary.encode("C1CC1")) == "C1CC1"


def test_a_smiles_that_has_no_selfies_is_refused():
    with pytest.raises(ValueError, match="no SELFIES of 'C1C'"):
        split("C1C", "selfies")


def test_without_their_package_selfies_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(ValueError, match=r"pip install selfies"):
        TokenVocabulary.infer(["C"], "selfies")
    assert TokenVocabulary.infer(["C"], "smiles").symbols == ("C",)
