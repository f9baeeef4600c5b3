"""The training of a configuration: laws of times, self-distillations, the module that it makes."""

import pytest
import torch
from torch import nn

from molflow.config import FlowConfig, TrainConfig
from molflow.config.key import keys
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.times import logit_normal, triangle, uniform, with_ends
from molflow.training.setup import (
    DISTILLATIONS,
    PAIR_LAWS,
    TIME_LAWS,
    build_module,
    corner_of,
)


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("time_law", TIME_LAWS),
        ("pairs", PAIR_LAWS),
        ("distill", {"none", *DISTILLATIONS}),
    ],
)
def test_the_choices_of_the_configuration_are_the_names_of_the_table(key, table):
    assert set(keys(FlowConfig)[key].choices) == set(table)


def test_the_law_of_times_has_the_mean_and_the_spread_of_the_configuration():
    config = FlowConfig(time_mean=-1.0, time_spread=0.5)
    u = torch.tensor([0.1, 0.5, 0.8])
    assert torch.equal(TIME_LAWS["uniform"](config)(u), u)
    expected = logit_normal(-1.0, 0.5)(u)
    assert torch.equal(TIME_LAWS["logit_normal"](config)(u), expected)


def test_pairs_that_reach_to_the_ends_follow_the_law_of_the_times():
    law = logit_normal(-1.0, 0.5)
    u, v = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.3, 0.6, 0.2])
    pairs, middle = PAIR_LAWS["ends"](law)
    for made, expected in zip(pairs(u, v), with_ends(law)(u, v), strict=True):
        assert torch.equal(made, expected)
    assert middle is law
    assert PAIR_LAWS["triangle"](law) == (triangle, uniform)


def built(**flow):
    return build_module(TrainConfig(flow=FlowConfig(**flow)), nn.Linear(1, 1), None)


def test_a_run_hides_the_condition_as_often_as_it_is_told_to():
    assert built(condition_dropout=0.35).joint_loss.withheld == 0.35


def test_a_run_distils_as_it_is_told_to():
    flow = {"distill": "psd", "distill_share": 0.4, "distill_weight": 2.5, "corner": 0.9}
    distillation = built(**flow, teacher="average").joint_loss.distillation
    assert (distillation.fraction, distillation.weight) == (0.4, 2.5)
    assert distillation.average_teacher
    s, t = distillation.times(torch.tensor([0.89, 0.95]), torch.tensor([0.5, 0.5]))
    assert (s[0], t[0]) == (0, 1)
    assert 0 < s[1] < t[1] < 1
    assert not distillation.derivative
    assert distillation.loss is DISTILLATIONS["psd"]
    live = built(distill="csd", teacher="live").joint_loss.distillation
    assert not live.average_teacher
    assert live.derivative
    assert live.loss is DISTILLATIONS["csd"]
    assert built(distill="none").joint_loss.distillation is None


def test_a_run_weighs_pairs_and_scales_its_prior_as_it_is_told_to():
    joint_loss = built(pair_weight=3.5, prior_scale=0.7).joint_loss
    assert joint_loss.weights == {"atoms": 1.0, "pairs": 3.5, "tokens": 1.0}
    assert joint_loss.prior_scale == 0.7


def test_a_run_smooths_its_labels_as_it_is_told_to(random_graphs):
    x_1 = random_graphs([2, 3])
    output = 0.3 * random_graphs([2, 3])
    found = built(label_smoothing=0.2).joint_loss.loss(output, x_1)
    wanted, plain = vfm_loss(output, x_1, smoothing=0.2), vfm_loss(output, x_1, smoothing=0.0)
    assert torch.equal(found["atoms"], wanted["atoms"])
    assert not torch.equal(found["atoms"], plain["atoms"])
    squares = built(loss="mse", label_smoothing=0.2).joint_loss.loss(output, x_1)
    assert torch.equal(squares["atoms"], mse_loss(output, x_1)["atoms"])


@pytest.mark.parametrize(
    ("distill", "asked", "corner"),
    [("psd", None, 0.15), ("csd", None, 0.0), ("ecld", None, 0.0), ("csd", 0.3, 0.3)],
)
def test_only_a_loss_without_derivative_gets_the_pair_0_1_more_often_by_itself(
    distill, asked, corner
):
    assert corner_of(FlowConfig(distill=distill, corner=asked)) == corner
