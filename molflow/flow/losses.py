"""The network is trained on these objectives: one function each, field -> (B,).

Every loss is a mean over the free variables of an example. So given and padded ones cost nothing,
and molecules of all sizes count the same. The caller weighs the fields.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from molflow.flow.state import Fields, State, mean_over_free


def vfm_loss(logits: State, x_1: State, smoothing: float = 0.0) -> Fields:
    """CE(x_1, mu_tt(x_t)), the variational flow matching loss (Eijkelboom et al. 2024, eq. 13).

    It is least at the exact posterior, where it equals its entropy.

    Args:
        logits: of the network at (x_t, t, t).
        x_1: one-hot.
        smoothing: the share of the uniform law that is mixed into x_1. It biases the posterior that
            the flow needs, and is off by default.
    """
    nats = {
        name: cross_entropy(
            precise(values).flatten(0, 1),
            x_1.values[name].argmax(-1).flatten(),
            reduction="none",
            label_smoothing=smoothing,
        ).view(values.shape[:2])
        for name, values in logits.values.items()
    }
    return mean_over_free(nats, x_1)


def mse_loss(prediction: State, x_1: State) -> Fields:
    """|x_1 - D_t(x_t)|^2, the denoiser loss of plain flow matching: D is unconstrained in R^K.

    It differs from the flow matching loss of the velocity by the weight (1-t)^2 alone. It has the
    same minimiser as ``vfm_loss``, the posterior mean. It is the baseline that cross-entropy
    replaces.
    """
    residual = prediction.map(precise) - x_1
    return mean_over_free(residual.dot(residual), x_1)


def precise(values: Tensor) -> Tensor:
    """Convert to fp32 at least: the output of a network in bf16 is summed in single precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
