"""Mistakes of a command line are told before torch is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import molflow

SCORED = ["checkpoint=qm9", "guidance=best_of", "guidance.invalid=0"]
MISTAKES = [
    ("sample", ["checkpoint=qm9", "guidnce=best_of"], "unknown key 'guidnce'"),
    ("sample", ["checkpoint=qm9", "n=none"], "n='none'"),
    ("sample", ["checkpoint=nowhere"], "checkpoint=nowhere: no such folder"),
    ("sample", ["checkpoint=qm9", "elements=N2"], "elements='N2'"),
    ("sample", [*SCORED, "guidance.score=no.py:f"], "score: 'no.py' is no file"),
    ("sample", [*SCORED, "guidance.objective=qeed:max"], "did you mean qed?"),
    ("sample", [*SCORED, "guidance.components=no.yaml"], "objective 'no.yaml'"),
    ("evaluate", ["samples=no.csv", "reference=qm9"], "samples='no.csv': no such file"),
    ("evaluate", ["checkpoint=nowhere"], "checkpoint=nowhere: no such folder"),
    ("evaluate", ["checkpoint=qm9", "reference=qm8"], "reference='qm8': one of qm9"),
    ("check", ["checkpoint=nowhere"], "checkpoint=nowhere: no such folder"),
    ("train", ["dataset=smiles_file", "dataset.path=no.csv"], "cannot read 'no.csv'"),
    ("train", ["checkpoint=nowhere"], "checkpoint=nowhere: no such folder"),
    ("train", ["resume=nowhere"], "resume=nowhere: not a run folder"),
]
PROGRAM = """
import json, sys
from importlib import import_module
from molflow.errors import InputError
told = []
for program, arguments, _ in json.loads(sys.argv[1]):
    try:
        import_module(f"molflow.{program}").main(arguments)
        told.append("nothing")
    except InputError as error:
        told.append(f"{error}{' after torch' if 'torch' in sys.modules else ''}")
import molflow
try:
    molflow.load("nowhere")
except InputError as error:
    told.append(f"{error}{' after torch' if 'torch' in sys.modules else ''}")
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the programs say of MISTAKES, one behind the other; last what molflow.load says."""
    folder: Path = tmp_path_factory.mktemp("empty")
    command = [sys.executable, "-c", PROGRAM, json.dumps(MISTAKES)]
    # Of the molflow that is tested, whatever is installed.
    here = {**os.environ, "PYTHONPATH": str(Path(molflow.__file__).parents[1])}
    done = subprocess.run(
        command, cwd=folder, env=here, capture_output=True, text=True, timeout=120
    )
    assert list(folder.iterdir()) == []
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("place", range(len(MISTAKES)))
def test_a_mistake_is_told_before_torch_is_imported(told, place):
    assert MISTAKES[place][2] in told[place]
    assert "after torch" not in told[place]


def test_a_model_that_is_not_there_is_told_before_torch_is_imported(told):
    assert told[-1].startswith("checkpoint=nowhere: no such folder")
    assert "after torch" not in told[-1]
