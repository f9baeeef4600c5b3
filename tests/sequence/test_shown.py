"""What strings show in training: runs, all but a run, scattered positions, in their shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.sequence.parts import draw_shown

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8).map(np.array)
MANY, LENGTH = 8000, 8


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def runs(shown: np.ndarray) -> np.ndarray:
    """(B,): how many runs of shown positions each string has."""
    before = np.pad(shown, ((0, 0), (1, 0)))[:, :-1]
    return (shown & ~before).sum(1)


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    """Of 8,000 strings of eight positions."""
    return draw_shown(np.full(MANY, LENGTH), LENGTH, 1.0, generator())


def near(found: float, share: float, n: int) -> bool:
    """Within four standard deviations."""
    return abs(found - share) < 4 * (share * (1 - share) / n) ** 0.5


@given(lengths=LENGTHS, seed=st.integers(0, 2**31))
def test_one_position_to_all_but_one_are_shown_and_none_beyond_the_length(lengths, seed):
    shown = draw_shown(lengths, 10, 1.0, generator(seed))
    assert shown.shape == (len(lengths), 10)
    assert shown.dtype == bool
    assert not (shown & (np.arange(10) >= lengths[:, None])).any()
    count = shown.sum(1)
    assert (count[lengths == 1] == 0).all()
    assert ((count >= 1) & (count < lengths))[lengths > 1].all()


@given(lengths=LENGTHS, share=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_what_is_shown_is_a_function_of_the_generator(lengths, share, seed):
    first, second = (draw_shown(lengths, 9, share, generator(seed)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_strings_shows_something(share):
    shown = draw_shown(np.full(MANY, LENGTH), LENGTH, share, generator())
    assert near(shown.any(1).mean(), share, MANY) or share in (0.0, 1.0)
    assert share > 0 or not shown.any()
    assert share < 1 or shown.any(1).all()


def test_every_number_of_positions_is_shown_equally_often(shown):
    counts = np.bincount(shown.sum(1), minlength=9)
    assert counts[[0, 8]].tolist() == [0, 0]
    assert all(near(count / MANY, 1 / 7, MANY) for count in counts[1:8])


def test_runs_gaps_and_scattered_positions_come_in_their_shares(shown):
    # Of 4 of 8 positions in a row 5 places of 70; a gap of 4 leaves them in a row at its two ends.
    four = shown[shown.sum(1) == 4]
    one_run = 0.35 + 0.35 * 2 / 5 + 0.3 * 5 / 70
    # A gap inside leaves the first and the last position, in two runs: 3 places of 5. Scattered
    # ones are as one such gap in 3 cases of 70.
    gap = (runs(four) == 2) & four[:, 0] & four[:, -1]
    assert near((runs(four) == 1).mean(), one_run, len(four))
    assert near(gap.mean(), 0.35 * 3 / 5 + 0.3 * 3 / 70, len(four))


def test_runs_begin_at_every_place_alike():
    one = draw_shown(np.full(MANY, 4), 4, 1.0, generator(1))
    single = one[one.sum(1) == 1]
    # One position of four: run and scattered are uniform; a gap of three is at one end.
    ends = 0.65 / 4 + 0.35 / 2
    assert near(single[:, 0].mean(), ends, len(single))
    assert near(single[:, 1].mean(), 0.65 / 4, len(single))
