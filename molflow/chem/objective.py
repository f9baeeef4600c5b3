"""Objectives: several properties, each with a goal and a weight, made into one score in [0, 1].

As in REINVENT4, a transform turns the value of every component into a desirability d in [0, 1]. The
score is their weighted geometric (or arithmetic) mean, with weights that sum to 1. In text:
"qed:max, logp:2.5±0.5, sa:<3 * 2" (see `molflow.chem.goals`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from rdkit import Chem, rdBase

from molflow.chem.aggregation import AGGREGATIONS, Scored, pareto_front
from molflow.chem.families import find_property
from molflow.chem.goals import goal
from molflow.chem.properties import Made, Property
from molflow.chem.transforms import NUMBER, Transform, as_float, named, short
from molflow.errors import InputError

__all__ = [
    "AGGREGATIONS",
    "Component",
    "Objective",
    "Scored",
    "pareto_front",
    "parse_objective",
    "read_objective",
]


@dataclass(frozen=True)
class Component:
    """One property, a transform of its values to desirabilities, and its weight beside the others.

    InputError where the weight is not finite and more than 0.
    """

    property: Property
    transform: Transform
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise InputError(f"{self}: the weight must be a finite number more than 0")

    def __str__(self) -> str:
        weight = "" if self.weight == 1 else f"*{short(self.weight)}"
        return f"{self.property.name}:{self.transform.text}{weight}"


@dataclass(frozen=True)
class Objective:
    """Components and how their desirabilities are averaged, one of AGGREGATIONS.

    InputError where there is no component, or where two of them contradict or repeat each other.
    """

    components: tuple[Component, ...]
    aggregation: str = "geometric"

    def __post_init__(self) -> None:
        if not self.components:
            raise InputError("objective: needs a component, such as qed:max")
        if self.aggregation not in tuple(AGGREGATIONS):
            known = ", ".join(AGGREGATIONS)
            raise InputError(f"aggregation={self.aggregation!r}: one of {known}")
        for first, second in combinations(self.components, 2):
            if first.property.name == second.property.name:
                _require_compatible(first, second)

    @property
    def names(self) -> tuple[str, ...]:
        """The properties' names, with the goal where a property comes more than once."""
        plain = [component.property.name for component in self.components]
        return tuple(
            name if plain.count(name) == 1 else f"{name}:{component.transform.text}"
            for name, component in zip(plain, self.components, strict=True)
        )

    def __str__(self) -> str:
        """The text that `parse_objective` reads back."""
        return ",".join(str(component) for component in self.components)

    def describe(self) -> str:
        """Describe it for people, such as "geometric mean of qed:max, sa:<3*2"."""
        return f"{self.aggregation} mean of {', '.join(map(str, self.components))}"

    def score(self, mol: Chem.Mol) -> Scored:
        """Score a sanitised molecule. An exception of a property is recorded as its error."""
        made: Made = {}
        with rdBase.BlockLogs():
            found = [component.property.value(mol, made) for component in self.components]
        values = tuple(value for value, _ in found)
        desirabilities = tuple(
            0.0 if math.isnan(value) else component.transform(value)
            for value, component in zip(values, self.components, strict=True)
        )
        errors = [error for _, error in found if error is not None]
        if errors:
            return Scored(0.0, desirabilities, values, "; ".join(errors))
        weights = [component.weight for component in self.components]
        total = AGGREGATIONS[self.aggregation](desirabilities, weights)
        return Scored(total, desirabilities, values)

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        """`score` of every molecule, in order; about 0.6 ms each for qed, sa and logp."""
        return [self.score(mol) for mol in mols]

    def close(self) -> None:
        """Do nothing: an objective holds no process, unlike a `scoring.ScoreFile`."""


def _require_compatible(first: Component, second: Component) -> None:
    """InputError for two goals of one property that are equal, opposite or disjoint."""
    goals = first.transform.text, second.transform.text
    if goals[0] == goals[1]:
        raise InputError(f"objective: {first.property.name}:{goals[0]} comes twice")
    (low, high), (other_low, other_high) = first.transform.wanted, second.transform.wanted
    low, high = max(low, other_low), min(high, other_high)
    apart = low > high if first.property.count else low >= high
    if apart or set(goals) == {"max", "min"}:
        raise InputError(
            f"objective: {first.property.name}:{goals[0]} contradicts "
            f"{second.property.name}:{goals[1]}"
        )


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside of every bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth != 0:
        raise InputError(f"objective {text!r}: a bracket is not closed or not opened")
    return [part.strip() for part in parts]


def parse_objective(text: str, aggregation: str = "geometric") -> Objective:
    """Read an objective from a text.

    Args:
        text: components `name:goal` or `name:goal*weight`, between commas.
        aggregation: one of AGGREGATIONS.

    Raises:
        InputError: something cannot be read; one line.
    """
    return Objective(tuple(_component(part) for part in _split(text, ",")), aggregation)


def _component(text: str) -> Component:
    name, *goals = _split(text, ":")
    if len(goals) != 1 or not name or not goals[0]:
        raise InputError(f"objective: {text!r}: expected name:goal, such as qed:max or sa:<3")
    wanted, star, weight = goals[0].rpartition("*")
    if star and not re.fullmatch(NUMBER, weight.strip()):
        raise InputError(f"objective: {text!r}: the weight after * must be a number")
    prop = find_property(name)
    return Component(prop, goal(prop, wanted if star else weight), float(weight) if star else 1.0)


def read_objective(path: Path) -> Objective:
    """Read an objective from a YAML file.

    The file is either a list of components or a mapping of `components` (that list) and
    `aggregation`. A component has these keys:

    - `name`: of the property.
    - `goal`, such as max or "<3"; or else `transform`, its `type` and the parameters of that.
    - `weight`, which may be left out.

    Raises:
        InputError: something cannot be read; one line.
    """
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"objective {str(path)!r}: {error}") from None
    # Dates that are none, numbers of too many digits and endless brackets are no errors of YAML's.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"objective {str(path)!r}: {line} (quote goals, as in '>3')") from None
    try:
        if isinstance(plain, list):
            plain = {"components": plain}
        _require_keys(plain, ("components", "aggregation"), "the file")
        components = plain.get("components")
        if not isinstance(components, list):
            raise InputError("components: a list is needed")
        made = tuple(_component_of(entry, place) for place, entry in enumerate(components, 1))
        return Objective(made, plain.get("aggregation", "geometric"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _require_keys(plain: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(plain, dict):
        raise InputError(f"{what}: a mapping of {', '.join(known)} is needed")
    for name in plain:
        if name not in known:
            raise InputError(f"{what}: no key {name!r}, only {', '.join(known)}")


def _component_of(entry: Any, place: int) -> Component:
    what = f"component {place}"
    _require_keys(entry, ("name", "goal", "transform", "weight"), what)
    name, wanted, weight = entry.get("name"), entry.get("goal"), entry.get("weight", 1)
    if not isinstance(name, str):
        raise InputError(f"{what}: name: the name of a property is needed")
    if ("goal" in entry) == ("transform" in entry):
        raise InputError(f"{what} ({name}): needs either a goal or a transform")
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise InputError(f"{what} ({name}): weight={weight!r}: a number is needed")
    prop = find_property(name)
    if "transform" in entry:
        return Component(prop, _transform_of(entry["transform"], what), as_float(weight))
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        wanted = short(wanted)  # YAML reads the exact goal of a count as a number.
    if not isinstance(wanted, str):
        raise InputError(f"{what} ({name}): goal={wanted!r}: a text such as max or '<3' is needed")
    return Component(prop, goal(prop, wanted), as_float(weight))


def _transform_of(entry: Any, what: str) -> Transform:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise InputError(f"{what}: transform: a type and its parameters are needed")
    return named(entry["type"], {key: value for key, value in entry.items() if key != "type"})
