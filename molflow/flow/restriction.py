"""A restricted posterior gives no probability to classes that are ruled out.

Let a variable be known to be in a set of classes. The posterior of the data is then the posterior
cut to that set and scaled to sum to 1. The endpoint of every sampler is a point of the restricted
simplices. So a class that is ruled out is never the likeliest: exactly, at any number of steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molflow.flow.flow_map import Posterior
from molflow.flow.state import Fields, State


def restrict(mu: State, allowed: Fields) -> State:
    """mu on the allowed classes, p_k a_k / sum_j p_j a_j, on the free variables.

    Where the allowed classes together have probability 0 in the type of mu, they are uniform. Given
    variables and padding are not touched.

    Args:
        mu: a point of every simplex.
        allowed: field -> (K,) or (B, D, K) bool, on the device of mu, at least one class for every
            free variable; a field that is not named is unrestricted.
    """
    values = {
        name: _cut(value, allowed[name]) if name in allowed else value
        for name, value in mu.values.items()
    }
    return mu.with_values(values).where_free(mu)


def _cut(p: Tensor, allowed: Tensor) -> Tensor:
    ones = allowed.to(p.dtype)
    kept = p * ones
    mass = kept.sum(-1, keepdim=True)
    uniform = ones / ones.sum(-1, keepdim=True).clamp(min=1)
    # The inner where keeps the gradient of the branch that is not taken finite.
    return torch.where(mass > 0, kept / torch.where(mass > 0, mass, 1.0), uniform)


def restricted(mu: Posterior, allowed: Fields) -> Posterior:
    """Give the posterior whose values are those of mu, restricted by ``restrict``.

    It goes around everything that changes the posterior (guidance, sharpening), so that nothing
    brings a class back.

    Args:
        mu: the posterior.
        allowed: as of ``restrict``.
    """
    return lambda x_s, s, t: restrict(mu(x_s, s, t), allowed)
