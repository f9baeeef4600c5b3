"""Desirability: from the value of a property to a number in [0, 1].

The sigmoids and steps have the names, parameters and definitions of REINVENT4 (Loeffler et al., J.
Cheminf. 2024, 16, 20; its module reinvent/scoring/transforms), with sigma(h) = 1 / (1 + 10^-h). The
Gaussians and the line are the score modifiers of GuacaMol (Brown et al., J. Chem. Inf. Model. 2019,
59, 1096).
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from molflow.errors import InputError
from molflow.plugins import Table

ANY_SIGN = ("low", "high", "mean")
"""Parameters that lie on the property's own axis; the others are more than 0."""
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
CALL = re.compile(r"(\w+)\s*\((.*)\)")


def _sigma(h: float) -> float:
    """1 / (1 + 10^-h), for any h."""
    if h >= 0:
        return 1 / (1 + 10.0**-h)
    power = 10.0**h
    return power / (1 + power)


def sigmoid(x: float, low: float, high: float, k: float) -> float:
    """sigma(10 k (x - (low + high)/2) / (high - low)): rises from low to high."""
    return _sigma(10 * k * (x - (low + high) / 2) / (high - low))


def reverse_sigmoid(x: float, low: float, high: float, k: float) -> float:
    """1 - sigmoid(x): falls from low to high."""
    return _sigma(-10 * k * (x - (low + high) / 2) / (high - low))


def double_sigmoid(
    x: float,
    low: float,
    high: float,
    coef_div: float = 100.0,
    coef_si: float = 150.0,
    coef_se: float = 150.0,
) -> float:
    """A rise around low and a fall around high, 1/2 at both.

    With c their midpoint:

        sigma((x - low) coef_si / coef_div)     left of c
        sigma((high - x) coef_se / coef_div)    from c on
    """
    if x < (low + high) / 2:
        return _sigma((x - low) * coef_si / coef_div)
    return _sigma((high - x) * coef_se / coef_div)


def step(x: float, low: float, high: float) -> float:
    """1 where low <= x <= high, else 0."""
    return float(low <= x <= high)


def left_step(x: float, low: float) -> float:
    """1 where x <= low, else 0."""
    return float(x <= low)


def right_step(x: float, high: float) -> float:
    """1 where x >= high, else 0."""
    return float(x >= high)


def gaussian(x: float, mean: float, sd: float) -> float:
    """exp(-((x - mean) / sd)^2 / 2): 1 at the mean, 0.61 one sd away, 0.14 two away."""
    z = (x - mean) / sd
    # z * z gives inf where z**2 raises.
    return math.exp(-z * z / 2)


def min_gaussian(x: float, mean: float, sd: float) -> float:
    """gaussian(max(x, mean)): 1 up to the mean, falls above."""
    return gaussian(max(x, mean), mean, sd)


def max_gaussian(x: float, mean: float, sd: float) -> float:
    """gaussian(min(x, mean)): rises below the mean, 1 from there on."""
    return gaussian(min(x, mean), mean, sd)


def linear(x: float, low: float, high: float) -> float:
    """(x - low) / (high - low), clipped to [0, 1]."""
    return itself((x - low) / (high - low))


def itself(x: float) -> float:
    """x, for values in [0, 1]."""
    return min(max(x, 0.0), 1.0)


def complement(x: float) -> float:
    """1 - x, for values in [0, 1]."""
    return 1 - itself(x)


TRANSFORMS = Table[Callable[..., float]](
    "transforms",
    {
        function.__name__: function
        for function in (
            sigmoid,
            reverse_sigmoid,
            double_sigmoid,
            step,
            left_step,
            right_step,
            gaussian,
            min_gaussian,
            max_gaussian,
            linear,
        )
    },
)


@dataclass(frozen=True)
class Transform:
    """A function from values of a property to [0, 1].

    Attributes:
        text: as an objective writes it. Transforms are compared by it.
        function: of the value and the parameters.
        parameters: its keyword arguments.
        wanted: the interval asked for; (-inf, inf) where there is a direction alone.
    """

    text: str
    function: Callable[..., float] = field(repr=False, compare=False)
    parameters: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)
    wanted: tuple[float, float] = field(default=(-math.inf, math.inf), compare=False)

    def __call__(self, x: float) -> float:
        return self.function(x, **self.parameters)


def short(number: float) -> str:
    """The number as exactly and as briefly as it can be written: 3.0 -> "3"."""
    return repr(as_float(number)).removesuffix(".0")


def as_float(number: float) -> float:
    """The number as a float, infinite where it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def parse_transform(text: str) -> Transform:
    """The transform of a text such as "sigmoid(low=0, high=3, k=0.5)"; InputError as `named`."""
    call = CALL.fullmatch(text.strip())
    if call is None:
        raise InputError(f"transform {text!r}: expected a form like step(low=0, high=3)")
    parameters: dict[str, object] = {}
    for part in call[2].split(","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        parameters[key] = float(value) if re.fullmatch(NUMBER, value) else value
    return named(call[1], parameters)


def named(name: str, parameters: Mapping[str, object]) -> Transform:
    """One of TRANSFORMS with its parameters.

    Args:
        name: one of TRANSFORMS.
        parameters: its parameters, which must be finite numbers.

    Raises:
        InputError: something is unknown, missing or out of order; the message names it.
    """
    if name not in TRANSFORMS:
        raise InputError(f"transform {name!r}: one of {', '.join(TRANSFORMS)}")
    signature = inspect.signature(TRANSFORMS[name])
    known = {key: value.default for key, value in signature.parameters.items() if key != "x"}
    values: dict[str, float] = {}
    for key, value in parameters.items():
        if key not in known:
            raise InputError(f"{name}: no parameter {key!r}, only {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name}: {key}={value!r}: a number is needed")
        values[key] = as_float(value)
    for key, default in known.items():
        if key not in values and default is inspect.Parameter.empty:
            raise InputError(f"{name}: {key} is missing")
    _check_order(name, values)
    text = f"{name}({', '.join(f'{key}={short(value)}' for key, value in values.items())})"
    return Transform(text, TRANSFORMS[name], values, _wanted(name, values))


def _wanted(name: str, values: Mapping[str, float]) -> tuple[float, float]:
    match name:
        case "step" | "double_sigmoid":
            return values["low"], values["high"]
        case "left_step":
            return -math.inf, values["low"]
        case "right_step" | "linear":
            return values["high"], math.inf
        case "gaussian":
            return values["mean"] - values["sd"], values["mean"] + values["sd"]
        case "min_gaussian":
            return -math.inf, values["mean"]
        case "max_gaussian":
            return values["mean"], math.inf
    return -math.inf, math.inf


def _check_order(name: str, values: Mapping[str, float]) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{name}: {key}={value}: a finite number is needed")
        if key not in ANY_SIGN and value <= 0:
            raise InputError(f"{name}: {key}={short(value)}: must be more than 0")
    if "low" in values and "high" in values and values["low"] >= values["high"]:
        raise InputError(f"{name}: low={short(values['low'])} must be less than high")
