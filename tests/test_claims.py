"""A folder is one program's at a time; what a killed one leaves is told and can be taken."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from molflow import check, evaluate, sample, train
from molflow.claims import Claim, claimed
from molflow.errors import InputError
from molflow.files import CLAIM


def claim_of(folder: Path) -> Claim:
    """What another one finds there while this process holds it."""
    with claimed(folder, "train"):
        return Claim(**json.loads((folder / CLAIM).read_text()))


def leave(folder: Path, claim: Claim) -> None:
    (folder / CLAIM).write_text(json.dumps(asdict(claim)))


@pytest.fixture
def dead(tmp_path: Path) -> Claim:
    """That of a process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(claim_of(tmp_path), process=ended.pid, started="1")


def test_the_claim_goes_with_the_block_however_it_ends(tmp_path):
    with claimed(tmp_path, "train"):
        assert (tmp_path / CLAIM).exists()
    with pytest.raises(ZeroDivisionError), claimed(tmp_path, "train"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_stayed_empty_goes_too(tmp_path):
    with claimed(tmp_path / "new", "train"):
        pass
    with claimed(tmp_path / "used", "train"):
        (tmp_path / "used" / "file").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_what_a_killed_program_did_not_finish_goes_when_its_folder_is_taken(tmp_path, dead):
    leave(tmp_path, dead)
    for name in (".0a1b2c3d-samples.csv", ".0a1b2c3d", ".hidden", "samples.csv"):
        (tmp_path / name).touch()
    with claimed(tmp_path, "sample"):
        left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".hidden", CLAIM, "samples.csv"]


def test_a_claim_is_made_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    with (
        claimed(tmp_path, "train"),
        pytest.raises(InputError, match="works there"),
        claimed(tmp_path, "train"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("take_over", [False, True])
def test_a_program_that_runs_keeps_its_folder(tmp_path, take_over):
    with (
        claimed(tmp_path, "train"),
        pytest.raises(InputError, match=r"molflow.train \(process \d+ on .*\) works there"),
        claimed(tmp_path, "sample", take_over),
    ):
        pass


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (train, ["trainer.steps=1"]),
        (train, ["resume={}"]),
        (sample, ["checkpoint=qm9"]),
        (evaluate, ["checkpoint=qm9"]),
        (check, ["checkpoint=qm9"]),
    ],
)
def test_every_program_is_refused_at_its_start(tmp_path, program, arguments):
    (tmp_path / "run.json").write_text('{"arguments": []}')
    (tmp_path / "last.ckpt").touch()
    given = [argument.format(tmp_path) for argument in arguments]
    with claimed(tmp_path, "train"), pytest.raises(InputError, match="works there"):
        program.main([*given, f"out={tmp_path}"])


def test_what_a_killed_program_left_is_taken_and_told(tmp_path, dead, capsys):
    leave(tmp_path, dead)
    with claimed(tmp_path, "train"):
        assert json.loads((tmp_path / CLAIM).read_text())["process"] != dead.process
    assert "ended without leaving it; taken over" in capsys.readouterr().err


def test_a_number_that_another_process_has_by_now_is_no_sign_of_life(tmp_path):
    leave(tmp_path, replace(claim_of(tmp_path), started="1"))
    with claimed(tmp_path, "train"):
        pass


@pytest.mark.parametrize("far", [{"host": "elsewhere"}, {"machine": "another start"}])
def test_the_claim_of_another_machine_is_taken_where_that_is_asked_for(tmp_path, far):
    leave(tmp_path, replace(claim_of(tmp_path), **far))
    with pytest.raises(InputError, match="take_over=true goes on"), claimed(tmp_path, "train"):
        pass
    with claimed(tmp_path, "train", take_over=True):
        assert json.loads((tmp_path / CLAIM).read_text())["since"]


def test_a_claim_that_says_nothing_can_be_taken_too(tmp_path):
    (tmp_path / CLAIM).touch()
    with pytest.raises(InputError, match="take_over=true goes on"), claimed(tmp_path, "train"):
        pass
    with claimed(tmp_path, "train", take_over=True):
        pass


RACER = """
import sys, time
from pathlib import Path
from molflow.claims import claimed
from molflow.errors import InputError
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
try:
    with claimed(Path(sys.argv[1]), "train", True):
        time.sleep(3)
    print("had it")
except InputError:
    print("refused")
"""


def test_of_several_that_come_at_once_one_gets_the_folder(tmp_path, dead):
    folder, go = tmp_path / "run", tmp_path / "go"
    folder.mkdir()
    leave(folder, dead)
    command = [sys.executable, "-c", RACER, str(folder), str(go)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    go.touch()
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert said == ["had it", "refused", "refused", "refused"]
