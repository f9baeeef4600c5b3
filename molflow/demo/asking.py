"""The values of the controls become the configuration of ``molflow.sample``.

The server holds every bound itself, as a browser can send anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from molflow.chem.describing import DESCRIBED
from molflow.chem.transforms import short
from molflow.config import SampleConfig
from molflow.config.key import from_plain
from molflow.errors import InputError
from molflow.guidance.kinds import GUIDES, SurrogateGradient
from molflow.sampling.methods import METHODS
from molflow.sampling.walk import AUTO

if TYPE_CHECKING:
    from molflow.guidance.guides import Guide
    from molflow.library.task import SampleTask
    from molflow.model.spec import ModelSpec

BOUNDS: dict[str, tuple[float, float]] = {
    "n": (1, 200),
    "steps": (1, 50),
    "noise scale": (0.5, 1.5),
    "walks": (2, 32),
    "weight of a goal": (0.1, 10),
    "weight of the condition": (0, 5),
}
ANYWHERE = (-1e6, 1e6)
LETTERS = 200
"""Characters of a scaffold at most."""
EVALUATIONS = 20_000
"""Network evaluations of one run at most."""
BACKWARD = 3
"""Evaluations that a step of a guide with a gradient counts as."""
FEWEST_WITHOUT_MAP = 16
"""Steps at least of a model that has learned no flow map."""
WITHOUT_MAP = "euler_ancestral"
"""The usual method of such a model."""
GUIDING = tuple(name for name in GUIDES if name != SurrogateGradient.name)
"""The guides of the page: a surrogate would be fitted for half a minute first."""
OFF, HIGH, LOW, RANGE = WISHES = ("off", "high", "low", "range")
FIELDS = ("all", "atoms", "pairs")
"""Whose noise is scaled."""


@dataclass(frozen=True)
class Goal:
    """A wish for one property; low and high are read where it is RANGE."""

    name: str
    wish: str
    low: float
    high: float
    weight: float = 1.0

    def __str__(self) -> str:
        """As an objective writes it, such as "logp:1..3*2"."""
        wanted = {HIGH: "max", LOW: "min", RANGE: f"{short(self.low)}..{short(self.high)}"}
        weight = "" if self.weight == 1 else f"*{short(self.weight)}"
        return f"{self.name}:{wanted[self.wish]}{weight}"


@dataclass(frozen=True)
class Asked:
    """The values of the controls.

    Attributes:
        model: a name that the page offers.
        noise_of: one of FIELDS.
        guide: one of GUIDING; nothing is guided where all goals are OFF.
        walks: of each molecule under the guide, or draws of a guide that draws.
        goals: of the properties, those that are OFF included.
        condition: property -> value that the model is told.
        weight: of the condition.
    """

    model: str
    n: int
    steps: int
    method: str = AUTO
    noise_of: str = FIELDS[0]
    noise_scale: float = 1.0
    seed: int = 0
    scaffold: str = ""
    marks: str = "once"
    guide: str = "search"
    walks: int = 16
    goals: tuple[Goal, ...] = ()
    condition: Mapping[str, float] | None = None
    weight: float = 1.0


def methods_of(spec: ModelSpec) -> tuple[str, ...]:
    """List the methods that suit a model, its usual one first."""
    if spec.flow_map:
        return (AUTO, *METHODS)
    calm = [name for name, method in METHODS.items() if not method.jumps]
    return (WITHOUT_MAP, *(name for name in calm if name != WITHOUT_MAP))


def steps_of(spec: ModelSpec) -> tuple[int, int]:
    """Give the fewest and the most steps that the page lets a model take."""
    most = int(BOUNDS["steps"][1])
    return (int(BOUNDS["steps"][0]) if spec.flow_map else FEWEST_WITHOUT_MAP), most


def config_of(asked: Asked, specs: Mapping[str, ModelSpec]) -> SampleConfig:
    """Write what is asked for as the configuration of ``molflow.sample``.

    Args:
        asked: by the page.
        specs: of the models that the page offers, by name.

    Raises:
        InputError: a value is outside of its bounds.
    """
    if asked.model not in specs:
        raise InputError(f"model={asked.model!r}: one of {', '.join(specs)}")
    spec = specs[asked.model]
    _require_choices(asked, spec)
    values: dict[str, Any] = {
        "checkpoint": asked.model,
        "n": _whole("n", asked.n, BOUNDS["n"]),
        "steps": _whole("steps", asked.steps, steps_of(spec)),
        "method": asked.method,
        "noise_scale": _noise_scale(asked),
        "seed": asked.seed,
        "scaffold": _scaffold(asked.scaffold),
        "marks": asked.marks,
        "guidance": {**_score(asked), **_condition(asked)},
    }
    return from_plain(SampleConfig, values)


def _require_choices(asked: Asked, spec: ModelSpec) -> None:
    choices: dict[str, tuple[str, Sequence[str]]] = {
        "method": (asked.method, methods_of(spec)),
        "noise of": (asked.noise_of, FIELDS),
        "guide": (asked.guide, GUIDING),
    }
    choices |= {f"goal of {goal.name}": (goal.wish, WISHES) for goal in asked.goals}
    for name, (value, known) in choices.items():
        if value not in known:
            raise InputError(f"{name}={value!r}: one of {', '.join(known)}")
    for goal in asked.goals:
        if goal.name not in DESCRIBED:
            raise InputError(f"goal of {goal.name!r}: one of {', '.join(DESCRIBED)}")


def _number(name: str, value: Any, bounds: tuple[float, float]) -> float:
    low, high = bounds
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not low <= value <= high:
        raise InputError(f"{name}={value!r}: a number from {low:g} to {high:g}")
    return float(value)


def _whole(name: str, value: Any, bounds: tuple[float, float]) -> int:
    number = _number(name, value, bounds)
    if number != round(number):
        raise InputError(f"{name}={value!r}: a whole number is needed")
    return int(number)


def _noise_scale(asked: Asked) -> str:
    scale = short(_number("noise scale", asked.noise_scale, BOUNDS["noise scale"]))
    return scale if asked.noise_of == FIELDS[0] or scale == "1" else f"{asked.noise_of}={scale}"


def _scaffold(text: Any) -> str | None:
    if not isinstance(text, str):
        raise InputError("scaffold: a text is needed")
    plain = text.strip()
    if len(plain) > LETTERS:
        raise InputError(f"scaffold: {len(plain):,} characters, where at most {LETTERS} are read")
    if not plain.isprintable():
        raise InputError("scaffold: a SMILES on one line is needed")
    return plain or None


def _score(asked: Asked) -> dict[str, Any]:
    """Give the keys of the guide and its objective; none where no goal is set."""
    goals = [goal for goal in asked.goals if goal.wish != OFF]
    if not goals:
        return {}
    for goal in goals:
        _number(f"weight of {goal.name}", goal.weight, BOUNDS["weight of a goal"])
        if goal.wish == RANGE:
            _number(f"low {goal.name}", goal.low, ANYWHERE)
            _number(f"high {goal.name}", goal.high, ANYWHERE)
    walks = _whole("walks", asked.walks, BOUNDS["walks"])
    option = "draws" if "draws" in {f.name for f in fields(GUIDES[asked.guide])} else "particles"
    return {"method": asked.guide, "objective": ",".join(map(str, goals)), option: walks}


def _condition(asked: Asked) -> dict[str, Any]:
    if not asked.condition:
        return {}
    for name, value in asked.condition.items():
        _number(f"condition {name}", value, ANYWHERE)
    weight = _number("weight of the condition", asked.weight, BOUNDS["weight of the condition"])
    told = ",".join(f"{name}={short(value)}" for name, value in asked.condition.items())
    return {"condition": told, "weight": weight}


def require_budget(task: SampleTask, guide: Guide | None) -> None:
    """Refuse a run that would take more than EVALUATIONS.

    Raises:
        InputError: it would; the line says what to lower.
    """
    each = task.walk.evaluations
    if guide is not None:
        way = guide.guidance
        each = way.particles * way.steps(task.walk.times) * (BACKWARD if way.jumps else 1)
    each *= 1 if task.aim is None else task.aim.evaluations
    total = each * task.config.n
    if total > EVALUATIONS:
        raise InputError(
            f"{task.config.n} molecules of {each:,} network evaluations each: the page makes at "
            f"most {EVALUATIONS:,} evaluations in a run; lower n, the steps or the walks"
        )
