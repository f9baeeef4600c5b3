"""What `molflow` offers in Python, from the names to the objects that it returns."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

import molflow
from molflow.chem.functions import OwnFunction
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.guidance.steer import WORST
from molflow.samples import Samples

OFFERED = [
    *("Constraint", "MolflowGenerator", "Samples"),
    *("evaluate", "guide", "load", "optimize", "train"),
]
MOLECULES = ["C", "CC", "CO", "CN", "CCO", "CCN", "COC", "CNC", "C=O", "CCC"]
BESIDE = ["qed", "logp", "sa", "tpsa", "mw"]


def atoms(mol: Chem.Mol) -> int:
    return mol.GetNumAtoms()


def atoms_of_many(mols: Sequence[Chem.Mol]) -> list[int]:
    return [mol.GetNumAtoms() for mol in mols]


@pytest.fixture(scope="module")
def model(fresh, perturbed, tiny_spec) -> Generator:
    """It was never trained, and makes valid and invalid molecules of up to four atoms."""
    return Generator(perturbed(fresh(tiny_spec()), seed=9, size=0.3), tiny_spec())


@pytest.fixture(scope="module")
def samples(model: Generator) -> Samples:
    """Unguided. Not to be changed."""
    return model.sample(30, 3)


@pytest.fixture(scope="module")
def guided(model: Generator) -> Samples:
    """By an objective of two parts. Not to be changed."""
    return model.sample(30, 3, guide=molflow.guide("best_of", {"qed": "max", "logp": "0±1"}))


def test_the_names_are_told_and_cost_no_torch():
    code = "import sys, molflow; print(*dir(molflow)); print('torch' in sys.modules)"
    here = str(Path(molflow.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True)
    names, torch_is_there = done.stdout.splitlines()
    assert set(OFFERED) <= set(names.split())
    assert torch_is_there == "False"


@pytest.mark.parametrize("name", OFFERED)
def test_what_is_offered_can_be_called(name):
    assert callable(getattr(molflow, name))


@pytest.mark.parametrize(
    "objective",
    [atoms, "qed:max", {"qed": "max"}, {"rings": 1}, OwnFunction(atoms_of_many, batched=True)],
)
def test_a_guide_takes_functions_texts_dicts_and_scorers(model, objective):
    made = model.sample(5, 1, guide=molflow.guide("best_of", objective, particles=2))
    known = [score for score in made.scores if score is not None]
    assert known
    assert all(math.isfinite(score) for score in known)


def test_a_function_of_many_gives_the_scores_of_one(model):
    one = model.sample(20, 2, guide=molflow.guide("best_of", atoms))
    many = model.sample(20, 2, guide=molflow.guide("best_of", atoms_of_many, batched=True))
    assert one.scores == many.scores
    assert one.smiles == many.smiles


def test_the_scores_are_those_of_the_molecules(model):
    made = model.sample(20, 2, guide=molflow.guide("best_of", atoms))
    sizes = [None if mol is None else mol.GetNumAtoms() for mol in made.molecules]
    assert made.scores == sizes


def test_a_function_needs_a_worst_score_where_a_gradient_is_taken():
    assert molflow.guide("best_of", atoms).invalid == WORST
    with pytest.raises(InputError, match="invalid: give the score"):
        molflow.guide("gradient", atoms)


def test_a_function_that_fails_has_that_as_its_error():
    scorer = OwnFunction(lambda mol: 1 / 0)
    (one,) = scorer.score_many(["x"])
    assert one.error == "lambda: ZeroDivisionError: division by zero"
    short = OwnFunction(lambda mols: [1.0], batched=True)
    assert "returned 1 numbers for 2" in str(short.score_many(["x", "y"])[0].error)


@pytest.mark.parametrize("objective", [3, None, ["qed:max"], {"qeed": "max"}, {"qed": None}])
def test_what_is_no_score_is_one_line(objective):
    with pytest.raises(InputError):
        molflow.guide("best_of", objective)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"forbidden": "NO"}, "forbidden='NO': names such as"),
        ({"forbidden": 3}, "forbidden=3: names such as"),
        ({"elements": "N:1"}, "elements='N:1': counts such as"),
        ({"scaffold": Chem.MolFromSmiles("C")}, "a SMILES is needed"),
    ],
)
def test_constraints_are_checked_where_they_are_made(arguments, message):
    with pytest.raises(InputError, match=message):
        molflow.Constraint(**arguments)


def test_forbidden_names_may_stand_in_a_list():
    assert molflow.Constraint(forbidden=["N", "O"]) == molflow.Constraint(forbidden=("N", "O"))


@pytest.mark.parametrize("index", [4, -26, np.int64(4), torch.tensor(4)])
def test_every_integer_is_the_molecule_of_that_index(samples, index):
    assert samples[index] is samples.checked[4]


@pytest.mark.parametrize(
    "index",
    [slice(2, 9, 3), [2, 5, 8], np.array([2, 5, -22]), [i in (2, 5, 8) for i in range(30)]],
)
def test_slices_masks_and_integers_choose_samples(samples, index):
    assert samples[index].checked == [samples.checked[i] for i in (2, 5, 8)]


@pytest.mark.parametrize("index", ["3", 1.5, [1.5], [True], [30], None, [[1]]])
def test_an_index_that_is_none_is_one_line(samples, index):
    with pytest.raises(InputError, match=r"samples\[.*an integer, a slice, a mask of 30"):
        samples[index]


def test_chosen_samples_keep_their_scores(guided):
    assert guided[[3, 1]].scores == [guided.scores[3], guided.scores[1]]


def test_the_valid_and_the_distinct_are_samples_too(samples):
    strict = [one.strict for one in samples if one.strict is not None]
    assert [one.strict for one in samples.valid] == strict
    assert [one.strict for one in samples.distinct()] == list(dict.fromkeys(strict))


def test_samples_without_a_guide_have_no_scores(samples):
    with pytest.raises(InputError, match="sampled without a guide"):
        _ = samples.scores


def test_the_table_has_one_name_for_one_number(guided):
    table = guided.table()
    parts = ["qed", "qed_desirability", "logp", "logp_desirability"]
    rest = [name for name in BESIDE if name not in ("qed", "logp")]
    assert list(table)[6:] == ["score", *parts, "error", *rest, "as_made"]
    assert {len(cells) for cells in table.values()} == {30}


def test_every_valid_row_has_its_properties_guided_or_not(samples):
    table = samples.table()
    for valid, *values in zip(table["valid"], *(table[name] for name in BESIDE), strict=True):
        assert all((value is not None) == valid for value in values)


def test_a_frame_has_the_columns_of_the_table(guided):
    pandas = pytest.importorskip("pandas")
    frame = guided.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(guided.table())
    assert frame["index"].tolist() == list(range(len(guided)))
    assert frame["valid"].tolist() == [one.mol is not None for one in guided]


def test_a_frame_without_pandas_is_one_line(samples, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="to_dataframe: needs pandas"):
        samples.to_dataframe()


def test_samples_are_saved_as_the_program_does(guided, tmp_path):
    guided.save(tmp_path / "made")
    names = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert names == ["grid.png", "samples.csv", "samples.sdf", "samples.smi"]
    header = (tmp_path / "made" / "samples.csv").read_text().splitlines()[0]
    assert header.split(",") == list(guided.table())


def test_a_notebook_shows_a_grid(samples):
    page = samples._repr_html_()
    assert "Samples(30 molecules" in page
    assert 'src="data:image/png;base64,' in page


@pytest.mark.usefixtures("letters_for_chemnet")
def test_molecules_are_evaluated_against_molecules():
    found = molflow.evaluate(["CCO", "C1CC", None, "CC"], MOLECULES)
    assert found.metrics["strict_valid"] == 0.5
    assert found.metrics["novel"] == 0
    assert math.isnan(found.metrics["relaxed_valid"])


@pytest.mark.usefixtures("letters_for_chemnet")
def test_samples_are_evaluated_by_what_the_model_made(samples):
    found = molflow.evaluate(samples, MOLECULES)
    assert found.metrics["relaxed_valid"] == samples.metrics()["relaxed_valid"]


@pytest.mark.parametrize(
    ("samples", "reference", "suite", "message"),
    [
        ([3], MOLECULES, "standard", r"samples\[0\]=3: a SMILES or None"),
        ([], MOLECULES, "standard", "samples: no attempt"),
        (["C"], [], "standard", "reference: no molecule"),
        (["C"], "qm8", "standard", "reference='qm8': one of qm9"),
        (["C"], MOLECULES, "best", "suite='best': one of standard"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(samples, reference, suite, message):
    with pytest.raises(InputError, match=message):
        molflow.evaluate(samples, reference, suite)


TINY = {
    "model.width": 16,
    "model.pair_width": 8,
    "model.depth": 1,
    "model.heads": 2,
    "trainer.batch_size": 4,
    "trainer.steps": 3,
    "trainer.max_minutes": None,
    "trainer.compile": "never",
    "trainer.accelerator": "cpu",
    "trainer.trial_molecules": 0,
}


@pytest.fixture
def cached(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cached")
def test_training_gives_the_model_that_it_leaves_in_the_folder(tmp_path):
    trained = molflow.train(MOLECULES, tmp_path / "run", **TINY)
    again = molflow.load(tmp_path / "run", device="cpu")
    assert isinstance(trained, Generator)
    assert trained.sample(8, 2).smiles == again.sample(8, 2).smiles


@pytest.mark.usefixtures("cached")
def test_training_takes_a_network_and_a_loss_of_the_caller(tmp_path, fresh):
    seen = []

    def net(spec):
        seen.append(spec.max_size)
        return fresh(spec)

    def loss(logits, x_1):
        seen.append("loss")
        return {name: value.square().mean((1, 2)) for name, value in logits.values.items()}

    molflow.train(MOLECULES, tmp_path / "run", net=net, loss=loss, **TINY)
    assert seen[0] == 3
    assert seen.count("loss") >= 3


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([3], {}, r"data\[0\]=3: a SMILES is needed"),
        ("nowhere.csv", {}, "cannot read 'nowhere.csv'"),
        (MOLECULES, {"trainer.stepps": 3}, "unknown key 'trainer.stepps'"),
        (MOLECULES, {"net": torch.nn.Linear(1, 1)}, "net=.*: a function is needed"),
    ],
)
def test_a_training_that_makes_no_sense_is_one_line(tmp_path, data, options, message):
    with pytest.raises(InputError, match=message):
        molflow.train(data, tmp_path / "run", **options)
