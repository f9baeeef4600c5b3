"""Tables, exit codes and whole files."""

import math
import os
import subprocess
import sys

import pytest

from molflow import console
from molflow.console import table, written
from molflow.errors import InputError


def test_a_table_shows_brackets_and_long_text_whole(capsys):
    smiles = "c1cc[nH]c1" + "[bold]" * 40
    console.table("Samples [n=1]", ["smiles"], [[smiles]])
    out = capsys.readouterr().out
    assert smiles in out
    assert "Samples [n=1]" in out


def test_a_table_rounds_numbers_to_four_digits(capsys):
    console.table("t", ["a", "b", "c"], [[0.123456, float("nan"), 12345]])
    assert "0.1235 │ nan │ 12,345" in capsys.readouterr().out


def failing_main(error: BaseException):
    def main(arguments):
        raise error

    return main


def test_a_users_mistake_is_one_line_and_code_2(capsys):
    with pytest.raises(SystemExit) as exit:
        console.run_program(failing_main(InputError("n=0: must be\nat least 1")))
    assert exit.value.code == 2
    assert capsys.readouterr().err == "error: n=0: must be\\nat least 1\n"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("out='\x1b[2J'", "error: out='\\x1b[2J'"),
        ("scaffold='\u2028\u202e'", "error: scaffold='\\u2028\\u202e'"),
        ("goal: 2±1 é", "error: goal: 2±1 é"),
        ("n=" + "1" * 2_000, "error: n=" + "1" * 998 + "…"),
    ],
)
def test_an_error_is_one_short_line_that_can_be_printed(message, line):
    assert console.error_line(message) == line


def test_too_little_memory_is_one_line_and_code_2(capsys):
    with pytest.raises(SystemExit) as exit:
        console.run_program(failing_main(MemoryError("Unable to allocate 8.00 TiB")))
    assert exit.value.code == 2
    assert capsys.readouterr().err == "error: not enough memory: Unable to allocate 8.00 TiB\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (
            PermissionError(13, "Permission denied", "/root/x"),
            "error: '/root/x': Permission denied\n",
        ),
    ],
)
def test_a_disk_that_cannot_be_used_is_one_line_and_code_2(error, line, capsys):
    with pytest.raises(SystemExit) as exit:
        console.run_program(failing_main(error))
    assert exit.value.code == 2
    assert capsys.readouterr().err == line


def test_ctrl_c_is_one_line_and_code_130(capsys):
    with pytest.raises(SystemExit) as exit:
        console.run_program(failing_main(KeyboardInterrupt()))
    assert exit.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_left_is_one_line_and_code_141():
    code = (
        "from molflow.console import run_program;"
        "run_program(lambda _: [print('x' * 1000) for _ in range(1000)])"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"output closed\n"
    assert process.returncode == 141


def test_a_program_gets_the_command_lines_arguments_and_leaves_with_0(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["molflow.train", "seed=1"])
    seen = []
    with pytest.raises(SystemExit) as exit:
        console.run_program(seen.extend)
    assert seen == ["seed=1"]
    assert exit.value.code == 0


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        console.run_program(failing_main(ZeroDivisionError()))


def test_a_file_is_written_whole_in_a_folder_made_for_it(tmp_path):
    path = tmp_path / "a" / "b" / "samples.csv.gz"
    with console.atomic_write(path) as temporary:
        assert temporary.name.endswith("samples.csv.gz")
        temporary.write_text("index,smiles\n")
        assert not path.exists()
    assert path.read_text() == "index,smiles\n"
    assert [p.name for p in path.parent.iterdir()] == ["samples.csv.gz"]


def write_half(path):
    with console.atomic_write(path) as temporary:
        temporary.write_text("ha")
        raise RuntimeError("disk on fire")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk on fire"):
        write_half(path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("run.json", "old")]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"cannot write '.*file/x\.csv'"),
        console.atomic_write(tmp_path / "file" / "x.csv"),
    ):
        pytest.fail("the block must not run")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "x.csv").mkdir()
    with (
        pytest.raises(InputError, match=r"cannot write '.*x\.csv'"),
        console.atomic_write(tmp_path / "x.csv") as temporary,
    ):
        temporary.write_text("1")
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    console.require_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write '.*file/out': Not a directory"):
        console.require_writable(tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1153.4, 3, "1,150"),
        (1153.4, 4, "1,153"),
        (12345.6, 4, "12,350"),
        (12345.0, 4, "12,345"),
        (89.84, 3, "89.8"),
        (0.9999, 4, "0.9999"),
        (0.99999, 4, "1"),
        (0.5, 4, "0.5"),
        (0.0312, 4, "0.0312"),
        (0.00046, 4, "0.00046"),
        (4.6123e-05, 4, "4.6e-05"),
        (-1234.5, 3, "-1,230"),
        (0.0, 4, "0"),
        (math.nan, 4, "nan"),
        (math.inf, 4, "inf"),
    ],
)
def test_numbers_are_written_for_people(value, digits, text):
    assert written(value, digits) == text


def test_a_table_writes_large_numbers_without_an_exponent(capsys):
    table("numbers", ("name", "value"), [("rate", 11534.2), ("count", 130831), ("yes", True)])
    shown = capsys.readouterr().out
    assert "11,530" in shown
    assert "130,831" in shown


def test_a_reader_that_left_in_a_table_is_code_141_too():
    code = (
        "from molflow.console import run_program, table;"
        "run_program(lambda _: [table('x', ['a'], [['y' * 1000]] * 99) for _ in range(99)])"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"output closed\n"
    assert process.returncode == 141


def test_what_a_terminal_cannot_show_is_written_as_an_escape():
    code = (
        "import sys;from molflow.console import run_program, table;"
        "run_program(lambda _: [table('1.5\u00b11', ['a'], [['é']]), print('é', file=sys.stderr)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0
    assert b"1.5\\xb11" in done.stdout
    assert done.stderr == b"\\xe9\n"
