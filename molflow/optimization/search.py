"""A search step by step: ask for molecules, tell their scores.

>>> search = molflow.optimize(model, calls=500, start=["CCO"])      # doctest: +SKIP
>>> while batch := search.ask():                                    # doctest: +SKIP
...     search.tell([measured(smiles) for smiles in batch])

Its state is a function of the calls so far, and the random numbers of a round are functions of
(seed, round). So a search that is given the calls of another goes on as the other would have.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from molflow.chem.aggregation import Scored
from molflow.errors import InputError
from molflow.optimization.bandit import BEST, Bandit
from molflow.optimization.breeding import (
    ATTEMPTS,
    INVALID,
    NEW,
    OUTSIDE,
    REPEATED,
    Breeder,
    Litter,
    canonical,
)
from molflow.optimization.calls import Call, CallsFile, Question
from molflow.optimization.population import Population

START = "start"
"""The move of a user's molecules."""
FRESH = "fresh"
STALE = 20
"""A search ends before its budget after so many rounds without a new molecule."""
Made = tuple[str, str, float | None, tuple[int, ...]]
"""SMILES, move, setting, parents."""
Learning = Callable[[int, Population], None]
"""(round, population): the model learns before the round, where it is due."""


class Search:
    """A search with a budget of calls, by ask and tell.

    Attributes:
        calls: all so far, by number.
        pending: questions without an answer.
        counts: the fates of the children of every move.
        round: the batch that is asked, or will be next.
    """

    def __init__(
        self,
        breeder: Breeder,
        calls: int,
        *,
        batch: int = 100,
        start: Sequence[str] = (),
        first: int = 100,
        per_scaffold: int | None = None,
        past: Sequence[Call] = (),
        log: CallsFile | None = None,
        learning: Learning | None = None,
    ) -> None:
        """Begin a search.

        Args:
            breeder: the moves, the seed, the model and the constraint.
            calls: distinct molecules that may be scored.
            batch: molecules of a round.
            start: SMILES to begin with; they count.
            first: fresh molecules to begin with, where there is no start.
            per_scaffold: see ``population.Population``.
            past: calls of a search with the same arguments, which goes on here.
            log: where every call is written.
            learning: lets the model learn.

        Raises:
            InputError: calls or batch is below 1.
        """
        if calls < 1 or batch < 1:
            raise InputError(f"calls={calls}, batch={batch}: at least 1")
        self.breeder, self.budget, self.batch = breeder, calls, batch
        self.start, self.first, self.log, self.learning = start, first, log, learning
        self.population, self.bandit = Population(per_scaffold), Bandit(len(breeder.arms))
        self.arms = {arm.key: number for number, arm in enumerate(breeder.arms)}
        self.calls: list[Call] = []
        self.known: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.pending: list[Question] = []
        self.round, self.stale, self.threshold = 0, 0, -math.inf
        self.answers: list[Call] = []
        self.past: dict[int, list[Call]] = defaultdict(list)
        for call in past:
            self.past[call.asked.round].append(call)
        last = max(self.past, default=0)
        for round_ in sorted(self.past):
            if round_ < last:
                self.round, self.answers = round_, self.past.pop(round_)
                self.calls += self.answers
                self._close()
        self.round = last

    @property
    def left(self) -> int:
        """Calls that may still be asked."""
        return self.budget - len(self.calls) - len(self.pending)

    def ask(self, n: int | None = None) -> list[str]:
        """SMILES that are to be scored, the same ones until all are told; [] at the end.

        Args:
            n: how many, by default ``batch``; fewer where no more are new or the budget ends.
        """
        while not self.pending and self.left > 0 and self.stale < STALE:
            self._open(self.batch if n is None else n)
        return [question.smiles for question in self.pending]

    def tell(self, scores: Sequence[float | Scored]) -> None:
        """Take in the scores of the molecules of `ask`.

        Args:
            scores: in the order of `ask`; nan where there is none.

        Raises:
            InputError: their number differs from that of the molecules.
        """
        if len(scores) != len(self.pending):
            raise InputError(f"scores: {len(scores)} for {len(self.pending)} molecules")
        for question, score in zip(list(self.pending), scores, strict=True):
            self.answer(question, score)

    def answer(self, question: Question, score: float | Scored) -> None:
        """Take in the score of one pending molecule; it is written before this returns."""
        call = Call(question, score if isinstance(score, Scored) else _plain(score))
        if self.log is not None:
            self.log.add(call)
        self.pending.remove(question)
        self.calls.append(call)
        self.answers.append(call)
        if not self.pending:
            self._close()

    def best(self, k: int = 100) -> list[Call]:
        """The k best calls that have a score, best first."""
        scored = [call for call in self.calls if math.isfinite(call.value)]
        return sorted(scored, key=lambda call: (-call.value, call.asked.number))[:k]

    def _open(self, n: int) -> None:
        """Questions of the round, without those that ``past`` has answered."""
        if self.learning is not None:
            self.learning(self.round, self.population)
        questions = self._questions(n)
        held = self.past.pop(self.round, [])
        answered = {call.asked.smiles for call in held}
        pending = [question for question in questions if question.smiles not in answered]
        # More than were asked for, where rounding made the walk of a model differ.
        self.pending = pending[: max(0, len(questions) - len(held))]
        self.calls += held
        self.answers = held
        self.stale = 0 if questions or held else self.stale + 1
        if not self.pending:
            self._close()

    def _close(self) -> None:
        """Tell the bandit the rewards of an answered round, and add its molecules to the
        population.
        """
        answers = sorted(self.answers, key=lambda call: call.asked.number)
        threshold = self.population.threshold(BEST)
        bred = [
            (self.arms[key], call.value > threshold)
            for call in answers
            if (key := (call.asked.move, call.asked.setting)) in self.arms
        ]
        if self.round > 0:
            self.bandit.tell([arm for arm, _ in bred], [paid for _, paid in bred])
        self.population.add(answers)
        self.known.update((call.asked.smiles, call.asked.number) for call in answers)
        self.calls.sort(key=lambda call: call.asked.number)
        self.answers = []
        self.round += 1

    def _questions(self, n: int) -> list[Question]:
        """The questions of the round, a function of (seed, round) and the earlier calls."""
        n = min(n, self.left)
        if self.round == 0 and self.start:
            made: list[Made] = [(smiles, START, None, ()) for smiles in self._given()]
        elif not len(self.population):
            made = self._from(self._first(self.first if self.round == 0 else n))
        else:
            litter = self.breeder.litter(self.round, n, self.population, self.bandit, self.known)
            made = self._from(litter)
        return [
            Question(len(self.calls) + k, smiles, move, setting, parents, self.round)
            for k, (smiles, move, setting, parents) in enumerate(made[: self.left], 1)
        ]

    def _from(self, litter: Litter) -> list[Made]:
        for move, counts in litter.counts.items():
            self.counts[move].update(counts)
        arms = self.breeder.arms
        return [(one.smiles, *arms[one.arm].key, one.parents) for one in litter.born]

    def _given(self) -> list[str]:
        """The user's molecules that can be scored, each once. InputError where there is none."""
        found: dict[str, None] = {}
        for smiles in self.start:
            one = canonical(smiles)
            fate = NEW
            if one is None:
                fate = INVALID
            elif one in found:
                fate = REPEATED
            elif not self.breeder.allowed(one):
                fate = OUTSIDE
            self.counts[START].update((ATTEMPTS, fate))
            if fate == NEW and one is not None:
                found[one] = None
        if not found:
            raise InputError(
                f"start: none of {len(self.start)} can be used: {dict(self.counts[START])}"
            )
        return list(found)

    def _first(self, n: int) -> Litter:
        """Fresh molecules of the model. InputError where there is neither a model nor a start."""
        key = (FRESH, None)
        if key not in self.arms:
            raise InputError("start: molecules to begin with are needed where no model makes fresh")
        wanted = np.zeros(len(self.breeder.arms), np.int64)
        wanted[self.arms[key]] = n
        return self.breeder.fill(self.round, wanted, self.population, self.known)


def _plain(score: float) -> Scored:
    """A number from outside as a score; nan and infinite ones are none."""
    number = float(score)
    if math.isfinite(number):
        return Scored(number, (), ())
    return Scored(math.nan, (), (), f"no number: {number}")
