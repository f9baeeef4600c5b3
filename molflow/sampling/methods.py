"""Ways to walk from noise to data, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.samplers import Step, heun_step, renoised
from molflow.flow.state import State
from molflow.plugins import Table


@dataclass(frozen=True)
class Method:
    """A way to walk from noise to data.

    Attributes:
        make: (another draw of x_0, amount of noise in [0, 1]) -> step; only ``stochastic`` ones
            look at them.
        evaluations: of the network, in so many steps.
        without_noise: of a stochastic one, the method that it is where no noise is renewed, as in
            one step.
        jumps: whether it asks for the flow map off the diagonal.
    """

    make: Callable[[State, float], Step]
    evaluations: Callable[[int], int]
    without_noise: str | None = None
    jumps: bool = False

    @property
    def stochastic(self) -> bool:
        """Whether it renews noise between its steps."""
        return self.without_noise is not None


METHODS = Table[Method](
    "steps",
    {
        "euler": Method(lambda noise, amount: euler_step, lambda steps: steps),
        "heun": Method(lambda noise, amount: heun_step, lambda steps: 2 * steps - 1),
        "flow_map": Method(lambda noise, amount: flow_map, lambda steps: steps, jumps=True),
        "renoised": Method(renoised, lambda steps: steps, without_noise="flow_map", jumps=True),
        "euler_ancestral": Method(
            lambda noise, amount: renoised(noise, amount, euler_step),
            lambda steps: steps,
            without_noise="euler",
        ),
    },
    lambda name, value: isinstance(value, Method),
    "a methods.Method",
)
