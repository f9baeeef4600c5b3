"""The suites of MOSES and GuacaMol by their own definitions, and numbers beyond all suites."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import numpy as np

from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.standard_suite import (
    Notes,
    Numbers,
    against,
    defined,
    diversity,
    fcd_of,
    known_share,
    pair,
    passing,
    plain,
    w1,
)
from molflow.metrics import guacamol, moses, nspdk
from molflow.metrics.describing import FeaturedMolecules
from molflow.metrics.distribution import extrapolated_fcd
from molflow.metrics.intervals import Estimate, share
from molflow.metrics.similarity import chosen

GUACAMOL = 10_000
"""The most molecules, by the protocol of GuacaMol."""


def of_moses(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """MOSES's own keys, of all valid molecules as they are."""
    whole, attempts = subject.whole, len(subject)
    plain_valid = subject.attempts.tally.counts.plain
    notes.counts |= {"attempts": attempts, "plain_valid": plain_valid}
    distinct = set(whole)
    known = reference.moses_training
    found = {
        "valid": share(plain_valid, attempts),
        "unique@1000": known_share(moses.unique_at(whole, 1000), min(1000, len(whole))),
        "unique@10000": known_share(moses.unique_at(whole, 10_000), min(10_000, len(whole))),
        "Novelty": share(sum(one not in known for one in distinct), len(distinct)),
    }
    for key, split in (("Test", "test"), ("TestSF", "test_scaffolds")):
        names = ("FCD", "SNN", "Frag", "Scaf")
        if not reference.splits.get(split):
            notes.say(reference.lacks(split))
            found |= {f"{name}/{key}": Estimate(nan) for name in names}
            continue
        others = reference.splits[split]
        found[f"FCD/{key}"] = Estimate(fcd_of(subject, whole, reference, others, notes))
        both = pair(subject, whole, reference, others)
        found |= against(*both, (f"SNN/{key}", f"Frag/{key}", f"Scaf/{key}"))
    made, test = pair(subject, whole, reference, reference.splits.get("test", ()))
    found |= diversity(made, notes, ("IntDiv", "IntDiv2"))
    properties = {"logP": "logp", "SA": "sa", "QED": "qed", "weight": "weight"}
    return {
        **found,
        "Filters": passing(made),
        **plain({key: w1(made, test, feature, notes) for key, feature in properties.items()}),
    }


def of_guacamol(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """GuacaMol's five numbers over at most 10,000 molecules."""
    checked, whole = subject.checked[:GUACAMOL], subject.whole
    valid = sum(one.smiles is not None for one in checked)
    distinct = list(dict.fromkeys(whole))[:GUACAMOL]
    first = whole[:GUACAMOL]
    training = chosen(reference.splits["train"], GUACAMOL)
    known = frozenset(reference.splits["train"])
    notes.counts |= {"guacamol/valid": len(first), "guacamol/distinct": len(distinct)}
    if len(distinct) < GUACAMOL:
        notes.say(f"GuacaMol's protocol asks for 10,000 distinct molecules, {len(distinct):,} here")
    fcd = fcd_of(subject, distinct, reference, training, notes)
    return {
        "guacamol/validity": share(valid, len(checked)),
        "guacamol/uniqueness": share(len(set(first)), len(first)),
        "guacamol/novelty": share(sum(one not in known for one in distinct), len(distinct)),
        "guacamol/kl": Estimate(_kl(subject.population(distinct), reference, training, notes)),
        "guacamol/fcd_score": Estimate(nan if isnan(fcd) else guacamol.fcd_score(fcd)),
    }


def _kl(
    made: FeaturedMolecules, reference: Reference, training: Sequence[str], notes: Notes
) -> float:
    if not made.smiles:
        return nan
    known = reference.population(training, ["guacamol", "guacamol_print"]).distinct
    similarities = [
        guacamol.internal_maximum_similarities(one.prints("guacamol_print"))
        for one in (made, known)
    ]
    descriptors = [defined(one, "guacamol", notes) for one in (made, known)]
    return guacamol.kl_score(*descriptors, *similarities)


def more(subject: Subject, reference: Reference, notes: Notes) -> Numbers:
    """The extrapolated FCD and NSPDK's MMD, of the largest fragments."""
    test = reference.largest.get("test", ())
    fcd = fcd_of(subject, subject.largest, reference, test, notes)
    extrapolated = nan
    if not isnan(fcd):
        rows = subject.activations(sorted(subject.largest))
        extrapolated = extrapolated_fcd(rows, reference.chemnet(test), np.random.default_rng(0))
    means = subject.nspdk(subject.largest), reference.nspdk(test)
    return plain({"fcd_extrapolated": extrapolated, "nspdk": nspdk.mmd(*means)})
