"""The diagonal of the network alone bounds the likelihood of data.

The path x_t = (1 - t) x_0 + t x_1, with x_0 Gaussian, is the noising of a variational diffusion
model. Its signal-to-noise ratio is r^2, r = t / ((1 - t) sigma). So in continuous time (Kingma et
al. 2021, "Variational Diffusion Models"; for classes Graves et al. 2023, "Bayesian Flow Networks")

    -log p(x_1) <= int_0^R r E|x_1 - mu_tt(x_t)|^2 dr + E CE(x_1, mu_TT(x_T)),

whatever the network and whatever R: the last term pays for all that noise still hides at R. With
the exact posterior of independent variables both sides are equal. This is the likelihood of the
diffusion that the diagonal defines, not of the jumps of a flow map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molflow.flow.flow_map import Network
from molflow.flow.interpolant import interpolate
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.state import Fields, State

REACH = 8.0
"""At this R a class lies 64 nats before each other one by its own noisy point, in the mean."""


def time_at(r: Tensor, scale: float) -> Tensor:
    """t = r sigma / (1 + r sigma), where the signal is r times the noise; r >= 0."""
    return r * scale / (1 + r * scale)


def nats(net: Network, x_0: State, x_1: State, r: Tensor, scale: float) -> Fields:
    """Draw the bound on -log p(x_1) once: field -> (B,), in nats a free variable.

    The mean over x_0 and r is the bound. The sizes are given, so they cost nothing.

    Args:
        net: the network.
        x_0: of the prior of deviation ``scale``.
        x_1: clean states.
        r: (B,), uniform in [0, REACH].
        scale: sigma.
    """
    t, end = time_at(r, scale), time_at(torch.full_like(r, REACH), scale)
    squares = mse_loss(net(interpolate(x_0, x_1, t), t, t).softmax(), x_1)
    rest = vfm_loss(net(interpolate(x_0, x_1, end), end, end), x_1)
    return {name: REACH * r * squares[name] + rest[name] for name in rest}
