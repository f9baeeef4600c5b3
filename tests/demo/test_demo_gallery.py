"""The cards of a run, their order, and the files of those that are wanted."""

from __future__ import annotations

import csv

import pytest
from rdkit import Chem

from molflow.demo.gallery import (
    ALL,
    DISTINCT,
    INDEX,
    VALID,
    chosen,
    csv_text,
    gallery,
    sdf_text,
    summary,
    wanted_of,
)
from molflow.errors import InputError


def test_the_run_has_valid_and_invalid_molecules_and_repeats_some(made):
    counts = [len(chosen(made, kind, INDEX, False)) for kind in (ALL, VALID, DISTINCT)]
    assert counts[0] == 40
    assert counts[0] > counts[1] > counts[2] > 1


def test_only_valid_ones_are_shown_where_they_are_asked_for(made):
    for i in chosen(made, VALID, INDEX, False):
        assert made.samples.reasons[i] is None


def test_of_several_of_a_kind_the_first_is_shown(made):
    smiles = made.samples.smiles
    shown = chosen(made, DISTINCT, INDEX, False)
    assert [smiles.index(smiles[i]) for i in shown] == shown


def test_molecules_are_sorted_by_a_property_and_those_without_come_last(made):
    order = chosen(made, ALL, "qed", True)
    values = [made.values[i].get("qed") for i in order]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_without_an_order_the_index_is_one(made):
    assert chosen(made, ALL, INDEX, False) == list(range(40))
    assert chosen(made, ALL, INDEX, True) == list(range(40))[::-1]


def test_an_unknown_order_is_refused(made):
    with pytest.raises(InputError, match="shown='some' by 'beauty'"):
        chosen(made, "some", "beauty", False)


def test_every_card_tells_its_index_and_a_failed_one_its_reason(made):
    failed = next(i for i, reason in enumerate(made.samples.reasons) if reason)
    page = gallery(made, [failed, 1])
    assert page.count("<li class=") == 2
    assert f"value={failed}>" in page
    assert "mf-failed" in made.cards[failed]
    assert (made.samples.reasons[failed] or "").replace(">", "&gt;") in made.cards[failed]


def test_the_line_above_counts_all_attempts(made):
    valid = len(chosen(made, VALID, INDEX, False))
    assert f"<b>40 of 60 molecules</b>: {valid} strictly valid ({2.5 * valid:.1f} %)" in summary(
        made, 60
    )


def test_a_file_holds_the_ticked_molecules_or_else_those_that_are_shown():
    assert wanted_of("7,3", [1, 2], 10) == [3, 7]
    assert wanted_of("", [2, 1], 10) == [1, 2]
    assert wanted_of("99", [2, 1], 10) == [1, 2]


@pytest.mark.parametrize("picked", ["a", "1;2", "-1", "1,,2", "999999999"])
def test_other_ticks_are_refused(picked):
    with pytest.raises(InputError, match="picked"):
        wanted_of(picked, [1], 10)


def test_the_csv_has_the_rows_of_these_molecules_under_their_indices(made):
    rows = list(csv.DictReader(csv_text(made, [4, 9]).splitlines()))
    assert [row["index"] for row in rows] == ["4", "9"]
    assert [row["smiles"] or None for row in rows] == [made.samples.smiles[i] for i in (4, 9)]


def test_the_sdf_has_the_valid_ones_under_their_indices_with_their_scores(made):
    valid = chosen(made, VALID, INDEX, False)[1:3]
    failed = next(i for i, reason in enumerate(made.samples.reasons) if reason)
    supplier = Chem.SDMolSupplier()
    supplier.SetData(sdf_text(made, [*valid, failed]))
    found = [(int(mol.GetProp("index")), Chem.MolToSmiles(mol)) for mol in supplier]
    assert found == [(i, made.samples.smiles[i]) for i in valid]
    scores = [float(mol.GetProp("score")) for mol in supplier]
    assert scores == pytest.approx([made.values[i]["score"] for i in valid], rel=1e-5)
