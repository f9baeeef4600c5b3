"""Properties as conditions: names, means and spreads, and what is asked for."""

import math

import numpy as np
import pytest
import torch

from molflow.errors import InputError
from molflow.model.conditions import (
    Standard,
    make_aim,
    parse_condition,
    parse_names,
    standardise,
)

NAN = math.nan
STANDARDS = (Standard("qed", 0.5, 0.1, 0.2, 0.7), Standard("logp", 1.0, 2.0, -5.0, 4.0))


def error_of(function, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        (" ", ()),
        ("[]", ()),
        ("qed", ("qed",)),
        (" QED, logp", ("qed", "logp")),
        ("[qed, logp]", ("qed", "logp")),
    ],
)
def test_names_stand_between_commas_and_maybe_in_brackets(text, names):
    assert parse_names(text) == names


@pytest.mark.parametrize("text", ["qde", "qed,", ",", "similarity(CCO)", "qed;logp", "[qed"])
def test_a_name_that_is_no_property_is_named_with_the_known_ones(text):
    message = error_of(parse_names, text)
    assert message.startswith(f"model.condition={text!r}: ")
    assert "is none of qed, logp, sa, tpsa" in message


def test_a_name_that_comes_twice_is_named():
    assert error_of(parse_names, "sa,qed,SA") == "model.condition='sa,qed,SA': sa comes twice"


def test_values_are_standardised_by_what_is_known_of_the_training_molecules():
    values = np.array([[1, 5], [3, NAN], [5, 7], [100, 9]], np.float32)
    standards, found = standardise(("qed", "logp"), values, np.array([0, 1, 2]))
    assert [one.name for one in standards] == ["qed", "logp"]
    assert [one.mean for one in standards] == [3.0, 6.0]
    assert [one.spread for one in standards] == [pytest.approx(math.sqrt(8 / 3)), 1.0]
    assert [(one.low, one.high) for one in standards] == [(1.0, 5.0), (5.0, 7.0)]
    assert found.dtype == np.float32
    assert found[:, 1].tolist() == [-1, pytest.approx(NAN, nan_ok=True), 1, 3]
    assert found[0, 0] == pytest.approx(-2 / math.sqrt(8 / 3))


@pytest.mark.parametrize("column", [[2, 2, 3], [NAN, NAN, 3], [NAN, 2, 3], [0.1, 0.1, 3]])
def test_a_property_that_tells_no_two_training_molecules_apart_is_named(column):
    values = np.array(column, np.float32)[:, None]
    assert error_of(standardise, ("rings",), values, np.array([0, 1])) == (
        "model.condition=rings: the same for all training molecules"
    )


def test_an_aim_is_standardised_and_leaves_the_rest_unknown():
    aim = make_aim({"logp": 2}, 1, STANDARDS)
    assert aim.row == (pytest.approx(NAN, nan_ok=True), 0.5)
    assert make_aim({"logp": 2.0, "qed": 0.8}, 1.5, STANDARDS).row == (pytest.approx(3.0), 0.5)


def test_the_context_of_an_aim_is_the_same_for_every_example():
    context = make_aim({"logp": 2, "qed": 0.5}, 1, STANDARDS).context(3)
    assert torch.equal(context, torch.tensor([[0.0, 0.5]] * 3))


@pytest.mark.parametrize(("weight", "evaluations"), [(0, 1), (0.5, 2), (1, 1), (3, 2)])
def test_a_weight_other_than_0_and_1_costs_a_second_evaluation(weight, evaluations):
    assert make_aim({"qed": 0.8}, weight, STANDARDS).evaluations == evaluations


@pytest.mark.parametrize("condition", [None, {}])
def test_nothing_asked_for_is_no_aim(condition):
    assert make_aim(condition, 1.0, STANDARDS) is None
    assert make_aim(condition, 1.0, ()) is None


@pytest.mark.parametrize(
    ("condition", "weight", "message"),
    [
        ({"tpsa": 1.0}, 1, "condition: 'tpsa': this model was trained with qed, logp"),
        ({"qed": NAN}, 1, "condition: qed=nan: a finite number is needed"),
        ({"qed": math.inf}, 1, "condition: qed=inf: a finite number is needed"),
        ({"qed": "0.8"}, 1, "condition: qed='0.8': a finite number is needed"),
        ({"qed": 0.8}, -1, "weight=-1: a number of at least 0"),
        ({"qed": 0.8}, NAN, "weight=nan: a number of at least 0"),
        ({"qed": 0.8}, "1", "weight='1': a number of at least 0"),
        (None, 2.0, "weight=2.0: needs a condition such as qed=0.6,logp=1.5"),
        ({}, 0, "weight=0: needs a condition such as qed=0.6,logp=1.5"),
    ],
)
def test_an_aim_that_makes_no_sense_is_named(condition, weight, message):
    assert error_of(make_aim, condition, weight, STANDARDS) == message


def test_a_model_without_conditions_says_so():
    assert error_of(make_aim, {"qed": 0.8}, 1, ()) == (
        "condition: 'qed': this model was trained without any condition"
    )


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (None, None),
        ("qed=0.8", {"qed": 0.8}),
        (" QED = 0.8, logp=-1.5e0", {"qed": 0.8, "logp": -1.5}),
        ("[qed=0.8, logp=1]", {"qed": 0.8, "logp": 1.0}),
    ],
)
def test_a_condition_is_read_from_pairs(text, condition):
    assert parse_condition(text) == condition


@pytest.mark.parametrize("text", [",", "qed", "qed=", "qed=high", "qed:0.8", "qed=0.8,"])
def test_a_condition_of_another_form_is_shown_the_right_one(text):
    assert error_of(parse_condition, text) == (
        f"guidance.condition={text!r}: has the form qed=0.6,logp=1.5"
    )


def test_a_property_that_is_asked_for_twice_is_named():
    assert error_of(parse_condition, "qed=1,qed=2") == (
        "guidance.condition='qed=1,qed=2': qed comes twice"
    )
