"""A user's scoring file runs apart: whatever it does, the run goes on and says what happened."""

import math
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

from molflow.chem.objective import parse_objective
from molflow.chem.score_worker import Plain, number
from molflow.chem.scoring import ScoreFile, Scorer, open_score, read_score
from molflow.errors import InputError

SMILES = ["C", "CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CCCCCCC", "CCCCCCCC"]
MOLS = [Chem.MolFromSmiles(smiles) for smiles in SMILES]

FICKLE = """
import os, sys, time
import numpy as np

def score(mol):
    n = mol.GetNumAtoms()
    print("noise on stdout")
    if n == 2:
        raise ValueError("no such\\nluck")
    if n == 3:
        time.sleep(60)
    if n == 4:
        return float("nan")
    if n == 5:
        return "5"
    if n == 6:
        os._exit(7)
    if n == 7:
        sys.exit("enough")
    return np.float32(-n)
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write_file(content: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(content)
        return path

    return write_file


@pytest.fixture(scope="module")
def fickle(tmp_path_factory: pytest.TempPathFactory):
    """The scores that FICKLE gives to MOLS, within a second each."""
    path = tmp_path_factory.mktemp("fickle") / "fickle.py"
    path.write_text(FICKLE)
    with ScoreFile(path, "score", timeout=1.0) as scorer:
        return scorer.score_many(MOLS)


def test_the_score_is_used_as_it_is(fickle) -> None:
    assert [scored.total for scored in fickle if scored.error is None] == [-1, -8]
    assert fickle[7].values == fickle[7].desirabilities == (-8,)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        (1, "score: ValueError: no such luck (line 9)"),
        (2, "score: took more than 1 s"),
        (3, "score: returned nan"),
        (4, "score: returned str, not a number"),
        (5, "score: ended its process (exit code 7)"),
        (6, "score: SystemExit: enough (line 19)"),
    ],
)
def test_what_goes_wrong_is_the_molecules_error_and_the_run_goes_on(
    fickle, place: int, error: str
) -> None:
    assert fickle[place].error == error
    assert math.isnan(fickle[place].total)


def test_molecules_arrive_with_their_atoms_in_order(write) -> None:
    path = write("def first(mol):\n    return mol.GetAtomWithIdx(0).GetAtomicNum()")
    with open_score(f"{path}:first") as scorer:
        assert scorer.score(Chem.MolFromSmiles("OCC")).total == 8
        assert scorer.score(Chem.MolFromSmiles("CCO")).total == 6
        assert scorer.names == ("first",)


def test_one_process_serves_all_molecules(write) -> None:
    path = write("import os\ndef score(mol):\n    return os.getpid()")
    with open_score(f"{path}:score") as scorer:
        totals = {scored.total for scored in scorer.score_many(MOLS)}
    assert len(totals) == 1
    assert totals != {os.getpid()}


def test_closing_ends_the_process(write) -> None:
    path = write("import os\ndef score(mol):\n    return os.getpid()")
    with open_score(f"{path}:score") as scorer:
        pid = int(scorer.score(MOLS[0]).total)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


HANGING = """
import subprocess, time

def score(mol):
    with open({pipe!r}, "wb") as pipe:
        subprocess.Popen(["sleep", "60"], stdout=pipe)
        time.sleep(60)
"""


def test_a_timeout_ends_the_process_and_what_it_started(write, tmp_path: Path) -> None:
    """A pipe that has no writer left is at its end; one that has is not ready to be read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    path = write(HANGING.format(pipe=str(pipe)))
    with ScoreFile(path, "score", timeout=1.0, start=5.0) as scorer:
        assert scorer.score(MOLS[0]).error == "score: took more than 5 s"
        os.set_blocking(reader, True)
        assert select.select([reader], [], [], 20)[0], "a process is still alive"
        assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_hanging_function_ends_with_the_program_that_asked(write, tmp_path: Path) -> None:
    """The process inherits stderr, whose end `run` waits for."""
    asked = tmp_path / "asked"
    path = write(
        f"import pathlib, time\n"
        f"def score(mol):\n    pathlib.Path({str(asked)!r}).touch()\n    time.sleep(60)"
    )
    code = (
        "import os, sys, threading, time; from pathlib import Path; from rdkit import Chem\n"
        "from molflow.chem.scoring import ScoreFile\n"
        "scorer = ScoreFile(Path(sys.argv[1]), 'score')\n"
        "threading.Thread(target=scorer.score, args=(Chem.MolFromSmiles('C'),)).start()\n"
        "while not Path(sys.argv[2]).exists():\n    time.sleep(0.02)\n"
        "os._exit(3)"
    )
    command = [sys.executable, "-c", code, str(path), str(asked)]
    assert subprocess.run(command, stderr=subprocess.PIPE, timeout=30).returncode == 3


def test_the_file_may_import_its_neighbours(write, tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("VALUE = 3")
    path = write("from neighbour import VALUE\ndef score(mol):\n    return VALUE")
    with open_score(f"{path}:score") as scorer:
        assert scorer.score(MOLS[0]).total == 3


@pytest.mark.parametrize(
    ("content", "function", "message"),
    [
        ("def other(mol):\n    return 1", "score", "no function 'score', only other"),
        ("", "score", "no function 'score', only none at all"),
        ("score = 3", "score", "'score' is no function"),
        ("import nothing_of_this_name", "score", r"ModuleNotFoundError.*\(line 1\)"),
        ("def score(mol:\n    return", "score", "SyntaxError"),
        ("import sys; sys.exit(3)", "score", "SystemExit: 3"),
        ("import os; os._exit(3)", "score", r"ended its process \(exit code 3\)"),
    ],
)
def test_a_file_without_the_function_is_refused(
    write, content: str, function: str, message: str
) -> None:
    path = write(content)
    with pytest.raises(InputError, match=message) as caught:
        open_score(f"{path}:{function}")
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mine.py", "score='mine.py': expected path.py:function"),
        ("mine.py:", "expected path.py:function"),
        (":score", "expected path.py:function"),
        ("mine.py:a b", "expected path.py:function"),
        ("nowhere.py:score", "'nowhere.py' is no file"),
    ],
)
def test_a_text_that_names_no_function_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_score(text)


def test_a_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError, match=r"a \.py file is needed"):
        open_score(f"{tmp_path / 'mine.txt'}:score")


def test_an_objective_is_a_scorer_too(write) -> None:
    scorers: list[Scorer] = [parse_objective("atoms:<=1"), open_score(_one(write))]
    for scorer in scorers:
        scored = scorer.score_many(MOLS[:2])
        scorer.close()
        assert [len(one.values) for one in scored] == [len(scorer.names)] * 2
    assert [scorer.describe() for scorer in scorers] == [
        "geometric mean of atoms:<=1",
        "score of mine.py",
    ]


def _one(write) -> str:
    return f"{write('def score(mol): return 1')}:score"


def test_a_timeout_must_be_positive(write) -> None:
    with pytest.raises(InputError, match="more than 0 seconds"):
        ScoreFile(write(""), "score", timeout=0)
    with pytest.raises(InputError, match="start=0: must be more than 0 seconds"):
        ScoreFile(write(""), "score", start=0)


TEXTS = ["", "one\ntwo\r\n\tthree", "héllo wörld", "日本 🐈", 'a "quoted", \\n text', "x" * 100_000]


def test_a_text_arrives_as_it_is(write, tmp_path: Path):
    got = tmp_path / "got.txt"
    path = write(
        f"def score(text):\n    with open({str(got)!r}, 'a') as file:\n"
        "        file.write(ascii(text) + chr(10))\n    return len(text)\n"
    )
    with open_score(f"{path}:score") as scorer:
        scored = scorer.score_many(TEXTS)
    assert got.read_text().splitlines() == [ascii(text) for text in TEXTS]
    assert [one.total for one in scored] == [0, 15, 11, 4, 19, 100_000]
    assert all(one.error is None for one in scored)


def test_texts_and_molecules_may_take_turns(write):
    path = write("def score(one):\n    return len(one) if isinstance(one, str) else 99\n")
    with open_score(f"{path}:score") as scorer:
        found = scorer.score_many(["C", Chem.MolFromSmiles("C"), "CC\n"])
    assert [one.total for one in found] == [1, 99, 3]


def test_a_text_on_which_the_function_fails_costs_no_other(write):
    path = write("def score(text):\n    return 1 / text.count('a')\n")
    with open_score(f"{path}:score") as scorer:
        found = scorer.score_many(["aa", "b", "a"])
    assert [one.total for one in found] == [0.5, pytest.approx(math.nan, nan_ok=True), 1]
    assert found[1].error == "score: ZeroDivisionError: division by zero (line 2)"


def test_the_first_call_has_a_limit_of_its_own(write):
    path = write(
        "import time\nmodel = None\n"
        "def score(mol):\n    global model\n    if model is None:\n"
        "        time.sleep(1.5); model = 1\n    return mol.GetNumAtoms()\n"
    )
    with ScoreFile(path, "score", timeout=0.5, start=60) as scorer:
        assert [one.error for one in scorer.score_many(MOLS[:3])] == [None] * 3


def test_after_the_first_call_every_molecule_has_the_usual_limit(write):
    path = write(
        "import time\n"
        "def score(mol):\n    time.sleep(60 * (mol.GetNumAtoms() == 2))\n    return 1\n"
    )
    with ScoreFile(path, "score", timeout=1, start=60) as scorer:
        assert [one.error for one in scorer.score_many(MOLS[:2])] == [
            None,
            "score: took more than 1 s",
        ]


def test_a_process_that_never_answers_is_not_started_in_vain(write, tmp_path):
    started = tmp_path / "started"
    path = write(
        f"import os\nopen({str(started)!r}, 'a').write('x')\ndef score(mol):\n    os._exit(3)\n"
    )
    with open_score(f"{path}:score") as scorer, pytest.raises(InputError, match="3 processes"):
        scorer.score_many(MOLS)
    assert started.read_text() == "xxx"


@pytest.mark.parametrize(
    "result",
    ["np.array([0.5])", "np.array(0.5)", "torch.tensor(0.5)", "torch.tensor([[0.5]])"],
)
def test_arrays_and_tensors_of_one_element_are_numbers(result):
    made = eval(result, {"np": np, "torch": torch})
    assert number(made) == 0.5


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("np.array([0.5, 0.6])", "returned ndarray of several numbers"),
        ("torch.tensor([0.5, 0.6])", "returned Tensor of several numbers"),
        ("np.array(['0.5'])", "returned ndarray, not a number"),
        ("[0.5]", "returned list, not a number"),
        ("1j", "returned complex, not a number"),
        ("np.array([float('nan')])", "returned nan"),
    ],
)
def test_what_is_no_number_is_said_to_be_none(result, message):
    with pytest.raises(Plain, match=message):
        number(eval(result, {"np": np, "torch": torch}))


@pytest.mark.parametrize("place", ["~nobody-of-that-name/own.py", "x" * 300 + ".py"])
def test_a_place_where_no_file_can_be_is_one_line(place):
    with pytest.raises(InputError, match=r"^score"):
        read_score(f"{place}:score")
