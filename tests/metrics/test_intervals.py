"""Intervals: Wilson's closed form, and bootstrapped means."""

from math import isnan, nan

import pytest

from molflow.metrics.intervals import Z, mean, share


def test_wilson_s_interval_solves_the_test_that_it_inverts():
    one = share(30, 100)
    for p in (one.low, one.high):
        # The ends are the p at which 0.3 is just Z standard errors away.
        assert abs(0.3 - p) == pytest.approx(Z * (p * (1 - p) / 100) ** 0.5)
    assert one.value == 0.3


def test_the_interval_of_no_success_ends_at_z_squared_over_n_plus_z_squared():
    one = share(0, 10)
    assert (one.value, one.low) == (0, 0)
    assert one.high == pytest.approx(Z**2 / (10 + Z**2))


def test_a_share_of_none_is_undefined():
    assert isnan(share(0, 0).value)
    assert isnan(share(0, 0).low)


def test_a_mean_has_an_interval_of_about_two_standard_errors_each_way():
    # 5,000 zeros and ones: the standard error is 0.5 / sqrt(10,000) = 0.005.
    one = mean([0.0, 1.0] * 5000)
    assert one.value == 0.5
    assert one.low == pytest.approx(0.5 - 1.96 * 0.005, abs=0.001)
    assert one.high == pytest.approx(0.5 + 1.96 * 0.005, abs=0.001)


def test_values_that_are_nan_are_left_out_of_a_mean():
    assert mean([1.0, nan, 3.0]).value == 2.0
    assert isnan(mean([nan]).value)


def test_one_value_has_a_mean_and_no_interval():
    assert mean([0.25]).value == 0.25
    assert isnan(mean([0.25]).low)
