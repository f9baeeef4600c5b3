"""A trained model as an object to sample from.

>>> import molflow
>>> samples = molflow.load("runs/qm9").sample(1000, steps=50, seed=0)   # doctest: +SKIP
>>> samples.molecules[0], samples.reasons[0]                            # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from molflow.chem.constraints import Constraint
from molflow.chem.objective import Objective
from molflow.enough import Enough
from molflow.errors import InputError
from molflow.guidance.guided import guided_walk
from molflow.guidance.guides import Guide
from molflow.guidance.kinds import SurrogateGradient
from molflow.guidance.scores import Remembered
from molflow.modality import Held, Strings
from molflow.model.conditions import Aim, make_aim
from molflow.samples import Samples, gathered
from molflow.sampling.noise import Crowd, draw_sizes
from molflow.sampling.sampler import free_walk
from molflow.sampling.walk import (
    AUTO,
    Route,
    Walk,
    plan_walk,
    require_positive,
    require_stochastic,
    require_whole,
)
from molflow.shareable import Shareable

if TYPE_CHECKING:
    from molflow.chem.scoring import Scorer
    from molflow.guidance.surrogate import Surrogate

__all__ = ["Generator", "Samples"]

SEEDS = 2**64


@dataclass(frozen=True, repr=False)
class Generator(Shareable):
    """A model to sample from.

    batch_size: particles of a batch, at most, of which a CPU makes one on each core. No molecule
    depends on it.
    """

    batch_size: int = 512

    def sample(
        self,
        n: int | Enough,
        steps: int | Route | None = None,
        method: str = AUTO,
        seed: int = 0,
        *,
        constraint: Constraint | str | None = None,
        guide: Guide | None = None,
        condition: Mapping[str, float] | None = None,
        weight: float = 1.0,
    ) -> Samples:
        """``n`` molecules in ``steps`` steps each.

        The size and the noise of molecule i depend on (seed, i) alone, so n does not change it.

        Args:
            n: how many molecules; or an ``enough.Enough``, which says how many must pass and what
                that means: ``samples.passed`` has these.
            steps: from noise to molecule, 50 by default; or a ``walk.Route``, which also says where
                they stop, what noise they renew and how they end.
            method: a name of ``methods.METHODS``; "auto" is "renoised" where the model has learned
                a flow map ("flow_map" in one step), "euler" otherwise.
            seed: of the sizes and the noise, at least 0 and less than 2^64.
            constraint: what all must have; of a model of strings the text that all begin with, "_"
                where one is free. By default sizes follow the training law.
            guide: toward what to walk (``molflow.guide``).
            condition: values of properties that the model was trained with, all or some of them, as
                in {"qed": 0.6}. Sizes do not follow it.
            weight: of that condition, at least 0. 0 is as if it were not given, more than 1
                strengthens it; neither 0 nor 1 doubles the evaluations.

        Returns:
            The molecules in the order of their index, invalid ones included.

        Raises:
            InputError: names an argument that is out of its range.
        """
        if not isinstance(n, Enough):
            require_positive(n=n)
        walk = self.walk(_route(steps, method), guide)
        if isinstance(constraint, str) and isinstance(self.spec.modality, Strings):
            plan = self.plan(prompt=constraint)
        else:
            plan = self.plan(constraint=constraint)
        aim = self.aim(condition, weight)
        if isinstance(n, Enough):
            return self.gather(n, walk, lambda span: self.crowd(span, seed, plan, aim), guide)
        return self.follow(walk, self.crowd(range(n), seed, plan, aim), guide)

    def gather(
        self,
        enough: Enough,
        walk: Walk,
        crowd: Callable[[range], Crowd],
        guide: Guide | None = None,
        first: int = 0,
    ) -> Samples:
        """The attempts up to the last that there had to be; InputError where it cannot be told.

        Args:
            enough: how many must pass.
            walk: suits the ``guide``.
            crowd: the attempts of these indices.
            guide: as of ``sample``.
            first: index of the first attempt.
        """
        if guide is not None and guide.max_calls is not None:
            raise InputError(
                f"max_calls={guide.max_calls}: which calls are left out depends on the batches, so "
                "it does not go with until or keep"
            )
        from molflow.build import sieve_for

        guide = guide and replace(guide, scorer=self._remembered(guide.scorer))
        sieve = sieve_for(self.spec, enough)
        return gathered(enough, sieve, lambda span: self.follow(walk, crowd(span), guide), first)

    def follow(self, walk: Walk, crowd: Crowd, guide: Guide | None = None) -> Samples:
        """The molecules of a ``crowd`` of this model by a ``walk`` that suits the ``guide``."""
        require_positive(batch_size=self.batch_size)
        scorer = None if guide is None else self._remembered(guide.scorer)
        guide = guide if guide is None or scorer is None else replace(guide, scorer=scorer)
        surrogate = None if guide is None else self._surrogate(guide)
        started = time.perf_counter()
        if guide is None:
            things, steering = free_walk(self, walk, crowd, self.batch_size), None
        else:
            things, steering = guided_walk(self, walk, crowd, self.batch_size, guide, surrogate)
        sampled = time.perf_counter()
        checked = self.spec.modality.check(things)
        seconds = sampled - started, time.perf_counter() - sampled
        plan, aim = crowd.plan, crowd.aim
        samples = Samples(
            things,
            checked,
            self.spec,
            walk,
            *seconds,
            plan=plan,
            steering=steering,
            aim=aim,
            indices=crowd.molecules.tolist(),
        )
        if scorer is None:
            return samples
        known = scorer.known
        scored = [None if one.strict is None else known.get(one.strict) for one in checked]
        return replace(samples, scored=scored, parts=scorer.parts)

    def _remembered(self, scorer: Scorer) -> Remembered:
        if isinstance(scorer, Remembered):
            return scorer
        return Remembered(scorer, self.spec.modality.subject)

    def _surrogate(self, guide: Guide) -> Surrogate | None:
        """The surrogate that a guide climbs, fitted if none is kept; None where it needs none."""
        if not isinstance(guide.guidance, SurrogateGradient):
            return None
        from molflow.build import dataset_of
        from molflow.guidance.surrogate import surrogate_for

        return surrogate_for(self, guide, partial(dataset_of, self.spec))

    def walk(self, route: Route, guide: Guide | None = None) -> Walk:
        """The way that ``sample`` goes; InputError says why this model cannot."""
        temperature = route.temperature
        draws = temperature != 0
        if guide is not None:
            self._require_subjects(guide)
            guidance = guide.guidance
            if guidance.noise is not None:
                noise = guidance.noise if route.noise is None else route.noise
                method = require_stochastic(route.method, noise, f"guidance={guidance.name}")
                route = replace(route, noise=noise, method=method)
            if guidance.ends and temperature != 0:
                itself = f"guidance={guidance.name} draws the last step itself"
                raise InputError(f"temperature={temperature}: {itself}")
            draws = draws or guidance.probable
        if draws and self.spec.loss == "mse":
            raise InputError(
                "this model was trained with flow.loss=mse and has no probabilities to draw by: "
                "temperature=0 is needed, and no guidance=draws, gradient or surrogate"
            )
        return plan_walk(route, self.spec.flow_map, self.spec.modality.classes)

    def _require_subjects(self, guide: Guide) -> None:
        """InputError where the score is of molecules and texts are written."""
        modality, scorer = self.spec.modality, guide.scorer
        if isinstance(scorer, Objective) and not modality.molecular:
            raise InputError(
                f"{scorer}: of molecules, and this model writes {modality.things}: "
                "a function of your own scores them"
            )

    def plan(
        self,
        atoms: int | None = None,
        constraint: Constraint | str | None = None,
        prompt: str | None = None,
    ) -> Held | None:
        """How this model meets a number of atoms and a constraint, or a prompt; InputError says why
        it cannot.

        None where nothing is asked for.
        """
        if not isinstance(constraint, Constraint | None):
            raise InputError(f"constraint={constraint!r}: a molflow.Constraint(scaffold=...)")
        constraint = constraint or Constraint()
        if atoms is not None:
            require_whole(atoms=atoms)
            if constraint.atoms not in (None, atoms):
                raise InputError(f"atoms={atoms}: the constraint has atoms={constraint.atoms}")
            constraint = replace(constraint, atoms=atoms)
        asked = None if constraint == Constraint() else constraint
        return self.spec.modality.plan(asked, prompt, self.spec.max_size)

    def aim(self, condition: Mapping[str, float] | None, weight: float = 1.0) -> Aim | None:
        """How this model is asked for values of properties; InputError says why it cannot be.

        None where nothing is asked for.
        """
        return make_aim(condition, weight, self.spec.condition)

    def crowd(
        self,
        molecules: Sequence[int],
        seed: int,
        plan: Held | None = None,
        aim: Aim | None = None,
    ) -> Crowd:
        """The molecules of these indices with their sizes, by the training law as far as ``plan``
        allows."""
        require_whole(seed=seed)
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed={seed}: at least 0 and less than 2^64")
        law, modality = np.asarray(self.spec.size_law), self.spec.modality
        sizes = draw_sizes(
            molecules, seed, law if plan is None else modality.conditioned(law, plan)
        )
        indices = np.array(molecules, np.int64)
        return Crowd(int(seed), indices, sizes, modality, plan=plan, aim=aim)


def _route(steps: int | Route | None, method: str) -> Route:
    """What is asked of a walk, by a number of steps and a method or by a Route."""
    if not isinstance(steps, Route):
        return Route(steps, method)
    if method != AUTO:
        raise InputError(f"method={method!r}: the Route says it, method={steps.method!r}")
    return steps
