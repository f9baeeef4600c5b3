"""Names become functions: every choice of the configuration, and no other."""

import inspect
from dataclasses import replace
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
from torch import nn

from molflow import build
from molflow.conditions import Standard
from molflow.config import DatasetConfig, FlowConfig, SampleConfig, TrainConfig
from molflow.config.key import keys
from molflow.datasets import guacamol, moses, qm9, smiles_file, text, zinc250k
from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.samplers import heun_step
from molflow.flow.times import logit_normal, triangle, uniform, with_ends


@pytest.mark.parametrize(
    ("schema", "key", "table"),
    [
        (FlowConfig, "loss", build.LOSSES),
        (FlowConfig, "time_law", build.TIME_LAWS),
        (FlowConfig, "pairs", build.PAIR_LAWS),
        (FlowConfig, "distill", {"none", *build.DISTILLATIONS}),
        (SampleConfig, "method", {"auto", *build.METHODS}),
    ],
)
def test_the_choices_of_the_configuration_are_the_names_of_the_table(schema, key, table):
    assert set(keys(schema)[key].choices) == set(table)


def test_names_mean_these_functions():
    losses = {"cross_entropy": vfm_loss, "mse": mse_loss}
    steps = {name: way.make(None, 1.0) for name, way in build.METHODS.items()}
    assert losses == build.LOSSES
    assert steps.pop("renoised").__qualname__.startswith("renoised")
    assert steps.pop("euler_ancestral").__qualname__.startswith("renoised")
    assert steps == {"euler": euler_step, "heun": heun_step, "flow_map": flow_map}
    evaluations = {name: way.evaluations(4) for name, way in build.METHODS.items()}
    one_each = dict.fromkeys(("euler", "flow_map", "renoised", "euler_ancestral"), 4)
    assert evaluations == {"heun": 7} | one_each


def test_the_law_of_times_has_the_mean_and_the_spread_of_the_configuration():
    config = FlowConfig(time_mean=-1.0, time_spread=0.5)
    u = torch.tensor([0.1, 0.5, 0.8])
    assert torch.equal(build.TIME_LAWS["uniform"](config)(u), u)
    expected = logit_normal(-1.0, 0.5)(u)
    assert torch.equal(build.TIME_LAWS["logit_normal"](config)(u), expected)


def test_pairs_that_reach_to_the_ends_follow_the_law_of_the_times():
    law = logit_normal(-1.0, 0.5)
    u, v = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.3, 0.6, 0.2])
    pairs, middle = build.PAIR_LAWS["ends"](law)
    for made, expected in zip(pairs(u, v), with_ends(law)(u, v), strict=True):
        assert torch.equal(made, expected)
    assert middle is law
    assert build.PAIR_LAWS["triangle"](law) == (triangle, uniform)


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
    assert build.build_network(made).positions is positions


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
    assert build.build_network(made).condition.context.weight.shape == (128, 2)


def test_what_a_model_is_told_says_of_how_many_molecules_it_is_unknown():
    values = np.array([[0, np.nan], [0, 1], [1, np.nan]], np.float32)
    standards = Standard("qed", 0.46, 0.08, 0.02, 0.67), Standard("sa", 4, 1, 2, 8.125)
    assert str(build.Context(standards, values)) == (
        "qed 0.46±0.08 (0.02 to 0.67), sa 4±1 (2 to 8.125), unknown of 2"
    )


def test_a_model_is_told_nothing_by_default(spec):
    assert build.build_context((), None) == build.Context((), None)
    assert spec().condition == ()
    assert build.build_network(spec()).condition.context is None


def test_a_run_hides_the_condition_as_often_as_it_is_told_to(spec):
    config = TrainConfig(flow=FlowConfig(condition_dropout=0.35))
    module = build.build_module(config, build.build_network(spec()), None)
    assert module.objective.withheld == 0.35


def built(**flow):
    return build.build_module(TrainConfig(flow=FlowConfig(**flow)), nn.Linear(1, 1), None)


def test_a_run_distils_as_it_is_told_to():
    flow = {"distill": "psd", "distill_share": 0.4, "distill_weight": 2.5, "corner": 0.9}
    distillation = built(**flow, teacher="average").objective.distillation
    assert (distillation.share, distillation.weight) == (0.4, 2.5)
    assert distillation.average_teacher
    s, t = distillation.times(torch.tensor([0.89, 0.95]), torch.tensor([0.5, 0.5]))
    assert (s[0], t[0]) == (0, 1)
    assert 0 < s[1] < t[1] < 1
    assert not distillation.derivative
    assert distillation.loss is build.DISTILLATIONS["psd"]
    live = built(distill="csd", teacher="live").objective.distillation
    assert not live.average_teacher
    assert live.derivative
    assert live.loss is build.DISTILLATIONS["csd"]
    assert built(distill="none").objective.distillation is None


def test_a_run_weighs_pairs_and_scales_its_prior_as_it_is_told_to():
    objective = built(pair_weight=3.5, prior_scale=0.7).objective
    assert objective.weights == {"atoms": 1.0, "pairs": 3.5, "tokens": 1.0}
    assert objective.prior_scale == 0.7


def test_a_run_smooths_its_labels_as_it_is_told_to(random_graphs):
    x_1 = random_graphs([2, 3])
    output = 0.3 * random_graphs([2, 3])
    found = built(label_smoothing=0.2).objective.loss(output, x_1)
    wanted, plain = vfm_loss(output, x_1, smoothing=0.2), vfm_loss(output, x_1, smoothing=0.0)
    assert torch.equal(found["atoms"], wanted["atoms"])
    assert not torch.equal(found["atoms"], plain["atoms"])
    squares = built(loss="mse", label_smoothing=0.2).objective.loss(output, x_1)
    assert torch.equal(squares["atoms"], mse_loss(output, x_1)["atoms"])


def test_the_network_has_the_classes_of_its_vocabulary(spec):
    made = spec()
    net = build.build_network(made)
    widths = {"atoms": net.atoms_out.out_features, "pairs": net.pairs_out.out_features}
    assert widths == made.modality.classes


def test_the_posterior_of_cross_entropy_is_the_softmax_of_the_output(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build.build_posterior(lambda x, s, t: 2 * x, "cross_entropy")(x, t, t)
    assert torch.equal(mu.values["pairs"], (2 * x.values["pairs"]).softmax(-1))


def test_the_posterior_of_mse_is_the_output_itself(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build.build_posterior(lambda x, s, t: 2 * x, "mse")(x, t, t)
    assert torch.equal(mu.values["pairs"], 2 * x.values["pairs"])


@pytest.mark.parametrize(
    ("distill", "asked", "corner"),
    [("psd", None, 0.15), ("csd", None, 0.0), ("ecld", None, 0.0), ("csd", 0.3, 0.3)],
)
def test_only_a_loss_without_derivative_gets_the_pair_0_1_more_often_by_itself(
    distill, asked, corner
):
    assert build.corner_of(FlowConfig(distill=distill, corner=asked)) == corner
