"""The choice of moves: discounted Thompson sampling over moves and their settings.

An arm is a move with one of its settings (a time, a share that is kept). Its reward for a call is 1
where the molecule is among the best so far, else 0: a Bernoulli bandit. An arm's chance to pay off
has the posterior Beta(1 + wins, 1 + losses). Each place of a batch goes to the arm of the largest
draw (Thompson, Biometrika 1933). All counts are multiplied by `KEPT` after every batch, because the
moves that pay off change on the way (Raj and Kalyani, arXiv 1707.09727).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEST = 100
"""A call pays off where it would stand among so many best ones when it was asked."""
KEPT = 0.9
"""The share of the counts that is left after a batch."""
EXPLORED = 0.1
"""The share of the places that goes to all arms alike."""


class Bandit:
    """Wins and losses of every arm, discounted."""

    def __init__(self, arms: int) -> None:
        self.wins, self.losses = np.zeros(arms), np.zeros(arms)

    def tell(self, arms: Sequence[int], paid: Sequence[bool]) -> None:
        """Take in the rewards of one batch.

        Args:
            arms: the arm of every call.
            paid: whether it paid off.
        """
        self.wins *= KEPT
        self.losses *= KEPT
        for arm, won in zip(arms, paid, strict=True):
            (self.wins if won else self.losses)[arm] += 1

    def places(self, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """(arms,): how many of ``count`` places each arm gets."""
        arms = len(self.wins)
        draws = random.beta(1 + self.wins, 1 + self.losses, (count, arms))
        chosen = draws.argmax(1)
        anyone = random.integers(0, arms, count)
        chosen = np.where(random.random(count) < EXPLORED, anyone, chosen)
        return np.bincount(chosen, minlength=arms)

    def chances(self) -> NDArray[np.float64]:
        """(arms,): the mean of every posterior."""
        return (1 + self.wins) / (2 + self.wins + self.losses)
