"""A sampling in parts: the same rows as in one, however often it is broken off."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from molflow.errors import InputError
from molflow.generator import Generator
from molflow.library.parts import Parts
from molflow.sample import main

pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")

TABLES = ("samples.csv", "samples.smi", "samples.sdf")


@pytest.fixture(scope="module")
def checkpoint(of_chance, tmp_path_factory) -> Path:
    return of_chance(tmp_path_factory.mktemp("model"))


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """Parts of 20 attempts, and pages of 30."""
    monkeypatch.setattr("molflow.library.making.PART", 20)
    monkeypatch.setattr("molflow.library.making.SHOWN", 10)


def run(checkpoint: Path, out: Path, *arguments: str) -> dict:
    main([f"checkpoint={checkpoint}", f"out={out}", "n=50", "steps=3", *arguments])
    return record(out)


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def whole(checkpoint, tmp_path_factory) -> Path:
    """The folder of 50 attempts in one part. Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        from matplotlib.figure import Figure

        patch.setattr(Figure, "savefig", lambda figure, path, **_: Path(path).touch())
        run(checkpoint, folder)
    return folder


def assert_same_tables(folder: Path, other: Path) -> None:
    for name in TABLES:
        assert (folder / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_parts_make_the_same_files_and_numbers_as_one(whole, checkpoint, tmp_path):
    found = run(checkpoint, tmp_path)
    assert_same_tables(tmp_path, whole)
    for key in ("metrics", "reasons", "attempts"):
        assert found[key] == record(whole)[key]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("config.yaml", "grid.png", "report.html", "run.json"),
        *("samples.csv", "samples.sdf", "samples.smi"),
    ]


@pytest.mark.usefixtures("small_parts")
def test_the_page_is_of_the_first_attempts_and_says_so(checkpoint, tmp_path):
    run(checkpoint, tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<h1>50 molecules</h1>" in page
    assert "Charts and molecules are of the first 10 attempts." in page


def break_off(monkeypatch, after: int) -> None:
    """The sampling ends by Ctrl-C once so many parts were made."""
    follow, made = Generator.follow, []

    def broken(self, *arguments):
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(follow(self, *arguments))
        return made[-1]

    monkeypatch.setattr(Generator, "follow", broken)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("after", [1, 2])
def test_a_sampling_that_was_broken_off_goes_on_to_the_same_files(
    whole, checkpoint, tmp_path, monkeypatch, after
):
    with monkeypatch.context() as patch:
        break_off(patch, after)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, tmp_path)
    assert not (tmp_path / "samples.csv").exists()
    main([f"resume={tmp_path}"])
    assert_same_tables(tmp_path, whole)
    for key in ("metrics", "reasons", "attempts"):
        assert record(tmp_path)[key] == record(whole)[key]
    assert not (tmp_path / "parts").exists()


@pytest.mark.usefixtures("small_parts")
def test_a_part_whose_file_was_cut_is_made_again(whole, checkpoint, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        break_off(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, tmp_path)
    second = tmp_path / "parts" / "000000000000020-samples.csv"
    second.write_bytes(second.read_bytes()[:-5])
    main([f"resume={tmp_path}"])
    assert_same_tables(tmp_path, whole)


@pytest.mark.usefixtures("small_parts")
def test_an_unfinished_sampling_is_not_begun_again_by_mistake(checkpoint, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        break_off(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, tmp_path)
    with pytest.raises(InputError, match="holds 40 attempts of a sampling that has not ended; res"):
        run(checkpoint, tmp_path)


def test_before_a_part_is_done_nothing_is_left(checkpoint, tmp_path, monkeypatch):
    break_off(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["n=3"], "n=3: resume= takes the arguments of the sampling; beside it only take_over"),
        ([], "no sampling has begun there"),
    ],
)
def test_what_cannot_go_on_is_said(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        main([f"resume={tmp_path}", *arguments])


def test_a_sampling_that_has_ended_does_not_go_on(whole):
    with pytest.raises(InputError, match="that sampling has ended"):
        main([f"resume={whole}"])


def test_a_folder_of_that_name_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="parts is there and of no sampling"):
        run(checkpoint, tmp_path)
    assert (tmp_path / "parts" / "mine.txt").read_text() == "mine"


def test_a_range_of_indices_has_the_molecules_of_these_indices(whole, checkpoint, tmp_path):
    run(checkpoint, tmp_path, "first=30", "n=20")
    rows = (whole / "samples.csv").read_text().splitlines()
    assert (tmp_path / "samples.csv").read_text().splitlines() == [rows[0], *rows[31:]]


@pytest.mark.usefixtures("small_parts")
def test_compressed_rows_are_the_rows_and_the_same_bytes_every_time(whole, checkpoint, tmp_path):
    for name in ("a", "b"):
        run(checkpoint, tmp_path / name, "format=csv.gz")
        time.sleep(1.1 if name == "a" else 0)  # A gzip header would hold the second.
    packed = (tmp_path / "a" / "samples.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (whole / "samples.csv").read_bytes()
    assert packed == (tmp_path / "b" / "samples.csv.gz").read_bytes()
    assert not (tmp_path / "a" / "samples.sdf").exists()


@pytest.mark.usefixtures("small_parts")
def test_parquet_is_a_folder_of_files_with_the_cells_of_the_table(whole, checkpoint, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run(checkpoint, tmp_path, "format=parquet")
    files = sorted((tmp_path / "samples").iterdir())
    assert [path.name for path in files] == [f"part-{first:015}.parquet" for first in (0, 20, 40)]
    table = parquet.read_table(tmp_path / "samples")
    with (whole / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert table.column_names == list(rows[0])
    written = [
        {name: "" if cell is None else str(cell) for name, cell in row.items()}
        for row in table.to_pylist()
    ]
    assert written == rows
    run(checkpoint, tmp_path, "format=parquet", "n=3")
    assert [path.name for path in (tmp_path / "samples").iterdir()] == [files[0].name]


@pytest.mark.usefixtures("small_parts")
def test_enough_molecules_are_those_that_pass_with_the_shares_per_attempt(
    whole, checkpoint, tmp_path, capsys
):
    found = run(checkpoint, tmp_path, "n=4", "until=unique", "keep=atoms:>1")
    with (tmp_path / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    passed = [row for row in rows if row["refused"] == ""]
    assert len(passed) == 4
    assert rows[-1] == passed[-1]
    lines = (tmp_path / "samples.smi").read_text().splitlines()
    assert lines == [f"{row['smiles']} {row['index']}" for row in passed]
    assert found["attempts"] == len(rows)
    assert found["metrics"]["strict_valid"] == sum(row["reason"] == "" for row in rows) / len(rows)
    assert found["enough"]["passed"] == 4
    assert found["enough"]["share"] == 4 / len(rows)
    assert sum(found["enough"]["refused"].values()) == len(rows) - 4
    assert f"4 of {len(rows)} attempts passed" in capsys.readouterr().out
    assert [row["index"] for row in rows] == [str(i) for i in range(len(rows))]
    with (whole / "samples.csv").open(newline="") as file:
        attempts = [row["as_made"] for row in csv.DictReader(file)]
    made = [row["as_made"] for row in rows]
    assert made[: len(attempts)] == attempts[: len(made)]


@pytest.mark.usefixtures("small_parts")
def test_too_few_molecules_are_told_and_are_no_mistake(checkpoint, tmp_path, capsys):
    found = run(checkpoint, tmp_path, "n=9", "until=unique", "keep=atoms:1", "max_attempts=45")
    assert found["attempts"] == 45
    assert found["enough"]["passed"] <= 3
    assert "fewer than the 9 that were asked for, at max_attempts=45" in capsys.readouterr().out


@pytest.mark.usefixtures("small_parts")
def test_enough_molecules_go_on_too_where_they_were_broken_off(checkpoint, tmp_path, monkeypatch):
    asked = ("n=9", "until=unique", "keep=atoms:>1", "max_attempts=45")
    run(checkpoint, tmp_path / "whole", *asked)
    with monkeypatch.context() as patch:
        break_off(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, tmp_path / "broken", *asked)
    main([f"resume={tmp_path / 'broken'}"])
    assert_same_tables(tmp_path / "broken", tmp_path / "whole")
    found, expected = (record(tmp_path / name) for name in ("broken", "whole"))
    assert found["enough"] == expected["enough"]
    assert found["metrics"] == expected["metrics"]


def test_a_guided_sampling_ends_with_enough_and_has_a_control_of_as_many(checkpoint, tmp_path):
    guided = ("guidance=best_of", "guidance.objective=qed:max", "guidance.particles=2")
    found = run(checkpoint, tmp_path, "n=5", "until=valid", *guided)
    assert found["enough"]["passed"] == 5
    assert found["unguided"]["attempts"] == found["attempts"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["until=new"], "until='new': some of valid,unique,novel"),
        (["keep=mw:max"], "mw:max is no limit"),
        (["max_attempts=5"], "max_attempts=5: only with until= or keep="),
        (["until=valid", "max_attempts=5"], "max_attempts=5: fewer than n=50"),
        (["until=novel"], "until=novel: no training set"),
        (["format=json"], "format='json': one of csv, csv.gz, parquet"),
        (["first=-1"], "first=-1: must be at least 0"),
    ],
)
def test_what_makes_no_sense_writes_nothing(checkpoint, tmp_path, arguments, message):
    with pytest.raises(InputError) as error:
        run(checkpoint, tmp_path / "out", *arguments)
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_sampling_is_that_of_the_model_it_began_with(checkpoint, tmp_path, monkeypatch):
    parts = Parts(tmp_path, "csv", 0)
    arguments = [f"checkpoint={checkpoint}", f"out={tmp_path}"]
    from molflow.config import load_config, to_plain

    plain = to_plain(load_config("sample", arguments))
    parts.begin({"config": plain, "arguments": arguments, "sha256": "another"})
    with pytest.raises(InputError, match="began with other weights than those there now"):
        main([f"resume={tmp_path}"])


@pytest.mark.slow
def test_a_killed_sampling_goes_on_to_the_same_files(checkpoint, tmp_path):
    asked = [f"checkpoint={checkpoint}", "n=25000", "steps=1", "report=false"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "molflow.sample"]
    running = subprocess.Popen([*command, *asked, f"out={tmp_path / 'killed'}"], env=environment)
    first = tmp_path / "killed" / "parts" / "000000000000000.json"
    for _ in range(3000):
        if first.exists():
            break
        time.sleep(0.1)
    time.sleep(1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "killed" / "samples.csv").exists()
    for arguments in ([f"resume={tmp_path / 'killed'}"], [*asked, f"out={tmp_path / 'whole'}"]):
        subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True)
    assert_same_tables(tmp_path / "killed", tmp_path / "whole")
