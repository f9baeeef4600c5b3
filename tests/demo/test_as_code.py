"""The command and the Python of a run, word for word, and that they make its molecules again."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import molflow
from molflow.config import GuidanceConfig, SampleConfig, load_config
from molflow.demo.answers import Answers
from molflow.demo.as_code import command, python
from molflow.demo.asking import Asked, Goal, config_of
from molflow.demo.making import offers

ROOT = Path(molflow.__file__).parents[1]
PLAIN = SampleConfig(checkpoint="qm9", n=24, steps=1)
FULL = SampleConfig(
    checkpoint="my models/new",
    n=8,
    steps=4,
    method="renoised",
    noise_scale="pairs=0.75",
    seed=3,
    scaffold="[*:1]C/C=C\\C",
    marks="optional",
    guidance=GuidanceConfig(
        method="search",
        objective="qed:max,logp:1..2.5*2",
        particles=4,
        condition="qed=0.6",
        weight=2.0,
    ),
)


def test_a_plain_run_is_a_short_command():
    assert command(PLAIN) == "python -m molflow.sample checkpoint=qm9 n=24 steps=1 seed=0"


def test_a_plain_run_is_short_python():
    assert python(PLAIN).splitlines() == [
        "import molflow",
        "",
        'model = molflow.load("qm9")',
        "samples = model.sample(",
        "    24,",
        "    steps=1,",
        "    seed=0,",
        ")",
        'samples.save("samples")',
    ]


def test_everything_that_differs_from_the_usual_is_in_the_command():
    words = shlex.split(command(FULL).replace("\\\n", ""))
    assert words[3:] == [
        "checkpoint=my models/new",
        "n=8",
        "steps=4",
        "method=renoised",
        "noise_scale=pairs=0.75",
        "seed=3",
        "scaffold=[*:1]C/C=C\\C",
        "marks=optional",
        "guidance=search",
        "guidance.objective=qed:max,logp:1..2.5*2",
        "guidance.particles=4",
        "guidance.condition=qed=0.6",
        "guidance.weight=2.0",
    ]
    assert max(map(len, command(FULL).splitlines())) <= 90


def test_the_command_reads_back_as_the_same_configuration():
    words = shlex.split(command(FULL).replace("\\\n", ""))
    assert load_config("sample", words[3:]) == FULL


def test_everything_that_differs_from_the_usual_is_in_the_python():
    assert python(FULL).splitlines()[4:-2] == [
        "    8,",
        '    molflow.Route(4, "renoised", noise_scale={"pairs": 0.75}),',
        "    seed=3,",
        '    constraint=molflow.Constraint(scaffold="[*:1]C/C=C\\\\C", marks="optional"),',
        '    guide=molflow.guide("search", "qed:max,logp:1..2.5*2", particles=4),',
        '    condition={"qed": 0.6},',
        "    weight=2.0,",
    ]


def test_a_method_needs_no_route():
    config = SampleConfig(checkpoint="zinc250k", n=4, steps=16, method="euler_ancestral")
    assert '    method="euler_ancestral",' in python(config).splitlines()


ASKED = {
    "plain": {},
    "noise": {"noise_scale": 0.75, "noise_of": "pairs", "method": "euler_ancestral", "seed": 5},
    "scaffold": {"scaffold": "[*]CC", "marks": "at_least_once"},
    "condition": {"condition": {"qed": 0.5}, "weight": 2.0},
    "score": {"goals": (Goal("qed", "high", 0, 1),), "guide": "particles", "walks": 3},
    "search": {"goals": (Goal("logp", "range", 0, 1, 2.0),), "guide": "search", "walks": 2},
}


@pytest.mark.parametrize("changes", ASKED.values(), ids=ASKED)
def test_the_python_makes_the_molecules_of_the_page(
    answers, model_folder, last_made, monkeypatch, tmp_path, changes
):
    monkeypatch.chdir(tmp_path)
    asked = Asked(str(model_folder), 20, 2, **changes)
    made = last_made(answers, asked)
    names: dict[str, Any] = {}
    exec(python(config_of(asked, answers.specs)), names)
    assert names["samples"].smiles == made.samples.smiles
    assert names["samples"].table() == made.samples.table()
    assert (tmp_path / "samples" / "samples.csv").is_file()


def test_the_python_makes_the_molecules_of_a_released_model(last_made, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    answers = Answers(offers())
    goals = (Goal("logp", "range", 0, 2), Goal("qed", "high", 0, 1, 2.0))
    asked = Asked(
        "qm9", 12, 2, noise_scale=0.75, scaffold="[*:1]C1CC1", guide="best_of", walks=2, goals=goals
    )
    made = last_made(answers, asked)
    names: dict[str, Any] = {}
    exec(python(config_of(asked, answers.specs)), names)
    assert names["samples"].table() == made.samples.table()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "scaffold", "search"])
def test_the_command_makes_the_molecules_of_the_page(
    answers, model_folder, last_made, tmp_path, kind
):
    asked = Asked(str(model_folder), 20, 2, **ASKED[kind])
    made = last_made(answers, asked)
    words = shlex.split(command(config_of(asked, answers.specs)).replace("\\\n", ""))
    subprocess.run(
        [sys.executable, *words[1:], "report=false", "out=samples"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    with (tmp_path / "samples" / "samples.csv").open(newline="") as file:
        found = [row["as_made"] for row in csv.DictReader(file)]
    assert found == made.samples.table()["as_made"]
