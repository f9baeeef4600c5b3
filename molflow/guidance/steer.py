"""Guides from names: ``molflow.guide("particles", "qed:max,logp:2.5±0.5")``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from molflow.chem.functions import Own, OwnFunction
from molflow.chem.objective import parse_objective, read_objective
from molflow.chem.scoring import open_score
from molflow.chem.transforms import short
from molflow.errors import InputError
from molflow.guidance.guides import Guidance, Guide
from molflow.guidance.kinds import GUIDES, SurrogateGradient
from molflow.guidance.surrogate import FIT_CALLS
from molflow.sampling.walk import require_positive

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer
    from molflow.config import GuidanceConfig

NEEDED = "give the score of what is no molecule, below every true score"
OPTIONS = ("particles", "draws", "strength", "generations", "restart")
"""Keys of a configuration that are fields of some guidance, null where they are usual."""
OF_A_METHOD = (*OPTIONS[:3], "invalid", *OPTIONS[3:], "max_calls")
WORST = -1e9
"""The usual score of an invalid molecule beside a score of one's own.

Only the order matters there.
"""
INVALID = -0.01
"""The usual score of an invalid molecule beside an objective.

It is just less than that of a molecule without any merit.
"""


def guide(
    method: str | Guidance,
    objective: str | Mapping[str, str | float] | Scorer | Callable[[Any], Any],
    *,
    batched: bool = False,
    invalid: float | None = None,
    max_calls: int | None = None,
    **options: Any,
) -> Guide:
    """A guide for ``Generator.sample``.

    Args:
        method: a name of ``kinds.GUIDES``, or a ``guides.Guidance`` such as ``EvolutionarySearch``
            or one of your own.
        objective: text such as "qed:max,sa:<3", or the same as {"qed": "max", "sa": "<3"}, or an
            ``chem.objective.Objective``. A score of your own is a function of a molecule, or a
            ``chem.scoring.ScoreFile``, which runs apart.
        batched: whether a function takes lists of molecules.
        invalid: the score of an invalid molecule; INVALID for an objective. A score of your own may
            have any range. For it the default is WORST where only the order of scores matters.
            Where a gradient is taken, a value is needed.
        max_calls: the most calls of the scorer by guidance, a surrogate's fit included. Molecules
            beyond it are worth ``invalid``; which ones these are depends on the batches. None is no
            cap.
        options: the fields of the guidance (see ``kinds``), such as ``particles``; None is usual.

    Raises:
        InputError: an argument is out of its range, or an option is none. The message names it.
    """
    guidance = _guidance(method, options)
    if max_calls is not None:
        _require_calls(guidance, max_calls)
    scorer = as_scorer(objective, batched)
    return Guide(guidance, scorer, _invalid(invalid, scorer, guidance), max_calls)


def as_scorer(
    objective: str | Mapping[str, str | float] | Scorer | Callable[[Any], Any],
    batched: bool = False,
) -> Scorer:
    """The scorer that a text, a mapping of properties to goals, a function or a scorer means.

    Args:
        objective: any of these.
        batched: whether a function takes lists.

    Raises:
        InputError: it is none of them, or cannot be read.
    """
    if isinstance(objective, str):
        return parse_objective(objective)
    if isinstance(objective, Mapping):
        goals = {
            name: short(goal) if isinstance(goal, Real) else goal
            for name, goal in objective.items()
        }
        return parse_objective(",".join(f"{name}:{goal}" for name, goal in goals.items()))
    if hasattr(objective, "score_many"):
        return cast("Scorer", objective)
    if callable(objective):
        return OwnFunction(objective, batched)
    raise InputError(
        f"objective={objective!r}: a text such as 'qed:max', a dict, a function of a molecule, or "
        "an Objective"
    )


def _guidance(method: str | Guidance, options: Mapping[str, Any]) -> Guidance:
    if not isinstance(method, Guidance) and method not in GUIDES:
        raise InputError(f"guidance={method!r}: one of {', '.join(GUIDES)}")
    kind = GUIDES[method] if isinstance(method, str) else type(method)
    given = {name: value for name, value in options.items() if value is not None}
    known = {field.name for field in fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise InputError(f"{name}={value}: guidance={kind.name} has no {name}")
    return kind(**given) if isinstance(method, str) else replace(method, **given)


def _require_calls(guidance: Guidance, max_calls: int) -> None:
    require_positive(max_calls=max_calls)
    if isinstance(guidance, SurrogateGradient) and max_calls < FIT_CALLS:
        raise InputError(
            f"max_calls={max_calls}: guidance={guidance.name} may take {FIT_CALLS:,} to be fitted"
        )


def _invalid(invalid: float | None, scorer: Scorer, guidance: Guidance) -> float:
    own = isinstance(scorer, Own)
    if invalid is None and own and guidance.jumps:
        raise InputError(f"invalid: {NEEDED}")
    if invalid is not None and not (isinstance(invalid, Real) and math.isfinite(invalid)):
        raise InputError(f"invalid={invalid!r}: a finite number is needed")
    usual = WORST if own else INVALID
    return usual if invalid is None else invalid


def configured_guide(config: GuidanceConfig) -> Guide | None:
    """The guide of a configuration; None for method none.

    Raises:
        InputError: keys contradict each other, or one is missing.
    """
    sources = {
        "guidance.objective": config.objective,
        "guidance.components": config.components,
        "guidance.score": config.score,
    }
    given = [name for name, value in sources.items() if value is not None]
    if config.method == "none":
        for name in OF_A_METHOD:
            given += [f"guidance.{name}"] if getattr(config, name) is not None else []
        if given:
            names = ", ".join(GUIDES)
            raise InputError(f"{given[0]}: needs a way to use it: guidance= one of {names}")
        return None
    if len(given) != 1:
        raise InputError(f"guidance={config.method}: needs one of {', '.join(sources)}")
    if config.score is not None and config.invalid is None:
        raise InputError(f"guidance.invalid: {NEEDED}")
    options = {name: getattr(config, name) for name in OPTIONS}
    if "entropy_floor" in {field.name for field in fields(GUIDES[config.method])}:
        options["entropy_floor"] = config.entropy_floor
    return guide(
        config.method,
        _scorer(config),
        invalid=config.invalid,
        max_calls=config.max_calls,
        **options,
    )


def _scorer(config: GuidanceConfig) -> Scorer:
    if config.score is not None:
        return open_score(
            config.score, config.score_seconds, config.start_seconds, config.max_failures
        )
    if config.components is not None:
        return read_objective(Path(config.components))
    assert config.objective is not None
    return parse_objective(config.objective, config.aggregation)
