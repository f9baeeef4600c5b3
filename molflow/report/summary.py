"""Numbers sum up a sampling: of the molecules, of the guidance, of the constraints.

Scores are averaged over the distinct strictly valid molecules that have one. So neither repeating
the best molecule nor failing on the worst helps; validity stands beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from molflow.chem.sanitisation import without_place
from molflow.guidance.scores import Remembered, has_score
from molflow.metrics.text import TextReference
from molflow.report.sums import Sums, mean, scored_numbers

if TYPE_CHECKING:
    from molflow.chem.aggregation import Scored
    from molflow.enough import Enough
    from molflow.guidance.guided import Steering
    from molflow.metrics.similarity import References
    from molflow.modality import Known
    from molflow.samples import Samples


@dataclass(frozen=True)
class Totals:
    """These are of all attempts of a sampling, whether or not they are kept in memory.

    Attributes:
        attempts: their number.
        network_seconds: wall time of the network and the scores.
        chemistry_seconds: wall time of the judgement of chemistry.
        reasons: how many are not strictly valid, by reason, whichever atom it was at.
        refused: how many do not pass, by reason, where they were made until there were enough.
    """

    attempts: int
    network_seconds: float
    chemistry_seconds: float
    reasons: Counter[str]
    refused: Counter[str]

    @classmethod
    def of(cls, samples: Samples) -> Totals:
        """Count attempts that are all here."""
        reasons = Counter(without_place(r) for r in samples.reasons if r is not None)
        refused = Counter(r for r in samples.refused or () if r is not None)
        seconds = samples.network_seconds, samples.chemistry_seconds
        return cls(len(samples), *seconds, reasons, refused)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.attempts + other.attempts,
            self.network_seconds + other.network_seconds,
            self.chemistry_seconds + other.chemistry_seconds,
            self.reasons + other.reasons,
            self.refused + other.refused,
        )

    @property
    def chosen(self) -> int:
        """Count the strictly valid ones that nothing else was held against."""
        return self.attempts - max(self.reasons.total(), self.refused.total())

    @property
    def passed(self) -> int:
        """Count the attempts that nothing was held against."""
        return self.attempts - self.refused.total()


@dataclass(frozen=True)
class Run:
    """A run is one sampling.

    Attributes:
        samples: the attempts; of a sampling in several parts the first ones.
        scores: of every attempt, None where it is not strictly valid; empty where nothing is
            scored.
        whole: of all attempts, where there are more than these.
    """

    samples: Samples
    scores: Sequence[Scored | None] = ()
    whole: Totals | None = None

    @cached_property
    def totals(self) -> Totals:
        """Count all attempts of the sampling."""
        return Totals.of(self.samples) if self.whole is None else self.whole


@dataclass(frozen=True)
class Result:
    """A result is a sampling and, with guidance, its unguided control.

    Attributes:
        run: the sampling.
        metrics: its numbers.
        control: the unguided sampling.
        before: its numbers.
        scorer: None where nothing is scored.
        training: SMILES, or None and the obstacle.
        obstacle: why there are no training molecules.
        enough: how many molecules had to pass, None where attempts were asked for.
    """

    run: Run
    metrics: dict[str, float]
    control: Run | None = None
    before: dict[str, float] = field(default_factory=dict)
    scorer: Remembered | None = None
    training: Sequence[str] | None = None
    obstacle: str = ""
    enough: Enough | None = None


def measure_samples(
    run: Run,
    training: Known | None,
    references: References | None = None,
) -> dict[str, float]:
    """Measure all numbers of a sampling: those of ``metrics.validity``, and these by name.

    - scored, mean_score, top_score: where something is scored, distinct strictly valid molecules
      with a score, their mean, and that of the best tenth, rounded up.
    - internal_diversity: see ``metrics.similarity``; of the first DIVERSE strictly valid molecules.
    - nearest_training: where there are references, the mean similarity of distinct strictly valid
      molecules to the nearest one.
    - kept, kept_valid: where constraints are asked for, the share of all attempts, and of the
      strictly valid ones, with all held parts in place.
    - decorated: the share of all attempts in which every mark of the scaffold has its bond.
    - substructure: the share of the strictly valid ones in which RDKit finds the scaffold.
    - <property>_mean, <property>_off: where a value is asked for, over distinct strictly valid
      molecules the mean, and the mean distance from that value.
    - evaluations: of the network, per molecule.

    Texts have those of ``metrics.text``, and the others that have a meaning for them.

    Args:
        run: the sampling.
        training: known molecules or text.
        references: fingerprints of training molecules.
    """
    samples = run.samples
    if samples.spec.modality.molecular:
        assert not isinstance(training, TextReference)
        sums = Sums(training, references)
        sums.add(samples, run.scores)
        return sums.numbers()
    scored = {}
    if run.scores:
        first = {one.strict: i for i, one in reversed(list(enumerate(samples)))}
        found = (run.scores[i] for i in first.values())
        scored = scored_numbers([s.total for s in found if s is not None and has_score(s)])
    return {
        **scored,
        **samples.metrics(training),
        **({} if samples.plan is None else {"kept": mean(samples.kept)}),
        "evaluations": float(samples.evaluations),
    }


def steering_numbers(steering: Steering) -> dict[str, float]:
    """Tell the cost and the course of guidance.

    They are means over the molecules; calls of the score are in all.

    - looks: molecules judged on the way.
    - unasked: distinct molecules that the score was not asked about, where its calls are capped.
    - ess: effective sample size, over the times too.
    - resamplings: of the particles of each molecule.
    - ancestors: distinct ones at the end.
    - entropy: of the look-ahead, nats a variable, over the times too.
    - jumped: the share of looks by mu_{t,1}, over the times too.
    - first, gained: the best reward of the first generation, and the gain by the others.
    - predicted, gap: the surrogate's score of the molecules that are kept, and its excess over the
      true one.
    - r2, spearman: the surrogate's agreement with the score on soft held-out molecules, for every
      component too where there are several.
    - fit_calls: calls of the score for the surrogate's fit, apart from calls.
    """
    numbers = {"looks": steering.looks, "calls": float(steering.calls)}
    if steering.guide.max_calls is not None:
        numbers["unasked"] = float(steering.unasked)
    times = steering_by_time(steering)
    if steering.ancestors is not None:
        numbers["ess"] = mean([row["ess"] for row in times])
        numbers["resamplings"] = sum(row["resampled"] for row in times)
        numbers["ancestors"] = times[-1]["ancestors"]
    if steering.entropy:
        numbers["entropy"] = mean([row["entropy"] for row in times])
        numbers["jumped"] = mean([row["jumped"] for row in times])
    if steering.history is not None:
        best = steering.history.mean(1)
        numbers["first"], numbers["gained"] = float(best[0]), float(best[-1] - best[0])
    if steering.claims is not None:
        said, true = steering.claims.mean(0).tolist()
        numbers |= {**steering.fit, "predicted": said, "gap": said - true}
    return numbers


def steering_by_time(steering: Steering) -> list[dict[str, float]]:
    """Give the same at every time t of a look: means over the molecules."""
    if steering.sizes is None or steering.resampled is None or steering.ancestors is None:
        return [
            {"time": t, "entropy": nats, "jumped": share}
            for t, (nats, share) in steering.entropy.items()
        ]
    columns = (steering.sizes, steering.resampled, steering.ancestors)
    means = zip(*(column.mean(1).tolist() for column in columns), strict=True)
    return [
        {"time": t, "ess": ess, "resampled": resampled, "ancestors": ancestors}
        for t, (ess, resampled, ancestors) in zip(steering.times, means, strict=True)
    ]
