"""Completion in bash and zsh: by the scripts that are printed, in shells that read them."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from molflow.commands import COMMANDS
from molflow.completion import main, script
from molflow.config import PROGRAMS
from molflow.config.key import keys
from molflow.config.recipes import groups
from molflow.errors import InputError
from molflow.model.place import PRETRAINED

BASH, ZSH = shutil.which("bash"), shutil.which("zsh")
ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_molflow
printf '%s\\n' "${COMPREPLY[@]}"
"""
ASK_ZSH = """
compdef() { }
compset() { IPREFIX=${words[CURRENT]%%=*}=; }
compadd() { while [[ $1 == -* && $1 != -- ]]; do shift 2; done; shift; print -rl -- "$@"; }
_files() { print -rl -- *(N); }
source "$1"; shift
words=("$@") CURRENT=$#
_molflow
"""


@pytest.fixture(scope="module", params=["bash", "zsh"])
def ask(request, tmp_path_factory):
    """A function of the words before the cursor, the last of them begun: what may stand there."""
    shell = {"bash": BASH, "zsh": ZSH}[request.param]
    if shell is None:
        pytest.skip(f"{request.param} is not there")
    path = tmp_path_factory.mktemp("script") / f"molflow.{request.param}"
    path.write_text(script(request.param))
    code = {"bash": ASK_BASH, "zsh": ASK_ZSH}[request.param]
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[request.param]

    def asked(*words: str, folder: Path | None = None) -> set[str]:
        begun = words[-1].rpartition("=")[2]
        if request.param == "bash":
            # Readline breaks words at the equals sign.
            words = tuple(
                part
                for word in words
                for part in word.replace("=", "\0=\0").split("\0")
                if part or "=" not in word
            )
        command = [shell, *plain, "-c", code, "ask", str(path), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
        assert done.stderr == ""
        return {line for line in done.stdout.splitlines() if line and line.startswith(begun)}

    return asked


def test_commands_are_completed(ask):
    assert ask("molflow", "") == {*COMMANDS, "--help", "--version"}
    assert ask("molflow", "sa") == {"sample"}


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_all_keys_and_recipes_of_a_program_are_completed(ask, program):
    names = {"config", *keys(PROGRAMS[program]), *groups(program)}
    assert ask("molflow", program, "") == {*(f"{name}=" for name in names), "--help"}


def test_a_key_ends_with_its_equals_sign(ask):
    assert ask("molflow", "sample", "n=5", "guidance.obj") == {"guidance.objective="}


def test_choices_recipes_and_truth_values_are_completed(ask):
    assert ask("molflow", "train", "flow.loss=m") == {"mse"}
    assert ask("molflow", "train", "experiment=zinc250k_") == {"zinc250k_gpu"}
    assert ask("molflow", "sample", "guidance=s") == {"search", "surrogate"}
    assert ask("molflow", "sample", "report=") == {"true", "false"}
    assert ask("molflow", "completion", "z") == {"zsh"}


def test_a_value_without_choices_is_left_to_the_user(ask):
    assert ask("molflow", "sample", "seed=") == set()
    assert ask("molflow", "nothing", "x") == set()


def test_released_models_and_files_are_completed(ask, tmp_path):
    (tmp_path / "runs").mkdir()
    names = {path.name for path in PRETRAINED.iterdir()}
    assert ask("molflow", "sample", "checkpoint=", folder=tmp_path) == {*names, "runs"}
    assert ask("molflow", "optimize", "checkpoint=qm9_", folder=tmp_path) == {"qm9_smiles"}


def test_files_are_completed_with_their_spaces(ask, tmp_path):
    (tmp_path / "mine of today.csv").touch()
    assert ask("molflow", "evaluate", "samples=mi", folder=tmp_path) == {"mine of today.csv"}
    assert "qm9" in ask("molflow", "evaluate", "reference=q", folder=tmp_path)


@pytest.mark.skipif(BASH is None, reason="bash is not there")
def test_a_bash_that_breaks_no_word_at_the_equals_sign_gets_whole_words(tmp_path):
    (tmp_path / "molflow.bash").write_text(script("bash"))
    words = ["molflow", "sample", "checkpoint=zi"]
    command = [str(BASH), "-c", ASK_BASH, "ask", str(tmp_path / "molflow.bash"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "checkpoint=zinc250k\n"


@pytest.mark.skipif(BASH is None, reason="bash is not there")
def test_a_completion_is_quick(tmp_path):
    (tmp_path / "molflow.bash").write_text(script("bash"))
    many = ASK_BASH.replace("_molflow\n", "for i in {1..20}; do _molflow; done\n")
    command = [str(BASH), "-c", many, "ask", str(tmp_path / "molflow.bash"), "molflow", "train", ""]
    start = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    assert (time.monotonic() - start) / 20 < 0.2


@pytest.mark.parametrize("arguments", [[], ["fish"], ["bash", "zsh"]])
def test_another_shell_is_answered_with_the_shells(arguments):
    with pytest.raises(InputError, match="the shell is needed, one of bash, zsh"):
        main(arguments)


def test_the_script_is_printed(capsys):
    main(["bash"])
    assert capsys.readouterr().out == script("bash") + "\n"
