"""Every number of an evaluation has its key and its definition stated here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric is defined here.

    Attributes:
        doc: the definition, its denominator included.
        better: the direction that is wanted, "" where there is none.
        share: whether it is a number in [0, 1] that counts things.
    """

    doc: str
    better: str = ""
    share: bool = False


def _share(doc: str, better: str = "") -> Metric:
    return Metric(doc, better, share=True)


VALIDITY = {
    "strict_valid": _share("sanitised whole by RDKit, nothing repaired, and connected / attempts"),
    "plain_valid": _share(
        "sanitised / attempts; a disconnected molecule counts, its largest fragment goes on"
    ),
    "relaxed_valid": _share(
        "sanitised, without RDKit's clean-up, after N, O, S one bond order over their valence got "
        "the charge +1 / attempts"
    ),
    "valence_valid": _share("RDKit's test of valences alone / attempts"),
    "unique": _share("distinct largest fragments / plain-valid"),
    "unique_redraw": _share(
        "what unique would be, on average, of as many training molecules drawn with replacement"
    ),
    "novel": _share(
        "distinct largest fragments that are that of no training molecule, stereo left out / "
        "distinct"
    ),
    "vu": _share("distinct strictly valid molecules / attempts"),
    "vun": _share("distinct strictly valid molecules that the training set lacks / attempts"),
    "unique@1k": _share("distinct among the first 1,000 plain-valid / as many as there are"),
    "unique@10k": _share("distinct among the first 10,000 plain-valid / as many as there are"),
}
STANDARD = {
    "fcd_unique_validation": Metric(
        "Fréchet ChemNet distance of the distinct plain-valid to the validation set", "low"
    ),
    "fcd_all_test": Metric("Fréchet ChemNet distance of all plain-valid to the test set", "low"),
    "fcd_floor": Metric(
        "fcd_all_test of as many training molecules: what n alone makes of a perfect sampler"
    ),
    "snn": Metric(
        "mean over plain-valid of the largest Tanimoto similarity to a test molecule (Morgan "
        "radius 2, 1,024 bits)",
        "high",
    ),
    "frag": Metric("cosine of the counts of BRICS fragments, plain-valid against test", "high"),
    "scaf": Metric(
        "cosine of the counts of Murcko scaffolds of two rings or more, plain-valid against test; "
        "nan where a side has none",
        "high",
    ),
    "int_div": Metric(
        "1 - mean Tanimoto similarity of all ordered pairs, each with itself too, of plain-valid",
        "high",
    ),
    "int_div2": Metric(
        "1 - mean over plain-valid of the root of the mean square similarity to all", "high"
    ),
    "filters": _share(
        "no ring of 8 atoms or more, no charge, only C N S O F Cl Br H, no MCF or PAINS pattern / "
        "plain-valid"
    ),
    "w1_logp": Metric("Wasserstein-1 distance of Crippen's log P, plain-valid to test", "low"),
    "w1_sa": Metric(
        "Wasserstein-1 distance of synthetic accessibility (Ertl), plain-valid to test", "low"
    ),
    "w1_qed": Metric("Wasserstein-1 distance of QED, plain-valid to test", "low"),
    "w1_weight": Metric(
        "Wasserstein-1 distance of average molecular weights in g/mol, plain-valid to test", "low"
    ),
    "nearest_training": Metric(
        "mean over distinct strictly valid molecules of the largest Tanimoto similarity to a "
        "training molecule (Morgan radius 2, 2,048 bits), of at most 100,000 of these; far above "
        "nearest_training_test: copied"
    ),
    "nearest_training_test": Metric(
        "mean over test molecules of the largest Tanimoto similarity to one of the same training "
        "molecules"
    ),
    "copied": _share(
        "distinct strictly valid molecules with the fingerprint of one of at most 100,000 training "
        "molecules / distinct strictly valid; beside copied_test"
    ),
    "copied_test": _share(
        "test molecules with the fingerprint of one of the same training molecules / test molecules"
    ),
}
MOSES_SETS = {"Test": "the test set", "TestSF": "the test set of other scaffolds"}
MOSES = {
    "valid": _share("MOSES: RDKit reads it, disconnected or not / attempts"),
    "unique@1000": _share("MOSES: distinct among the first 1,000 valid / that many"),
    "unique@10000": _share("MOSES: distinct among the first 10,000 valid / that many"),
    **{
        f"{name}/{key}": metric
        for key, words in MOSES_SETS.items()
        for name, metric in {
            "FCD": Metric(f"MOSES: Fréchet ChemNet distance of all valid to {words}", "low"),
            "SNN": Metric(
                f"MOSES: mean largest Tanimoto similarity to {words} (Morgan 2, 1,024)", "high"
            ),
            "Frag": Metric(f"MOSES: cosine of BRICS fragment counts with {words}", "high"),
            "Scaf": Metric(f"MOSES: cosine of Murcko scaffold counts with {words}", "high"),
        }.items()
    },
    "IntDiv": Metric("MOSES: 1 - mean Tanimoto similarity of all ordered pairs of valid", "high"),
    "IntDiv2": Metric(
        "MOSES: 1 - mean over valid of the root of the mean square similarity to all", "high"
    ),
    "Filters": _share("MOSES: passes its rules, MCF and PAINS / valid"),
    "logP": Metric("MOSES: Wasserstein-1 distance of log P to the test set", "low"),
    "SA": Metric(
        "MOSES: Wasserstein-1 distance of synthetic accessibility, by this RDKit's model, to the "
        "test set",
        "low",
    ),
    "QED": Metric("MOSES: Wasserstein-1 distance of QED to the test set", "low"),
    "weight": Metric("MOSES: Wasserstein-1 distance of molecular weight to the test set", "low"),
    "Novelty": _share("MOSES: distinct valid that the training set lacks / distinct valid"),
}
GUACAMOL = {
    "guacamol/validity": _share("GuacaMol: valid among the first 10,000 attempts"),
    "guacamol/uniqueness": _share("GuacaMol: distinct among the first 10,000 valid"),
    "guacamol/novelty": _share(
        "GuacaMol: not in the training set, of the first 10,000 distinct valid"
    ),
    "guacamol/kl": Metric(
        "GuacaMol: mean of exp(-KL) over nine descriptors and the internal maximum similarity, "
        "first 10,000 distinct valid against 10,000 training molecules",
        "high",
    ),
    "guacamol/fcd_score": Metric(
        "GuacaMol: exp(-0.2 FCD), first 10,000 distinct valid against the same 10,000", "high"
    ),
}
MORE = {
    "fcd_extrapolated": Metric(
        "fcd_all_test extrapolated to infinitely many samples, linear in 1/n", "low"
    ),
    "nspdk": Metric(
        "NSPDK MMD to the test set: squared distance of the mean EDeN features, complexity 4",
        "low",
    ),
}

SUITES: dict[str, dict[str, Metric]] = {
    "standard": {**VALIDITY, **STANDARD},
    "moses": MOSES,
    "guacamol": GUACAMOL,
    "full": {**VALIDITY, **STANDARD, **MOSES, **GUACAMOL, **MORE},
}
METRICS = SUITES["full"]
