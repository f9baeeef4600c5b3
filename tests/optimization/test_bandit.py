"""The bandit: counts that fade, places by what paid off."""

import numpy as np
import pytest

from molflow.optimization.bandit import Bandit


def test_counts_fade_by_a_tenth_with_every_batch():
    bandit = Bandit(2)
    bandit.tell([0, 0, 1], [True, True, False])
    bandit.tell([0], [False])
    assert bandit.wins.tolist() == pytest.approx([1.8, 0.0])
    assert bandit.losses.tolist() == pytest.approx([1.0, 0.9])


def test_the_chance_of_an_arm_is_the_mean_of_its_posterior():
    bandit = Bandit(2)
    bandit.tell([0, 0, 0], [True, True, False])
    assert bandit.chances().tolist() == pytest.approx([3 / 5, 1 / 2])


def test_what_pays_off_gets_most_places_and_nothing_is_given_up():
    bandit = Bandit(3)
    bandit.tell([0] * 50 + [1] * 50 + [2] * 50, [True] * 40 + [False] * 110)
    places = bandit.places(1000, np.random.default_rng(0))
    assert places.sum() == 1000
    assert places[0] > 900
    assert places[1:].min() > 10
