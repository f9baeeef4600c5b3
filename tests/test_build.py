"""Names become functions: every choice of the configuration, and no other."""

import inspect
from dataclasses import replace
from pathlib import Path
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch

from molflow import build
from molflow.config import DatasetConfig, FlowConfig, SampleConfig, TrainConfig
from molflow.datasets import qm9, smiles_file
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.packing import Recipe, pack
from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.samplers import heun_step
from molflow.flow.times import logit_normal
from molflow.schema import keys
from molflow.streams import GraphStream


@pytest.mark.parametrize(
    ("schema", "key", "table"),
    [
        (FlowConfig, "loss", build.LOSSES),
        (FlowConfig, "time_law", build.TIME_LAWS),
        (FlowConfig, "distill", {"none", *build.DISTILLATIONS}),
        (SampleConfig, "method", build.METHODS),
    ],
)
def test_the_choices_of_the_configuration_are_the_names_of_the_table(schema, key, table):
    assert set(keys(schema)[key].choices) == set(table)


def test_names_mean_these_functions():
    losses = {"cross_entropy": vfm_loss, "mse": mse_loss}
    steps = {name: way.make(None, 1.0) for name, way in build.METHODS.items()}
    assert losses == build.LOSSES
    assert steps.pop("renoised").__qualname__.startswith("renoised")
    assert steps == {"euler": euler_step, "heun": heun_step, "flow_map": flow_map}
    evaluations = {name: way.evaluations(4) for name, way in build.METHODS.items()}
    assert evaluations == {"euler": 4, "heun": 7, "flow_map": 4, "renoised": 4}


def test_the_law_of_times_has_the_mean_and_the_spread_of_the_configuration():
    config = FlowConfig(time_mean=-1.0, time_spread=0.5)
    u = torch.tensor([0.1, 0.5, 0.8])
    assert torch.equal(build.TIME_LAWS["uniform"](config)(u), u)
    expected = logit_normal(-1.0, 0.5)(u)
    assert torch.equal(build.TIME_LAWS["logit_normal"](config)(u), expected)


@pytest.fixture
def loaders(monkeypatch) -> dict:
    """Loaders that make nothing but accept what the real ones accept."""
    doubles = {}
    for name, module in {"qm9": qm9, "smiles_file": smiles_file}.items():
        doubles[name] = create_autospec(module.load, return_value=name)
        monkeypatch.setattr(module, "load", doubles[name])
    return doubles


def test_every_dataset_of_the_configuration_has_its_own_loader(loaders):
    names = keys(DatasetConfig)["name"].choices
    assert {build.build_dataset(DatasetConfig(name=name, path="x.csv")) for name in names} == set(
        loaders
    )
    assert set(names) == set(loaders)


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
    assert len(made.size_law) == made.max_atoms + 1
    assert sum(made.size_law) == pytest.approx(1, abs=1e-12)
    assert made.size_law[0] == 0


@pytest.mark.parametrize(("order", "positions"), [("canonical", True), ("random", False)])
def test_only_a_canonical_order_has_positions(spec, order, positions):
    made = spec(dataset=DatasetConfig(order=order))
    assert made.positions is positions
    assert build.build_network(made).positions is positions


def test_the_network_has_the_classes_of_its_vocabulary(spec):
    made = spec()
    net = build.build_network(made)
    assert (net.atoms_out.out_features, net.pairs_out.out_features) == made.classes


def test_the_posterior_of_cross_entropy_is_the_softmax_of_the_output(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build.build_posterior(lambda x, s, t: 2 * x, "cross_entropy")(x, t, t)
    assert torch.equal(mu.values["pairs"], (2 * x.values["pairs"]).softmax(-1))


def test_the_posterior_of_mse_is_the_output_itself(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build.build_posterior(lambda x, s, t: 2 * x, "mse")(x, t, t)
    assert torch.equal(mu.values["pairs"], 2 * x.values["pairs"])


@pytest.fixture(scope="module")
def molecules() -> MoleculeDataset:
    """Ethanol, ethane, methane and cyclopropane, all for training."""
    recipe = Recipe("smiles", charged=True, max_atoms=None, distinct=True)
    rows = enumerate(["CCO", "CC", "C", "C1CC1"])
    packed, _ = pack("four molecules", rows, recipe)
    return MoleculeDataset("four", packed, {"train": np.arange(4)}, Path("dropped.csv"))


def test_shown_parts_are_given_first_connected_and_never_the_whole(molecules):
    stream = GraphStream(molecules, batch_size=64, seed=0, shown=0.5)
    x_1 = stream.batch(0, 0, 1)
    atoms, given, sizes = x_1.given["atoms"], x_1.given["pairs"], x_1.exists["atoms"].sum(1)
    shown = atoms.sum(1)
    assert (shown < sizes).all()
    # a molecule of one atom shows nothing: half of the other 48 show a part
    assert 12 <= (shown > 0).sum() <= 36
    assert torch.equal(atoms, torch.arange(3) < shown[:, None])
    assert torch.equal(given.sum(1), shown * (shown - 1) // 2)
    bonded = x_1.values["pairs"].argmax(-1) > 0
    assert bonded[given].all()  # of three atoms at most two are shown, and these are bonded


def test_a_batch_with_shown_parts_is_a_function_of_seed_step_and_rank(molecules):
    stream = GraphStream(molecules, batch_size=8, seed=0, shown=0.9)
    first, again, later = (stream.batch(step, 0, 1) for step in (3, 3, 4))
    assert torch.equal(first.given["atoms"], again.given["atoms"])
    assert torch.equal(first.values["pairs"], again.values["pairs"])
    assert not torch.equal(first.given["atoms"], later.given["atoms"])


def test_without_shown_parts_nothing_is_given(molecules):
    x_1 = GraphStream(molecules, batch_size=8, seed=0).batch(0, 0, 1)
    assert not any(given.any() for given in x_1.given.values())
