"""The table of released models, and that it says what their cards say."""

import re
from pathlib import Path

import pytest

from molflow.errors import InputError
from molflow.model.place import PRETRAINED
from molflow.models import Released, elements_of, main, released

CARDS = {one.name: one for one in released()}


def tables(readme: Path) -> list[list[list[str]]]:
    """The tables of a page: rows of cells, the first row its head."""
    found: list[list[list[str]]] = [[]]
    for line in readme.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def numbers(one: Released) -> dict[str, str]:
    """The cells of the row of the README that has the steps and the noise of the card, by name."""
    asked = {part.partition("=")[::2] for part in one.recommended.split()}
    (steps,) = (value for key, value in asked if key == "steps")
    wanted = {steps, *(f"{key}={value}" for key, value in asked if key.startswith("noise"))}
    named = wanted | {value for key, value in asked if key == "method"}
    for head, _, *rows in tables(PRETRAINED / one.name / "README.md"):
        for row in rows:
            if head[0] == "steps" and set(re.split(r"[,`\s]+", row[0])) - {""} in (wanted, named):
                return dict(zip(head, row, strict=True))
    raise AssertionError(f"{one.name}: no row of {wanted}")


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_number_of_a_card_is_that_of_the_readme(name):
    cells, measures = numbers(CARDS[name]), CARDS[name].measures
    assert 1 <= len(measures) <= 2
    for measure, value in measures.items():
        assert cells[measure].split(" ")[0] == value.removesuffix(" %")


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_method_of_a_card_is_named_in_the_readme(name):
    text = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    methods = [one for one in CARDS[name].recommended.split() if one.startswith("method=")]
    assert all(method in text for method in methods)


def test_sizes_and_elements_are_those_of_the_model():
    assert CARDS["qm9"].makes == "molecules of 1 to 9 atoms"
    assert CARDS["qm9"].elements == ("C", "N", "O", "F")
    assert CARDS["qm9_smiles"].makes == "SMILES of 1 to 22 tokens"
    assert CARDS["text"].makes == "texts of 64 characters"
    assert CARDS["text"].elements == ()


def test_charges_brackets_and_aromatic_atoms_are_their_elements():
    symbols = ["#", "(", "1", "C", "Cl", "[CH-]", "[nH+]", "c", "o"]
    assert elements_of({"scheme": "smiles", "symbols": symbols}) == ("C", "Cl", "N", "O")
    assert elements_of({"atoms": ["C-", "C", "Br", "N+"]}) == ("C", "Br", "N")


def test_the_table_has_a_row_for_every_model(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    for name, one in CARDS.items():
        (row,) = [line for line in lines if line.startswith(f"│ {name} ")]
        assert one.recommended in row
        assert f" {one.size / 1e6:.1f} " in row


def test_an_argument_is_refused():
    with pytest.raises(InputError, match="models: takes no arguments, and 'x=1' is one"):
        main(["x=1"])
