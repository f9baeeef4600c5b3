"""Constraints: what is read from text, what plan is made of them, and what cannot be met."""

from __future__ import annotations

import pytest

from molflow.chem.constraints import Constraint, Plan, parse_constraint, plan
from molflow.chem.molecule import Vocabulary
from molflow.errors import InputError

QM9 = Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F"))


def planned(max_atoms: int = 9, vocabulary: Vocabulary = QM9, **texts: str | int) -> Plan:
    return plan(parse_constraint(**texts), vocabulary, max_atoms)


def drawn(made: Plan) -> list[str]:
    return [made.vocabulary.atoms[a] for a in made.drawn]


def allowed(made: Plan) -> list[str]:
    return [name for name, may in zip(made.vocabulary.atoms, made.allowed, strict=True) if may]


def test_a_command_line_is_read():
    read = parse_constraint("[*:1]c1ccncc1", " N:2, O:1", "F, Cl,N+", 9)
    assert read == Constraint("[*:1]c1ccncc1", 9, {"N": 2, "O": 1}, ("F", "Cl", "N+"))


def test_counts_can_be_written_with_an_equals_sign():
    assert parse_constraint(elements="N=2").elements == {"N": 2}


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_empty_text_is_no_constraint(empty):
    assert parse_constraint(empty, empty, empty) == Constraint()


@pytest.mark.parametrize("text", ["N2", "N:", "N:x", "n:2", "N:2,", "N:-1", "2:N", "N+:1"])
def test_counts_that_are_not_written_so_are_refused(text):
    with pytest.raises(InputError) as error:
        parse_constraint(elements=text)
    assert str(error.value) == f"elements={text!r}: counts such as N:2,O:1 are needed"


def test_an_element_with_two_counts_is_refused():
    with pytest.raises(InputError, match="elements='N:1,N:2': N has two counts"):
        parse_constraint(elements="N:1,N:2")


@pytest.mark.parametrize("text", ["F,", "fluorine", "f", "F;Cl", "F:2"])
def test_forbidden_names_that_are_none_are_refused(text):
    with pytest.raises(InputError) as error:
        parse_constraint(forbidden=text)
    assert str(error.value) == f"forbidden={text!r}: elements such as F,S are needed"


def test_without_constraints_everything_is_allowed():
    free = planned()
    assert free.sizes == (1, 9)
    assert allowed(free) == list(QM9.atoms)
    assert drawn(free) == []


def test_a_scaffold_leaves_an_atom_to_grow():
    assert planned(scaffold="c1ccccc1").sizes == (7, 9)


def test_a_fixed_number_of_atoms_may_be_that_of_the_scaffold():
    assert planned(scaffold="c1ccccc1", atoms=6).sizes == (6, 6)


def test_a_full_valence_matters_only_where_something_grows():
    assert planned(scaffold="FC(F)(F)F", atoms=5).sizes == (5, 5)
    with pytest.raises(InputError, match="it has no free valence, so that nothing can grow"):
        planned(scaffold="FC(F)(F)F")


def test_two_fragments_can_be_linked_without_another_atom():
    assert planned(scaffold="CO.CN", atoms=4).sizes == (4, 4)


def test_counted_elements_are_drawn_neutral_and_ruled_out_elsewhere():
    made = planned(elements="N:2,O:1")
    assert drawn(made) == ["N", "N", "O"]
    assert allowed(made) == ["C-", "C", "F"]
    assert made.sizes == (3, 9)


def test_an_element_with_charged_atoms_alone_is_drawn_charged():
    assert drawn(planned(vocabulary=Vocabulary(("C", "N+", "O-")), elements="N:1")) == ["N+"]


def test_a_forbidden_form_is_not_drawn():
    charged = Vocabulary(("C", "N+", "N-"))
    assert drawn(planned(vocabulary=charged, elements="N:1", forbidden="N+")) == ["N-"]


def test_the_atoms_of_the_scaffold_count():
    assert drawn(planned(scaffold="c1ccncc1", elements="N:2")) == ["N"]
    assert drawn(planned(scaffold="c1ccncc1", elements="N:1")) == []


def test_charged_atoms_of_the_scaffold_count_as_their_element():
    assert drawn(planned(scaffold="C[N+](=O)[O-]", elements="N:1,O:3")) == ["O"]


def test_a_forbidden_element_has_no_charged_form_either():
    assert allowed(planned(forbidden="N,F")) == ["C-", "C", "O-", "O"]


def test_a_charged_atom_can_be_forbidden_alone():
    assert allowed(planned(forbidden="N+,N-,C-,O-")) == ["C", "N", "O", "F"]


def test_a_count_of_zero_forbids():
    made = planned(elements="F:0,S:0")
    assert allowed(made) == ["C-", "C", "N-", "N", "N+", "O-", "O"]
    assert drawn(made) == []


def test_an_element_that_the_model_does_not_make_can_be_forbidden():
    assert allowed(planned(forbidden="S,Cl")) == list(QM9.atoms)


def test_where_no_other_element_is_left_the_size_is_that_of_the_counts():
    assert planned(elements="C:4,O:1", forbidden="N,F").sizes == (5, 5)
    assert planned(scaffold="C1CO1", elements="C:4,O:1", forbidden="N,F").sizes == (5, 5)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"elements": "S:1"}, "elements=S:1: outside the vocabulary, which knows C, N, O, F"),
        ({"elements": "Xx:1"}, "elements: 'Xx' is no chemical element"),
        ({"forbidden": "Xx"}, "forbidden: 'Xx' is no chemical element"),
        ({"elements": "N:1", "forbidden": "N"}, "elements=N:1: N is forbidden"),
        (
            {"scaffold": "c1ccncc1", "forbidden": "N"},
            "scaffold='c1ccncc1': it holds N, which is forbidden",
        ),
        (
            {"scaffold": "C[N+](=O)[O-]", "forbidden": "O-"},
            "scaffold='C[N+](=O)[O-]': it holds O-, which is forbidden",
        ),
        (
            {"scaffold": "c1cncnc1", "elements": "N:1"},
            "scaffold='c1cncnc1': it has 2 N, where elements=N:1",
        ),
        ({"atoms": 10}, "atoms=10: this model makes 1 to 9 atoms"),
        ({"atoms": 0}, "atoms=0: this model makes 1 to 9 atoms"),
        ({"atoms": -1}, "atoms=-1: a whole number is needed"),
        (
            {"scaffold": "c1ccccc1", "atoms": 5},
            "atoms=5: the constraints hold 6 atoms of the scaffold",
        ),
        (
            {"scaffold": "c1ccccc1", "atoms": 7, "elements": "N:2"},
            "atoms=7: the constraints hold 6 atoms of the scaffold and 2 counted atoms",
        ),
        (
            {"elements": "N:6,O:6"},
            "constraints: they hold 12 counted atoms, the model makes at most 9",
        ),
        (
            {"scaffold": "CCCCCCCCC"},
            "constraints: they hold 9 atoms of the scaffold, the model makes at most 9, so that "
            "none is left to grow",
        ),
        (
            {"atoms": 6, "elements": "C:4,O:1", "forbidden": "N,F"},
            "atoms=6: the constraints hold 5 counted atoms and leave no element for another",
        ),
        (
            {"scaffold": "CC", "forbidden": "N,O,F", "elements": "C:2"},
            "constraints: every element is forbidden or counted, none is left to grow",
        ),
        (
            {"atoms": 3, "forbidden": "C,N,O,F"},
            "atoms=3: the constraints hold no atom and leave no element for another",
        ),
        (
            {"forbidden": "C,N,O,F"},
            "constraints: every element is forbidden or counted, none is left to grow",
        ),
        (
            {"scaffold": "C[*:1].N"},
            "scaffold='C[*:1].N': fragment N has no mark, so that nothing links it",
        ),
        (
            {"scaffold": "C.O=C=O", "atoms": 4},
            "scaffold='C.O=C=O': fragment O=C=O has no free valence, so that nothing can grow",
        ),
    ],
)
def test_what_cannot_be_met_is_said_in_one_line(texts, problem):
    with pytest.raises(InputError) as error:
        planned(**texts)
    assert str(error.value) == problem


def test_a_count_that_is_no_whole_number_is_refused():
    with pytest.raises(InputError, match=r"N=1.5: a whole number is needed"):
        plan(Constraint(elements={"N": 1.5}), QM9, 9)


def test_the_marks_of_a_fragment_need_an_atom_each():
    assert planned(scaffold="[*:1]CCO[*:2]").sizes == (5, 9)
    assert planned(scaffold="[*:1]CCO[*:2]", marks="optional").sizes == (4, 9)
    assert planned(scaffold="[*:1]CO.[*:2]N").sizes == (4, 9)


def test_marks_without_an_atom_for_each_are_refused():
    with pytest.raises(InputError, match="atoms=4 leaves 1 atoms for 2 marks of a fragment"):
        planned(scaffold="[*:1]CCO[*:2]", atoms=4)


def test_more_marks_than_an_atom_takes_bonds_are_refused():
    neutral = Vocabulary(("C", "N"), charged=False)
    assert planned(9, neutral, scaffold="*[NH+](*)C").marks.tolist() == [0, 0]
    with pytest.raises(InputError, match="the marked atom N has no free valence for its mark"):
        planned(9, neutral, scaffold="*[N+](*)(C)C")


def test_marks_are_one_of_three():
    with pytest.raises(InputError, match="marks='twice': one of once, at_least_once, optional"):
        planned(scaffold="[*:1]C", marks="twice")
