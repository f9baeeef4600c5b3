"""The numbers of goal-directed runs in closed form."""

import math

import pytest

from molflow.chem.tasks import find_task
from molflow.metrics.goal_directed import (
    auc_top,
    final_score,
    guacamol_score,
    top_mean,
    without_stereo,
)


@pytest.mark.parametrize(
    ("k", "expected"), [(1, 0.9), (2, 0.85), (4, (0.9 + 0.8 + 0.5 + 0.1) / 4), (10, 2.3 / 4)]
)
def test_the_top_is_the_mean_of_the_largest_or_of_all_there_are(k: int, expected: float) -> None:
    assert top_mean([0.1, 0.9, 0.5, 0.8], k) == pytest.approx(expected)


def test_the_top_of_nothing_is_undefined() -> None:
    assert math.isnan(top_mean([], 10))


@pytest.mark.parametrize("budget", [100, 1000, 10_000])
def test_a_run_that_is_perfect_from_the_start_lacks_the_first_rise(budget: int) -> None:
    """The curve rises from 0 to 1 over the first 100 calls: half of them are lost."""
    assert auc_top([1.0] * budget, budget) == pytest.approx(1 - 50 / budget)


def test_a_rise_is_a_trapezoid_between_two_readings() -> None:
    """0 at 100 calls, 1 at 200 and 300."""
    assert auc_top([0.0] * 150 + [1.0] * 150, 300) == pytest.approx((0 + 50 + 100) / 300)


def test_ten_molecules_are_averaged() -> None:
    """Five of 1 among zeros: 1/2 from 100 calls on."""
    assert auc_top([1.0] * 5 + [0.0] * 195, 200) == pytest.approx((25 + 50) / 200)


def test_another_number_of_molecules_can_be_averaged() -> None:
    assert auc_top([1.0] * 5 + [0.0] * 195, 200, k=5) == pytest.approx((50 + 100) / 200)


def test_a_run_that_stops_early_is_held_at_its_last_value() -> None:
    """Read at 100 and at 150, then held: 1/2 * 100 + 50 + 850."""
    assert auc_top([1.0] * 150, 1000) == pytest.approx((50 + 50 + 850) / 1000)


def test_a_run_shorter_than_one_reading_rises_to_its_end() -> None:
    """4 calls of a budget of 200, fewer than ten molecules: 2 + 196."""
    assert auc_top([1.0] * 4, 200) == pytest.approx((2 + 196) / 200)


def test_calls_beyond_the_budget_do_not_count() -> None:
    assert auc_top([0.5] * 200 + [1.0] * 100, 200) == auc_top([0.5] * 200, 200)


def test_the_order_within_a_hundred_calls_does_not_matter() -> None:
    scores = [i / 100 for i in range(100)]
    assert auc_top(scores, 100) == auc_top(scores[::-1], 100) == pytest.approx(0.945 / 2)


def test_a_run_without_a_call_has_no_area() -> None:
    assert auc_top([], 1000) == 0


def test_guacamols_score_is_the_mean_of_three_means() -> None:
    scores = [1.0] * 5 + [0.5] * 195
    expected = (1 + (5 + 2.5) / 10 + (5 + 47.5) / 100) / 3
    assert guacamol_score(scores, (1, 10, 100)) == pytest.approx(expected)


def test_missing_molecules_count_nothing_for_guacamol() -> None:
    assert guacamol_score([1.0] * 4, (1, 10, 100)) == pytest.approx((1 + 0.4 + 0.04) / 3)
    assert guacamol_score([], (159,)) == 0


def test_molecules_that_differ_in_stereo_alone_are_one() -> None:
    calls = [("C[C@H](N)O", 0.5), ("C[C@@H](N)O", 0.5), ("not one", -1.0), ("CO", 0.25)]
    assert without_stereo(calls) == [0.5, 0.25]


def test_a_task_of_pmo_ends_in_its_area() -> None:
    calls = [("C" * (n + 1), 1.0) for n in range(100)]
    assert final_score(find_task("pmo/median1"), calls, 200) == pytest.approx((50 + 100) / 200)


def test_a_task_of_guacamol_ends_in_its_best_distinct_molecules() -> None:
    calls = [("C[C@H](N)O", 1.0), ("C[C@@H](N)O", 1.0), ("CO", 0.5)]
    found = final_score(find_task("guacamol/median1"), calls, 200)
    assert found == pytest.approx((1 + 0.15 + 0.015) / 3)
    assert final_score(find_task("guacamol/celecoxib_rediscovery"), calls, 200) == 1
