"""The random numbers of sampling: a stream of its own for every molecule, particle and step.

Nothing depends on which molecules are made together: neither n nor the batch size changes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molflow.flow.state import Fields, State
from molflow.modality import Held, Modality
from molflow.model.conditions import Aim

NOISE, DRAWS, LOOKS, CHOICES, PLACES = range(5)
"""Purposes of streams.

| purpose | numbers |
| --- | --- |
| NOISE | sizes and Gaussian noise |
| DRAWS | draws of classes at the end of a walk |
| LOOKS | draws of classes in looking ahead |
| CHOICES | choices among particles |
| PLACES | places of atoms that are given by their number alone |
"""

Numbers = NDArray[np.float32]
Draw = Callable[[np.random.Generator, tuple[int, int]], Numbers]


def stream(
    seed: int, molecule: int, step: int = 0, particle: int = 0, purpose: int = NOISE
) -> np.random.Generator:
    """The random numbers under one key.

    Args:
        seed: of the sampling.
        molecule: its index.
        step: of the walk; 0 is its beginning.
        particle: of the molecule.
        purpose: NOISE, DRAWS, LOOKS, CHOICES or PLACES.
    """
    key = np.array([seed, molecule], np.uint64)
    return np.random.Generator(np.random.Philox(counter=[0, purpose, step, particle], key=key))


def draw_sizes(
    molecules: Sequence[int], seed: int, law: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.int64]:
    """Draw numbers of atoms.

    Args:
        molecules: n indices.
        seed: of the sampling.
        law: the probabilities of 0, 1, ... atoms.

    Returns:
        (n,) sizes.
    """
    upto = np.cumsum(law)
    uniform = np.array([stream(seed, i).random() for i in molecules])
    return np.searchsorted(upto, uniform * upto[-1], side="right")


@dataclass(frozen=True)
class Crowd:
    """Molecules that are sampled together, ``particles`` of each, those of one side by side.

    All numbers are for the variables that exist, padded with 0 to the largest.

    Attributes:
        seed: of the sampling.
        molecules: (G,), their indices.
        sizes: (G,), their numbers of atoms, or of tokens.
        modality: of their states.
        particles: walks of each molecule.
        plan: the constraint on all.
        aim: the properties that are asked for.
    """

    seed: int
    molecules: NDArray[np.int64]
    sizes: NDArray[np.int64]
    modality: Modality
    particles: int = 1
    plan: Held | None = None
    aim: Aim | None = None

    def __len__(self) -> int:
        return len(self.molecules) * self.particles

    def __getitem__(self, chosen: NDArray[np.int64]) -> Crowd:
        """The molecules at the places ``chosen``."""
        return replace(self, molecules=self.molecules[chosen], sizes=self.sizes[chosen])

    def batches(self, size: int) -> Iterator[NDArray[np.int64]]:
        """Places of the molecules, similar sizes together.

        A batch has ``size`` particles at most, or one molecule where that has more.
        """
        order, molecules = np.argsort(self.sizes, kind="stable"), max(size // self.particles, 1)
        for first in range(0, len(order), molecules):
            yield order[first : first + molecules]

    def blank(self) -> State:
        """G * particles states with their masks; given variables are clean, noise goes elsewhere.

        Atoms that are given by their number alone have the same places in all particles. The aim is
        the context of every state.
        """
        blank = self._blank()
        return blank if self.aim is None else blank.knowing(self.aim.context(len(blank)))

    def _blank(self) -> State:
        if self.plan is None:
            sizes = torch.from_numpy(np.repeat(self.sizes, self.particles))
            return self.modality.blank(sizes, int(self.sizes.max()))
        priority = np.zeros((len(self.molecules), int(self.sizes.max())))
        for row, molecule, size in zip(priority, self.molecules, self.sizes, strict=True):
            row[:size] = stream(self.seed, int(molecule), purpose=PLACES).random(int(size))
        held = self.modality.held_state(self.plan, self.sizes, priority)
        return held[torch.arange(len(self.molecules)).repeat_interleave(self.particles)]

    def normal(self, step: int = 0) -> Fields:
        """field -> (G * particles, D, K) standard normal: the noise that ``step`` begins with."""

        def numbers(random: np.random.Generator, shape: tuple[int, int]) -> Numbers:
            return random.standard_normal(shape, np.float32)

        return self._fields(step, NOISE, numbers)[0]

    def uniforms(self, step: int, purpose: int, count: int = 1) -> list[Fields]:
        """Uniform numbers on [0, 1).

        Args:
            step: of the walk.
            purpose: DRAWS or LOOKS.
            count: how many times.

        Returns:
            ``count`` times field -> (G * particles, D, K).
        """

        def numbers(random: np.random.Generator, shape: tuple[int, int]) -> Numbers:
            return random.random(shape, np.float32)

        return self._fields(step, purpose, numbers, count)

    def choices(self, steps: int) -> Tensor:
        """(steps, G) float64, uniform on [0, 1): for choices among the particles of a molecule."""
        rows = [
            [stream(self.seed, int(i), step, purpose=CHOICES).random() for i in self.molecules]
            for step in range(1, steps + 1)
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(steps, len(self.molecules))

    def _fields(self, step: int, purpose: int, numbers: Draw, count: int = 1) -> list[Fields]:
        sizes, modality = np.repeat(self.sizes, self.particles), self.modality
        variables = modality.counts(int(self.sizes.max()))
        padded = [
            {
                name: np.zeros((len(sizes), d, modality.classes[name]), np.float32)
                for name, d in variables.items()
            }
            for _ in range(count)
        ]
        for b, size in enumerate(sizes.tolist()):
            molecule, particle = divmod(b, self.particles)
            random = stream(self.seed, int(self.molecules[molecule]), step, particle, purpose)
            random.random()  # The first number of a stream is that of the size.
            for fields in padded:
                for name, exist in modality.counts(size).items():
                    value = fields[name]
                    value[b, :exist] = numbers(random, (exist, value.shape[2]))
        return [
            {name: torch.from_numpy(value) for name, value in fields.items()} for fields in padded
        ]
