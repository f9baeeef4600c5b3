"""Scaffolds from SMILES: what is kept, where it may grow, in which order, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molflow.chem.molecule import Vocabulary, canonical_smiles, check
from molflow.chem.scaffold import Scaffold, no_scaffold, read_scaffold, takes_bonds
from molflow.errors import InputError
from molflow.graph.graph import pair_index

QM9 = Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F"))
STRIPPED = Vocabulary(("C", "N", "O", "F"), charged=False)

SCAFFOLDS = {
    "c1ccccc1": "c1ccccc1",
    "[*:1]c1ccncc1": "c1ccncc1",
    "[*:1]c1ccc([*:2])o1": "c1ccoc1",
    "[*:1]n1cccc1": "c1cc[nH]c1",
    "C[*:1].N[*:2]": "C.N",
    "O=[N+]([O-])C[*:1]": "C[N+](=O)[O-]",
    "C1=CC=CC1": "C1=CCC=C1",
    "CC(=O)N": "CC(N)=O",
    "C1CC12CO2": "C1CC12CO2",
}


def read(text: str, vocabulary: Vocabulary = QM9, max_atoms: int = 9) -> Scaffold:
    return read_scaffold(text, vocabulary, max_atoms)


def names(scaffold: Scaffold, vocabulary: Vocabulary = QM9) -> list[str]:
    return [vocabulary.atoms[a] for a in scaffold.graph.atoms]


def test_benzene_is_six_carbons_in_one_kekule_form():
    benzene = read("c1ccccc1")
    assert names(benzene) == ["C"] * 6
    assert benzene.graph.pairs.tolist() == [1, 0, 2, 0, 0, 1, 0, 0, 0, 2, 2, 0, 0, 0, 1]
    assert benzene.grows.all()
    assert benzene.fixed.all()


def test_a_marked_pyridine_grows_at_its_mark_alone():
    pyridine = read("[*:1]c1ccncc1")
    assert names(pyridine) == ["C", "C", "C", "N", "C", "C"]
    assert pyridine.grows.tolist() == [True] + [False] * 5
    assert pyridine.fixed.all()


def test_a_mark_needs_no_number():
    assert read("*c1ccncc1").grows.tolist() == read("[*:1]c1ccncc1").grows.tolist()


def test_marks_come_first_in_the_order_as_in_a_molecule_that_grew_there():
    # Methylpyrrole is Cn1cccc1: the nitrogen before the ring. Pyrrole alone is c1cc[nH]c1.
    assert names(read("[*:1]n1cccc1"))[0] == "N"
    assert names(read("c1cc[nH]c1"))[0] == "C"


def test_unmarked_fragments_are_linked_anywhere():
    linked = read("CO.N")
    assert names(linked) == ["C", "O", "N"]
    fixed = {pair: bool(linked.fixed[pair_index(*pair)]) for pair in [(0, 1), (0, 2), (1, 2)]}
    assert fixed == {(0, 1): True, (0, 2): False, (1, 2): False}
    assert linked.fragments.tolist() == [0, 0, 1]


def test_marked_fragments_are_linked_between_their_marks():
    linked = read("[*:1]CO.[*:2]NF")
    assert names(linked) == ["C", "O", "N", "F"]
    free = [(i, j) for j in range(4) for i in range(j) if not linked.fixed[pair_index(i, j)]]
    assert free == [(0, 2)]


def test_charges_of_a_nitro_group_are_kept():
    nitro = read("O=[N+]([O-])C[*:1]")
    assert names(nitro) == ["C", "N+", "O", "O-"]
    assert nitro.graph.pairs[pair_index(1, 2)] == 2
    assert nitro.graph.pairs[pair_index(1, 3)] == 1


def test_a_pentavalent_nitro_group_is_read_as_rdkit_reads_it():
    assert names(read("O=N(=O)C[*:1]")) == ["C", "N+", "O", "O-"]


def test_without_charges_in_the_vocabulary_an_ammonium_is_an_amine():
    assert names(read("C[NH3+]", STRIPPED), STRIPPED) == ["C", "N"]


def test_stereochemistry_is_not_kept():
    assert canonical_smiles(read("F/C=C/[*:1]").mol) == "C=CF"


def test_numbers_of_atoms_change_nothing():
    assert names(read("[CH3:3][CH2:1][OH:2]")) == names(read("CCO")) == ["C", "C", "O"]


def test_the_molecule_of_a_scaffold_has_hydrogens_at_its_marks():
    assert canonical_smiles(read("[*:1]c1ccncc1").mol) == "c1ccncc1"


def test_no_scaffold_has_no_atoms():
    assert len(no_scaffold()) == 0


@pytest.mark.parametrize(
    ("text", "atom", "expected"),
    [("C", 0, True), ("F", 0, True), ("C#N", 1, False), ("FC(F)(F)F", 1, False)],
)
def test_an_atom_takes_a_bond_where_its_valence_is_not_full(text, atom, expected):
    scaffold = read(text)
    assert takes_bonds(scaffold.graph, QM9, atom) is expected


@pytest.mark.parametrize("text", SCAFFOLDS)
@settings(max_examples=20)
@given(seed=st.integers(1, 2**30))
def test_a_scaffold_does_not_depend_on_how_it_is_written(text, seed):
    other = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(text), 1, seed)[0]
    one, two = read(text), read(other)
    assert one.graph.atoms.tolist() == two.graph.atoms.tolist()
    assert one.grows.tolist() == two.grows.tolist()
    assert (one.graph.pairs > 0).tolist() == (two.graph.pairs > 0).tolist()


@pytest.mark.parametrize(("text", "smiles"), SCAFFOLDS.items())
def test_the_held_classes_make_the_molecule_of_the_scaffold(text, smiles):
    assert check(read(text).graph, QM9).smiles == smiles


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("c1ccccc", "does not parse as SMILES"),
        ("*", "no atoms"),
        ("CS", "S is outside the vocabulary, which knows C-, C, N-, N, N+, O-, O, F"),
        ("C[Fe+12]", "Fe+12 is outside the vocabulary, which knows C-, C, N-, N, N+, O-, O, F"),
        ("CCCCCCCCCC", "10 atoms, where the model makes at most 9"),
        ("[CH2]C", "radical or unusual valence"),
        ("C=[*:1]", "an attachment point * needs one single bond to one atom"),
        ("C[*:1]C", "an attachment point * needs one single bond to one atom"),
        ("[*:1].C", "an attachment point * needs one single bond to one atom"),
        ("C[*:1].[*:2][*:3]", "an attachment point * needs one single bond to one atom"),
    ],
)
def test_a_scaffold_that_cannot_be_kept_is_refused_in_one_line(text, problem):
    with pytest.raises(InputError) as error:
        read(text)
    assert str(error.value) == f"scaffold={text!r}: {problem}"


@pytest.mark.parametrize("text", ["[H]/N=C(\\C)[*:1]", "[H]N=C(C)[*:1]", "[15NH]=C([13CH3])[2*]"])
def test_hydrogens_that_carry_stereo_and_isotopes_are_no_part_of_a_scaffold(text):
    assert check(read(text).graph, QM9).smiles == "CC=N"


def test_a_vocabulary_without_carbon_knows_no_carbon_for_the_marks():
    nitrogen = Vocabulary(("N", "O"))
    assert names(read("N[*:1]", nitrogen), nitrogen) == ["N"]
    with pytest.raises(InputError, match="C is outside the vocabulary, which knows N, O"):
        read("NC[*:1]", nitrogen)


def test_a_group_that_needs_its_charges_is_refused_without_them():
    with pytest.raises(InputError, match=r"valence: N 4 > 3 .* in the vocabulary C, N, O, F$"):
        read("C[N+](=O)[O-]", STRIPPED)


def test_a_mark_without_free_valence_is_refused():
    with pytest.raises(InputError, match="the marked atom N has no free valence"):
        read("[*:1][N+](C)(C)C", STRIPPED)


def test_a_long_text_is_refused_and_not_repeated():
    with pytest.raises(InputError) as error:
        read("C" * 20_000)
    assert len(str(error.value)) < 120


@pytest.mark.parametrize(
    ("text", "stereo"),
    [
        ("C[C@H](N)C(=O)[*:1]", True),
        ("F/C=C/[*:1]", True),
        ("[H]/N=C(\\C)[*:1]", True),
        ("CC(N)C(=O)[*:1]", False),
        ("[13CH3]C=C[*:1]", False),
    ],
)
def test_a_scaffold_knows_whether_its_stereo_is_left_out(text, stereo):
    assert read(text).stereo == stereo
