"""Walks: the times, the method that "auto" is, what is drawn on the way, and mistakes."""

from __future__ import annotations

import math

import pytest
import torch

from molflow.errors import InputError
from molflow.flow.samplers import sample
from molflow.flow.state import Fields, State
from molflow.sampling.noise import DRAWS
from molflow.sampling.walk import (
    Route,
    Walk,
    plan_walk,
    read_noise_scale,
    read_times,
    require_stochastic,
    scales_of,
)


def plan(**changes: object) -> Walk:
    has_map = changes.pop("has_map", True)
    return plan_walk(Route(**({"noise": 1.0} | changes)), has_map, ("atoms", "pairs"))


def test_a_step_takes_an_equal_share_of_the_law_of_decisions():
    # The quartiles of a standard normal lie at -0.6745, 0 and 0.6745.
    quartiles = [1 / (1 + math.exp(0.2 - z)) for z in (-0.6744897502, 0.0, 0.6744897502)]
    assert plan(steps=4).times == pytest.approx((0.0, *quartiles, 1.0), abs=1e-9)


def test_between_two_steps_lies_a_late_stop():
    assert plan(steps=2).times == (0.0, 0.55, 1.0)


def test_50_steps_are_the_default():
    assert plan().steps == 50


def test_times_are_completed_by_the_start_and_the_end():
    assert plan(times=[0.2, 0.7]).times == (0.0, 0.2, 0.7, 1.0)
    assert plan(times=[]).times == (0.0, 1.0)
    assert plan(times=[0.2, 0.7], steps=3).steps == 3


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({"steps": 8}, "renoised"),
        ({}, "renoised"),
        ({"times": [0.5]}, "renoised"),
        ({"steps": 1}, "flow_map"),
        ({"times": []}, "flow_map"),
        ({"steps": 1, "has_map": False}, "euler"),
        ({"steps": 1, "method": "heun"}, "heun"),
    ],
)
def test_auto_jumps_and_renews_noise_where_the_model_has_a_map(changes, method):
    assert plan(**changes).method == method


def test_a_walk_says_how_many_steps_it_takes():
    assert str(plan(steps=1)) == "1 flow_map step"
    assert str(plan(steps=4, method="euler")) == "4 euler steps"
    assert str(plan(steps=1, noise_scale=0.75)) == "1 flow_map step at noise_scale=0.75"
    walk = plan(steps=1, noise_scale={"pairs": 0.75, "atoms": 1.1})
    assert str(walk) == "1 flow_map step at noise_scale=pairs=0.75,atoms=1.1"
    assert str(plan(steps=1, noise_scale={})) == "1 flow_map step"


def test_the_scale_of_noise_is_of_all_fields_or_of_some():
    fields = ("atoms", "pairs")
    assert scales_of(read_noise_scale("0.75"), fields) == {"atoms": 0.75, "pairs": 0.75}
    assert scales_of(read_noise_scale("pairs=0.75"), fields) == {"atoms": 1.0, "pairs": 0.75}
    assert read_noise_scale("pairs=0.75, atoms=1.1") == {"pairs": 0.75, "atoms": 1.1}
    for text, problem in {
        "low": "has the form 0.75 or pairs=0.75",
        "pairs=low": "has the form 0.75 or pairs=0.75",
        "pairs=1,pairs=2": "pairs comes twice",
    }.items():
        with pytest.raises(InputError) as error:
            read_noise_scale(text)
        assert str(error.value) == f"noise_scale={text!r}: {problem}"


def test_times_are_listed_or_spread_evenly_between_two():
    assert read_times(None, 4) is None
    assert read_times("0.2,0.5", 4) == [0.2, 0.5]
    assert read_times("0.2:0.8", 4) == pytest.approx([0.2, 0.5, 0.8])
    assert read_times("0.2:0.8", 3) == pytest.approx([0.2, 0.8])
    assert read_times("0.2:0.8", 2) == pytest.approx([0.5])
    assert read_times("0.2:0.8", 1) == []
    assert len(read_times("0.2:0.8", None)) == 49


@pytest.mark.parametrize("text", ["", "0.5,x", "0.2:", "0.2:0.5:0.8", "0.2:0.5,0.8"])
def test_times_that_are_no_numbers_are_refused(text):
    with pytest.raises(InputError) as caught:
        read_times(text, 4)
    assert str(caught.value) == (
        f"times={text!r}: numbers between 0 and 1, as in 0.2,0.5, or two ends, as in 0.2:0.7"
    )


@pytest.mark.parametrize("text", ["0.7:0.2", "0.5:0.5", "0:0.5", "0.5:1", "nan:0.5"])
def test_ends_that_do_not_increase_between_0_and_1_are_refused(text):
    with pytest.raises(InputError) as caught:
        read_times(text, 4)
    assert str(caught.value) == f"times={text!r}: the ends increase, between 0 and 1"


def test_noise_is_renewed_to_three_tenths_where_nothing_is_said():
    assert plan(noise=None).noise == 0.3
    assert plan(noise=0.0).noise == 0


def test_evaluations_are_those_of_the_method():
    assert [plan(steps=4, method=m).evaluations for m in ("euler", "heun")] == [4, 7]


def test_auto_is_a_method_that_renews_noise_where_one_is_needed():
    assert require_stochastic("auto", 1.0, "guidance=particles") == "renoised"
    assert require_stochastic("renoised", 0.3, "guidance=particles") == "renoised"


@pytest.mark.parametrize(
    ("method", "noise", "message"),
    [
        (
            "heun",
            1.0,
            "method='heun': guidance=particles renews noise, with renoised, euler_ancestral",
        ),
        ("auto", 0, "noise=0: guidance=particles renews noise, more than 0 is needed"),
        ("renoised", 0.0, "noise=0.0: guidance=particles renews noise, more than 0 is needed"),
    ],
)
def test_a_walk_without_new_noise_is_refused_where_some_is_needed(method, noise, message):
    with pytest.raises(InputError) as caught:
        require_stochastic(method, noise, "guidance=particles")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"method": "rk4"},
            "method='rk4': one of auto, euler, heun, flow_map, renoised, euler_ancestral",
        ),
        ({"noise": 1.5}, "noise=1.5: from 0 to 1"),
        ({"noise": float("nan")}, "noise=nan: from 0 to 1"),
        ({"noise": "1"}, "noise='1': from 0 to 1"),
        ({"temperature": -0.5}, "temperature=-0.5: a number of at least 0"),
        ({"temperature": float("inf")}, "temperature=inf: a number of at least 0"),
        ({"temperature": "1"}, "temperature='1': a number of at least 0"),
        ({"noise_scale": 0}, "noise_scale=0: a number of more than 0"),
        ({"noise_scale": float("inf")}, "noise_scale=inf: a number of more than 0"),
        ({"noise_scale": "1"}, "noise_scale='1': a number of more than 0"),
        ({"noise_scale": {"bonds": 0.5}}, "noise_scale: 'bonds': this model has atoms, pairs"),
        ({"noise_scale": {"pairs": 0}}, "noise_scale of pairs=0: a number of more than 0"),
        ({"steps": 0}, "steps=0: at least 1"),
        ({"steps": 2.5}, "steps=2.5: a whole number is needed"),
        ({"times": [0.5, 0.5]}, "times=[0.5, 0.5]: they increase, between 0 and 1"),
        ({"times": [0.5, 1.0]}, "times=[0.5, 1.0]: they increase, between 0 and 1"),
        ({"times": ["a"]}, "times=['a']: they increase, between 0 and 1"),
        ({"times": [0.5], "steps": 3}, "steps=3: 1 times between 0 and 1 make 2"),
    ],
)
def test_a_mistake_is_named_with_its_value(changes, message):
    with pytest.raises(InputError) as caught:
        plan(**changes)
    assert str(caught.value) == message


class Rim:
    """Gives noise of 7 everywhere and uniform numbers that favour class 1; keeps what is asked."""

    def __init__(self, x_0: State) -> None:
        self.x_0 = x_0
        self.noises: list[int] = []
        self.numbers: list[tuple[int, int]] = []

    def noise(self, k: int) -> State:
        self.noises.append(k)
        return self.x_0.map(lambda v: torch.full_like(v, 7.0))

    def uniforms(self, k: int, purpose: int) -> list[Fields]:
        self.numbers.append((k, purpose))
        return [{name: v * 0 + torch.tensor([0.1, 0.9]) for name, v in self.x_0.values.items()}]


@pytest.fixture
def x_0() -> State:
    """Two examples of three variables with two classes."""
    exists = {"tokens": torch.ones(2, 3, dtype=torch.bool)}
    return State({"tokens": torch.zeros(2, 3, 2)}, exists, {"tokens": ~exists["tokens"]})


def even(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """mu = (0.6, 0.4) everywhere."""
    return x.map(lambda v: v * 0 + torch.tensor([0.6, 0.4]))


def walked(walk: Walk, x_0: State) -> tuple[torch.Tensor, Rim]:
    rim = Rim(x_0)
    moves = walk.moves(x_0, rim.noise, rim.uniforms)
    assert len(moves) == walk.steps
    return sample(moves, even, x_0, walk.times).values["tokens"], rim


def test_nothing_is_drawn_by_a_method_that_renews_no_noise(x_0):
    end, rim = walked(plan(steps=3, method="flow_map"), x_0)
    assert torch.allclose(end, torch.tensor([0.6, 0.4]))
    assert rim.noises == rim.numbers == []


def test_noise_is_renewed_at_every_step_but_the_last_with_a_draw_of_its_own(x_0):
    end, rim = walked(plan(steps=3, method="renoised"), x_0)
    assert torch.allclose(end, torch.tensor([0.6, 0.4]))
    assert rim.noises == [1, 2]


def test_the_share_of_noise_is_that_of_the_walk(x_0):
    rim = Rim(x_0)
    first = plan(steps=2, method="renoised", noise=1.0).moves(x_0, rim.noise, rim.uniforms)[0]
    half = first(even, x_0, x_0.everywhere(0.0), x_0.everywhere(0.5)).values["tokens"]
    assert torch.allclose(half, torch.tensor([3.5 + 0.3, 3.5 + 0.2]))
    first = plan(steps=2, method="renoised", noise=0.0).moves(x_0, rim.noise, rim.uniforms)[0]
    none = first(even, x_0, x_0.everywhere(0.0), x_0.everywhere(0.5)).values["tokens"]
    assert torch.allclose(none, torch.tensor([0.3, 0.2]))


def test_a_temperature_draws_the_classes_of_the_last_step_alone(x_0):
    # Gumbel numbers of 0.1 and 0.9 are -0.83 and 2.25: more apart than log 0.6 - log 0.4.
    end, rim = walked(plan(steps=3, method="flow_map", temperature=1.0), x_0)
    assert torch.equal(end, torch.tensor([0.0, 1.0]).expand(2, 3, 2))
    assert rim.numbers == [(3, DRAWS)]
    # At 0.1 they are apart by 0.31 only, less than 0.405.
    end, _ = walked(plan(steps=3, method="flow_map", temperature=0.1), x_0)
    assert torch.equal(end, torch.tensor([1.0, 0.0]).expand(2, 3, 2))
