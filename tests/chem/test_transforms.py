"""The transforms of REINVENT4 and GuacaMol against their closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.chem.transforms import (
    TRANSFORMS,
    double_sigmoid,
    gaussian,
    left_step,
    linear,
    max_gaussian,
    min_gaussian,
    named,
    parse_transform,
    reverse_sigmoid,
    right_step,
    short,
    sigmoid,
    step,
)
from molflow.errors import InputError

EXAMPLES = [
    named("sigmoid", {"low": -1, "high": 2, "k": 0.5}),
    named("reverse_sigmoid", {"low": -1, "high": 2, "k": 0.5}),
    named("double_sigmoid", {"low": -1, "high": 2}),
    named("step", {"low": -1, "high": 2}),
    named("left_step", {"low": -1}),
    named("right_step", {"high": 2}),
    named("gaussian", {"mean": -1, "sd": 0.5}),
    named("min_gaussian", {"mean": -1, "sd": 0.5}),
    named("max_gaussian", {"mean": 2, "sd": 0.5}),
    named("linear", {"low": -1, "high": 2}),
]


@pytest.mark.parametrize(("x", "expected"), [(0.4, 1 / 11), (0.5, 1 / 2), (0.6, 10 / 11)])
def test_the_sigmoid_is_ten_to_one_a_tenth_of_the_range_from_the_middle(
    x: float, expected: float
) -> None:
    assert sigmoid(x, low=0, high=1, k=1) == pytest.approx(expected)


def test_k_and_the_range_set_the_sigmoids_slope() -> None:
    assert sigmoid(4, low=1, high=5, k=0.4) == pytest.approx(10 / 11)


@pytest.mark.parametrize("x", [-3.0, 0.4, 0.5, 7.0])
def test_the_reverse_sigmoid_is_one_less_the_sigmoid(x: float) -> None:
    assert reverse_sigmoid(x, 0, 1, 1) == pytest.approx(1 - sigmoid(x, 0, 1, 1))


@pytest.mark.parametrize(
    ("x", "expected"),
    [(2, 1 / 2), (1, 1 / (1 + 10**1.5)), (8, 1 / 2), (9, 1 / (1 + 10**3)), (7, 1 / (1 + 10**-3))],
)
def test_the_double_sigmoid_has_a_slope_on_either_side(x: float, expected: float) -> None:
    value = double_sigmoid(x, low=2, high=8, coef_div=100, coef_si=150, coef_se=300)
    assert value == pytest.approx(expected)


def test_the_double_sigmoid_changes_sides_in_the_middle() -> None:
    left, right = (double_sigmoid(x, 0, 1, 1, 1, 2) for x in (0.4999999, 0.5))
    assert left == pytest.approx(1 / (1 + 10**-0.5), abs=1e-6)
    assert right == pytest.approx(1 / (1 + 10**-1), abs=1e-6)


def test_steps_include_their_ends() -> None:
    assert [step(x, 1, 2) for x in (0.9, 1, 2, 2.1)] == [0, 1, 1, 0]
    assert [left_step(x, 1) for x in (0.9, 1, 1.1)] == [1, 1, 0]
    assert [right_step(x, 1) for x in (0.9, 1, 1.1)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("x", "expected"), [(3, 1), (3.5, math.exp(-1 / 2)), (2, math.exp(-2)), (5, math.exp(-8))]
)
def test_the_gaussian_falls_on_both_sides_of_its_mean(x: float, expected: float) -> None:
    assert gaussian(x, mean=3, sd=0.5) == pytest.approx(expected)


def test_half_gaussians_are_met_on_one_side() -> None:
    halves = [(min_gaussian(x, 4, 2), max_gaussian(x, 4, 2)) for x in (0, 4, 8)]
    assert halves == [(1, math.exp(-2)), (1, 1), (math.exp(-2), 1)]


def test_the_line_is_clipped_at_its_ends() -> None:
    assert [linear(x, 0, 0.75) for x in (-1, 0, 0.3, 0.75, 1)] == [0, 0, 0.3 / 0.75, 1, 1]


@pytest.mark.parametrize(
    ("name", "parameters", "wanted"),
    [
        ("gaussian", {"mean": 3, "sd": 0.5}, (2.5, 3.5)),
        ("min_gaussian", {"mean": 3, "sd": 0.5}, (-math.inf, 3)),
        ("max_gaussian", {"mean": 3, "sd": 0.5}, (3, math.inf)),
        ("linear", {"low": 0, "high": 3}, (3, math.inf)),
    ],
)
def test_a_gaussian_or_a_line_wants_an_interval(name, parameters, wanted) -> None:
    assert named(name, parameters).wanted == wanted


@pytest.mark.parametrize("transform", EXAMPLES, ids=str)
@given(x=st.floats(allow_nan=False))
def test_every_transform_stays_within_zero_and_one(transform, x: float) -> None:
    assert 0 <= transform(x) <= 1


def test_far_values_are_exactly_zero_or_one() -> None:
    assert [sigmoid(x, 0, 1, 1) for x in (-1e308, 1e308, math.inf)] == [0, 1, 1]
    assert [reverse_sigmoid(x, 0, 1, 1) for x in (-1e308, 1e308)] == [1, 0]
    assert [double_sigmoid(x, 0, 1) for x in (-1e308, 1e308)] == [0, 0]


def test_the_coefficients_of_the_double_sigmoid_are_reinvents_by_default() -> None:
    assert named("double_sigmoid", {"low": 0, "high": 9})(-1) == pytest.approx(1 / (1 + 10**1.5))


@pytest.mark.parametrize("transform", EXAMPLES, ids=str)
def test_a_transform_comes_back_from_its_text(transform) -> None:
    again = parse_transform(transform.text)
    assert again == transform
    assert [again(x) for x in (-1.5, 0.3, 2.5)] == [transform(x) for x in (-1.5, 0.3, 2.5)]


def test_numbers_are_written_briefly_and_exactly() -> None:
    assert [short(x) for x in (3, 0.1, -2.5, 1e22)] == ["3", "0.1", "-2.5", "1e+22"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigmod(low=1)", "transform 'sigmod': one of sigmoid"),
        ("sigmoid low", "expected a form like"),
        ("step(low=1)", "step: high is missing"),
        ("sigmoid(low=1, high=2)", "sigmoid: k is missing"),
        ("step(low=1, high=2, k=1)", "step: no parameter 'k', only low, high"),
        ("step(low=2, high=1)", "low=2 must be less than high"),
        ("sigmoid(low=1, high=2, k=0)", "k=0: must be more than 0"),
        ("gaussian(mean=0, sd=0)", "sd=0: must be more than 0"),
        ("gaussian(mean=0)", "gaussian: sd is missing"),
        ("linear(low=1, high=1)", "low=1 must be less than high"),
        ("step(low=a, high=2)", "low='a': a number is needed"),
        ("step(low=1, high=1e999)", "high=inf: a finite number"),
    ],
)
def test_a_wrong_transform_names_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_transform(text)


def test_true_is_no_number() -> None:
    with pytest.raises(InputError, match="low=True: a number is needed"):
        named("left_step", {"low": True})


def test_every_transform_is_known_by_its_name() -> None:
    reinvents = "sigmoid reverse_sigmoid double_sigmoid step left_step right_step"
    guacamols = "gaussian min_gaussian max_gaussian linear"
    assert list(TRANSFORMS) == [*reinvents.split(), *guacamols.split()]
