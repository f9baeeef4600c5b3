"""Validity, novelty, distances to the test set and copying: the standard suite, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from molflow.evaluation.comparison import Reference, Subject
from molflow.metrics import moses
from molflow.metrics.describing import FeaturedMolecules, Floats
from molflow.metrics.distribution import FEWEST, frechet_distance
from molflow.metrics.intervals import Estimate, mean, share
from molflow.metrics.similarity import chosen, index_references, nearest_similarity

NEIGHBOURS = 100_000
"""The nearest is sought among so many training molecules, chosen by a fixed seed."""
QUERIES = 2_000
"""The nearest training molecule is sought of so many test molecules."""
PAIRS = 30_000
"""The pairs of so many molecules, the first ones, make the internal diversity."""
PROPERTIES = {"w1_logp": "logp", "w1_sa": "sa", "w1_qed": "qed", "w1_weight": "weight"}
SHOWN = tuple(PROPERTIES.values())
COMPARED = (*SHOWN, "moses_print", "fragments", "scaffold")
"""Features by which samples are compared with a test set."""

Numbers = dict[str, Estimate]


@dataclass
class Notes:
    """Words beside the numbers, gathered on the way.

    Attributes:
        force: whether FCD of few molecules is wanted.
        lacks_chemnet: whether the weights of ChemNet are missing.
        obstacles: why numbers are nan, or are of fewer molecules.
        counts: the molecules that numbers are of.
    """

    force: bool = False
    lacks_chemnet: bool = False
    obstacles: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def say(self, obstacle: str) -> None:
        if obstacle not in self.obstacles:
            self.obstacles.append(obstacle)

    def enough(self, name: str, n: int) -> bool:
        """Whether n molecules are enough for FCD. If not, the reason is noted."""
        if n >= (2 if self.force else FEWEST):
            return True
        self.say(f"FCD of {n:,} {name} molecules says nothing: at least {FEWEST:,}, or force=true")
        return False


def validity(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """The validities, uniqueness and novelty."""
    tally = subject.attempts.tally
    attempts, plain, distinct = len(subject), tally.counts.plain, len(tally.kinds)
    notes.counts |= {
        "attempts": attempts,
        "plain_valid": plain,
        "distinct": distinct,
        "strict_valid": tally.counts.strict,
        "distinct_strict_valid": len(tally.strict_kinds),
    }
    totals = {"unique": plain, "novel": distinct}
    if subject.attempts.relaxed is None:
        notes.say("relaxed_valid, valence_valid: not stated, as some rows do not say what was made")
    return {
        **{
            key: known_share(value, totals.get(key, attempts))
            for key, value in tally.numbers().items()
        },
        "relaxed_valid": counted(subject.attempts.relaxed, attempts),
        "valence_valid": counted(subject.attempts.valence, attempts),
        "unique_redraw": Estimate(redrawn(reference.largest["train"], plain)),
        **{
            key: known_share(moses.unique_at(subject.largest, k), min(k, len(subject.largest)))
            for key, k in (("unique@1k", 1000), ("unique@10k", 10_000))
        },
    }


def counted(count: int | None, total: int) -> Estimate:
    """The share of a count that may have no meaning."""
    return Estimate(nan) if count is None else share(count, total)


def known_share(value: float, total: int) -> Estimate:
    """A share that was computed already, with its interval."""
    return Estimate(nan) if isnan(value) else share(round(value * total), total)


def redrawn(training: Sequence[str], n: int) -> float:
    """(1 / n) sum_k 1 - (1 - c_k / m)^n, the mean share of distinct molecules among n draws.

    They are drawn with replacement from a training set of m, in which molecule k occurs c_k times.
    """
    if not n or not training:
        return nan
    shares = np.array(list(Counter(training).values())) / len(training)
    with np.errstate(divide="ignore"):  # A set of one molecule: it is always found.
        return float(-np.expm1(n * np.log1p(-shares)).sum() / n)


def distances(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """FCD in both variants and its floor, of the largest fragments."""
    made, test = subject.largest, reference.largest.get("test", ())
    for split in ("valid", "test"):
        if not reference.largest.get(split):
            notes.say(reference.lacks(split))
    found = {
        "fcd_unique_validation": fcd_of(
            subject, list(dict.fromkeys(made)), reference, reference.largest.get("valid", ()), notes
        ),
        "fcd_all_test": fcd_of(subject, made, reference, test, notes),
        "fcd_floor": nan,
    }
    if not isnan(found["fcd_all_test"]):
        floor = chosen(reference.largest["train"], len(made))
        notes.counts["fcd_floor"] = len(floor)
        found["fcd_floor"] = frechet_distance(reference.chemnet(floor), reference.chemnet(test))
    return plain(found)


def fcd_of(
    subject: Subject,
    made: Sequence[str],
    reference: Reference,
    others: Sequence[str],
    notes: Notes,
) -> float:
    """FCD of molecules against a split; nan, with a note of the reason, where it cannot be told.

    Args:
        subject: the attempts.
        made: some of its molecules.
        reference: the data set.
        others: the molecules of a split.
        notes: grows by the reason.
    """
    if notes.lacks_chemnet or not others:
        return nan
    sizes = {"valid": len(made), f"reference ({reference.name})": len(others)}
    enough = [notes.enough(name, n) for name, n in sizes.items()]
    if not all(enough):
        return nan
    return frechet_distance(subject.chemnet(made), reference.chemnet(others))


def likeness(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """Likeness to the test set molecule by molecule, and the diversity of the samples."""
    test_set = reference.largest.get("test", ())
    made, test = pair(subject, subject.largest, reference, test_set)
    return {
        **against(made, test, ("snn", "frag", "scaf")),
        **diversity(made, notes, ("int_div", "int_div2")),
        "filters": passing(made),
        **plain({key: w1(made, test, feature, notes) for key, feature in PROPERTIES.items()}),
    }


def pair(
    subject: Subject, smiles: Sequence[str], reference: Reference, others: Sequence[str]
) -> tuple[FeaturedMolecules, FeaturedMolecules]:
    """Molecules made, and those of a split, over the features that MOSES compares.

    Args:
        subject: the attempts.
        smiles: some of its molecules.
        reference: the data set.
        others: the molecules of a split.
    """
    return subject.population(smiles), reference.population(others, COMPARED)


def against(
    made: FeaturedMolecules, others: FeaturedMolecules, keys: tuple[str, str, str]
) -> Numbers:
    """SNN, Frag and Scaf of molecules against those of a split.

    Args:
        made: the molecules.
        others: those of the split.
        keys: the names of the three numbers.
    """
    nearest = moses.nearest_similarities(
        made.distinct.prints("moses_print"), others.distinct.prints("moses_print")
    )
    by_smiles = dict(zip(made.distinct.smiles, nearest.tolist(), strict=True))
    snn = mean([by_smiles[one] for one in made.smiles])
    cosines = [
        Estimate(moses.cosine(made.counts(feature), others.counts(feature)))
        for feature in ("fragments", "scaffold")
    ]
    return dict(zip(keys, (snn, *cosines), strict=True))


def diversity(made: FeaturedMolecules, notes: Notes, keys: tuple[str, str]) -> Numbers:
    if len(made.smiles) > PAIRS:
        notes.say(f"internal diversity: of the first {PAIRS:,} of {len(made.smiles):,} molecules")
    prints = made.first(PAIRS).prints("moses_print")
    return {
        key: Estimate(moses.internal_diversity_by_molecule(prints, p))
        for p, key in enumerate(keys, start=1)
    }


def passing(made: FeaturedMolecules) -> Estimate:
    return share(int((made.array("passes") == 1).sum()), len(made.smiles))


def w1(made: FeaturedMolecules, others: FeaturedMolecules, feature: str, notes: Notes) -> float:
    return moses.wasserstein(*(defined(one, feature, notes) for one in (made, others)))


def defined(molecules: FeaturedMolecules, feature: str, notes: Notes) -> Floats:
    """The values of a feature for those molecules that have it.

    Args:
        molecules: with their features.
        feature: its name.
        notes: grows by the number of the others.
    """
    values = molecules.array(feature)
    lacks = np.isnan(values).any(axis=tuple(range(1, values.ndim)))
    lacking, n = int(lacks.sum()), len(values)
    if lacking:
        notes.say(f"{feature}: undefined for {lacking:,} of {n:,} molecules, which are left out")
    return values[~lacks]


def copying(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """The nearness of the samples to the training set, and that of the test set's molecules."""
    training = chosen(reference.largest["train"], NEIGHBOURS)
    size = len(reference.largest["train"])
    if len(training) < size:
        notes.say(f"nearest training molecules: among {NEIGHBOURS:,} of {size:,}, chosen by seed 0")
    neighbours = reference.population(training, ["print"]).distinct.prints("print")
    tested = chosen(reference.largest.get("test", ()), QUERIES)
    queries = {
        "": subject.population(list(dict.fromkeys(subject.strict))),
        "_test": reference.population(tested, ["print"]).distinct,
    }
    found = {}
    index = index_references(neighbours)
    for ending, population in queries.items():
        nearest = nearest_similarity(population.prints("print"), index)
        notes.counts[f"nearest_training{ending}"] = len(nearest)
        found[f"nearest_training{ending}"] = mean(nearest)
        found[f"copied{ending}"] = share(sum(one == 1 for one in nearest), len(nearest))
    return found


def plain(numbers: Mapping[str, float]) -> Numbers:
    return {key: Estimate(value) for key, value in numbers.items()}
