"""Drafts to molecules: the walk of a model over many drafts, each with its own random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from molflow.chem.constraints import Plan
from molflow.cores import interleaved
from molflow.flow.flow_map import Posterior
from molflow.flow.interpolant import prior
from molflow.flow.moves import finish
from molflow.flow.restriction import restricted
from molflow.flow.samplers import Step
from molflow.flow.state import Fields, State
from molflow.graph.moves import Draft, to_state
from molflow.model.model import Model
from molflow.sampling.sampler import ROOM
from molflow.sampling.walk import Route, Walk, plan_walk

BATCH = 256
"""Drafts at once on a GPU."""


@dataclass(frozen=True)
class Finisher:
    """A model with the walk that finishes drafts.

    Attributes:
        model: of graphs.
        walk: from noise; a draft that is taken up at t goes the same steps on the rest of the way.
        plan: a constraint.
    """

    model: Model
    walk: Walk
    plan: Plan | None = None

    @classmethod
    def of(cls, model: Model, steps: int | None, plan: Plan | None) -> Finisher:
        """Make one from a number of steps.

        Args:
            model: of graphs.
            steps: of the network for each molecule; None is 4 of a flow map, 16 of a flow.
            plan: a constraint.
        """
        spec = model.spec
        count = steps or (4 if spec.flow_map else 16)
        return cls(model, plan_walk(Route(count), spec.flow_map, spec.modality.classes), plan)

    def finish(self, drafts: Sequence[Draft], key: Sequence[int]) -> list[str | None]:
        """Turn drafts into canonical SMILES, None where a molecule is not strictly valid.

        Args:
            drafts: of molecules.
            key: of the random numbers; draft i has those of (*key, i), whatever the others are.
        """
        made: dict[int, str | None] = {}
        cpu = self.model.device.type == "cpu"
        batches = list(_batches(drafts, ROOM if cpu else None))
        works = [self._work(chosen, drafts, key) for chosen in batches]
        cores = torch.get_num_threads() if cpu else 1
        with torch.inference_mode():
            for chosen, x in interleaved(works, cores):
                modality = self.model.spec.modality
                checked = modality.check(modality.things_of(x))
                made.update(zip(chosen, (one.strict for one in checked), strict=True))
        return [made[i] for i in range(len(drafts))]

    def _work(
        self, chosen: Sequence[int], drafts: Sequence[Draft], key: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], State]]:
        """The end of the walk of some of the drafts."""
        group = [drafts[i] for i in chosen]
        classes = self.model.spec.modality.classes
        x_1 = to_state(group, (classes["atoms"], classes["pairs"]))
        noise = _noise(x_1, [[*key, i] for i in chosen], self.walk.steps)
        device, scale = self.model.device, self.model.spec.prior_scale
        draws = [prior(x_1, one, scale).to(device) for one in noise]
        t = torch.tensor([draft.time for draft in group], device=device)
        steps = self._steps(draws)
        end = finish(self._posterior(), draws[0], x_1.to(device), t, steps, self.walk.times)
        yield chosen, end

    def _steps(self, draws: Sequence[State]) -> list[Step]:
        """The steps of the walk; draw k > 0 is the noise that step k renews by."""

        def no_uniforms(step: int, purpose: int) -> list[Fields]:
            raise AssertionError("the walk draws no classes")

        return self.walk.moves(draws[0], lambda k: draws[k], no_uniforms)

    def _posterior(self) -> Posterior:
        mu = self.model.posterior
        if self.plan is None:
            return mu
        allowed = self.model.spec.modality.allowed(self.plan)
        return restricted(mu, {k: v.to(self.model.device) for k, v in allowed.items()})


def _batches(drafts: Sequence[Draft], room: int | None) -> Iterator[list[int]]:
    """Places of the drafts, similar sizes together: as many as have room for their atoms."""
    order = sorted(range(len(drafts)), key=lambda i: len(drafts[i]))
    batch: list[int] = []
    for i in order:
        full = len(batch) >= BATCH
        if room is not None:
            full = full or (len(batch) + 1) * len(drafts[i]) > room
        if batch and full:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _noise(x_1: State, keys: Sequence[Sequence[int]], draws: int) -> list[Fields]:
    """``draws`` times field -> (B, D, K) standard normal, by a stream for every example."""
    padded = [
        {name: np.zeros(tuple(value.shape), np.float32) for name, value in x_1.values.items()}
        for _ in range(draws)
    ]
    exist = {name: mask.sum(1).tolist() for name, mask in x_1.exists.items()}
    for b, key in enumerate(keys):
        random = np.random.default_rng(list(key))
        for fields in padded:
            for name, counts in exist.items():
                shape = (counts[b], fields[name].shape[2])
                fields[name][b, : counts[b]] = random.standard_normal(shape, np.float32)
    return [{name: torch.from_numpy(value) for name, value in f.items()} for f in padded]
