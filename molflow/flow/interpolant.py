"""The path from noise to data is straight, x_t = (1 - t) x_0 + t x_1.

This is Eijkelboom et al. 2024, eq. 5 with the linear schedule of flow matching (Lipman et al.
2023).
"""

from __future__ import annotations

from torch import Tensor

from molflow.flow.state import Fields, State


def prior(x_1: State, noise: Fields, scale: float = 1.0) -> State:
    """x_0 = scale * noise on the free variables; given ones stay clean, padding stays 0.

    Args:
        x_1: the clean states; of these the given variables and the masks are used.
        noise: field -> (B, D, K), standard normal, drawn by the caller.
        scale: the standard deviation of x_0.
    """
    return (scale * x_1.with_values(noise)).where_free(x_1)


def interpolate(x_0: State, x_1: State, t: Tensor) -> State:
    """x_t = (1 - t) x_0 + t x_1, one time per example: t is (B,), in [0, 1]."""
    return (1 - t) * x_0 + t * x_1
