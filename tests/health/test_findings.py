"""What the measures of a map's health say, and the picture that marks it."""

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from molflow.health.drawing import draw_health
from molflow.health.findings import graded, judge, judge_identities, judge_likelihood, no_better


def test_an_identity_that_is_no_number_is_broken():
    (finding,) = judge_identities({"padding": math.nan})
    assert finding.verdict == "broken"


@pytest.mark.parametrize(
    ("value", "yardstick", "floor", "verdict"),
    [
        (0.1, 0.2, 0.0, "good"),
        (0.11, 0.2, 0.0, "fair"),
        (0.2, 0.2, 0.0, "bad"),
        (0.3, 0.2, 0.3, "good"),
        (0.001, 0.0, 0.0, "good"),
        (math.nan, 0.2, 0.0, "undefined"),
        (0.1, math.nan, 0.0, "undefined"),
    ],
)
def test_a_value_is_graded_by_half_its_yardstick_and_the_error_of_the_reference(
    value, yardstick, floor, verdict
):
    assert graded(value, yardstick, floor) == verdict


def of_a_map(semigroup: float, flow: float) -> dict:
    """Means on the grid 0, 1/2, 1, where Euler steps err by 0.4 and the walk by 0.05."""
    means = {("entropy", "a", s, t): 1.0 for s in (0.0, 0.5) for t in (s, 1.0)}
    for pair in ((0.0, 0.5), (0.0, 1.0), (0.5, 1.0)):
        means |= {
            ("semigroup", "a", *pair): semigroup,
            ("semigroup_euler", "a", *pair): 0.4,
            ("flow", "a", *pair): flow,
            ("flow_euler", "a", *pair): 0.4,
            ("flow_floor", "a", *pair): 0.05,
        }
    return means


def test_a_consistent_map_that_leaves_the_flow_is_good_at_one_and_bad_at_the_other():
    verdicts = [finding.verdict for finding in judge(of_a_map(0.0, 0.7))]
    assert verdicts == ["good", "bad", "bad", "bad", "bad"]


def test_a_verdict_names_what_the_value_was_held_against():
    finding = list(judge(of_a_map(0.3, 0.1)))[1]
    assert (finding.value, finding.against) == (
        pytest.approx(0.1),
        "0.4 of Euler steps (walk: 0.05)",
    )


def test_what_is_marked_is_what_is_graded_bad():
    means = of_a_map(0.3, 0.4)
    assert not no_better(means, "semigroup", "a", 0.0, 1.0)
    assert no_better(means, "flow", "a", 0.0, 1.0)


def red(path: Path) -> int:
    pixels = torch.tensor(list(Image.open(path).convert("RGB").getdata()))
    return int((pixels == torch.tensor([255, 0, 0])).all(-1).sum())


def test_a_picture_frames_in_red_what_is_no_better_than_euler_steps(tmp_path):
    for name, error in (("good", 0.1), ("bad", 0.5)):
        draw_health(of_a_map(error, error), tmp_path / f"{name}.png")
    assert red(tmp_path / "good.png") == 0
    assert red(tmp_path / "bad.png") > 500


def test_bits_are_held_against_a_guess():
    (finding,) = judge_likelihood({"tokens": (1.5, 0.01)}, {"tokens": 8})
    assert (finding.value, finding.verdict) == (1.5, "good")
    assert finding.against == "3 of a guess (value ± 0.01)"
