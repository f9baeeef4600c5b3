"""Trials are bounded by the time that training took, can be broken off, and say what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from molflow.generator import Generator
from molflow.model.spec import ModelSpec
from molflow.training.trials import TimedSamples, last_trial


class Clock:
    """Seconds that pass only in sampling."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Slow:
    """Takes so many seconds for a step of a molecule, and notes what it is asked for."""

    clock: Clock
    cost: float
    asked: list[tuple[int, int]] = field(default_factory=list)

    def sample(self, n: int, steps: int, seed: int) -> range:
        self.asked.append((n, steps))
        self.clock.now += n * steps * self.cost
        return range(n)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("molflow.training.trials.time", clock)
    return clock


def made(clock: Clock, cost: float, seconds: float, counts: tuple[int, ...] = (1, 2, 4, 50)):
    slow = Slow(clock, cost)
    found = TimedSamples(slow, counts, 1000, seconds, 0).run()
    return {steps: len(one) for steps, one in found.items()}


def test_a_cheap_trial_is_whole(clock):
    assert made(clock, 1e-4, 60) == {1: 1000, 2: 1000, 4: 1000, 50: 1000}


def test_a_dear_one_has_as_many_molecules_as_there_is_time_for(clock):
    assert made(clock, 1e-3, 30) == {1: 426, 2: 426, 4: 426, 50: 426}
    assert clock.now == pytest.approx(30, abs=0.1)


def test_steps_for_which_there_is_no_time_are_left_out(clock):
    assert made(clock, 8e-3, 6) == {1: 100, 2: 100, 4: 100}
    assert clock.now <= 6


def test_a_hundred_molecules_are_sampled_whatever_they_cost(clock):
    assert made(clock, 1.0, 6) == {1: 100}
    assert made(clock, 1.0, 6, (50,)) == {50: 100}


def test_a_trial_that_is_broken_off_keeps_what_it_has_and_says_how_to_make_the_rest(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fresh: Callable,
    tiny_spec: Callable[..., ModelSpec],
) -> None:
    sample = Generator.sample

    def interrupted(self: Generator, n: int, steps: int, **others: int):
        if steps == 4:
            raise KeyboardInterrupt
        return sample(self, n, steps, **others)

    monkeypatch.setattr(Generator, "sample", interrupted)
    generator = Generator(fresh(tiny_spec()), tiny_spec())
    last_trial(TimedSamples(generator, (1, 2, 4), 5, 60.0, 0), frozenset(), tmp_path)
    rows = json.loads((tmp_path / "metrics.json").read_text())["samples"]
    assert [(row["n"], row["steps"]) for row in rows] == [(5, 1), (5, 2)]
    printed = capsys.readouterr()
    assert "broken off; the model is saved" in printed.err
    assert f"python -m molflow.evaluate checkpoint={tmp_path} steps=4" in printed.out


def test_a_trial_that_has_nothing_is_no_error(tmp_path, monkeypatch, fresh, tiny_spec):
    def interrupted(self: Generator, *_: int, **__: int):
        raise KeyboardInterrupt

    monkeypatch.setattr(Generator, "sample", interrupted)
    generator = Generator(fresh(tiny_spec()), tiny_spec())
    last_trial(TimedSamples(generator, (1,), 5, 60.0, 0), frozenset(), tmp_path)
    assert list(tmp_path.iterdir()) == []
