"""What sampling asks of graphs and of strings: sizes, blanks, what states say, what can be held."""

import numpy as np
import pytest
import torch
from rdkit import Chem

from molflow.chem.constraints import Constraint
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.graph.graph import Graph
from molflow.graph.state import clean_state
from molflow.metrics.text import TextReference
from molflow.modality import Graphs, Modality, Strings, modality_of
from molflow.sequence.state import token_state
from molflow.sequence.vocabulary import TokenVocabulary

GRAPHS = Graphs(Vocabulary(("C", "N", "O")))
LETTERS = Strings(TokenVocabulary(tuple(" abc"), "characters"))
ENDED = Strings(TokenVocabulary(tuple("abc"), "characters", end=True))
SMILES = Strings(TokenVocabulary(("(", ")", "1", "=", "C", "Cl", "N", "O"), "smiles"))
ALL = [GRAPHS, LETTERS, ENDED, SMILES]
IDS = ["graphs", "letters", "ended", "smiles"]
LAW = np.array([0.0, 0.25, 0.25, 0.25, 0.25])

ETHANOL = Graph(np.array([0, 0, 2]), np.array([1, 0, 1]))  # C-C-O: pairs (0, 1), (0, 2), (1, 2)
ETHER = Graph(np.array([0, 2, 0]), np.array([1, 0, 1]))  # C-O-C, its scaffold C-O first
BROKEN = Graph(np.array([2, 2, 2]), np.array([3, 0, 1]))  # O#O-O


def measured(modality: Modality, things: list, known: object) -> dict[str, float]:
    return modality.measure(things, modality.check(things), known)


def written(modality: Strings, *texts: str, length: int = 9) -> State:
    """The clean states of these texts."""
    ids = np.zeros((len(texts), length), np.int64)
    for row, text in zip(ids, texts, strict=True):
        classes = modality.vocabulary.encode(text)
        row[: len(classes)] = classes
    lengths = [len(modality.vocabulary.encode(text)) for text in texts]
    return token_state(torch.from_numpy(ids), torch.tensor(lengths), modality.vocabulary.classes)


@pytest.mark.parametrize(
    ("modality", "things"),
    zip(ALL, ["molecules", "texts", "texts", "molecules"], strict=True),
    ids=IDS,
)
def test_a_vocabulary_says_what_is_made(modality: Modality, things: str):
    assert modality_of(modality.vocabulary) == modality
    assert modality.things == things


@pytest.mark.parametrize(
    ("modality", "counts"),
    [
        (GRAPHS, {"atoms": 4, "pairs": 6}),
        (LETTERS, {"tokens": 4}),
        (ENDED, {"tokens": 4}),
        (SMILES, {"tokens": 4}),
    ],
    ids=IDS,
)
def test_a_size_has_so_many_variables_of_every_field(modality: Modality, counts):
    assert modality.counts(4) == counts


@pytest.mark.parametrize(
    ("modality", "classes"),
    [
        (GRAPHS, {"atoms": 3, "pairs": 4}),  # none, single, double, triple
        (LETTERS, {"tokens": 4}),
        (ENDED, {"tokens": 4}),  # a, b, c and the end
        (SMILES, {"tokens": 8}),
    ],
    ids=IDS,
)
def test_a_blank_is_zero_wide_as_the_largest_and_its_variables_exist_up_to_the_size(
    modality: Modality, classes
):
    assert modality.classes == classes
    blank = modality.blank(torch.tensor([1, 4]), 5)
    for name, width in modality.counts(5).items():
        assert blank.values[name].shape == (2, width, classes[name])
        assert not blank.values[name].any()
        assert not blank.given[name].any()
        exists = [modality.counts(size)[name] for size in (1, 4)]
        assert blank.exists[name].sum(1).tolist() == exists


def test_a_state_of_a_graph_makes_its_likeliest_classes():
    state = clean_state(
        torch.tensor([[0, 0, 2, 0]]), torch.tensor([[1, 0, 1, 0, 0, 0]]), torch.tensor([3]), (3, 4)
    )
    (made,) = GRAPHS.things_of(0.5 * state)
    assert (made.atoms.tolist(), made.pairs.tolist()) == ([0, 0, 2], [1, 0, 1])


def test_a_state_of_tokens_says_its_likeliest_symbols_up_to_its_length():
    assert LETTERS.things_of(0.5 * written(LETTERS, "cab", "a b")) == ["cab", "a b"]
    assert SMILES.things_of(written(SMILES, "C(Cl)=O")) == ["C(Cl)=O"]


def test_a_text_ends_before_the_first_end_symbol_and_may_be_empty():
    ids = torch.tensor([[0, 2, 3, 1], [3, 0, 0, 0], [1, 1, 1, 1]])
    state = token_state(ids, torch.tensor([4, 4, 4]), 4)
    assert ENDED.things_of(state) == ["ac", "", "bbbb"]


def test_chemistry_judges_graphs_and_smiles_by_the_same_rules():
    for checked in (GRAPHS.check([ETHANOL, BROKEN]), SMILES.check(["OCC", "N(C)(C)(C)C"])):
        assert [one.strict for one in checked] == ["CCO", None]
        assert Chem.MolToSmiles(checked[0].mol) == "CCO"
        assert checked[1].reason.startswith("valence: ")


def test_what_is_no_smiles_or_in_fragments_says_so():
    checked = SMILES.check(["C1CC", "", "C(", "O=C=O"])
    assert [one.reason for one in checked] == ["does not parse", "empty", "does not parse", None]


def test_what_breaks_when_its_hydrogens_are_left_out_is_no_molecule():
    (one,) = SMILES.check(["[NH3]->[H]"])
    assert (one.mol, one.smiles) == (None, None)
    assert one.reason == "other: Explicit valence for atom # 0 N, 4, is greater than permitted"


def test_a_hydrogen_at_an_aromatic_bond_outside_a_ring_is_no_molecule():
    (one,) = SMILES.check(["[2H]:[NH3+][H]"])
    assert (one.mol, one.smiles) == (None, None)
    assert one.reason == "bond without an order: aromatic outside an aromatic ring"


def test_chemistry_has_nothing_against_a_text():
    (one,) = LETTERS.check(["c1 ab"])
    assert (one.strict, one.reason, one.mol) == ("c1 ab", None, None)
    assert LETTERS.subject(one.strict) == "c1 ab"


@pytest.mark.parametrize("modality", [GRAPHS, SMILES], ids=["graphs", "smiles"])
def test_a_scorer_of_molecules_gets_the_molecule_of_the_canonical_smiles(modality):
    assert [atom.GetSymbol() for atom in modality.subject("CCO").GetAtoms()] == ["C", "C", "O"]


def test_equal_things_have_equal_keys_and_others_have_others():
    again = Graph(ETHANOL.atoms.copy(), ETHANOL.pairs.copy())
    assert GRAPHS.key(ETHANOL) == GRAPHS.key(again) != GRAPHS.key(BROKEN)
    assert LETTERS.key("ab") == LETTERS.key("ab") != LETTERS.key("ba")
    assert SMILES.key("CO") != SMILES.key("OC")


def test_what_is_no_molecule_can_be_drawn_as_it_was_made():
    assert [bond.GetBondTypeAsDouble() for bond in GRAPHS.sketch(BROKEN).GetBonds()] == [3, 1]
    assert SMILES.sketch("N(C)(C)(C)C").GetNumAtoms() == 5
    assert SMILES.sketch("C1CC") is None
    assert GRAPHS.sketch(Graph(np.zeros(0, np.int64), np.zeros(0, np.int64))) is None
    assert LETTERS.sketch("abc") is None


@pytest.mark.parametrize(
    ("modality", "things"),
    [(GRAPHS, [ETHANOL, ETHANOL, BROKEN, ETHANOL]), (SMILES, ["CCO", "OCC", "C1CC", "C(O)C"])],
    ids=["graphs", "smiles"],
)
def test_molecules_are_measured_by_validity_uniqueness_and_novelty(modality, things):
    numbers = measured(modality, things, frozenset({"CCO"}))
    assert {name: numbers[name] for name in modality.headlines} == {
        "strict_valid": 3 / 4,
        "unique": 1 / 3,
        "novel": 0.0,
    }


def test_texts_are_measured_against_the_words_of_a_training_text():
    text = "a bb ccc " * 9
    reference = TextReference.of(text, LETTERS.vocabulary.encode(text), LETTERS.vocabulary)
    numbers = measured(LETTERS, ["a bb c a", "a ab bb a"], reference)
    # The inner words of the two are bb, c and ab, bb: two of four are words of the text.
    assert numbers["words_in_vocabulary"] == 0.5
    assert set(LETTERS.headlines) <= set(numbers)


def test_without_a_training_text_texts_have_their_variety_alone():
    numbers = measured(LETTERS, ["abab", "aaaa"], None)
    assert numbers["entropy"] == 0.5  # 1 bit and 0 bits
    assert "words_in_vocabulary" not in numbers


@pytest.mark.parametrize(
    ("modality", "words"),
    [
        (GRAPHS, "up to 4 atoms of C N O"),
        (LETTERS, "up to 4 tokens of ' abc'"),
        (ENDED, "up to 4 tokens of 'abc'"),
        (SMILES, "up to 4 tokens of ( ) 1 = C Cl N O"),
    ],
    ids=IDS,
)
def test_a_vocabulary_is_described_for_people(modality: Modality, words: str):
    assert modality.describe(4) == words


@pytest.mark.parametrize("modality", ALL, ids=IDS)
def test_nothing_is_held_where_nothing_is_asked_for(modality: Modality):
    assert modality.plan(None, None, 4) is None


def test_a_prompt_for_graphs_is_refused():
    with pytest.raises(InputError, match=r"^prompt='CC': this model makes graphs; scaffold= keeps"):
        GRAPHS.plan(None, "CC", 4)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Constraint(scaffold="CC"), "scaffold='CC'"),
        (Constraint(atoms=3), "atoms=3"),
        (Constraint(elements={"N": 1}), "elements='N:1'"),
        (Constraint(forbidden=("F", "N+")), "forbidden='F,N+'"),
    ],
)
@pytest.mark.parametrize("modality", [LETTERS, SMILES], ids=["letters", "smiles"])
def test_what_only_graphs_can_keep_is_refused_of_strings(modality, asked, named):
    with pytest.raises(InputError) as error:
        modality.plan(asked, "C", 4)
    assert str(error.value).startswith(f"{named}: only for models of graphs, ")


@pytest.mark.parametrize(
    ("modality", "prompt", "reason"),
    [
        (LETTERS, "ab d", "column 4: 'd' is not in the vocabulary"),
        (LETTERS, "a\nb", "column 2: '\\n' is not in the vocabulary"),
        (LETTERS, "abcab", "5 positions, and the model has 4"),
        (LETTERS, "", "it is empty"),
        (SMILES, "C_Br", "column 3: 'Br' is not in the vocabulary"),
        (SMILES, "C_!", "column 3: '!' is not in the vocabulary"),
    ],
)
def test_a_prompt_that_cannot_be_kept_is_named_with_the_reason(modality, prompt, reason):
    with pytest.raises(InputError) as error:
        modality.plan(None, prompt, 4)
    assert str(error.value) == f"prompt={prompt!r}: {reason}"


def test_what_is_held_leaves_sizes_that_have_room_for_it():
    assert LETTERS.conditioned(LAW, LETTERS.plan(None, "ab_", 4)).tolist() == [0, 0, 0, 0.5, 0.5]
    scaffold = GRAPHS.plan(Constraint(scaffold="CO"), None, 4)  # and at least one atom more
    assert GRAPHS.conditioned(LAW, scaffold).tolist() == [0, 0, 0, 0.5, 0.5]
    with pytest.raises(InputError, match="prompt='abc': 3 positions, longer than what"):
        LETTERS.conditioned(np.array([0, 0.5, 0.5]), LETTERS.plan(None, "abc", 4))


def test_a_held_prompt_is_clean_at_its_places_and_free_elsewhere():
    held = LETTERS.plan(None, "_b", 4)
    state = LETTERS.held_state(held, np.array([2, 3]), np.zeros((2, 3)))
    assert state.given["tokens"].tolist() == [[False, True, False]] * 2
    assert state.exists["tokens"].tolist() == [[True, True, False], [True, True, True]]
    assert state.values["tokens"][:, 1].argmax(-1).tolist() == [2, 2]
    assert LETTERS.allowed(held) == {}


def test_a_held_scaffold_is_clean_in_every_graph():
    held = GRAPHS.plan(Constraint(scaffold="CO", forbidden=("N",)), None, 4)
    state = GRAPHS.held_state(held, np.array([2, 3]), np.zeros((2, 3)))
    assert state.given["atoms"].sum(1).tolist() == [2, 2]
    assert GRAPHS.allowed(held)["atoms"].tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("modality", "held", "things"),
    [
        (GRAPHS, GRAPHS.plan(Constraint(scaffold="CO"), None, 4), [ETHER, BROKEN]),
        (LETTERS, LETTERS.plan(None, "a_c", 4), ["abca", "ab"]),
        (ENDED, ENDED.plan(None, "a_c", 4), ["acc", ""]),
        (SMILES, SMILES.plan(None, "C(Cl)", 4), ["C(Cl)O", "CC(Cl)O"]),
    ],
    ids=IDS,
)
def test_a_thing_has_what_was_held_or_has_not(modality: Modality, held, things):
    assert [modality.kept(thing, held) for thing in things] == [True, False]


def test_a_text_that_the_vocabulary_cannot_write_kept_nothing():
    assert not LETTERS.kept("a!c", LETTERS.plan(None, "a_c", 4))
