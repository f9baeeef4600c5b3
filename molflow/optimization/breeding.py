"""Batches of new molecules from a population, by the moves that the bandit chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from molflow.chem.constraints import Plan
from molflow.chem.satisfying import place_of_scaffold
from molflow.chem.smiles import Unusable, read_smiles
from molflow.graph.moves import Draft
from molflow.optimization.bandit import Bandit
from molflow.optimization.finishing import Finisher
from molflow.optimization.moves import Child, Move
from molflow.optimization.population import Population
from molflow.optimization.screening import Screen

WAVES = 6
"""A batch is filled up so often."""
MODEL_WAVES = 2
"""After so many waves, places that a model left empty go to moves without a network."""
PLACES, CHILDREN, SCREENING = 0, 1, 3
"""Purposes of the random numbers of a round."""
ATTEMPTS, INVALID, REPEATED, OUTSIDE = "attempts", "invalid", "repeated", "outside"
PASSED, NEW = "passed over", "calls"
"""Counts of children: all of them, and their fates.

A child is no molecule, is known already, breaks a constraint, is left by the screen, or is scored.
"""


@dataclass(frozen=True)
class Arm:
    """A move with one of its settings."""

    move: Move
    setting: float | None

    @property
    def key(self) -> tuple[str, float | None]:
        return self.move.name, self.setting


@dataclass(frozen=True)
class Born:
    """A molecule that was not known: canonical SMILES, number of its arm, those of its parents."""

    smiles: str
    arm: int
    parents: tuple[int, ...]


@dataclass
class Litter:
    """The children of one batch that are scored, and counts of the fates of all, by move."""

    born: list[Born] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, move: str, *what: str) -> None:
        self.counts.setdefault(move, Counter()).update(what)

    def keep(self, places: Collection[int], arms: Sequence[Arm]) -> None:
        """Leave those at these places of ``born``; the others are counted as passed over."""
        kept = set(places)
        for place, one in enumerate(self.born):
            if place not in kept:
                counts = self.counts[arms[one.arm].move.name]
                counts.subtract((NEW,))
                counts.update((PASSED,))
        self.born = [one for place, one in enumerate(self.born) if place in kept]


@dataclass(frozen=True)
class Breeder:
    """Arms, the model that finishes their drafts, and the constraint on every molecule."""

    arms: Sequence[Arm]
    seed: int
    finisher: Finisher | None = None
    plan: Plan | None = None
    screen: Screen | None = None

    def litter(
        self,
        round_: int,
        count: int,
        population: Population,
        bandit: Bandit,
        known: Collection[str],
    ) -> Litter:
        """Make up to ``count`` new molecules, a function of the seed, the round and the arguments.

        Args:
            round_: number of the batch.
            count: molecules that are wanted.
            population: the parents.
            bandit: chooses the arms.
            known: canonical SMILES that are not new.
        """
        wanted = bandit.places(count, np.random.default_rng([self.seed, round_, PLACES]))
        if self.screen is None:
            return self.fill(round_, wanted, population, known)
        # A child of a model costs a walk: one of each is made, of other moves many.
        many = np.array([1 if arm.move.model else self.screen.factor for arm in self.arms])
        litter = self.fill(round_, many * wanted, population, known)
        random = np.random.default_rng([self.seed, round_, SCREENING])
        smiles = [one.smiles for one in litter.born]
        litter.keep(self.screen.chosen(smiles, count, population.scored(), random), self.arms)
        return litter

    def fill(
        self,
        round_: int,
        wanted: NDArray[np.int64],
        population: Population,
        known: Collection[str],
    ) -> Litter:
        """Make so many new molecules of each arm, as far as they can be had in WAVES.

        Args:
            round_: number of the batch.
            wanted: (arms,), molecules of each.
            population: the parents.
            known: canonical SMILES that are not new.
        """
        litter, got = Litter(), np.zeros_like(wanted)
        seen = set(known)
        for wave in range(WAVES):
            random = np.random.default_rng([self.seed, round_, CHILDREN, wave])
            lack = self._lack(wanted, got, len(population) > 0 and wave >= MODEL_WAVES, random)
            if not lack.any():
                break
            children = [
                (a, arm.move.make(population, arm.setting, random))
                for a, arm in enumerate(self.arms)
                for _ in range(int(lack[a]))
            ]
            smiles = self._finished([child for _, child in children], round_, wave)
            for (a, child), one in zip(children, smiles, strict=True):
                fate = self._fate(one, seen)
                litter.count(self.arms[a].move.name, ATTEMPTS, fate)
                if fate == NEW and one is not None:
                    seen.add(one)
                    got[a] += 1
                    litter.born.append(Born(one, a, child.parents))
        return litter

    def _lack(
        self,
        wanted: NDArray[np.int64],
        got: NDArray[np.int64],
        late: bool,
        random: np.random.Generator,
    ) -> NDArray[np.int64]:
        """The number that each arm is to make in a wave.

        Late ones leave the places of models to others, which need parents.
        """
        others = np.array([not arm.move.model for arm in self.arms])
        missing = int(wanted.sum() - got.sum())
        if not late or not others.any() or missing <= 0:
            return np.maximum(wanted - got, 0) if missing > 0 else np.zeros_like(wanted)
        shares = np.where(others, got + 1.0, 0.0)
        chosen = random.choice(len(wanted), missing, p=shares / shares.sum())
        return np.bincount(chosen, minlength=len(wanted))

    def _finished(self, children: Sequence[Child], round_: int, wave: int) -> list[str | None]:
        """The SMILES of all children, drafts walked together."""
        made = [child.made for child in children]
        drafts = [(i, one) for i, one in enumerate(made) if isinstance(one, Draft)]
        found = [None if isinstance(one, Draft) else one for one in made]
        if drafts and self.finisher is not None:
            key = (self.seed, round_, wave)
            ends = self.finisher.finish([draft for _, draft in drafts], key)
            for (i, _), end in zip(drafts, ends, strict=True):
                found[i] = end
        return [canonical(one) for one in found]

    def _fate(self, smiles: str | None, seen: Collection[str]) -> str:
        if smiles is None:
            return INVALID
        if smiles in seen:
            return REPEATED
        return NEW if self.allowed(smiles) else OUTSIDE

    def allowed(self, smiles: str) -> bool:
        """Whether a canonical SMILES satisfies the plan."""
        return self.plan is None or place_of_scaffold(read_smiles(smiles), self.plan) is not None


def canonical(smiles: str | None) -> str | None:
    """The canonical SMILES, stereochemistry kept; None where there is no connected molecule."""
    from rdkit import Chem

    if smiles is None or "." in smiles:
        return None
    try:
        read_smiles(smiles)
    except Unusable:
        return None
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))
