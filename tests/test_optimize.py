"""The program that optimises: its files, runs that go on, constraints, mistakes."""

from __future__ import annotations

import csv
import json
import sys

import pytest

import molflow
from molflow.claims import claimed
from molflow.console import run_program
from molflow.errors import InputError
from molflow.model.checkpoint import save_model
from molflow.optimize import main

START = ["CCO", "OCC", "c1ccccc1O", "NC(=O)c1ccccc1", "C1CC", "CC(N)C(=O)O", "CCOC(C)=O", "CCN"]
MOVES = "moves=mutate,crossover"


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "mine.smi"
    path.write_text("\n".join(START) + "\n")
    return f"start={path}"


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_spec, fresh):
    """A model that was never trained, of up to five atoms of C, N and O."""
    folder, law = tmp_path_factory.mktemp("model"), (0.0, 0.0, 0.25, 0.25, 0.25, 0.25)
    spec = tiny_spec(max_size=5, size_law=law)
    save_model(folder, fresh(spec), spec)
    return folder


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_writes_its_calls_its_best_and_its_page(tmp_path, start, capsys):
    out = tmp_path / "hunt"
    objective = "guidance.objective=qed:max,logp:2±1"
    main([objective, "calls=40", "batch=20", f"out={out}", start, MOVES])
    rows = table(out / "calls.csv")
    assert [int(row["number"]) for row in rows] == list(range(1, 41))
    assert len({row["smiles"] for row in rows}) == 40
    assert {row["move"] for row in rows} <= {"start", "mutate", "crossover"}
    best = table(out / "best.csv")
    assert [float(row["score"]) for row in best] == sorted(
        (float(row["score"]) for row in rows), reverse=True
    )
    record = json.loads((out / "run.json").read_text())
    assert record["reached"]["calls"] == 40
    assert record["reached"]["best"] == float(best[0]["score"])
    assert (out / "grid.png").stat().st_size > 1000
    assert (out / "best.sdf").read_text().count("$$$$") == 40
    page = (out / "report.html").read_text()
    for word in ("Course", "Moves", "Scaffolds", "Lineage of the best"):
        assert f"<h2>{word}</h2>" in page
    assert "40 of 40 calls" in capsys.readouterr().out


def test_a_run_that_is_there_is_not_overwritten_and_goes_on_by_resume(tmp_path, start):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    arguments = ["task=isomers_c7h8n2o2", "calls=40", "batch=20", start, MOVES, "report=false"]
    for out in (whole, cut):
        main([*arguments, f"out={out}"])
    with pytest.raises(InputError, match=r"calls.csv is there; resume= goes on"):
        main([*arguments, f"out={cut}"])
    lines = (cut / "calls.csv").read_text().splitlines(keepends=True)
    (cut / "calls.csv").write_text("".join(lines[:31]) + lines[31][:7])
    main([f"resume={cut}"])
    assert (cut / "calls.csv").read_text() == (whole / "calls.csv").read_text()


def test_the_config_of_a_run_makes_the_same_calls(tmp_path, start):
    main(["task=qed", "calls=20", "batch=20", f"out={tmp_path / 'a'}", start, MOVES, "seed=2"])
    main([f"config={tmp_path / 'a' / 'config.yaml'}", f"out={tmp_path / 'b'}", "report=false"])
    calls = [(tmp_path / name / "calls.csv").read_text() for name in ("a", "b")]
    assert calls[0] == calls[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calls=10"], "the score: needs one of task, guidance.objective"),
        (["task=qed", "guidance.objective=qed:max"], "the score: needs one of"),
        (["task=nothing"], "task='nothing': one of"),
        (["task=qed", "moves=dance"], "moves: 'dance'"),
        (["task=qed", "moves=fresh"], "need a model"),
        (["task=qed", "calls=0"], "calls=0: must be at least 1"),
        (["task=qed", "start=absent.smi"], "start='absent.smi': no such file"),
        (["resume=absent"], "resume=absent: no search there"),
        (["resume=absent", "calls=3"], "resume= takes the arguments of the run"),
        (["task=qed", "scaffold=CC", "start=absent.smi"], "start='absent.smi'"),
    ],
)
def test_mistakes_are_one_line_and_code_2(tmp_path, arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["optimize", *arguments, f"out={tmp_path}/x"][:99])
    if any(a.startswith("resume") for a in arguments):
        monkeypatch.setattr(sys, "argv", ["optimize", *arguments])
    with pytest.raises(SystemExit) as left:
        run_program(main)
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_the_module_is_a_function_too():
    search = molflow.optimize(None, calls=5, start=["CCO"], moves=("mutate",))
    assert search.ask() == ["CCO"]


def test_a_function_of_a_molecule_is_a_score_as_of_a_guide():
    search = molflow.optimize(
        None, lambda mol: mol.GetNumAtoms(), calls=2, start=["CC", "CCO"], moves=("mutate",)
    )
    assert [(call.asked.smiles, call.value) for call in search.calls] == [("CC", 2), ("CCO", 3)]


@pytest.mark.slow
def test_a_model_searches_and_holds_a_scaffold(tmp_path):
    from rdkit import Chem

    out = tmp_path / "hunt"
    main(
        [
            "checkpoint=qm9",
            "guidance.objective=qed:max",
            "calls=80",
            "batch=30",
            "first=30",
            "scaffold=c1ccncc1",
            "forbidden=F",
            "learn=2",
            f"out={out}",
        ]
    )
    rows = table(out / "calls.csv")
    assert len(rows) == 80
    pyridine = Chem.MolFromSmiles("c1ccncc1")
    assert all(Chem.MolFromSmiles(r["smiles"]).HasSubstructMatch(pyridine) for r in rows)
    assert not any("F" in row["smiles"] for row in rows)
    assert {"fresh", "regrow"} <= {row["move"] for row in rows}
    assert (out / "learned.safetensors").is_file()


@pytest.mark.slow
def test_a_model_that_learns_goes_on_as_the_whole_run_would_have(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    arguments = [
        "checkpoint=qm9",
        "task=qed",
        "calls=100",
        "batch=20",
        "first=20",
        "learn=2",
        "report=false",
    ]
    for out in (whole, cut):
        main([*arguments, f"out={out}"])
    lines = (cut / "calls.csv").read_text().splitlines(keepends=True)
    assert (whole / "calls.csv").read_text() == (cut / "calls.csv").read_text()
    (cut / "calls.csv").write_text("".join(lines[:-5]))
    main([f"resume={cut}"])
    assert (cut / "calls.csv").read_text() == (whole / "calls.csv").read_text()


def test_a_folder_is_one_search_at_a_time(tmp_path, start):
    with (
        claimed(tmp_path, "optimize"),
        pytest.raises(InputError, match=r"molflow.optimize \(process .* works there"),
    ):
        main(["task=qed", "calls=3", start, MOVES, f"out={tmp_path}"])
    main(["task=qed", "calls=3", start, MOVES, f"out={tmp_path}", "report=false"])
    assert not (tmp_path / "claim.json").exists()


def test_calls_in_a_row_without_a_score_end_a_search_and_are_kept(tmp_path, start):
    own = tmp_path / "own.py"
    own.write_text("def score(mol):\n    raise ValueError('no such assay')\n")
    out = tmp_path / "hunt"
    with pytest.raises(InputError, match=r"guidance.max_failures=3: .* no such assay"):
        main([f"guidance.score={own}:score", "guidance.max_failures=3", start, MOVES, f"out={out}"])
    assert [row["number"] for row in table(out / "calls.csv")] == ["1", "2", "3"]
    assert table(out / "best.csv") == []


def test_a_search_that_could_not_begin_leaves_its_folder_to_the_next(tmp_path, start):
    (tmp_path / "none.smi").write_text("xyz\n")
    out = f"out={tmp_path}/hunt"
    with pytest.raises(InputError, match="none of 1 can be used"):
        main(["task=qed", "calls=3", f"start={tmp_path}/none.smi", MOVES, out])
    main(["task=celecoxib_rediscovery", "calls=3", start, MOVES, out, "report=false"])
    assert len(table(tmp_path / "hunt" / "calls.csv")) == 3


@pytest.mark.parametrize(("marks", "kept"), [("once", 1), ("at_least_once", 3), ("optional", 4)])
def test_marks_of_a_scaffold_are_those_of_sampling(tmp_path, model, marks, kept):
    given = ["CNC", "CN(C)C", "CN(C)CC", "C=NC", "CCC"]
    (tmp_path / "mine.smi").write_text("\n".join(given))
    out = tmp_path / "hunt"
    asked = [f"checkpoint={model}", f"start={tmp_path}/mine.smi", f"calls={kept}", MOVES]
    main([*asked, "task=qed", "scaffold=[*:1]NC", f"marks={marks}", f"out={out}", "report=false"])
    expected = ["CNC", "CN(C)C", "CCN(C)C", "C=NC"][:kept]
    assert [row["smiles"] for row in table(out / "calls.csv")] == expected
