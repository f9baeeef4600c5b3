"""Whatever a program is given, it ends well or with one line that names the fault."""

from __future__ import annotations

import re
import shutil
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from molflow.console import error_line
from molflow.errors import InputError

QUICK, FULL, PIECES, WHOLE = 40, 10_000, 50, 60
"""Inputs of each of the five programs: in the fast tests, in all, in how many parts, and those that
run on to the end."""
SECONDS = 60
NETWORK = {
    "train": "molflow.model.network.build_network",
    "sample": "molflow.sample.carry_out",
    "optimize": "molflow.optimization.run.carry_out",
    "evaluate": "molflow.evaluation.numbers.evaluate_suite",
    "check": "molflow.health.probes.measure_flow_map",
}
"""Where the work of each program begins, once its inputs are read."""


class Reached(Exception):
    """Everything was read, and the work would begin."""


class Hung(Exception):
    """An input took too long."""


def reach(*_: object, **__: object) -> None:
    raise Reached


@pytest.fixture
def place(tmp_path, monkeypatch, composed_once) -> Path:
    """A folder to work in, without a way to the network."""

    def nothing(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("molflow.datasets.download.urlopen", nothing)
    monkeypatch.setattr("molflow.datasets.download._pip", lambda *_: "no network here")
    # Where a model names no data set it is QM9, whose preparation takes minutes.
    monkeypatch.setattr("molflow.datasets.qm9.data_file", lambda: tmp_path / "qm9.csv.gz")
    return tmp_path


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def end(*_: object) -> None:
        raise Hung(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fault_of(program: str, arguments: list[str], out: Path) -> str | None:
    """What is wrong with how the program took the arguments; None where it did well."""
    try:
        with limited(SECONDS):
            import_module(f"molflow.{program}").main(arguments)
    except Reached:
        return None
    except InputError as error:
        return unclear(str(error), arguments) or blocked(out)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "molflow" in f.filename]
        return f"{type(error).__name__}: {str(error)[:200]!r} at {' '.join(ours[-3:])}"
    return blocked(out)


def unclear(message: str, arguments: list[str]) -> str | None:
    line = error_line(message)
    if len(line.splitlines()) != 1 or not line.isprintable() or len(line) > 2_000:
        return f"not one line: {line[:200]!r}"
    words = re.findall(r"\w{2,}", " ".join(arguments)) + [repr(one) for one in arguments]
    words += [part for one in arguments for part in (f"{one.partition('=')[0]}=", one[-1:])]
    if not any(word in message for word in words):
        return f"names nothing of what was given: {line[:200]!r}"
    return None


def blocked(out: Path) -> str | None:
    """What a program left in its folder that is in the way of the next."""
    left = [one.name for one in out.iterdir()] if out.is_dir() else []
    odd = [name for name in left if name == "claim.json" or name.startswith(".")]
    return f"left behind: {odd}" if odd else None


def run(program: str, faults, place: Path, count: int, seed: str) -> None:
    print(f"seed {seed!r}")
    random, found = Random(seed), dict[str, str]()
    if program == "train":  # What is imported first would count as an input's time.
        import_module("molflow.training.trainer")
    for number in range(count):
        out = place / "out"
        shutil.rmtree(out, ignore_errors=True)
        arguments = faults.arguments(program, out, random)
        fault = fault_of(program, arguments, out)
        if fault is not None:
            found.setdefault(fault, f"{number} of seed {seed!r}: {arguments}")
    listing = "\n".join(f"{fault}\n    {where[:600]}" for fault, where in found.items())
    assert not found, f"{len(found)} faults\n{listing}"


@pytest.mark.parametrize("program", NETWORK)
def test_any_input_is_read_or_refused_in_one_line(program, faults, place, monkeypatch):
    monkeypatch.setattr(NETWORK[program], reach)
    run(program, faults, place, QUICK, f"{program} quick")


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("program", NETWORK)
def test_ten_thousand_inputs_are_read_or_refused_in_one_line(
    program, piece, faults, place, monkeypatch
):
    monkeypatch.setattr(NETWORK[program], reach)
    run(program, faults, place, FULL // PIECES, f"{program} {piece}")


@pytest.mark.slow
@pytest.mark.parametrize("program", NETWORK)
def test_whole_runs_end_well_or_in_one_line(program, faults, place, undrawn):
    run(program, faults, place, WHOLE, f"{program} whole")


@pytest.mark.slow
@pytest.mark.parametrize("given", ["mol", "", "a, b"])
@pytest.mark.parametrize("program", ["sample", "optimize"])
def test_any_function_of_a_user_ends_well_or_in_one_line(
    program, given, score_name, faults, place, undrawn
):
    out = place / "out"
    way = ["guidance=best_of", "guidance.invalid=0"] if program == "sample" else []
    asked = [*faults.sound(program, out), "guidance.objective=", *way, "guidance.score_seconds=1"]
    assert fault_of(program, [*asked, faults.score(score_name, given)], out) is None
