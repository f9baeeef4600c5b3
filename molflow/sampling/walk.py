"""How to go from noise to molecules: a method, the times it stops at, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

from torch import Tensor

from molflow.build import METHODS
from molflow.config import NOISE
from molflow.errors import InputError
from molflow.flow.flow_map import Posterior
from molflow.flow.samplers import Step, drawn
from molflow.flow.state import Fields, State
from molflow.flow.times import logit_normal, quantile_steps
from molflow.sampling.noise import DRAWS

AUTO = "auto"
STOPS = logit_normal(mean=-0.2, spread=1.0)
"""Of whose quantiles the times of a walk are: dense where what a molecule will be is decided."""
LONE_STOP = 0.55
"""The time between two steps: later than the median, as no other stop mends what comes after."""


@dataclass(frozen=True)
class Walk:
    """A way from noise to molecules.

    method: a name of ``build.METHODS``. times: of the states on the way, increasing from 0 to 1.
    noise: in [0, 1], the share of it that a stochastic method renews at each step. temperature: the
    last step goes to the likeliest class of every variable (0), or to a class drawn from the
    posterior to the power 1 / temperature (1: from the posterior itself).
    """

    method: str
    times: tuple[float, ...]
    noise: float = NOISE
    temperature: float = 0.0

    @property
    def steps(self) -> int:
        """Steps from noise to molecule."""
        return len(self.times) - 1

    def __str__(self) -> str:
        return f"{self.steps} {self.method} step{'s' if self.steps > 1 else ''}"

    @property
    def evaluations(self) -> int:
        """Network evaluations per molecule."""
        return METHODS[self.method].evaluations(self.steps)

    def moves(
        self,
        x_0: State,
        noise: Callable[[int], State],
        uniforms: Callable[[int, int], list[Fields]],
    ) -> list[Step]:
        """One step for each interval of the times.

        noise: k -> another draw of x_0, for step k = 1, 2, ... uniforms: (k, purpose) -> uniform
        numbers (see ``noise.Crowd``), where x_0 is. Both are asked when the step is taken.
        """
        moves = [self._move(x_0, noise, k) for k in range(1, self.steps + 1)]
        if self.temperature > 0:
            moves[-1] = self._drawing(moves[-1], uniforms)
        return moves

    def _move(self, x_0: State, noise: Callable[[int], State], k: int) -> Step:
        method = METHODS[self.method]
        if not method.stochastic or k == self.steps:  # At t = 1 there is no noise to renew.
            return method.make(x_0, self.noise)
        return lambda mu, x, s, t: method.make(noise(k), self.noise)(mu, x, s, t)

    def _drawing(self, last: Step, uniforms: Callable[[int, int], list[Fields]]) -> Step:
        def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
            (numbers,) = uniforms(self.steps, DRAWS)
            return drawn(last, numbers, self.temperature)(mu, x, s, t)

        return step


def plan_walk(
    steps: int | None,
    method: str,
    noise: float | None,
    temperature: float,
    times: Sequence[float] | None,
    has_map: bool,
) -> Walk:
    """The walk that a caller asks for; InputError names an argument out of its range.

    steps: between which ``STOPS`` has equal shares; or ``times``: those between 0 and 1 to stop at.
    method "auto": by the flow map where the model has one (``has_map``), with new noise where there
    are several steps; Euler steps otherwise. noise: None is NOISE.
    """
    if method not in (*METHODS, AUTO):
        raise InputError(f"method={method!r}: one of {', '.join((AUTO, *METHODS))}")
    noise = NOISE if noise is None else noise
    _require_share(noise=noise)
    if not isinstance(temperature, Real) or not 0 <= temperature < float("inf"):
        raise InputError(f"temperature={temperature!r}: a number of at least 0")
    grid = _grid(steps, times)
    if method == AUTO and has_map:
        method = "renoised" if len(grid) > 2 else "flow_map"
    elif method == AUTO:
        method = "euler"
    return Walk(method, grid, float(noise), float(temperature))


def usual_times(steps: int) -> tuple[float, ...]:
    """The times from 0 to 1 of so many steps where nobody names any."""
    return (0.0, LONE_STOP, 1.0) if steps == 2 else tuple(quantile_steps(steps, STOPS))


def require_stochastic(method: str, noise: float, wanting: str) -> str:
    """``method``, or for "auto" the first that renews noise; InputError where it renews none."""
    known = [name for name, way in METHODS.items() if way.stochastic]
    if method in METHODS and method not in known:
        raise InputError(f"method={method!r}: {wanting} renews noise, with {', '.join(known)}")
    if noise == 0:
        raise InputError(f"noise={noise}: {wanting} renews noise, more than 0 is needed")
    return known[0] if method == AUTO else method


def _grid(steps: int | None, times: Sequence[float] | None) -> tuple[float, ...]:
    """The times from 0 to 1."""
    if times is None:
        steps = 50 if steps is None else steps
        require_positive(steps=steps)
        return usual_times(steps)
    grid = (0.0, *times, 1.0)
    if not all(isinstance(t, Real) for t in grid) or not all(s < t for s, t in pairwise(grid)):
        raise InputError(f"times={list(times)}: they increase, between 0 and 1")
    if steps is not None and steps != len(grid) - 1:
        raise InputError(f"steps={steps}: {len(times)} times between 0 and 1 make {len(grid) - 1}")
    return tuple(float(t) for t in grid)


def require_whole(**values: int) -> None:
    """InputError for a value that is not a whole number."""
    for name, value in values.items():
        if not isinstance(value, Integral):
            raise InputError(f"{name}={value!r}: a whole number is needed")


def require_positive(**values: int) -> None:
    """InputError for a value that is not a whole number of at least 1."""
    require_whole(**values)
    for name, value in values.items():
        if value < 1:
            raise InputError(f"{name}={value}: at least 1")


def _require_share(**values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise InputError(f"{name}={value!r}: from 0 to 1")
