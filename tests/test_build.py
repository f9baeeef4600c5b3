"""From a configuration to data, and to what a model will know of them."""

import inspect
from dataclasses import replace
from unittest.mock import create_autospec

import numpy as np
import pytest

from molflow import build
from molflow.config import DatasetConfig, TrainConfig
from molflow.config.key import keys
from molflow.datasets import guacamol, moses, qm9, smiles_file, text, zinc250k
from molflow.model.conditions import Standard
from molflow.model.network import build_network


@pytest.fixture
def loaders(monkeypatch) -> dict:
    """Loaders that make nothing but accept what the real ones accept."""
    doubles = {}
    for module in (guacamol, moses, qm9, smiles_file, text, zinc250k):
        name = module.__name__.rpartition(".")[2]
        doubles[name] = create_autospec(module.load, return_value=name)
        monkeypatch.setattr(module, "load", doubles[name])
    doubles["text8"] = create_autospec(text.load_text8, return_value="text8")
    monkeypatch.setattr(text, "load_text8", doubles["text8"])
    monkeypatch.setattr(build, "tokenised", lambda name, molecules, scheme, end: (name, molecules))
    return doubles


@pytest.fixture
def salts(tmp_path):
    """Ethylamine as a hydrochloride, ethanol."""
    path = tmp_path / "salts.smi"
    path.write_text("CCN.Cl\nCCO\n")
    return smiles_file.load(path, tmp_path / "cache", fractions=(1, 0, 0))


def test_samples_are_compared_with_the_largest_fragments_of_the_training_set(salts):
    assert build.known_of(salts) == {"CCN", "CCO"}


def test_molecules_in_several_pieces_are_counted(salts):
    assert build.in_pieces(salts) == 1


def test_every_dataset_of_the_configuration_has_its_own_loader(loaders):
    names = keys(DatasetConfig)["name"].choices
    made = {name: build.build_dataset(DatasetConfig(name=name, path="x.csv")) for name in names}
    assert made.pop("qm9_smiles") == ("qm9_smiles", "qm9")
    assert made.pop("smiles_tokens") == ("smiles_tokens", "smiles_file")
    assert made == {name: name for name in loaders}


@pytest.mark.parametrize("name", ["qm9", "smiles_file"])
def test_the_loader_gets_what_the_configuration_says(loaders, name, tmp_path):
    config = DatasetConfig(
        name=name,
        path="x.csv",
        smiles_column="structure",
        split="edm",
        vocabulary="stripped",
        max_atoms=7,
        cache=str(tmp_path),
    )
    build.build_dataset(config)
    call = loaders[name].call_args
    got = inspect.signature(loaders[name]).bind(*call.args, **call.kwargs).arguments
    assert str(got["cache"]) == str(tmp_path)
    assert got["vocabulary"] == "stripped"
    assert got["max_atoms"] == 7
    if name == "qm9":
        assert got["split"] == "edm"
    else:
        assert str(got["path"]) == "x.csv"
        assert got["smiles_column"] == "structure"


@pytest.fixture
def spec(tmp_path):
    """Of a small model of four molecules read from a file."""
    path = tmp_path / "molecules.csv"
    path.write_text("smiles\nCCO\nCC(=O)[O-]\nC\nCC=O\nCCN\nCNC\nCOC\nC#N\nCC#N\nCCF\n")
    config = TrainConfig(dataset=DatasetConfig("smiles_file", str(path), split="random"))
    return lambda **changes: build.build_spec(
        replace(config, **changes),
        build.build_dataset(replace(config.dataset, cache=str(tmp_path))),
    )


def test_the_law_of_sizes_sums_to_one_over_the_training_sizes(spec):
    made = spec()
    assert len(made.size_law) == made.max_size + 1
    assert sum(made.size_law) == pytest.approx(1, abs=1e-12)
    assert made.size_law[0] == 0


@pytest.mark.parametrize(("order", "positions"), [("canonical", True), ("random", False)])
def test_only_a_canonical_order_has_positions(spec, order, positions):
    made = spec(dataset=DatasetConfig(order=order))
    assert made.positions is positions
    assert build_network(made).positions is positions


def test_a_model_is_told_the_standardised_properties_of_every_molecule(tmp_path):
    path = tmp_path / "molecules.csv"
    path.write_text("smiles\nC\nCC\nCCC\nCCCC\nCCCCC\nCO\nCCO\nCCCO\nCN\nCCN\n")
    config = DatasetConfig("smiles_file", str(path), split="random", cache=str(tmp_path))
    dataset = build.build_dataset(config)
    context = build.build_context(["atoms"], dataset)
    (atoms,) = context.standards
    sizes = dataset.packed.sizes
    assert atoms.mean == pytest.approx(sizes[dataset.splits["train"]].mean())
    assert atoms.spread == pytest.approx(sizes[dataset.splits["train"]].std())
    assert context.values[:, 0] == pytest.approx((sizes - atoms.mean) / atoms.spread, rel=1e-6)
    made = build.build_spec(TrainConfig(dataset=config), dataset, context.standards)
    assert made.condition == (atoms,)
    assert build_network(made).condition.context.weight.shape == (128, 2)


def test_what_a_model_is_told_says_of_how_many_molecules_it_is_unknown():
    values = np.array([[0, np.nan], [0, 1], [1, np.nan]], np.float32)
    standards = Standard("qed", 0.46, 0.08, 0.02, 0.67), Standard("sa", 4, 1, 2, 8.125)
    assert str(build.Context(standards, values)) == (
        "qed 0.46±0.08 (0.02 to 0.67), sa 4±1 (2 to 8.125), unknown of 2"
    )


def test_a_model_is_told_nothing_by_default(spec):
    assert build.build_context((), None) == build.Context((), None)
    assert spec().condition == ()
    assert build_network(spec()).condition.context is None


def test_the_network_has_the_classes_of_its_vocabulary(spec):
    made = spec()
    net = build_network(made)
    widths = {"atoms": net.atoms_out.out_features, "pairs": net.pairs_out.out_features}
    assert widths == made.modality.classes
