"""The keys of ``molflow.sample``."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.config.key import (
    COUNT,
    FRACTION,
    INDICES,
    NOT_NEGATIVE,
    POSITIVE,
    READ,
    SEEDS,
    WRITE,
    Range,
    key,
    section,
)

STEPS = ("auto", "euler", "heun", "flow_map", "renoised", "euler_ancestral")
MARKS = ("once", "at_least_once", "optional")
NOISE = 0.3
"""The usual share of the noise that a stochastic method renews.

On QM9 it is the best of 0, 0.1, 0.3, 0.5 and 1 in FCD, or next to it, at every number of steps."""


@dataclass(frozen=True)
class GuidanceConfig:
    method: str = key(
        "none",
        "how to walk toward a score",
        choices=("none", "best_of", "draws", "gradient", "particles", "search", "surrogate"),
        table="guides",
    )
    objective: str | None = key(None, "the score, such as qed:max,logp:2.5±0.5,sa:<3")
    aggregation: str = key(
        "geometric",
        "mean of the objective's components",
        choices=("geometric", "arithmetic"),
        table="aggregations",
    )
    components: str | None = key(None, "or a YAML file of components", path=READ)
    score: str | None = key(None, "or path.py:function, your own code, which will run")
    score_seconds: float = key(10.0, "for one molecule by your own code", within=POSITIVE)
    start_seconds: float = key(
        120.0, "for your own code to load, and for its first molecule", within=POSITIVE
    )
    max_failures: int | None = key(
        50, "molecules in a row without a score of your own code that end it", within=COUNT
    )
    invalid: float | None = key(
        None, "score of what is no molecule; null is just below 0, and your own code needs a number"
    )
    particles: int | None = key(
        None,
        "walks a molecule, the best is kept; null is 16, of guides that bend a walk 1",
        within=COUNT,
    )
    draws: int | None = key(
        None, "molecules looked at by draws and gradient; null is 16", within=COUNT
    )
    strength: float | None = key(
        None, "null is 0.3 for gradient and surrogate, 20 for particles", within=NOT_NEGATIVE
    )
    entropy_floor: float = key(
        0.02, "nats a variable, below which gradients look broadly", within=NOT_NEGATIVE
    )
    generations: int | None = key(
        None, "of search, each with its particles; null is 4", within=COUNT
    )
    restart: float | None = key(
        None, "time to which search noises the best so far; null is 0.35", within=FRACTION
    )
    max_calls: int | None = key(
        None, "of the score while guiding; what comes later is worth invalid", within=COUNT
    )
    condition: str | None = key(
        None, "values of the properties of model.condition, such as qed=0.6,logp=1.5"
    )
    weight: float = key(
        1.0, "of that condition; all but 0 and 1 double the evaluations", within=NOT_NEGATIVE
    )


@dataclass(frozen=True)
class SampleConfig:
    """Sample molecules from a trained generator."""

    checkpoint: str = key("", "a run folder or a file of weights", required=True, path=READ)
    n: int = key(1000, "molecules; with until or keep as many that pass", within=COUNT)
    first: int = key(
        0, "index of the first: machines that share a library take a range each", within=INDICES
    )
    until: str | None = key(
        None, "go on until n are these, some of valid,unique,novel; null is n attempts"
    )
    keep: str | None = key(
        None, "and within limits, such as mw:<500,sa:<4,logp:1..3; only valid ones are"
    )
    max_attempts: int | None = key(
        None, "with until or keep, where it ends; null is 20 for each molecule", within=COUNT
    )
    steps: int | None = key(None, "from noise to molecule; null is 50", within=COUNT)
    times: str | None = key(
        None,
        "to stop at, such as 0.2,0.5, or 0.2:0.7 for equal steps between; null: most where "
        "decisions fall",
    )
    method: str = key(
        "auto",
        "the step; auto is renoised where a flow map was learned, flow_map in one step, else euler",
        choices=STEPS,
        table="steps",
    )
    noise: float | None = key(
        None,
        f"share renewed by steps of renoised and euler_ancestral; null is {NOISE}, of particles 1",
        within=Range(0, 1),
    )
    noise_scale: str = key(
        "1",
        "standard deviation of noise beside that of training: below 1 likelier, less diverse; "
        "pairs=0.75 is of bonds alone",
        required=True,
    )
    temperature: float = key(
        0.0, "of the last step: 0 takes the likeliest classes, 1 draws them", within=NOT_NEGATIVE
    )
    seed: int = key(0, "of the sizes and the noise", within=SEEDS)
    format: str = key(
        "csv",
        "of the table; csv has samples.smi and samples.sdf beside it, parquet is a folder of files",
        choices=("csv", "csv.gz", "parquet"),
    )
    resume: str | None = key(
        None, "folder of a sampling that was broken off; its arguments hold", path=WRITE
    )
    out: str = key("samples", "folder of the results", required=True, path=WRITE)
    take_over: bool = key(
        False, "take the folder of a run that ended on another machine without leaving it"
    )
    atoms: int | None = key(None, "atoms of every molecule; null draws sizes", within=COUNT)
    scaffold: str | None = key(None, "SMILES to keep; [*:1] marks where it grows, else anywhere")
    marks: str = key(
        "once", "single bonds to new atoms at each mark of the scaffold", choices=MARKS
    )
    prompt: str | None = key(
        None, "of a model of strings: the text to keep, _ where it is free, the ___ fox"
    )
    elements: str | None = key(None, "exact counts, such as N:2,O:1")
    forbidden: str | None = key(None, "elements that must not occur, such as F,N+")
    batch_size: int = key(
        512, "molecules of a batch, at most; one for each CPU core at once", within=COUNT
    )
    guidance: GuidanceConfig = section(GuidanceConfig, "the way toward a score")
    report: bool = key(True, "also write report.html")
    trajectory: bool = key(False, "also draw molecules and confidence over time")
