"""A program that is killed at any moment leaves whole files, and the next one goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from safetensors import safe_open

from molflow.training.curves import read_logs

MOMENTS = 20
"""At so many random moments each program is killed."""
SEED = 0
PATIENCE = 600


def start(program: str, arguments: list[str], place: Path) -> subprocess.Popen[bytes]:
    log = (place / f"{program}.log").open("ab")
    environment = {**os.environ, "MOLFLOW_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"molflow.{program}", *arguments]
    return subprocess.Popen(
        command, stdout=log, stderr=log, env=environment, start_new_session=True
    )


def finish(program: str, arguments: list[str], place: Path) -> float:
    """Runs to the end; the seconds that it took."""
    began = time.monotonic()
    code = start(program, arguments, place).wait(PATIENCE)
    assert code == 0, (place / f"{program}.log").read_text()[-2_000:]
    return time.monotonic() - began


def kill_after(seconds: float, program: str, arguments: list[str], place: Path) -> None:
    process = start(program, arguments, place)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), (
        f"code {process.returncode}: {(place / f'{program}.log').read_text()[-2_000:]}"
    )


def require_whole(folder: Path) -> None:
    """Every file that has its name is whole; the rows of calls.csv and of logs are, up to the last
    line end."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.name.startswith("."):
            continue
        match path.suffix:
            case ".json":
                json.loads(path.read_text())
            case ".csv":
                text = path.read_text()
                growing = path.name in ("calls.csv", "metrics.csv")
                assert growing or text.endswith("\n"), path
                lines = text[: text.rfind("\n") + 1].splitlines()
                assert len({len(row) for row in csv.reader(lines)}) <= 1, path
            case ".safetensors":
                with safe_open(path, "np") as file:
                    assert len(list(file.keys())) > 0, path
            case ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    assert all(arrays[name] is not None for name in arrays.files)
            case ".html":
                assert path.read_text().rstrip().endswith("</html>"), path
            case ".png":
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path
            case ".sdf":
                assert path.read_text().endswith("$$$$\n") or not path.read_text(), path


def unfinished(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*") if path.is_file()]


def moments(seconds: float, random: Random) -> list[float]:
    """From the first imports to the end of a run that takes so long."""
    return [random.uniform(0.1 * seconds, 1.05 * seconds) for _ in range(MOMENTS)]


@pytest.mark.slow
def test_a_sampling_that_is_killed_is_made_again_as_it_would_have_been(faults, tmp_path):
    asked = [f"checkpoint={faults.checkpoint}", "n=60", "steps=4", "guidance=best_of"]
    asked += ["guidance.objective=qed:max", "guidance.particles=2"]
    seconds = finish("sample", [*asked, f"out={tmp_path}/whole"], tmp_path)
    out = tmp_path / "cut"
    for moment in moments(seconds, Random(SEED)):
        kill_after(moment, "sample", [*asked, f"out={out}"], tmp_path)
        require_whole(tmp_path)
    finish("sample", [*asked, f"out={out}"], tmp_path)
    assert (out / "samples.csv").read_text() == (tmp_path / "whole" / "samples.csv").read_text()
    assert not unfinished(out)


@pytest.mark.slow
def test_an_evaluation_that_is_killed_is_made_again_as_it_would_have_been(faults, tmp_path):
    asked = [f"samples={faults.molecules}", f"reference={faults.molecules}"]
    seconds = finish("evaluate", [*asked, f"out={tmp_path}/whole"], tmp_path)
    out = tmp_path / "cut"
    for moment in moments(seconds, Random(SEED)):
        kill_after(moment, "evaluate", [*asked, f"out={out}"], tmp_path)
        require_whole(tmp_path)
    finish("evaluate", [*asked, f"out={out}"], tmp_path)
    numbers = [json.loads((tmp_path / at / "metrics.json").read_text()) for at in ("whole", "cut")]
    assert numbers[0]["metrics"] == numbers[1]["metrics"]
    assert not unfinished(out)


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_and_has_every_call_once(faults, tmp_path):
    asked = [f"start={faults.molecules}", "moves=mutate,crossover", "task=qed", "calls=400"]
    asked += ["batch=20", "report=false"]
    seconds = finish("optimize", [*asked, f"out={tmp_path}/whole"], tmp_path)
    out = tmp_path / "cut"

    def arguments() -> list[str]:
        calls = out / "calls.csv"
        begun = calls.is_file() and calls.read_bytes().count(b"\n") > 1
        return [f"resume={out}"] if begun else [*asked, f"out={out}"]

    for moment in moments(seconds, Random(SEED)):
        kill_after(moment, "optimize", arguments(), tmp_path)
        require_whole(tmp_path)
    finish("optimize", arguments(), tmp_path)
    assert (out / "calls.csv").read_text() == (tmp_path / "whole" / "calls.csv").read_text()
    assert not unfinished(out)


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on(faults, tmp_path):
    out = tmp_path / "run"
    asked = [*faults.sound("train", out), "trainer.steps=1000000", "trainer.sample_every=40"]
    asked += ["trainer.trial_molecules=5", "trainer.checkpoint_minutes=0.001"]
    checkpoint = out / "last.ckpt"
    began = time.monotonic()
    process = start("train", asked, tmp_path)
    while not checkpoint.is_file():
        assert process.poll() is None, (tmp_path / "train.log").read_text()[-2_000:]
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)
    seconds = time.monotonic() - began + 2
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for moment in moments(seconds, Random(SEED)):
        kill_after(moment, "train", [f"resume={out}"], tmp_path)
        require_whole(tmp_path)
    finish("train", [f"resume={out}", "trainer.steps=1", "trainer.max_minutes=null"], tmp_path)
    steps = [row["step"] for row in read_logs(out) if "train/loss" in row]
    assert steps == sorted(set(steps))
    assert not unfinished(out)
