"""Asking for scores: here one by one, by processes of this machine, or by a Dask cluster.

A score is described by a `ScoreRecipe`, plain text that every process opens for itself. Molecules
travel as canonical SMILES, and answers come in the order in which they are ready.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from molflow.chem.aggregation import Scored
from molflow.chem.functions import MAX_FAILURES, Streak
from molflow.chem.objective import Objective, parse_objective
from molflow.chem.scoring import Scorer, open_score
from molflow.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rdkit import Chem

TRIES = 2
"""A molecule whose process dies is asked so often; then that is its error."""
CONNECT_SECONDS = 30.0


@dataclass(frozen=True)
class ScoreRecipe:
    """A score as text: an objective, or a function in a file.

    Attributes:
        objective: such as "qed:max,sa:<3".
        aggregation: of the objective.
        score: "path.py:function".
        seconds: of the function for a molecule.
        max_failures: calls in a row without a score after which a search ends.
    """

    objective: str | None = None
    aggregation: str = "geometric"
    score: str | None = None
    seconds: float = 10.0
    max_failures: int | None = MAX_FAILURES

    def open(self) -> Scorer:
        """Open the scorer. InputError where the text or the file is wrong."""
        if self.score is not None:
            return open_score(self.score, self.seconds, max_failures=self.max_failures)
        if self.objective is None:
            raise InputError("guidance.objective: an objective or guidance.score is needed")
        return parse_objective(self.objective, self.aggregation)

    def streak(self) -> Streak:
        """Counts calls in a row without a score; those of an objective never end a search."""
        return Streak(None if self.score is None else self.max_failures)

    @classmethod
    def of(cls, objective: Objective) -> ScoreRecipe:
        """The text of an objective."""
        return cls(str(objective), objective.aggregation)


class Asker(Protocol):
    """A source of scores; `close` ends it."""

    def ask(self, smiles: Sequence[str]) -> Iterator[tuple[int, Scored]]:
        """(place, score) of every molecule, as they come."""
        ...

    def close(self) -> None: ...


@dataclass
class Here:
    """Scores one by one, in this process."""

    scorer: Scorer

    def ask(self, smiles: Sequence[str]) -> Iterator[tuple[int, Scored]]:
        for place, one in enumerate(smiles):
            yield place, score_of(self.scorer, one)

    def close(self) -> None:
        self.scorer.close()


class Workers:
    """Processes on this machine, each with a scorer of its own."""

    def __init__(self, recipe: ScoreRecipe, workers: int) -> None:
        self.recipe, self.workers = recipe, workers
        self.pool = self._pool()

    def _pool(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        return ProcessPoolExecutor(self.workers, get_context("spawn"))

    def ask(self, smiles: Sequence[str]) -> Iterator[tuple[int, Scored]]:
        from concurrent.futures import as_completed

        left, tried = dict(enumerate(smiles)), 0
        while left:
            running = {
                self.pool.submit(remote, self.recipe, one): place for place, one in left.items()
            }
            for future in as_completed(running):
                scored = _result(future)
                if scored is not None:
                    place = running[future]
                    del left[place]
                    yield place, scored
            if left:
                self.pool.shutdown(wait=False, cancel_futures=True)
                self.pool, tried = self._pool(), tried + 1
            if left and tried >= TRIES:
                yield from self._alone(left)
                left = {}

    def _alone(self, left: dict[int, str]) -> Iterator[tuple[int, Scored]]:
        """One at a time, so that a process that dies tells by which molecule."""
        for place, one in left.items():
            scored = _result(self.pool.submit(remote, self.recipe, one))
            if scored is None:
                self.pool.shutdown(wait=False)
                self.pool, scored = self._pool(), _failed("its process died")
            yield place, scored

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


class Cluster:
    """The workers of a Dask scheduler that is running (extra ``cluster``).

    They need molflow of the same version, and a user's file under the same path.
    """

    def __init__(self, recipe: ScoreRecipe, scheduler: str) -> None:
        """Connect to a scheduler.

        Args:
            recipe: the score.
            scheduler: its address.

        Raises:
            InputError: Dask is not installed, or no scheduler answers.
        """
        try:
            from distributed import Client
        except ImportError:
            raise InputError("scheduler: needs Dask: pip install 'molflow[cluster]'") from None
        try:
            self.client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            line = " ".join(str(error).split())
            raise InputError(
                f"scheduler={scheduler!r}: no scheduler answers there: {line}"
            ) from None
        self.recipe = recipe

    def ask(self, smiles: Sequence[str]) -> Iterator[tuple[int, Scored]]:
        from distributed import as_completed

        futures = [self.client.submit(remote, self.recipe, one, pure=False) for one in smiles]
        place = {future.key: i for i, future in enumerate(futures)}
        for future in as_completed(futures, loop=self.client.loop):
            error = future.exception() if future.status != "finished" else None
            scored = (
                future.result() if error is None else _failed(f"{type(error).__name__}: {error}")
            )
            yield place[future.key], scored

    def close(self) -> None:
        self.client.close()


def open_asker(recipe: ScoreRecipe, workers: int, scheduler: str | None) -> Asker:
    """Open the source of scores: this process, processes of this machine, or a cluster.

    Args:
        recipe: the score.
        workers: processes of this machine.
        scheduler: the address of a Dask scheduler.

    Raises:
        InputError: the score or the scheduler is wrong.
    """
    if scheduler is None and workers == 1:
        return Here(recipe.open())
    # A wrong file or objective is told here, once, not by every process.
    with closing(recipe.open()):
        pass
    return Workers(recipe, workers) if scheduler is None else Cluster(recipe, scheduler)


@lru_cache(maxsize=1)
def _opened(recipe: ScoreRecipe) -> Scorer:
    return recipe.open()


def remote(recipe: ScoreRecipe, smiles: str) -> Scored:
    """The score of a molecule in a process that keeps its scorer."""
    return score_of(_opened(recipe), smiles)


def score_of(scorer: Scorer, smiles: str) -> Scored:
    """The score of a canonical SMILES. Of a user's function it is the total alone."""
    mol = _read(smiles)
    (scored,) = scorer.score_many([mol])
    if isinstance(scorer, Objective):
        return scored
    return Scored(scored.total, (), (), scored.error)


def _read(smiles: str) -> Chem.Mol:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


def _result(future: Future[Scored]) -> Scored | None:
    """The score, None where the process died."""
    from concurrent.futures import CancelledError
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except (BrokenProcessPool, CancelledError):
        return None
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}")


def _failed(reason: str) -> Scored:
    return Scored(math.nan, (), (), " ".join(reason.split()))
