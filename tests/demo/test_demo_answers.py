"""What the page answers, without Gradio: batches, pictures of scaffolds, mistakes."""

from __future__ import annotations

import pytest

from molflow.demo.answers import View
from molflow.demo.asking import Asked
from molflow.errors import InputError

FIRST = View("all", "index", False)


def test_molecules_appear_batch_by_batch_and_the_code_at_once(answers, model_folder):
    told = list(answers.run(Asked(str(model_folder), 30, 1), FIRST))
    assert [None if one.made is None else len(one.made.samples) for one in told] == [
        None,
        8,
        24,
        30,
    ]
    assert {one.command for one in told} == {told[0].command}
    assert told[-1].cards.count("<li class=") == 30


def test_the_batches_change_no_molecule(answers, model_folder, last_made):
    model = answers.models[str(model_folder)]
    made = last_made(answers, Asked(str(model_folder), 30, 3))
    assert made.samples.smiles == model.sample(30, steps=3).smiles


def test_the_molecules_of_the_last_run_are_shown_in_another_order(answers, made):
    best = answers.cards(made, View("valid", "qed", True))
    assert best != answers.cards(made, FIRST)
    assert answers.cards(None, FIRST) == ""


def test_a_scaffold_is_drawn_with_what_it_allows(answers):
    page = answers.scaffold("qm9", "[*:1]C1CC1", "once")
    assert "<svg" in page
    assert "grows at 1 mark, exactly one new bond each; molecules have 4 to 9 heavy" in page


def test_a_scaffold_without_a_mark_grows_anywhere(answers):
    assert "it may grow anywhere" in answers.scaffold("qm9", "c1ccoc1", "once")
    assert "every atom is new" in answers.scaffold("qm9", " ", "once")


@pytest.mark.parametrize(
    ("scaffold", "message"),
    [
        ("<img src=x>", "&lt;img src=x&gt;&#x27;: does not parse as SMILES"),
        ("[Si]C", "Si is outside the vocabulary"),
        ("C" * 10, "10 atoms, where the model makes at most 9"),
        ("C" * 300, "300 characters, where at most 200 are read"),
    ],
)
def test_what_is_wrong_with_a_scaffold_is_told_in_place_of_its_picture(answers, scaffold, message):
    page = answers.scaffold("qm9", scaffold, "once")
    assert page.startswith("<p class=mf-error>scaffold")
    assert message in page


@pytest.mark.parametrize("name", ["sdf", "csv"])
def test_there_is_no_file_before_the_first_run(answers, name):
    with pytest.raises(InputError, match="make some first"):
        getattr(answers, name)(None, FIRST, "")


def test_files_have_names(answers, made):
    assert answers.sdf(made, FIRST, "1")["name"] == "molecules.sdf"
    assert answers.csv(made, FIRST, "1,2")["text"].count("\n") == 3


def test_a_film_needs_a_molecule(answers, made):
    with pytest.raises(InputError, match="molecule: a whole number is needed"):
        answers.film(made, None)


def test_the_films_of_a_molecule_stand_side_by_side(answers, made):
    page = answers.film(made, 0)
    assert page.count("<img ") == 3
    assert [f"<b>{count}</b>" in page for count in ("1 step", "4 steps", "50 steps")] == [True] * 3
