"""Some posteriors know more of an example than its state: mu_{s,t}(x_s | y).

y is the ``context`` of a state: (B, C) numbers of which any may be unknown (nan). A network that is
trained with some of them withheld serves every subset of them. On the diagonal its mu_{t,t} is the
posterior mean of x_1 given x_t and all numbers that are known. Guidance without a classifier lies
between the posteriors with and without y (Ho and Salimans 2022, "Classifier-free diffusion
guidance"; Nisonoff et al. 2024, "Unlocking guidance for discrete state-space diffusion and flow
models").
"""

from __future__ import annotations

from torch import Tensor

from molflow.flow.flow_map import Network
from molflow.flow.state import State


def withhold(context: Tensor, uniform: Tensor, fraction: float) -> Tensor:
    """Make a random part of the context unknown (nan).

    Everything is withheld in a ``fraction`` of the examples. Of the others 1 to C components stay.
    Every number of components is equally likely, and so is every choice of them.

    Args:
        context: (B, C).
        uniform: (B, C + 1), independent uniform numbers on [0, 1). The first gives the count
            floor(C (u - fraction) / (1 - fraction)) + 1, the others the choice.
        fraction: in [0, 1).
    """
    components = context.shape[1]
    count = (components * (uniform[:, :1] - fraction) / (1 - fraction)).floor() + 1
    order = uniform[:, 1:].argsort(1)
    return context.where(order < count, float("nan"))


def mixed(net: Network, weight: float) -> Network:
    """w net(x | y) + (1 - w) net(x): of logits, mu is proportional to mu(x | y)^w mu(x)^(1-w).

    Args:
        net: a network that reads the context.
        weight: w >= 0. 1 gives the network itself and 0 the network without context, both to the
            bit and in one evaluation. Any other w costs two evaluations. Above 1 it strengthens y:
            it is 1 + w of Ho and Salimans.
    """
    if weight == 1:
        return net

    def untold(x_s: State, s: Tensor, t: Tensor) -> State:
        return net(x_s.knowing(None), s, t)

    def both(x_s: State, s: Tensor, t: Tensor) -> State:
        return weight * net(x_s, s, t) + (1 - weight) * untold(x_s, s, t)

    return untold if weight == 0 else both
