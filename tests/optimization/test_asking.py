"""Scores from processes and from a Dask cluster are those of this process; failures are told."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from molflow.chem.objective import parse_objective
from molflow.errors import InputError
from molflow.optimization.asking import Cluster, Here, ScoreRecipe, Workers, open_asker

SMILES = ["CCO", "c1ccccc1", "CC(N)C(=O)O", "CCCCC"]
TEXT = "qed:max,logp:2.5±0.5"
CODE = """
import os, time

def score(mol):
    n = mol.GetNumAtoms()
    if n == 2:
        raise ValueError("two atoms")
    if n == 4:
        time.sleep(60)
    if n == 5:
        return "five"
    return n / 10
"""


@pytest.fixture
def own(tmp_path: Path) -> ScoreRecipe:
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return ScoreRecipe(score=f"{path}:score", seconds=2.0)


def expected():
    return parse_objective(TEXT).score_many([_mol(smiles) for smiles in SMILES])


def _mol(smiles):
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


def test_an_objective_is_asked_here_with_its_parts():
    asker = open_asker(ScoreRecipe(TEXT), 1, None)
    assert isinstance(asker, Here)
    with closing(asker):
        assert list(asker.ask(SMILES)) == list(enumerate(expected()))


def test_what_raises_hangs_or_gives_no_number_is_told_and_the_others_go_on(own):
    with closing(open_asker(own, 1, None)) as asker:
        found = dict(asker.ask(["C", "CC", "CCC", "CCCC", "CCCCC", "CCCCCC"]))
    assert [round(found[i].total, 3) for i in (0, 2, 5)] == [0.1, 0.3, 0.6]
    assert "two atoms" in (found[1].error or "")
    assert "took more than 2 s" in (found[3].error or "")
    assert "returned str, not a number" in (found[4].error or "")


def test_no_score_is_told():
    with pytest.raises(InputError, match=r"an objective or guidance\.score is needed"):
        open_asker(ScoreRecipe(), 1, None)


@pytest.mark.slow
def test_processes_give_the_scores_of_this_one():
    with closing(open_asker(ScoreRecipe(TEXT), 2, None)) as asker:
        assert isinstance(asker, Workers)
        found = dict(asker.ask(SMILES))
    assert [found[i] for i in range(len(SMILES))] == expected()


@pytest.mark.slow
def test_a_molecule_whose_process_dies_is_told_and_the_others_are_scored(own, monkeypatch):
    path = Path((own.score or "").rpartition(":")[0])
    path.write_text(
        "import os, signal\n"
        "def score(mol):\n"
        "    if mol.GetNumAtoms() == 2:\n"
        "        os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return mol.GetNumAtoms() / 10\n"
    )
    with closing(Workers(own, 2)) as asker:
        found = dict(asker.ask(["C", "CC", "CCC"]))
    assert found[1].error == "its process died"
    assert [found[i].total for i in (0, 2)] == [0.1, 0.3]


@pytest.fixture
def scheduler(tmp_path):
    """A Dask scheduler and two workers on the loopback; its address."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    place = tmp_path / "scheduler.json"
    root = str(Path(__file__).parents[2])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": root}
    common = ["--scheduler-file", str(place)]
    begin = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    server = subprocess.Popen([*begin, "--port", "0", "--no-dashboard", *common], **quiet)
    begin = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1"]
    workers = [
        subprocess.Popen([*begin, "--no-dashboard", "--no-nanny", *common], **quiet)
        for _ in range(2)
    ]
    try:
        for _ in range(600):
            if place.exists():
                break
            time.sleep(0.1)
        import json

        yield json.loads(place.read_text())["address"]
    finally:
        for process in (*workers, server):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_dask_cluster_gives_the_scores_of_this_process(scheduler):
    with closing(open_asker(ScoreRecipe(TEXT), 1, scheduler)) as asker:
        assert isinstance(asker, Cluster)
        asker.client.wait_for_workers(2, timeout=60)
        found = dict(asker.ask(SMILES))
        again = dict(asker.ask(SMILES[:1]))
    assert [found[i] for i in range(len(SMILES))] == expected()
    assert again[0] == found[0]


@pytest.mark.slow
def test_failures_on_a_dask_cluster_are_told(scheduler, own):
    with closing(Cluster(own, scheduler)) as asker:
        found = dict(asker.ask(["C", "CC", "CCC"]))
    assert "two atoms" in (found[1].error or "")
    assert [found[i].total for i in (0, 2)] == [0.1, 0.3]


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr("molflow.optimization.asking.CONNECT_SECONDS", 2.0)
    with pytest.raises(InputError, match="no scheduler answers"):
        open_asker(ScoreRecipe(TEXT), 1, "tcp://127.0.0.1:9")
