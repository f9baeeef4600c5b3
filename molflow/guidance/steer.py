"""Guides from names: ``molflow.guide("particles", "qed:max,logp:2.5±0.5")``."""

from __future__ import annotations

import math
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.chem.functions import Own
from molflow.chem.objective import parse_objective, read_objective
from molflow.chem.scoring import open_score
from molflow.errors import InputError
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import GUIDES
from molflow.guidance.surrogate import FIT_CALLS
from molflow.sampling.walk import require_positive

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer
    from molflow.config import GuidanceConfig

PARTICLES, DRAWS, RESTART = 16, 16, 0.35
NEEDED = "give the score of what is no molecule, below every true score"
OF_A_METHOD = ("particles", "draws", "strength", "invalid", "generations", "restart", "max_calls")
INVALID = -0.01
"""What is no molecule is worth just less than a molecule without any merit."""


def guide(
    method: str,
    objective: str | Scorer,
    *,
    particles: int | None = None,
    draws: int | None = None,
    strength: float | None = None,
    entropy_floor: float = 0.02,
    invalid: float | None = None,
    generations: int | None = None,
    restart: float | None = None,
    max_calls: int | None = None,
) -> Guide:
    """A guide for ``Generator.sample``.

    method: a name of ``kinds.GUIDES``. objective: text such as "qed:max,sa:<3", an
    ``chem.objective.Objective``, or a ``chem.scoring.ScoreFile``. particles: walks of each
    molecule, of which the best is kept (16 for "best_of", "particles" and every generation of
    "search", 1 for the others). draws: molecules that "draws" and "gradient" look at (16).
    strength: of "gradient", "surrogate" and "particles", each with its own default. entropy_floor:
    see ``guides.Guide``. invalid: the score of what is no molecule; INVALID for an objective,
    needed for a ``ScoreFile``, whose scores may have any range. generations (4) and restart (0.35,
    a time from 0 to below 1): of "search". max_calls: of the scorer by guidance, a surrogate's fit
    included: then it is asked no more, and what it does not know is worth ``invalid``; which
    molecules that are depends on the batches. None is no cap.
    InputError names an argument out of its range.
    """
    if method not in GUIDES:
        raise InputError(f"guidance={method!r}: one of {', '.join(GUIDES)}")
    kind = GUIDES[method]
    _require_meaning(method, draws=None if kind.draws else draws)
    _require_meaning(method, strength=strength if kind.strength is None else None)
    if not kind.generations:
        _require_meaning(method, generations=generations, restart=restart)
    if particles is None:
        particles = PARTICLES if kind.particles else 1
    draws = DRAWS if draws is None else draws
    generations = (kind.generations or 1) if generations is None else generations
    require_positive(particles=particles, draws=draws, generations=generations)
    if draws < kind.draws:
        raise InputError(f"draws={draws}: guidance={method} compares at least {kind.draws}")
    strength = (kind.strength or 0.0) if strength is None else strength
    for name, value in (("strength", strength), ("entropy_floor", entropy_floor)):
        if not isinstance(value, Real) or not 0 <= value < math.inf:
            raise InputError(f"{name}={value!r}: a number of at least 0")
    restart = RESTART if restart is None else restart
    if not isinstance(restart, Real) or not 0 <= restart < 1:
        raise InputError(f"restart={restart!r}: a time from 0 to below 1")
    if max_calls is not None:
        _require_calls(method, max_calls)
    scorer = parse_objective(objective) if isinstance(objective, str) else objective
    return Guide(
        method=method,
        scorer=scorer,
        particles=particles,
        draws=draws,
        strength=strength,
        entropy_floor=entropy_floor,
        invalid=_invalid(invalid, scorer),
        generations=generations,
        restart=restart,
        max_calls=max_calls,
    )


def _require_meaning(method: str, **given: float | None) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name}={value}: guidance={method} has no {name}")


def _require_calls(method: str, max_calls: int) -> None:
    require_positive(max_calls=max_calls)
    if GUIDES[method].fitted and max_calls < FIT_CALLS:
        raise InputError(
            f"max_calls={max_calls}: guidance={method} may take {FIT_CALLS:,} to be fitted"
        )


def _invalid(invalid: float | None, scorer: Scorer) -> float:
    if invalid is None and isinstance(scorer, Own):
        raise InputError(f"invalid: {NEEDED}")
    if invalid is not None and not (isinstance(invalid, Real) and math.isfinite(invalid)):
        raise InputError(f"invalid={invalid!r}: a finite number is needed")
    return INVALID if invalid is None else invalid


def configured_guide(config: GuidanceConfig) -> Guide | None:
    """The guide of a configuration; None for method none."""
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
    return guide(
        config.method,
        _scorer(config),
        particles=config.particles,
        draws=config.draws,
        strength=config.strength,
        entropy_floor=config.entropy_floor,
        invalid=config.invalid,
        generations=config.generations,
        restart=config.restart,
        max_calls=config.max_calls,
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
