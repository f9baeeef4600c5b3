"""The command `molflow`: what it dispatches to, tells and refuses."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import molflow
from molflow.__main__ import main
from molflow.commands import COMMANDS
from molflow.config import PROGRAMS, help_text
from molflow.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


def started(*arguments: str, code: str = "") -> subprocess.CompletedProcess:
    """The command, as a process of its own."""
    asked = ["-c", code] if code else ["-m", "molflow"]
    command = [sys.executable, *asked, *arguments]
    return subprocess.run(command, env=HERE, capture_output=True, text=True, timeout=120)


@pytest.fixture
def called(monkeypatch) -> list[tuple[str, list[str]]]:
    """What was called, a module and its arguments; a command does nothing else."""
    seen: list[tuple[str, list[str]]] = []

    class Module:
        def __init__(self, name: str) -> None:
            self.main = lambda arguments: seen.append((name, arguments))

    monkeypatch.setattr("molflow.__main__.import_module", Module)
    return seen


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_the_module_of_its_name_on_the_other_arguments(name, called):
    main([name, "checkpoint=qm9", "n=1000"])
    assert called == [(f"molflow.{name}", ["checkpoint=qm9", "n=1000"])]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_every_command_but_the_demo_is_there(name):
    assert callable(import_module(f"molflow.{name}").main)


@pytest.mark.parametrize("missing", ["gradio", "molflow.demo"])
def test_a_demo_that_is_not_installed_is_one_line(missing, monkeypatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("molflow.__main__.import_module", absent)
    with pytest.raises(InputError) as error:
        main(["demo"])
    assert str(error.value) == (
        f"demo: {missing} is not installed; pip install 'molflow[demo]' brings it"
    )


def test_another_module_that_is_missing_keeps_its_traceback(monkeypatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("molflow.__main__.import_module", absent)
    for command in ("demo", "sample"):
        with pytest.raises(ModuleNotFoundError):
            main([command])


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_has_a_line_on_every_command(arguments, capsys):
    main(arguments)
    lines = capsys.readouterr().out.splitlines()
    for name, doc in COMMANDS.items():
        assert f"  {name:<12} {doc}" in lines


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_help_of_a_program_is_that_of_its_module(program, capsys):
    main([program, "--help"])
    assert capsys.readouterr().out == help_text(program) + "\n"


def test_the_version_is_that_of_the_package(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"molflow {molflow.__version__}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smaple", "unknown command 'smaple': did you mean sample? one of train, sample, "),
        ("x=1", "unknown command 'x=1': one of train, sample, "),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest_and_all(name, message):
    with pytest.raises(InputError) as error:
        main([name])
    assert str(error.value).startswith(message)
    assert all(command in str(error.value) for command in COMMANDS)


def test_a_mistake_leaves_with_code_2_and_one_line():
    done = started("smaple")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: unknown command 'smaple'")
    assert done.stderr.count("\n") == 1


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from molflow.__main__ import main; main(sys.argv[1:]);"
        "print([m for m in ('torch', 'hydra', 'omegaconf', 'rdkit', 'numpy', 'yaml', 'rich') "
        "if m in sys.modules])"
    )
    for arguments in ([], ["--version"]):
        assert started(*arguments, code=code).stdout.splitlines()[-1] == "[]"


def test_a_reader_that_left_is_one_line_and_code_141():
    command = [sys.executable, "-m", "molflow", "train", "--help"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=HERE, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == b"output closed\n"
    assert process.returncode == 141


def test_ctrl_c_is_one_line_and_code_130(monkeypatch, capsys):
    from molflow.__main__ import run

    class Module:
        def __init__(self, name: str) -> None:
            pass

        def main(self, arguments: list[str]) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("molflow.__main__.import_module", Module)
    monkeypatch.setattr(sys, "argv", ["molflow", "sample"])
    with pytest.raises(SystemExit) as exit:
        run()
    assert exit.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_package_installs_the_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["molflow"].partition(":")
    assert callable(getattr(import_module(module), function))
