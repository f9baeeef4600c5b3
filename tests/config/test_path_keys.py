"""Every key that names a place on disk takes a home folder for ``~``."""

from pathlib import Path

import pytest

from molflow.config import PROGRAMS, load_config
from molflow.config.key import READ, WRITE, keys
from molflow.errors import InputError

PLACES = [
    ("train", "dataset.path", ["dataset=smiles_file"]),
    ("train", "dataset.cache", []),
    ("train", "out", []),
    ("train", "resume", []),
    ("train", "checkpoint", []),
    ("sample", "checkpoint", []),
    ("sample", "out", ["checkpoint=x"]),
    ("sample", "resume", ["checkpoint=x"]),
    ("sample", "guidance.components", ["checkpoint=x"]),
    ("check", "checkpoint", []),
    ("check", "out", ["checkpoint=x"]),
    ("demo", "checkpoint", []),
    ("evaluate", "samples", []),
    ("evaluate", "reference", []),
    ("evaluate", "reference_test", []),
    ("evaluate", "reference_path", []),
    ("evaluate", "checkpoint", []),
    ("evaluate", "out", []),
    ("optimize", "checkpoint", []),
    ("optimize", "out", []),
    ("optimize", "resume", []),
    ("optimize", "start", []),
    ("optimize", "guidance.components", []),
]


@pytest.mark.parametrize(("program", "name", "others"), PLACES)
def test_the_home_folder_stands_for_a_tilde(program, name, others, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load_config(program, [*others, f"{name}=~/a b"])
    for part in name.split("."):
        config = getattr(config, part)
    assert config == str(tmp_path / "a b")


def test_the_places_above_are_all_that_those_programs_know():
    known = {
        (program, name)
        for program, schema in PROGRAMS.items()
        for name, key in keys(schema).items()
        if key.path in (READ, WRITE)
    }
    assert known == {(program, name) for program, name, _ in PLACES}


def test_a_home_that_is_not_there_is_one_line():
    with pytest.raises(InputError, match=r"^out='~nobody-of-that-name/x': "):
        load_config("evaluate", ["out=~nobody-of-that-name/x"])


@pytest.mark.parametrize("path", ["x" * 256, "a/" * 2_100, "é" * 128, "a\0b"])
def test_a_name_that_no_file_has_is_one_line(path):
    with pytest.raises(InputError, match=r"^samples=.*: too long for the name of a file"):
        load_config("evaluate", [f"samples={path}"])


def test_a_place_without_a_tilde_stays_as_it_is_written():
    assert load_config("evaluate", ["samples=a//b/../~c"]).samples == "a//b/../~c"
    assert not Path("a").exists()
