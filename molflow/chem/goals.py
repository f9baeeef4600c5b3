"""Goals: the meaning of "max", "2.5±0.5", "<3" or "1..3" for the values of a property.

A goal is a transform of REINVENT4 with parameters fitted to the property:

- max, min: a value x that lies in [0, 1] by nature (qed, similarity, smarts) is its own
  desirability x, respectively 1 - x. Any other value passes a sigmoid over the usual range, 0.05 at
  one end and 0.95 at the other.
- a±b: best at a (above 0.99), 1/2 at a - b and a + b, below 0.01 at twice that distance.
- <a, >a, a..b: at least 0.99 where met. Beyond, it falls to 1/2 and then below 0.01 within a margin
  of a tenth of the usual range. Counts take < and <= at their word.
- a (also a..a), of counts alone: at least 0.99 at a and below 0.01 at every other number.
"""

from __future__ import annotations

import math
import re

from molflow.chem.properties import Property
from molflow.chem.transforms import (
    NUMBER,
    Transform,
    complement,
    double_sigmoid,
    itself,
    parse_transform,
    reverse_sigmoid,
    short,
    sigmoid,
)
from molflow.errors import InputError

GENTLE, STEEP = 0.25, 0.5
GOALS = "max, min, a±b, <a, >a, a..b, or a of a count"
EXTREME = re.compile(r"max|min")
EXACT = re.compile(NUMBER)
BOUND = re.compile(rf"(?P<sign>[<>]=?)\s*(?P<a>{NUMBER})")
INTERVAL = re.compile(rf"(?P<a>{NUMBER})\s*(?P<sign>±|\+/?-|\.\.)\s*(?P<b>{NUMBER})")


def goal(prop: Property, text: str) -> Transform:
    """Turn a goal into a transform of the property's values; the module lists the goals.

    Args:
        prop: the property.
        text: "max", "min", "2.5±0.5" (or +-), "<3", ">3" (or <=, >=), "1..3", "2" of a count, or a
            transform with its parameters, "sigmoid(low=0, high=3, k=0.5)".

    Raises:
        InputError: the text is no goal, or no molecule can meet it.
    """
    plain = text.strip().replace("−", "-")
    try:
        if EXTREME.fullmatch(plain):
            return _extreme(prop, plain)
        if EXACT.fullmatch(plain):
            return _met(_exact(prop, _finite(plain)), prop)
        if match := BOUND.fullmatch(plain):
            return _met(_bound(prop, match["sign"], _finite(match["a"])), prop)
        if match := INTERVAL.fullmatch(plain):
            ends = _finite(match["a"]), _finite(match["b"])
            make = _between if match["sign"] == ".." else _around
            return _met(make(prop, *ends), prop)
        if "(" in plain:
            return parse_transform(plain)
        raise InputError(f"the goal must be one of {GOALS}")
    except InputError as error:
        raise InputError(f"{prop.name}:{text.strip()}: {error}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"{text} is too large")
    return number


def _extreme(prop: Property, text: str) -> Transform:
    if prop.graded:
        return Transform(text, itself if text == "max" else complement)
    function = sigmoid if text == "max" else reverse_sigmoid
    return Transform(text, function, {"low": prop.low, "high": prop.high, "k": GENTLE})


def _margin(prop: Property) -> float:
    return (prop.high - prop.low) / 10


def _bound(prop: Property, sign: str, a: float) -> Transform:
    text, margin = sign + short(a), _margin(prop)
    if sign.startswith("<"):
        last = a if not prop.count else math.floor(a) if sign == "<=" else math.ceil(a) - 1
        ends = {"low": last, "high": last + margin, "k": STEEP}
        return Transform(text, reverse_sigmoid, ends, (-math.inf, last))
    first = a if not prop.count else math.ceil(a) if sign == ">=" else math.floor(a) + 1
    ends = {"low": first - margin, "high": first, "k": STEEP}
    return Transform(text, sigmoid, ends, (first, math.inf))


def _double(low: float, high: float, width: float) -> dict[str, float]:
    slope = 10 * STEEP
    return {"low": low, "high": high, "coef_div": width, "coef_si": slope, "coef_se": slope}


def _exact(prop: Property, a: float) -> Transform:
    if not prop.count:
        raise InputError(
            f"a number alone is a goal of counts; give a tolerance, as in {short(a)}±1"
        )
    margin = min(_margin(prop), 1.0)
    ends = _double(a - margin / 2, a + margin / 2, margin)
    return Transform(short(a), double_sigmoid, ends, (a, a))


def _between(prop: Property, a: float, b: float) -> Transform:
    if a == b and prop.count:
        return _exact(prop, a)
    if a >= b:
        raise InputError("the first end must be less than the second")
    text, margin = f"{short(a)}..{short(b)}", _margin(prop)
    ends = _double(a - margin / 2, b + margin / 2, margin)
    return Transform(text, double_sigmoid, ends, (a, b))


def _around(prop: Property, a: float, b: float) -> Transform:
    if b <= 0:
        raise InputError("the tolerance must be more than 0")
    text = f"{short(a)}±{short(b)}"
    return Transform(text, double_sigmoid, _double(a - b, a + b, 2 * b), (a - b, a + b))


def _met(transform: Transform, prop: Property) -> Transform:
    """The transform, if some value of the property can meet it."""
    low = max(transform.wanted[0], prop.limits[0])
    high = min(transform.wanted[1], prop.limits[1])
    if low > high or (prop.count and math.isfinite(high) and math.ceil(low) > math.floor(high)):
        kind = "whole numbers" if prop.count else "values"
        least, most = (short(end) for end in prop.limits)
        raise InputError(f"no molecule meets it, {kind} go from {least} to {most}")
    return transform
