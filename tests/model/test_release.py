"""A saved model can be loaded, and its card says what it is without more than was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from torch import nn

import molflow
from molflow.errors import InputError
from molflow.generator import Generator


@pytest.fixture
def model(fresh, perturbed, tiny_spec) -> Generator:
    """It was never trained, and makes valid and invalid molecules of up to four atoms."""
    return Generator(perturbed(fresh(tiny_spec()), seed=9, size=0.3), tiny_spec())


def card_of(folder: Path) -> tuple[dict, str]:
    """Metadata and text."""
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front), text


def test_a_saved_model_makes_the_same_molecules(model, tmp_path):
    model.save(tmp_path / "mine")
    there = molflow.load(tmp_path / "mine", device="cpu")
    assert there.sample(20, 3).smiles == model.sample(20, 3).smiles


def test_the_card_has_metadata_in_front(model, tmp_path):
    model.save(tmp_path / "mine", license="cc-by-4.0")
    front, _ = card_of(tmp_path / "mine")
    tags = ["flow-matching", "molecules"]
    assert front == {"library_name": "molflow", "license": "cc-by-4.0", "tags": tags}


def test_a_license_that_nobody_names_is_not_told(model, tmp_path):
    model.save(tmp_path / "mine")
    front, _ = card_of(tmp_path / "mine")
    assert "license" not in front


def test_the_card_of_a_flow_map_is_tagged_so(model, tmp_path):
    replace(model, spec=replace(model.spec, flow_map=True)).save(tmp_path / "mine")
    front, text = card_of(tmp_path / "mine")
    assert front["tags"] == ["flow-matching", "flow-map", "molecules"]
    assert "| learned | a flow map |" in text


def test_the_card_has_the_numbers_of_all_attempts(model, tmp_path):
    model.save(tmp_path / "mine", n=40, steps=3)
    _, text = card_of(tmp_path / "mine")
    strict = model.sample(40, 3).metrics()["strict_valid"]
    assert 0 < strict < 1
    assert "40 molecules, seed 0, 3 euler steps." in text
    assert f"| strict_valid | {strict:g} | sanitised whole by RDKit" in text
    assert "novel" not in text


def test_without_samples_the_card_has_no_numbers(model, tmp_path):
    model.save(tmp_path / "mine")
    _, text = card_of(tmp_path / "mine")
    assert "## Numbers" not in text
    assert 'molflow.load("mine")' in text


def test_a_bar_in_a_vocabulary_leaves_the_table_whole(fresh, token_spec, tmp_path):
    spec = token_spec(("a", "|"), "characters", (0.0, 0.5, 0.5))
    Generator(fresh(spec), spec).save(tmp_path / "text")
    front, text = card_of(tmp_path / "text")
    assert "| makes | texts of up to 2 tokens of 'a\\|' |" in text
    assert front["tags"] == ["flow-matching", "texts"]


@pytest.mark.parametrize("license", ["", "CC BY", "mit\ntags: x", "mit: x"])
def test_a_license_is_an_identifier(model, tmp_path, license):
    with pytest.raises(InputError, match="an identifier such as mit or cc-by"):
        model.save(tmp_path / "mine", license=license)
    assert not (tmp_path / "mine").exists()


def test_a_run_is_not_written_over(model, tmp_path):
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(InputError, match=r"holds a run \(last.ckpt\)"):
        model.save(tmp_path)


def test_a_network_of_ones_own_is_refused(model, tmp_path):
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.net

    with pytest.raises(InputError, match=r"not the weights of config.json beside it"):
        replace(model, net=Own()).save(tmp_path / "mine")
