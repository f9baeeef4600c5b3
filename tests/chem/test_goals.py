"""What goals mean: where they are met, where they are half met, and which make no sense."""

import math

import pytest

from molflow.chem.goals import goal
from molflow.chem.properties import PROPERTIES
from molflow.errors import InputError

LOGP, QED, RINGS, MW = (PROPERTIES[name] for name in ("logp", "qed", "rings", "mw"))


def test_a_value_between_zero_and_one_grades_itself() -> None:
    assert goal(QED, "max")(0.37) == 0.37
    assert goal(QED, "min")(0.37) == pytest.approx(0.63)


def test_other_values_are_graded_over_the_usual_range() -> None:
    low, middle, high = LOGP.low, (LOGP.low + LOGP.high) / 2, LOGP.high
    graded = 1 / (1 + 10**-1.25)
    up, down = goal(LOGP, "max"), goal(LOGP, "min")
    assert [up(x) for x in (low, middle, high)] == pytest.approx([1 - graded, 0.5, graded])
    assert [down(x) for x in (low, middle, high)] == pytest.approx([graded, 0.5, 1 - graded])


@pytest.mark.parametrize("text", ["2.5±0.5", "2.5+-0.5", "2.5 +/- 0.5"])
def test_a_target_is_best_at_its_centre_and_half_met_at_its_tolerance(text: str) -> None:
    target = goal(LOGP, text)
    best, tail = 1 / (1 + 10**-2.5), 1 / (1 + 10**2.5)
    values = [target(x) for x in (1.5, 2.0, 2.5, 3.0, 3.5)]
    assert values == pytest.approx([tail, 0.5, best, 0.5, tail])
    assert target.wanted == (2.0, 3.0)
    assert target.text == "2.5±0.5"


def test_a_bound_is_met_on_its_side_and_fades_within_a_tenth_of_the_range() -> None:
    met, unmet = 1 / (1 + 10**-2.5), 1 / (1 + 10**2.5)
    below, above = goal(LOGP, "<3"), goal(LOGP, ">3")
    assert [below(x) for x in (3, 3.35, 3.7)] == pytest.approx([met, 0.5, unmet])
    assert [above(x) for x in (3, 2.65, 2.3)] == pytest.approx([met, 0.5, unmet])


def test_an_interval_is_met_from_end_to_end() -> None:
    met, unmet = 1 / (1 + 10**-2.5), 1 / (1 + 10**2.5)
    within = goal(LOGP, "-2..-1")
    values = [within(x) for x in (-2.7, -2, -1, -0.3)]
    assert values == pytest.approx([unmet, met, met, unmet])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<3", (-math.inf, 2)),
        ("<=3", (-math.inf, 3)),
        (">3", (4, math.inf)),
        (">=3", (3, math.inf)),
        ("<2.5", (-math.inf, 2)),
        (">2.5", (3, math.inf)),
    ],
)
def test_counts_take_bounds_at_their_word(text: str, wanted: tuple[float, float]) -> None:
    bound = goal(RINGS, text)
    assert bound.wanted == wanted
    assert [bound(x) > 0.99 for x in range(7)] == [wanted[0] <= x <= wanted[1] for x in range(7)]
    assert all(bound(x) < 0.01 for x in range(7) if not wanted[0] <= x <= wanted[1])


@pytest.mark.parametrize("text", ["2", "2..2", "2.0", " +2 "])
@pytest.mark.parametrize("name", ["aromatic_rings", "rings", "atoms"])
def test_a_number_alone_asks_for_exactly_so_many(name: str, text: str) -> None:
    exact = goal(PROPERTIES[name], text)
    assert exact.wanted == (2, 2)
    assert exact.text == "2"
    assert [exact(x) > 0.99 for x in range(5)] == [False, False, True, False, False]
    assert all(exact(x) < 0.01 for x in (0, 1, 3, 4))


def test_a_count_may_be_asked_to_be_none() -> None:
    assert goal(RINGS, "0")(0) == pytest.approx(1 / (1 + 10**-2.5))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("max", "max"),
        ("2±.5", "2±0.5"),
        ("< 3", "<3"),
        (">=1e1", ">=10"),
        ("1. .. 3", "1..3"),
        ("−2..−1", "-2..-1"),
        ("step(low=0, high=3)", "step(low=0, high=3)"),
    ],
)
def test_a_goal_is_written_back_in_its_shortest_form(text: str, normal: str) -> None:
    assert goal(LOGP, text).text == normal
    assert goal(LOGP, normal) == goal(LOGP, text)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "logp",
            "up",
            "logp:up: the goal must be one of max, min, a±b, <a, >a, a..b, or a of a count",
        ),
        ("logp", "MAX", "must be one of"),
        ("logp", "nan±1", "must be one of"),
        ("logp", "2±0", "logp:2±0: the tolerance must be more than 0"),
        ("logp", "2±-1", "tolerance"),
        ("logp", "3..1", "the first end must be less"),
        ("logp", "1..1", "the first end must be less"),
        ("logp", "2", "logp:2: a number alone is a goal of counts; give a tolerance, as in 2±1"),
        ("rings", "3..1", "the first end must be less"),
        ("rings", "1.5", "rings:1.5: no molecule meets it, whole numbers go from 0"),
        ("rings", "1.5..1.5", "no molecule meets it"),
        ("rings", "-1", "no molecule meets it"),
        ("rings", "1e999", "1e999 is too large"),
        ("logp", "<1e999", "1e999 is too large"),
        ("qed", ">2", "qed:>2: no molecule meets it, values go from 0 to 1"),
        ("sa", "<0.5", "values go from 1 to 10"),
        ("rings", "<0", "whole numbers go from 0"),
        ("rings", "1.5±0.2", "no molecule meets it"),
        ("mw", "step(low=3, high=1)", "mw:step.*low=3 must be less than high"),
    ],
)
def test_a_goal_without_sense_is_one_line_of_error(name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        goal(PROPERTIES[name], text)


def test_a_bound_at_the_limit_can_be_met() -> None:
    assert goal(QED, ">1").wanted == (1, math.inf)
    assert goal(RINGS, "<1")(0) > 0.99
