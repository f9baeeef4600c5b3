"""A configuration as a file of keys: what is written reads back, and the command line wins."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from molflow.config import PROGRAMS, SampleConfig, help_text, load_config, with_file, write_config
from molflow.config.key import keys
from molflow.errors import InputError
from molflow.train import configure

pytestmark = pytest.mark.usefixtures("composed_once")

GUIDED = [
    "checkpoint=qm9",
    "n=7",
    "noise=0.25",
    "guidance=search",
    "guidance.objective=qed:max,logp:2.5±0.5",
    "guidance.start_seconds=1e-05",
    "guidance.generations=3",
]
COMMANDS = [
    ("sample", GUIDED),
    ("sample", ["checkpoint=qm9", "scaffold=[*:1]c1ccoc1", "times=0:1", "elements=N:2,O:1"]),
    ("train", ["experiment=zinc250k", "trainer.learning_rate=3e-4", "model.condition="]),
    ("train", ["dataset=smiles_file", "dataset.path=/no/mine.csv", "logger.project=null"]),
    ("check", ["checkpoint=qm9", "grid=4"]),
    ("evaluate", ["samples=/no/mine.csv", "reference=qm9", "explain=true"]),
    ("optimize", ["task=qed", "calls=100", "moves=mutate"]),
]


def written(folder: Path, *lines: str) -> str:
    """The argument that names a file of these lines."""
    (folder / "mine.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"config={folder / 'mine.yaml'}"


def error_of(program: str, *overrides: str) -> str:
    with pytest.raises(InputError) as error:
        load_config(program, list(overrides))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("program", "arguments"), COMMANDS)
def test_what_is_written_reads_back_as_the_same_configuration(program, arguments, tmp_path):
    config = load_config(program, [*arguments, f"out={tmp_path / 'out'}"])
    write_config(tmp_path, config)
    assert load_config(program, [f"config={tmp_path / 'config.yaml'}"]) == config


@given(text=st.text(st.characters(blacklist_categories=("Cs",)), min_size=1))
@settings(max_examples=60, deadline=None)
@example(text="\x85")
@example(text="\u2028 ±")
def test_every_text_reads_back_as_it_stands(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    config = SampleConfig(checkpoint="qm9", out=str(folder), prompt=text)
    write_config(folder, config)
    assert f"prompt={text}" in with_file("sample", [f"config={folder / 'config.yaml'}"])


def test_the_file_has_plain_values_under_the_names_of_the_command_line(tmp_path):
    write_config(tmp_path, load_config("sample", GUIDED))
    plain = yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    assert set(plain) == set(keys(SampleConfig)) - {"take_over", "resume"}
    assert plain["guidance.objective"] == "qed:max,logp:2.5±0.5"
    assert plain["atoms"] is None


def test_places_are_written_so_that_they_hold_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "goals.yaml").touch()
    config = load_config(
        "sample",
        ["checkpoint=./run", "guidance.components=goals.yaml", "guidance.score=mine.py:f", "out=o"],
    )
    write_config(tmp_path, config)
    plain = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert plain["checkpoint"] == str(tmp_path / "run")
    assert plain["guidance.components"] == str(tmp_path / "goals.yaml")
    assert plain["guidance.score"] == f"{tmp_path / 'mine.py'}:f"
    assert plain["out"] == str(tmp_path / "o")


@pytest.mark.parametrize(
    ("program", "name", "value"),
    [("sample", "checkpoint", "qm9"), ("evaluate", "reference", "qm9")],
)
def test_names_that_are_no_places_stay_where_a_folder_is_called_like_them(
    program, name, value, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / value).mkdir()
    write_config(tmp_path, load_config(program, [f"{name}={value}"]))
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())[name] == value


def test_a_key_of_the_command_line_wins_in_any_order(tmp_path):
    file = written(tmp_path, "checkpoint: qm9", "n: 5", "seed: 3")
    for arguments in (["n=6", file], [file, "n=6"]):
        config = load_config("sample", arguments)
        assert (config.checkpoint, config.n, config.seed) == ("qm9", 6, 3)


def test_a_recipe_of_the_command_line_wins_over_the_keys_that_it_sets(tmp_path):
    file = written(tmp_path, "checkpoint: qm9", "guidance.method: search", "guidance.draws: 3")
    guidance = load_config("sample", [file, "guidance=particles"]).guidance
    assert (guidance.method, guidance.draws) == ("particles", 3)


def test_a_recipe_that_sets_nothing_wins_over_its_section(tmp_path):
    file = written(tmp_path, "checkpoint: qm9", "guidance.method: search", "guidance.draws: 3")
    assert load_config("sample", [file, "guidance=none"]) == SampleConfig(checkpoint="qm9")


def test_an_empty_config_is_none(tmp_path):
    file = written(tmp_path, "n: 5")
    assert load_config("sample", ["checkpoint=qm9", file, "config="]).n == 1000


def test_a_number_may_have_an_exponent_as_in_the_recipes(tmp_path):
    file = written(tmp_path, "trainer.learning_rate: 2e-3")
    assert load_config("train", [file]).trainer.learning_rate == 0.002


def test_a_training_knows_the_keys_of_the_file_as_its_own(tmp_path):
    # Else those of the model that it starts from would take their place.
    file = written(tmp_path, "model.depth: 6", "checkpoint: zinc250k", "model.width: 120")
    config, arguments = configure([file, f"out={tmp_path / 'run'}"])
    assert (config.model.depth, config.model.width, config.model.pair_width) == (6, 120, 32)
    assert "model.depth=6" in arguments
    assert not [one for one in arguments if one.startswith("config=")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["nn: 5"], "{}: unknown key 'nn': did you mean n?"),
        (["_target_: os.system"], "{}: unknown key '_target_'"),
        (["guidance: search"], "{}: unknown key 'guidance': "),
        (["guidance: {{method: search}}"], "{}: unknown key 'guidance': "),
        (["config: other.yaml"], "{}: unknown key 'config': "),
        (["n: five"], "{}: n='five': an integer is needed"),
        (["n: 0"], "{}: n=0: must be at least 1"),
        (["n: [1, 2]"], "{}: n=[1, 2]: an integer is needed"),
        (["seed: ${{oc.env:HOME}}"], "{}: seed='${{oc.env:HOME}}': an integer is needed"),
        (["noise_scale: 0.75"], "{}: noise_scale=0.75: a text is needed; quote it"),
        (["n: 5", "- 6"], "config='{}': "),
        (["- n"], "config='{}': lines of the form key: value are needed"),
        (["n: !!python/name:os.system"], "config='{}': could not determine a constructor"),
    ],
)
def test_a_file_of_other_than_known_keys_and_plain_values_is_one_line(lines, message, tmp_path):
    lines = [line.replace("{{", "{").replace("}}", "}") for line in lines]
    file = written(tmp_path, *lines)
    assert error_of("sample", "checkpoint=qm9", file).startswith(
        message.format(tmp_path / "mine.yaml")
    )


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    missing = tmp_path / "no.yaml"
    assert error_of("sample", f"config={missing}") == (
        f"config={str(missing)!r}: No such file or directory"
    )


def test_text_of_the_file_reaches_no_interpolation(tmp_path):
    file = written(tmp_path, "checkpoint: ${oc.env:HOME}")
    assert load_config("sample", [file]).checkpoint == "${oc.env:HOME}"


def test_a_recipe_of_all_keys_beside_a_file_is_refused(tmp_path):
    file = written(tmp_path, "seed: 1")
    assert error_of("train", file, "experiment=qm9") == (
        "experiment=qm9: a recipe of all keys, as config= is: one of them"
    )


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_help_names_the_key(program):
    assert "  config=null  " in help_text(program)


def test_the_home_folder_stands_for_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "n: 5")
    assert load_config("sample", ["checkpoint=qm9", "config=~/mine.yaml"]).n == 5
    assert os.environ["HOME"] == str(tmp_path)
