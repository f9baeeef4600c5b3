"""The page of an evaluation: every number with its definition, every attempt with its reason."""

import re
from pathlib import Path

import pytest

from molflow.config import load_config
from molflow.datasets.columns import Columns
from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.numbers import WANTED, evaluate_suite
from molflow.evaluation.sources import from_file
from molflow.evaluation.verdict import Verdict
from molflow.metrics.suites import SUITES
from molflow.report import evaluation as page
from molflow.report.evaluation import evaluation_report
from molflow.report.page import render

SPLITS = {"train": ["CCO", "CC"], "valid": ["CN"], "test": ["CCO", "CCN", "c1ccccc1"]}
ROWS = ["CCO", "CCO.O", "CN(C)(C)C", "C(", "", "c1ccccc1", "<b>x</b>"]


@pytest.fixture
def verdict(letters_for_chemnet, tmp_path: Path) -> Verdict:
    path = tmp_path / "mine.csv"
    path.write_text("smiles,x\n" + "".join(f"{row},1\n" for row in ROWS))
    reference = Reference("made", SPLITS)
    source = from_file(path, Columns("smiles"), None, lambda failure: None, reference.training)
    subject = Subject(source.attempts, WANTED["standard"])
    config = load_config("evaluate", [f"samples={path}", "reference=qm9"])
    evaluation = evaluate_suite("standard", subject, reference, force=True)
    return Verdict(config, source, subject, reference, evaluation)


def test_every_number_stands_with_its_definition(verdict):
    report = evaluation_report(verdict)
    assert [row.name for row in report.table] == list(SUITES["standard"])
    for row in report.table:
        assert (row.doc or "").startswith(SUITES["standard"][row.name].doc)
    # CCO and c1ccccc1 of seven; CCO.O is in fragments.
    assert report.table[0].unguided == 2 / 7
    assert re.search(r"\. 95 %: [\d.]+ % to [\d.]+ %$", report.table[0].doc)


def test_every_attempt_is_there_with_its_reason(verdict):
    reasons = [one.reason for one in evaluation_report(verdict).attempts]
    assert reasons == [
        None,
        "fragments: 2",
        "valence: N 4 > 3 at atom 1",
        "does not parse",
        "empty",
        None,
        "does not parse",
    ]


def test_what_is_no_molecule_is_drawn_as_it_was_written_where_it_can_be(verdict):
    mols = [one.mol for one in evaluation_report(verdict).attempts]
    assert [None if mol is None else mol.GetNumAtoms() for mol in mols] == [
        3,
        4,
        5,
        None,
        None,
        6,
        None,
    ]


def test_properties_stand_beside_those_of_the_test_set(verdict):
    report = evaluation_report(verdict)
    (weight,) = [one for one in report.quantities if one.name == "weight"]
    # Ethanol, ethylamine, benzene.
    assert list(weight.training) == pytest.approx([46.069, 45.085, 78.114], abs=1e-3)
    assert report.attempts[0].value("weight") == pytest.approx(46.069, abs=1e-3)
    assert "test set" in render(report)


def test_the_page_says_what_was_compared_and_holds_no_foreign_element(verdict):
    text = render(evaluation_report(verdict))
    assert "7 attempts of mine.csv" in text
    assert "Suite standard, compared with made (train 2, valid 1, test 3)." in text
    assert "2 × does not parse" in text
    assert "<b>x" not in text


def test_of_very_many_attempts_the_first_are_shown_and_it_is_said(verdict, monkeypatch):
    monkeypatch.setattr(page, "MOST", 3)
    report = evaluation_report(verdict)
    assert len(report.attempts) == 3
    assert "Charts and molecules are of the first 3 attempts." in report.summary
    assert report.table[0].unguided == 2 / 7
