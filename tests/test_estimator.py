"""A generator in the manner of scikit-learn: parameters, fit, sample, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from molflow import MolflowGenerator
from molflow.errors import InputError

SMILES = ["C", "CC", "CO", "CN", "CCO", "CCN", "COC", "CNC", "C=O", "CCC"]
FEW = {
    "model.width": 16,
    "model.pair_width": 8,
    "model.depth": 1,
    "model.heads": 2,
    "trainer.batch_size": 8,
    "trainer.steps": 2,
    "trainer.devices": 1,
    "trainer.compile": "never",
    "trainer.accelerator": "cpu",
}
PAGE = Path(__file__).parents[1] / "docs" / "guides" / "scikit-learn.md"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> MolflowGenerator:
    """After two steps from scratch. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("molflow.training.curves.draw_run", lambda logs, path: path.touch())
        return MolflowGenerator(minutes=None, steps=3, seed=5, options=FEW).fit(SMILES)


def test_parameters_are_told_set_and_cloned():
    model = MolflowGenerator("qm9", minutes=1, steps=4, options={"trainer.steps": 5})
    params = {"checkpoint": "qm9", "minutes": 1, "steps": 4, "seed": 0}
    assert model.get_params() == params | {"options": {"trainer.steps": 5}}
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(seed=3).seed == 3


def test_every_attempt_is_among_the_samples(fitted):
    samples = fitted.sample(12)
    assert len(samples) == 12
    assert samples.walk.steps == 3
    assert samples.spec.dataset["name"] == "smiles_file"


def test_the_seed_is_that_of_the_samples(fitted):
    assert fitted.sample(12).smiles == fitted.generator_.sample(12, 3, seed=5).smiles


def test_a_fitted_model_is_kept_by_its_generator(fitted, tmp_path):
    fitted.generator_.save(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


def test_a_clone_is_not_fitted(fitted):
    with pytest.raises(NotFittedError):
        clone(fitted).sample(3)


def test_a_number_of_samples_below_one_is_refused(fitted):
    with pytest.raises(InputError, match="n=0: at least 1"):
        fitted.sample(0)


@pytest.mark.parametrize(
    ("parameters", "smiles", "message"),
    [
        ({"steps": 0}, SMILES, "steps=0: at least 1"),
        ({"minutes": -1}, SMILES, r"trainer\.max_minutes=-1"),
        ({"seed": -1}, SMILES, "seed=-1"),
        ({"checkpoint": "qm8"}, SMILES, "checkpoint=qm8: no such folder"),
        ({"options": {"trainer.step": 5}}, SMILES, r"trainer\.step"),
        ({}, ["CC", 3], r"data\[1\]=3: a SMILES is needed"),
        ({}, "absent.csv", r"cannot read 'absent\.csv'"),
    ],
)
def test_a_mistake_is_told_before_the_training(parameters, smiles, message, monkeypatch, tmp_path):
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=message):
        MolflowGenerator(**parameters).fit(smiles)


@pytest.mark.slow
def test_the_example_of_the_page_fine_tunes(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    found: dict[str, object] = {}
    exec(code, found)
    assert "Samples(20 molecules, " in capsys.readouterr().out
    assert found["model"].generator_.spec.parent["checkpoint"] == "qm9"
