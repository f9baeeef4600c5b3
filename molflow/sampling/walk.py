"""Walks from noise to molecules: a method, the times on the way, and the last step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

from torch import Tensor

from molflow.config import NOISE
from molflow.config.key import numbers_by_name
from molflow.errors import InputError
from molflow.flow.flow_map import Posterior
from molflow.flow.samplers import Step, drawn
from molflow.flow.state import Fields, State
from molflow.flow.times import logit_normal, quantile_steps
from molflow.sampling.methods import METHODS
from molflow.sampling.noise import DRAWS

AUTO = "auto"
USUAL_STEPS = 50
STOPS = logit_normal(mean=-0.2, spread=1.0)
"""The times of a walk are quantiles of this law.

It is dense where atoms and bonds are decided.
"""
LONE_STOP = 0.55
"""The time between two steps: later than the median, as no other stop mends what comes after."""

NoiseScale = float | Mapping[str, float]
"""A scale of all noise; or of that of some fields, as {"pairs": 0.75}, which leaves atoms as they
are.
"""


@dataclass(frozen=True)
class Route:
    """The wishes of a caller for a walk; the model chooses the others.

    Attributes:
        steps: between which ``STOPS`` has equal shares, 50 by default.
        method: a name of ``methods.METHODS``, or "auto".
        noise: see `Walk`; None is NOISE.
        temperature: see `Walk`.
        times: those between 0 and 1 to stop at, in place of ``steps``.
        noise_scale: see `Walk`.
    """

    steps: int | None = None
    method: str = AUTO
    noise: float | None = None
    temperature: float = 0.0
    times: Sequence[float] | None = None
    noise_scale: NoiseScale = 1.0


@dataclass(frozen=True)
class Walk:
    """A way from noise to molecules.

    Attributes:
        method: a name of ``methods.METHODS``.
        times: of the states on the way, increasing from 0 to 1.
        noise: in [0, 1], the share of it that a stochastic method renews at each step.
        temperature: 0 ends at the likeliest class of every variable. Otherwise the end is drawn
            from the posterior to the power 1 / temperature; 1 is the posterior itself.
        noise_scale: a factor to the standard deviation of noise, all or a field's (`NoiseScale`),
            beside that of training. Below 1 molecules are likelier and less diverse (Kingma and
            Dhariwal 2018, "Glow", section 6, call it a temperature).
    """

    method: str
    times: tuple[float, ...]
    noise: float = NOISE
    temperature: float = 0.0
    noise_scale: NoiseScale = 1.0

    @property
    def steps(self) -> int:
        """Steps from noise to molecule."""
        return len(self.times) - 1

    def __str__(self) -> str:
        taken = f"{self.steps} {self.method} step{'s' if self.steps > 1 else ''}"
        scale = told_noise_scale(self.noise_scale)
        return taken if scale == "1" else f"{taken} at noise_scale={scale}"

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

        Both functions are asked when the step is taken.

        Args:
            x_0: the states at time 0.
            noise: k -> another draw of x_0, for step k = 1, 2, ...
            uniforms: (k, purpose) -> uniform numbers (see ``noise.Crowd``), where x_0 is.
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


def plan_walk(route: Route, has_map: bool, fields: Collection[str]) -> Walk:
    """The walk that a caller asks for.

    "auto" goes by the flow map where the model has one, with new noise where there are several
    steps. It goes by Euler steps otherwise.

    Args:
        route: the wishes.
        has_map: whether the model has a flow map.
        fields: of its states.

    Raises:
        InputError: something is out of its range; the message names it.
    """
    method, temperature = route.method, route.temperature
    if method not in (*METHODS, AUTO):
        raise InputError(f"method={method!r}: one of {', '.join((AUTO, *METHODS))}")
    noise = NOISE if route.noise is None else route.noise
    _require_share(noise=noise)
    if not isinstance(temperature, Real) or not 0 <= temperature < float("inf"):
        raise InputError(f"temperature={temperature!r}: a number of at least 0")
    grid = _grid(route.steps, route.times)
    if method == AUTO and has_map:
        method = "renoised" if len(grid) > 2 else "flow_map"
    elif method == AUTO:
        method = "euler"
    scale = _noise_scale(route.noise_scale, fields)
    return Walk(method, grid, float(noise), float(temperature), scale)


def _noise_scale(scale: NoiseScale, fields: Collection[str]) -> NoiseScale:
    if not isinstance(scale, Mapping):
        return _positive("noise_scale", scale)
    for name in scale:
        if name not in fields:
            raise InputError(f"noise_scale: {name!r}: this model has {', '.join(fields)}")
    return {name: _positive(f"noise_scale of {name}", one) for name, one in scale.items()} or 1.0


def _positive(name: str, value: float) -> float:
    if not isinstance(value, Real) or not 0 < value < float("inf"):
        raise InputError(f"{name}={value!r}: a number of more than 0")
    return float(value)


def scales_of(scale: NoiseScale, fields: Collection[str]) -> dict[str, float]:
    """The scale of every field."""
    if isinstance(scale, Mapping):
        return {name: scale.get(name, 1.0) for name in fields}
    return dict.fromkeys(fields, scale)


def read_noise_scale(text: str) -> NoiseScale:
    """The scale that ``noise_scale=0.75`` or ``noise_scale=pairs=0.75`` names.

    Raises:
        InputError: the text has another form.
    """
    try:
        return float(text)
    except ValueError:
        return numbers_by_name("noise_scale", text, "0.75 or pairs=0.75")


def told_noise_scale(scale: NoiseScale) -> str:
    """The text that `read_noise_scale` reads."""
    if not isinstance(scale, Mapping):
        return f"{scale:g}"
    return ",".join(f"{name}={one:g}" for name, one in scale.items())


def usual_times(steps: int) -> tuple[float, ...]:
    """The times from 0 to 1 of so many steps where nobody names any."""
    return (0.0, LONE_STOP, 1.0) if steps == 2 else tuple(quantile_steps(steps, STOPS))


def read_times(text: str | None, steps: int | None) -> list[float] | None:
    """The stops between 0 and 1 that a text names.

    Args:
        text: stops, as in "0.2,0.5"; or two ends, as in "0.2:0.7", between which they are spread
            evenly.
        steps: one more than the stops between two ends; None is USUAL_STEPS.

    Returns:
        The stops; None without a text.

    Raises:
        InputError: the text is anything else.
    """
    if text is None:
        return None
    try:
        if ":" not in text:
            return [float(number) for number in text.split(",")]
        first, last = (float(number) for number in text.split(":"))
    except ValueError:
        raise InputError(
            f"times={text!r}: numbers between 0 and 1, as in 0.2,0.5, or two ends, as in 0.2:0.7"
        ) from None
    if not 0 < first < last < 1:
        raise InputError(f"times={text!r}: the ends increase, between 0 and 1")
    return equal_stops((USUAL_STEPS if steps is None else steps) - 1, first, last)


def equal_stops(count: int, first: float, last: float) -> list[float]:
    """So many times at equal distances; one alone lies between the ends.

    Args:
        count: of times.
        first, last: the ends.
    """
    if count == 1:
        return [(first + last) / 2]
    return [first + (last - first) * k / (count - 1) for k in range(count)]


def require_stochastic(method: str, noise: float, wanting: str) -> str:
    """``method``, or for "auto" the first that renews noise.

    Args:
        method: a name of ``methods.METHODS``, or "auto".
        noise: the share that is renewed.
        wanting: whoever needs it, for errors.

    Raises:
        InputError: no noise is renewed.
    """
    known = [name for name, way in METHODS.own.items() if way.stochastic]
    if method in METHODS and not METHODS[method].stochastic:
        raise InputError(f"method={method!r}: {wanting} renews noise, with {', '.join(known)}")
    if noise == 0:
        raise InputError(f"noise={noise}: {wanting} renews noise, more than 0 is needed")
    return known[0] if method == AUTO else method


def _grid(steps: int | None, times: Sequence[float] | None) -> tuple[float, ...]:
    """The times from 0 to 1."""
    if times is None:
        steps = USUAL_STEPS if steps is None else steps
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
