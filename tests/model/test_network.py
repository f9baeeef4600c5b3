"""The network of a model and what its output means, by name of the loss that trained it."""

import torch

from molflow.config import FlowConfig
from molflow.config.key import keys
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.model.network import LOSSES, build_posterior


def test_names_of_losses_mean_these_functions():
    assert {"cross_entropy": vfm_loss, "mse": mse_loss} == LOSSES


def test_a_training_may_choose_each_of_the_losses():
    assert set(keys(FlowConfig)["loss"].choices) == set(LOSSES)


def test_the_posterior_of_cross_entropy_is_the_softmax_of_the_output(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build_posterior(lambda x, s, t: 2 * x, "cross_entropy")(x, t, t)
    assert torch.equal(mu.values["pairs"], (2 * x.values["pairs"]).softmax(-1))


def test_the_posterior_of_mse_is_the_output_itself(random_graphs):
    x, t = random_graphs([2, 3]), torch.zeros(2)
    mu = build_posterior(lambda x, s, t: 2 * x, "mse")(x, t, t)
    assert torch.equal(mu.values["pairs"], 2 * x.values["pairs"])
