"""The file of calls: exact, whole rows alone, of one score."""

from __future__ import annotations

import math

import pytest

from molflow.chem.aggregation import Scored
from molflow.errors import InputError
from molflow.optimization.calls import Call, CallsFile, Question

ONE = Call(Question(1, "CCO", "start", None, (), 0), Scored(1 / 3, (0.1, 1.0), (2 / 7, 5.0)))
TWO = Call(
    Question(2, "CCN", "noise", 0.35, (1,), 1),
    Scored(math.nan, (), (), 'TypeError: it, "broke"\nthere'),
)


def test_calls_read_back_exactly(tmp_path):
    log = CallsFile(tmp_path, ("qed", "sa"))
    log.begin()
    log.add(ONE)
    assert log.read() == [ONE]


def test_an_error_is_kept_on_one_line_and_has_no_score(tmp_path):
    log = CallsFile(tmp_path, ())
    log.begin()
    log.add(TWO)
    (call,) = log.read()
    assert call.asked == TWO.asked
    assert call.scored.error == 'TypeError: it, "broke" there'
    assert call.value == -math.inf


def test_a_score_that_failed_before_it_had_parts_leaves_their_columns_empty(tmp_path):
    log = CallsFile(tmp_path, ("qed", "sa"))
    log.begin()
    log.add(TWO)
    (call,) = log.read()
    assert call.asked == TWO.asked
    assert len(call.scored.values) == 2


def test_a_row_that_was_cut_off_goes(tmp_path):
    log = CallsFile(tmp_path, ("qed", "sa"))
    log.begin()
    log.add(ONE)
    with log.path.open("a") as file:
        file.write("2,CCN,0.")
    assert log.read() == [ONE]
    log.add(ONE)
    assert log.read() == [ONE, ONE]


def test_the_calls_of_another_score_are_refused(tmp_path):
    CallsFile(tmp_path, ("qed",)).begin()
    with pytest.raises(InputError, match=r"calls.csv: other columns"):
        CallsFile(tmp_path, ("sa",)).read()


def test_a_file_with_a_call_is_not_begun_again(tmp_path):
    log = CallsFile(tmp_path, ("qed", "sa"))
    log.begin()
    log.add(ONE)
    with pytest.raises(InputError, match="resume= goes on"):
        CallsFile(tmp_path, ()).begin()


def test_a_file_without_a_call_makes_way_for_that_of_another_score(tmp_path):
    CallsFile(tmp_path, ("qed",)).begin()
    CallsFile(tmp_path, ("sa",)).begin()
    assert CallsFile(tmp_path, ("sa",)).read() == []


def test_an_error_may_hold_what_is_no_utf_8(tmp_path):
    log = CallsFile(tmp_path, ())
    log.begin()
    log.add(Call(ONE.asked, Scored(math.nan, (), (), "no file \udcff")))
    assert log.read()[0].scored.error == "no file \\udcff"


def test_a_row_that_is_no_call_is_named(tmp_path):
    log = CallsFile(tmp_path, ())
    log.begin()
    with log.path.open("a") as file:
        file.write("x,C,1,,start,,,0\n")
    with pytest.raises(InputError, match="line 2"):
        log.read()
