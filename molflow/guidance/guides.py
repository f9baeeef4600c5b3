"""Guides: a score to walk toward, and a way to do it.

A guidance walks with ``particles`` of every molecule and keeps the best of them at the end, so each
contains best-of-N. It asks for the rewards of molecules that a state is about to become, and for
nothing else of chemistry. One of your own is a class:

>>> @dataclass(frozen=True)                                               # doctest: +SKIP
... class Twice(Guidance):
...     def run(self, task: Task, reward: Reward) -> Outcome:
...         ends = [sample(task.moves, task.mu, task.x_0, task.times) for _ in "ab"]
...         return Outcome(ends[0], reward(decoded(ends[0])), evaluations=2 * len(task.moves))
>>> model.sample(100, guide=molflow.guide(Twice(particles=4), "qed:max"))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from molflow.flow.flow_map import Posterior
from molflow.flow.guidance import Reward, Value
from molflow.flow.particles import Trace
from molflow.flow.samplers import Step
from molflow.flow.state import Fields, State
from molflow.sampling.walk import require_positive

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer


@dataclass(frozen=True)
class Task:
    """The material of a guidance: B = G * particles states and the random numbers of its choices.

    Attributes:
        mu: the posterior.
        x_0: B states of noise.
        moves: one for each interval of ``times``.
        times: increasing from 0 to 1.
        uniforms: (step, count) -> count times field -> (B, D, K).
        choices: (steps - 1, G).
        again: the number of a generation, from 1 -> another x_0 and moves with noise of their own.
        value: the surrogate, where the guidance has one.
    """

    mu: Posterior
    x_0: State
    moves: Sequence[Step]
    times: Sequence[float]
    uniforms: Callable[[int, int], list[Fields]]
    choices: Tensor
    again: Callable[[int], tuple[State, Sequence[Step]]]
    value: Value | None = None


@dataclass(frozen=True)
class Glance:
    """One look ahead of a gradient.

    Attributes:
        time: of the state.
        entropy: (B,), of mu_{t,1}.
        jumped: (B,), where it was wide enough.
    """

    time: float
    entropy: Tensor
    jumped: Tensor


@dataclass(frozen=True)
class Outcome:
    """The end of a walk.

    Attributes:
        x: B clean states.
        rewards: (B,), of them.
        evaluations: of the network per particle.
        trace: of "particles".
        glances: of gradients, one for each step.
        history: (generations, G), best rewards of "search".
        predicted: (B,), by the surrogate.
    """

    x: State
    rewards: Tensor
    evaluations: float
    trace: Trace | None = None
    glances: tuple[Glance, ...] = ()
    history: Tensor | None = None
    predicted: Tensor | None = None


@dataclass(frozen=True)
class Guidance:
    """A way to walk toward a score. Its options are its fields; `run` walks.

    Attributes:
        name: of the class, in arguments.
        noise: of the class, the fraction that its steps usually renew; None where they need not
            renew any.
        ends: of the class, whether it draws the last step itself, so that no temperature can.
        jumps: of the class, whether it looks ahead by the flow map at every step.
        probable: of the class, whether it needs a posterior on the simplex.
        particles: walks of each molecule, of which the best is kept.
    """

    name: ClassVar[str] = "own"
    noise: ClassVar[float | None] = None
    ends: ClassVar[bool] = False
    jumps: ClassVar[bool] = False
    probable: ClassVar[bool] = False

    particles: int = 1

    def __post_init__(self) -> None:
        """Raise InputError for an option that is out of its range."""
        require_positive(particles=self.particles)

    def run(self, task: Task, reward: Reward) -> Outcome:
        """Walk to the end.

        Args:
            task: the states and their moves.
            reward: of clean states, counted.
        """
        raise NotImplementedError

    def steps(self, times: Sequence[float]) -> int:
        """The number of steps that a particle takes on a walk of these times."""
        return len(times) - 1

    def __str__(self) -> str:
        """Its name and its walks for a molecule, for people."""
        walks = "1 walk" if self.particles == 1 else f"the best of {self.particles} walks"
        return f"{self.name}, {walks}"


@dataclass(frozen=True)
class Guide:
    """A score to walk toward, and a way to do it.

    Attributes:
        guidance: the way.
        scorer: of molecules.
        invalid: the score of an invalid molecule.
        max_calls: of the scorer, in all, the fit of a surrogate included; None is no cap.
    """

    guidance: Guidance
    scorer: Scorer
    invalid: float = 0.0
    max_calls: int | None = None
