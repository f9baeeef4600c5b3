"""Ways to walk toward a score, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from molflow.flow.guidance import Reward
from molflow.guidance.guides import (
    Guide,
    Outcome,
    Task,
    by_draws,
    by_gradient,
    by_particles,
    by_search,
    by_selection,
    by_surrogate,
)


@dataclass(frozen=True)
class Guidance:
    """A way to walk toward a score, and what of ``guides.Guide`` it looks at.

    strength: the default one, None where there is none. draws: of finished molecules ahead, the
    fewest that make sense; 0 where there are none. particles: by default several of each molecule,
    or one. noise: the share that its steps usually renew, None where they need not renew any. ends:
    whether it draws the last step itself, so that no temperature can. jumps: whether it looks ahead
    by the flow map at every step. generations: the usual number, 0 where there are none. fitted:
    whether it climbs a surrogate, which is fitted first.
    """

    run: Callable[[Guide, Task, Reward], Outcome]
    strength: float | None = None
    draws: int = 0
    particles: bool = False
    noise: float | None = None
    ends: bool = False
    jumps: bool = False
    generations: int = 0
    fitted: bool = False


GUIDES = {
    "best_of": Guidance(by_selection, particles=True),
    "draws": Guidance(by_draws, draws=1, ends=True),
    "gradient": Guidance(by_gradient, strength=0.3, draws=2, jumps=True),
    "particles": Guidance(by_particles, strength=20.0, particles=True, noise=1.0),
    "search": Guidance(by_search, particles=True, generations=4),
    "surrogate": Guidance(by_surrogate, strength=0.3, jumps=True, fitted=True),
}
