"""The sampling program with guidance and constraints: before and after, scores, what is kept."""

import csv
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from rdkit import Chem
from torch import Tensor

from molflow import sample as sample_module
from molflow.chem.aggregation import Scored
from molflow.chem.describing import DESCRIBED
from molflow.chem.molecule import check_many, read_smiles, to_graph
from molflow.chem.objective import Objective, parse_objective
from molflow.chem.scoring import ScoreFile
from molflow.config import load_config
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.generator import Generator
from molflow.guidance import surrogate
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import BestOf
from molflow.guidance.surrogate import Surrogate
from molflow.model.checkpoint import save_model
from molflow.sample import SampleTask, at_once, main
from molflow.samples import Samples
from molflow.sampling.walk import Walk

pytestmark = pytest.mark.usefixtures("composed_once")

OBJECTIVE = "logp:-0.5±0.5,tpsa:<30*2"
PARTICLES = "guidance.particles=4"
FUNCTION = """
def score(mol):
    if mol.GetNumAtoms() < 3:
        raise ValueError("too small")
    return 10.0 * mol.GetNumAtoms()
"""
RAISED = "score: ValueError: too small (line 4)"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, perturbed, fresh, tiny_spec) -> Path:
    """A model that was never trained and makes valid and invalid molecules, of up to four atoms."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, perturbed(fresh(tiny_spec()), seed=9, size=0.3), tiny_spec())
    return folder


def run(checkpoint: Path, out: Path, *arguments: str) -> None:
    main([f"checkpoint={checkpoint}", f"out={out}", "n=30", "steps=3", *arguments])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text("utf-8"))


def strict(row: dict[str, str]) -> bool:
    return row["reason"] == ""


@pytest.fixture(scope="module")
def guided(checkpoint, tmp_path_factory) -> Path:
    """The folder of a sampling by particles. Not to be changed."""
    folder = tmp_path_factory.mktemp("guided")
    run(checkpoint, folder, "guidance=particles", f"guidance.objective={OBJECTIVE}", PARTICLES)
    return folder


@pytest.fixture
def score_file(tmp_path) -> str:
    (tmp_path / "mine.py").write_text(FUNCTION)
    return f"guidance.score={tmp_path / 'mine.py'}:score"


def test_the_csv_has_the_score_its_parts_and_the_error(guided):
    assert list(rows(guided)[0])[6:] == [
        "score",
        "logp",
        "logp_desirability",
        "tpsa",
        "tpsa_desirability",
        "error",
        "qed",
        "sa",
        "mw",
        "as_made",
    ]


def test_the_scores_of_a_row_are_those_of_its_molecule(guided):
    objective = parse_objective(OBJECTIVE)
    valid = [row for row in rows(guided) if strict(row)]
    assert len({row["smiles"] for row in valid}) > 1
    for row in valid:
        found = objective.score(Chem.MolFromSmiles(row["smiles"]))
        assert float(row["score"]) == pytest.approx(found.total)
        assert float(row["logp"]) == pytest.approx(found.values[0])
        assert float(row["tpsa_desirability"]) == pytest.approx(found.desirabilities[1])
        assert row["error"] == ""


def test_an_attempt_that_is_not_strictly_valid_stays_without_a_score(checkpoint, tmp_path):
    arguments = ("guidance=best_of", "guidance.objective=qed:max", "guidance.particles=1")
    run(checkpoint, tmp_path, *arguments)
    table = rows(tmp_path)
    assert len(table) == 30
    assert {strict(row) for row in table} == {True, False}
    for row in table:
        assert (row["score"] == "") == (not strict(row))


def test_the_sdf_has_the_scores_of_the_csv(guided):
    mols = Chem.SDMolSupplier(str(guided / "samples.sdf"))
    scores = {row["index"]: float(row["score"]) for row in rows(guided) if strict(row)}
    tags = {mol.GetProp("index"): float(mol.GetProp("score")) for mol in mols}
    assert tags == pytest.approx(scores, rel=1e-5)


def test_the_record_has_the_numbers_before_and_after_and_what_guidance_cost(guided):
    found = record(guided)
    totals = {row["smiles"]: float(row["score"]) for row in rows(guided) if strict(row)}
    assert found["metrics"]["mean_score"] == pytest.approx(sum(totals.values()) / len(totals))
    assert found["metrics"]["scored"] == len(totals)
    assert set(found["unguided"]["metrics"]) == set(found["metrics"])
    assert found["unguided"]["metrics"]["mean_score"] < found["metrics"]["mean_score"]
    assert (found["unguided"]["evaluations_per_molecule"], found["evaluations_per_molecule"]) == (
        3,
        12,
    )
    guidance = found["guidance"]
    assert guidance["objective"] == "geometric mean of logp:-0.5±0.5, tpsa:<30*2"
    assert (guidance["method"], guidance["particles"], guidance["strength"]) == (
        "particles",
        4,
        20.0,
    )
    assert guidance["looks"] == 12
    assert len(guidance["by_time"]) == 3
    assert guidance["scored_molecules"] >= guidance["calls"] > 0


def test_the_control_is_an_unguided_sampling_of_the_same_walk(checkpoint, guided, tmp_path):
    run(checkpoint, tmp_path, "method=renoised", "noise=1")
    plain, control = record(tmp_path), record(guided)["unguided"]
    assert plain["walk"] == record(guided)["walk"]
    assert plain["reasons"] == control["reasons"]
    assert plain["metrics"].items() <= control["metrics"].items()


def test_the_tables_show_before_after_and_what_it_took(checkpoint, tmp_path, capsys):
    arguments = ("guidance=gradient", "guidance.objective=qed:max", "guidance.draws=2")
    run(checkpoint, tmp_path, *arguments)
    shown = capsys.readouterr().out
    assert "30 molecules, 3 euler steps, seed 0, guided toward qed:max" in shown
    assert "┃ metric             ┃ unguided ┃  guided ┃" in shown
    for name in ("mean_score", "top_score", "strict_valid", "vu", "internal_diversity"):
        assert f"│ {name} " in shown
    numbers = record(tmp_path)
    before, after = numbers["unguided"]["metrics"]["scored"], numbers["metrics"]["scored"]
    assert f"have one, {before} unguided and {after} guided; top_score is the mean" in shown
    for words in ("molecules judged on the way", "calls of the score", "share of looks by the"):
        assert words in shown
    assert "with report.html" in shown


def test_a_cap_that_is_reached_is_said_and_what_came_out_is_scored_all_the_same(
    checkpoint, tmp_path, capsys
):
    capped = ("guidance=best_of", "guidance.objective=qed:max", "guidance.max_calls=2", PARTICLES)
    run(checkpoint, tmp_path, *capped)
    found = record(tmp_path)["guidance"]
    assert (found["calls"], found["max_calls"]) == (2, 2)
    assert found["unasked"] > 0
    said = (
        f"max_calls=2 was reached: {found['unasked']:.0f} distinct molecules were not asked about"
    )
    assert said in capsys.readouterr().out
    assert all(row["score"] != "" for row in rows(tmp_path) if strict(row))


class Half(Surrogate):
    """A surrogate that says 0.5 of everything and could not be tried."""

    def __call__(self, x: State) -> Tensor:
        return 0.5 + 0 * x.values["atoms"].sum((1, 2))


def test_what_a_surrogate_says_stands_beside_every_score_and_its_accuracy_in_the_record(
    checkpoint, tmp_path, monkeypatch, capsys
):
    half = Half(None, {"total": (math.nan, math.nan)}, 7)
    monkeypatch.setattr(surrogate, "surrogate_for", lambda *_: half)
    monkeypatch.setattr(sample_module, "training_of", lambda spec: ({"C"}, ["C"], ""))
    run(checkpoint, tmp_path, "guidance=surrogate", "guidance.objective=qed:max")
    table, numbers = rows(tmp_path), record(tmp_path)["guidance"]
    assert [row["surrogate"] for row in table] == ["0.5"] * 30
    true = sum(float(row["score"]) if strict(row) else -0.01 for row in table) / 30
    assert (numbers["predicted"], numbers["gap"]) == (0.5, pytest.approx(0.5 - true))
    assert (numbers["fit_calls"], numbers["r2"], numbers["spearman"]) == (7, None, None)
    assert "by how much that exceeds the true one" in capsys.readouterr().out


def test_a_surrogate_without_its_training_molecules_is_refused_before_the_sampling(
    checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(sample_module, "training_of", lambda spec: (None, None, "no training set"))
    monkeypatch.setattr(Generator, "follow", None)
    with pytest.raises(InputError, match="guidance=surrogate: no training set"):
        run(checkpoint, tmp_path, "guidance=surrogate", "guidance.objective=qed:max")


class Atoms:
    """A scorer whose score is the number of atoms."""

    names = ("atoms",)

    def describe(self) -> str:
        return "atoms"

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        return [Scored(n, (n,), (n,)) for n in (mol.GetNumAtoms() for mol in mols)]

    def close(self) -> None:
        pass


def test_before_and_after_equal_the_numbers_worked_out_by_hand(tiny_spec):
    walk, spec = Walk("flow_map", (0.0, 1.0)), tiny_spec()

    def follow(walk: Walk, crowd: None, guide: Guide | None = None) -> Samples:
        smiles = ["C", "CC", "CC", "C.C"] if guide is None else ["CCC", "CCCC", "CCC", "CCO"]
        graphs = [to_graph(read_smiles(one), spec.vocabulary) for one in smiles]
        return Samples(graphs, check_many(graphs, spec.vocabulary), spec, walk, 1.0, 1.0)

    config = load_config("sample", ["checkpoint=none", "n=4"])
    stub = SimpleNamespace(follow=follow, spec=spec, crowd=lambda *_: None)
    task = SampleTask(config, stub, walk, None, None)
    result = at_once(task, Guide(BestOf(1), Atoms()))
    assert result.before["mean_score"] == 1.5
    assert result.before["top_score"] == 2
    assert result.before["strict_valid"] == 0.75
    assert result.before["vu"] == 0.5
    assert result.metrics["mean_score"] == pytest.approx(10 / 3)
    assert result.metrics["top_score"] == 4
    assert result.metrics["unique"] == 0.75
    assert [s.total for s in result.run.scores] == [3, 4, 3, 3]
    assert [s and s.total for s in result.control.scores] == [1, 2, 2, None]


def test_a_function_that_raises_ends_well_with_its_errors_listed(
    checkpoint, tmp_path, score_file, capsys
):
    arguments = ("guidance=best_of", "guidance.particles=2", score_file, "guidance.invalid=-1")
    run(checkpoint, tmp_path / "out", *arguments)
    shown = capsys.readouterr().out
    assert "molecules asked about have no score" in shown
    assert f"│ {RAISED} " in shown
    found = record(tmp_path / "out")["guidance"]
    assert found["objective"] == "score of mine.py"
    assert list(found["errors"]) == [RAISED]
    table = rows(tmp_path / "out")
    assert list(table[0])[6:] == ["score", "error", *DESCRIBED, "as_made"]
    for row in filter(strict, table):
        size = Chem.MolFromSmiles(row["smiles"]).GetNumAtoms()
        failed = size < 3
        assert row["error"] == (RAISED if failed else "")
        assert row["score"] == ("" if failed else str(10.0 * size))


def test_a_score_that_always_fails_stops_the_run_and_leaves_what_was_asked(checkpoint, tmp_path):
    (tmp_path / "mine.py").write_text("def score(mol):\n    return 1 / 0\n")
    out, score = tmp_path / "out", f"guidance.score={tmp_path / 'mine.py'}:score"
    options = ("guidance=best_of", "guidance.invalid=-1", "guidance.max_failures=2", score)
    with pytest.raises(InputError, match=r"max_failures=2: .*ZeroDivisionError"):
        run(checkpoint, out, *options)
    with (out / "scored.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 2
    assert {row["error"] for row in table} == {
        "score: ZeroDivisionError: division by zero (line 2)"
    }
    assert not (out / "run.json").exists()


@pytest.mark.parametrize("broken", [False, True])
def test_the_scorer_is_closed_in_every_case(checkpoint, tmp_path, score_file, monkeypatch, broken):
    closed = []
    monkeypatch.setattr(ScoreFile, "close", lambda self: (closed.append(self), self.worker.end()))
    arguments = ("guidance=best_of", "guidance.particles=1", score_file, "guidance.invalid=-1")
    if broken:
        with pytest.raises(InputError):
            run(checkpoint, tmp_path / "out", *arguments, "scaffold=FC")
    else:
        run(checkpoint, tmp_path / "out", *arguments, "n=2")
    assert len(closed) == 1


def test_texts_arrive_from_the_shell_as_they_were_written():
    texts = {
        "scaffold": "[*:1]c1ccncc1",
        "elements": "N:2,O:1",
        "out": "a = b, {c}",
        "guidance.objective": "qed:max,logp:2.5±0.5,sa:<3",
        "guidance.score": "path.py:function",
    }
    code = (
        "import json, sys; from molflow import config, sample;"
        "sample.sample = lambda c, arguments: print(json.dumps(config.to_plain(c)));"
        "sample.main(sys.argv[1:])"
    )
    arguments = ["checkpoint=x", *(f"{name}={text}" for name, text in texts.items())]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    config = json.loads(done.stdout)
    found = {**config, **{f"guidance.{name}": x for name, x in config["guidance"].items()}}
    assert {name: found[name] for name in texts} == texts


def test_constraints_have_columns_and_all_that_is_held_is_kept(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path, "scaffold=[*:1]CO")
    table = rows(tmp_path)
    assert list(table[0])[6:] == ["kept", "substructure", *DESCRIBED, "as_made"]
    for row in table:
        assert row["kept"] == "True"
        assert row["substructure"] == ("True" if row["valid"] == "True" else "")
    numbers = record(tmp_path)["metrics"]
    assert (numbers["kept"], numbers["kept_valid"], numbers["substructure"]) == (1, 1, 1)
    assert "constraints: kept is the share of all attempts" in capsys.readouterr().out


def test_constraints_and_guidance_go_together(checkpoint, tmp_path):
    arguments = ("guidance=draws", "guidance.objective=qed:max", "forbidden=N", "atoms=3")
    run(checkpoint, tmp_path, *arguments)
    assert list(rows(tmp_path)[0])[6:] == [
        "kept",
        "substructure",
        "score",
        "qed",
        "qed_desirability",
        "error",
        "logp",
        "sa",
        "tpsa",
        "mw",
        "as_made",
    ]
    for part in (record(tmp_path), record(tmp_path)["unguided"]):
        assert part["metrics"]["kept"] == 1
    for row in rows(tmp_path):
        assert "N" not in row["smiles"]
        assert (row["kept"], row["substructure"]) == ("True", "")


def test_a_model_that_has_not_learned_scaffolds_says_so_once(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path, "scaffold=CO", "n=3")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ")
    assert "has not learned to build on one" in line
    run(checkpoint, tmp_path, "n=3")
    assert capsys.readouterr().err == ""


def test_a_model_that_has_learned_scaffolds_gives_no_warning(
    tmp_path, perturbed, fresh, tiny_spec, capsys
):
    spec = tiny_spec(shown=0.25)
    save_model(tmp_path / "model", perturbed(fresh(spec), size=0.3), spec)
    run(tmp_path / "model", tmp_path / "out", "scaffold=CO", "n=3")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["guidance=particles"], "guidance=particles: needs one of guidance.objective"),
        (["guidance.objective=qed:max"], "guidance.objective: needs a way to use it"),
        (["guidance=draws", "guidance.objective=qd:max"], "property 'qd': did you mean qed?"),
        (["guidance=draws", "guidance.objective=sa:<3,sa:>5"], "objective: sa:<3 contradicts"),
        (["guidance=draws", "guidance.score=absent.py:f"], "score: 'absent.py' is no file"),
        (
            ["guidance=draws", "guidance.score=absent.py:f", "guidance.invalid=0"],
            "score: 'absent.py' is no file",
        ),
        (
            ["guidance=particles", "guidance.objective=qed:max", "method=euler"],
            "method='euler': guidance=particles renews noise",
        ),
        (
            ["guidance=particles", "guidance.objective=qed:max", "scaffold=CCCCC"],
            "scaffold='CCCCC': 5 atoms, where the model makes at most 4",
        ),
    ],
)
def test_a_mistake_is_found_before_the_sampling_and_writes_nothing(
    checkpoint, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.setattr(Generator, "follow", lambda *_, **__: pytest.fail("sampled"))
    with pytest.raises(InputError) as error:
        run(checkpoint, tmp_path / "out", *arguments)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_size_that_the_training_never_had_is_found_before_the_sampling(
    tmp_path, perturbed, fresh, tiny_spec, monkeypatch
):
    spec = tiny_spec(size_law=(0.0, 0.5, 0.5, 0.0, 0.0))
    save_model(tmp_path / "model", perturbed(fresh(spec)), spec)
    monkeypatch.setattr(Generator, "follow", lambda *_, **__: pytest.fail("sampled"))
    with pytest.raises(InputError, match="sizes that this model was not trained on"):
        run(tmp_path / "model", tmp_path / "out", "scaffold=CCO")
    assert not (tmp_path / "out").exists()


def test_an_objective_counts_every_molecule_once(checkpoint, tmp_path, monkeypatch):
    asked = []
    score = Objective.score
    monkeypatch.setattr(
        Objective,
        "score",
        lambda self, mol: (asked.append(Chem.MolToSmiles(mol)), score(self, mol))[1],
    )
    arguments = ("guidance=best_of", "guidance.particles=2", "guidance.objective=qed:max")
    run(checkpoint, tmp_path, *arguments, "report=false")
    assert len(asked) == len(set(asked)) == record(tmp_path)["guidance"]["scored_molecules"]
