"""The cells of benchmarks.guidance: the choices of each method within a budget, and their time.

A budget is a number of looks: molecules that are judged for each molecule wanted. Looks and network
evaluations are both recorded; a budget limits the looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from molflow.errors import InputError
from molflow.guidance.kinds import GUIDES, BestDraw, ScoreGradient
from molflow.sampling.methods import METHODS

UNGUIDED, BEST_OF = "unguided", "best_of"
WALKS = (1, 4, 16)
"""Walks of each molecule among which "draws" and "gradient" may divide their looks."""
GENERATIONS = (2, 4, 8)
"""Generations among which "search" may divide its looks."""
EVALUATION_SECONDS, LOOK_SECONDS = 4e-4, 2.5e-4
"""Of one molecule on two CPU cores: a network evaluation; decoding, checking and scoring."""


@dataclass(frozen=True)
class Settings:
    """Choices of a method.

    Attributes:
        particles: walks of each molecule, in each of the generations.
        draws: molecules drawn ahead, 0 where none are.
        generations: of "search".
    """

    particles: int
    draws: int = 0
    generations: int = 1


@dataclass(frozen=True)
class GuidedCell:
    """One measurement: a task, a way to walk toward it, and its budget.

    Attributes:
        task: by name.
        way: "unguided", or a name of ``kinds.GUIDES``, perhaps with its strength: "gradient:0.5".
        walk: a name of ``methods.METHODS``.
        steps: of the walk.
        budget: looks a molecule, 0 of "unguided".
        settings: choices of the method.
        seed: of the molecules.
    """

    task: str
    way: str
    walk: str
    steps: int
    budget: int
    settings: Settings
    seed: int

    @property
    def method(self) -> str:
        """The way without its strength."""
        return self.way.partition(":")[0]

    @property
    def strength(self) -> float | None:
        """The strength that the way names; None leaves it to the method."""
        text = self.way.partition(":")[2]
        return float(text) if text else None


def settings(method: str, budget: int, steps: int) -> tuple[Settings, ...]:
    """The choices of a method in so many steps with at most ``budget`` looks a molecule.

    All choices are measured, and the method is judged by its best. There is none where the budget
    does not reach.

    - best_of: ``budget`` walks, each judged at its end.
    - surrogate: the same; calls for its fit, once a task, are among the calls and in no budget.
    - particles: budget // steps walks, each judged at every step. One walk has nothing to choose
      from, and in one step nothing is resampled: that would be best_of.
    - draws: M walks of WALKS, each judged at its draws and at the unguided end, so that budget // M
      - 1 draws are left; at least 1.
    - gradient: M walks of WALKS, each judged at its draws at every step and at its end, so that
      (budget // M - 1) // steps draws are left; at least 2.
    - search: so many generations as one of GENERATIONS of budget // generations walks, each judged
      at its end; at least 1.
    """
    match method:
        case "best_of" | "surrogate":
            return (Settings(budget),)
        case "particles":
            return (Settings(budget // steps),) if steps > 1 and budget // steps > 1 else ()
        case "search":
            split = [Settings(budget // g, generations=g) for g in GENERATIONS]
            return tuple(one for one in split if one.particles > 0)
        case "draws":
            made, fewest = [Settings(m, budget // m - 1) for m in WALKS], BestDraw.fewest
        case "gradient":
            made = [Settings(m, (budget // m - 1) // steps) for m in WALKS]
            fewest = ScoreGradient.fewest
        case _:
            raise InputError(f"methods={method!r}: this benchmark knows no budget of it")
    return tuple(one for one in made if one.draws >= fewest)


def looks(method: str, made: Settings, steps: int) -> int:
    """Looks a molecule that these settings take; none without a guide."""
    per_walk = {
        UNGUIDED: 0,
        "best_of": 1,
        "particles": steps,
        "draws": made.draws + 1,
        "gradient": made.draws * steps + 1,
        "search": made.generations,
        "surrogate": 1,
    }
    return made.particles * per_walk[method]


def evaluations(cell: GuidedCell) -> int:
    """Network evaluations a molecule, the most that there can be; backward passes included."""
    of_walk = METHODS[cell.walk].evaluations(cell.steps)
    gradients = 4 * cell.steps if cell.method in ("gradient", "surrogate") else 0
    generations = cell.settings.generations
    return cell.settings.particles * (generations * of_walk + gradients)


def seconds(cell: GuidedCell, n: int) -> float:
    """Expected seconds for a cell of ``n`` molecules, without walks that unguided and best_of
    share.
    """
    shared = cell.method in (UNGUIDED, BEST_OF)
    network = 0 if shared else evaluations(cell) * EVALUATION_SECONDS
    return n * (network + looks(cell.method, cell.settings, cell.steps) * LOOK_SECONDS)


def walking_seconds(cell: GuidedCell, n: int, walks: int) -> float:
    """Expected seconds for the walks that unguided and best_of share with those of all tasks."""
    return n * walks * METHODS[cell.walk].evaluations(cell.steps) * EVALUATION_SECONDS


def require_ways(ways: Sequence[str]) -> None:
    """Raise InputError for a name that is no method of guidance, or one without such a strength."""
    from molflow.guidance.steer import guide

    for way in ways:
        method, colon, text = way.partition(":")
        if method not in GUIDES:
            raise InputError(f"methods={way!r}: any of {', '.join(GUIDES)}")
        settings(method, 1, 1)
        try:
            strength = float(text) if colon else None
        except ValueError:
            raise InputError(f"methods={way!r}: a number follows the colon, the strength") from None
        guide(method, "qed:max", strength=strength)


def cells(
    tasks: Iterable[str],
    ways: Sequence[str],
    walks: Sequence[str],
    grid: tuple[Sequence[int], Sequence[int]],
    seeds: int,
) -> list[GuidedCell]:
    """Every task: unguided, then all choices of the ways; seeds innermost.

    Args:
        tasks: their names.
        ways: methods of guidance, perhaps with a strength.
        walks: of all but the methods that renew noise, which walk by one that does.
        grid: budgets and steps.
        seeds: how many.
    """
    budgets, steps = grid
    renewing = next(name for name, way in METHODS.items() if way.stochastic)
    shapes = [(UNGUIDED, walk, k, 0, Settings(1)) for walk in walks for k in steps]
    for way in ways:
        method = way.partition(":")[0]
        own = [renewing] if GUIDES[method].noise is not None else walks
        shapes += [
            (way, walk, k, budget, made)
            for walk in own
            for budget in budgets
            for k in steps
            for made in settings(method, budget, k)
        ]
    return [
        GuidedCell(task, *shape, seed)
        for task in tasks
        for shape in shapes
        for seed in range(seeds)
    ]
