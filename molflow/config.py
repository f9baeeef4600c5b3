"""The configuration of every program: a typed schema, composed by Hydra from files and overrides.

Defaults live here; a file in configs/ holds only what differs from them. Names (of datasets,
losses, methods) become functions in build.py and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, overload

from molflow import recipes
from molflow.datasets.names import (
    DATASETS,
    FROM_A_FILE,
    NEEDS_A_FILE,
    OF_SMILES,
    OF_TOKENS,
    SPLIT_NAMES,
    VOCABULARIES,
    require_split,
)
from molflow.errors import InputError
from molflow.schema import COUNT, POSITIVE, Range, from_plain, key, section

SEEDS = Range(0, 2**32 - 1)
NOT_NEGATIVE = Range(0)
FRACTION = Range(0, 1, open="high")
INSIDE = Range(0, 1, open="low high")

STEPS = ("auto", "euler", "heun", "flow_map", "renoised", "euler_ancestral")
NOISE = 0.3
"""The usual share of the noise that a stochastic method renews: on QM9 the best of 0, 0.1, 0.3, 0.5
and 1 in FCD, or next to it, at every number of steps."""


@dataclass(frozen=True)
class DatasetConfig:
    name: str = key("qm9", "where the molecules or texts come from", choices=DATASETS)
    path: str | None = key(None, "your file, plain or .gz: CSV, TSV or SMI with SMILES, or a text")
    smiles_column: str = key("smiles", "the column of that file with the SMILES", required=True)
    split: str = key("digress", "train, valid and test", choices=SPLIT_NAMES)
    seed: int = key(0, "of split=random", within=SEEDS)
    vocabulary: str = key(
        "charged",
        "charges in the atom type, or none",
        choices=VOCABULARIES,
    )
    order: str = key(
        "canonical", "order of the atoms shown to the network", choices=("canonical", "random")
    )
    max_atoms: int | None = key(
        None, "leave larger ones out; null is 256 for dataset=smiles_file", within=COUNT
    )
    length: int = key(128, "characters of a window, for dataset=text and text8", within=Range(2))
    scheme: str = key(
        "smiles", "of tokens, for qm9_smiles and smiles_tokens", choices=("smiles", "selfies")
    )
    end_token: bool = key(
        False, "of SMILES: an end token fills strings to the longest; else a length is drawn"
    )
    cache: str | None = key(None, "folder of prepared data; null is the user's cache folder")


@dataclass(frozen=True)
class ModelConfig:
    width: int = key(128, "channels of an atom or a token, a multiple of heads", within=COUNT)
    pair_width: int = key(48, "channels of a pair of atoms", within=COUNT)
    depth: int = key(6, "blocks", within=COUNT)
    heads: int = key(8, "attention heads", within=COUNT)
    condition: str = key("", "properties to ask for in sampling, such as qed,logp; empty is none")


@dataclass(frozen=True)
class FlowConfig:
    prior_scale: float = key(0.5, "standard deviation of the noise x_0", within=POSITIVE)
    loss: str = key("cross_entropy", "of mu_tt against x_1", choices=("cross_entropy", "mse"))
    label_smoothing: float = key(0.0, "of the cross-entropy", within=FRACTION)
    pair_weight: float = key(5.0, "weight of pairs beside atoms in the loss", within=NOT_NEGATIVE)
    time_law: str = key(
        "uniform", "law of the training times t", choices=("uniform", "logit_normal")
    )
    time_mean: float = key(0.0, "of logit t, for time_law=logit_normal")
    time_spread: float = key(1.0, "standard deviation of logit t, as well", within=POSITIVE)
    shown: float = key(
        0.0, "share of examples that show a part, as constraints do", within=FRACTION
    )
    condition_dropout: float = key(
        0.2, "share of examples that hide model.condition, to sample without it too", within=INSIDE
    )
    distill: str = key(
        "none",
        "what teaches the flow map off the diagonal",
        choices=("none", "csd", "csd_official", "ecld", "ecld_graph", "ecld_text", "psd"),
    )
    distill_share: float = key(0.25, "share of a batch for it", within=FRACTION)
    distill_weight: float = key(1.0, "of its loss beside the diagonal's", within=POSITIVE)
    pairs: str = key(
        "triangle",
        "law of its times (s, t): uniform, or by time_law with many s = 0 or t = 1",
        choices=("triangle", "ends"),
    )
    corner: float | None = key(
        None,
        "share of its pairs (s, t) that are (0, 1); null is 0.15, or 0 where a derivative is taken",
        within=FRACTION,
    )
    teacher: str = key(
        "live", "the weights that teach: live ones or their average", choices=("live", "average")
    )


@dataclass(frozen=True)
class TrainerConfig:
    batch_size: int = key(256, "molecules of a batch, shared out to the devices", within=COUNT)
    steps: int = key(20_000, "optimizer steps at most", within=COUNT)
    max_minutes: float | None = key(
        20.0, "minutes of training at most; null is no limit", within=POSITIVE
    )
    learning_rate: float = key(3e-3, "the largest, after the warm-up", within=POSITIVE)
    weight_decay: float = key(
        0.01, "of matrices, a share of the learning rate", within=NOT_NEGATIVE
    )
    warmup: int = key(500, "steps of linear warm-up, then cosine to zero", within=NOT_NEGATIVE)
    gradient_clip: float = key(1.0, "largest gradient norm; 0 is no limit", within=NOT_NEGATIVE)
    ema_decay: float = key(0.999, "of the averaged weights; 0 is no average", within=FRACTION)
    accumulate: int = key(1, "batches per optimizer step", within=COUNT)
    precision: str = key("auto", "of the arithmetic", choices=("auto", "bf16", "fp32"))
    compile: str = key("auto", "torch.compile", choices=("auto", "always", "never"))
    accelerator: str = key("auto", "where to train", choices=("auto", "cpu", "gpu"))
    devices: int | None = key(
        None,
        "GPUs or CPU processes; null is one GPU, or CPU cores if the run is long",
        within=COUNT,
    )
    strategy: str = key("auto", "how devices share the work", choices=("auto", "ddp"))
    sample_every: int = key(
        2000, "steps between trials of 1,000 molecules; 0 is never", within=NOT_NEGATIVE
    )
    checkpoint_minutes: float = key(3.0, "minutes between checkpoints", within=POSITIVE)
    patience: int | None = key(
        None,
        "looks at the held-out loss without a new best before training ends; null: it does not end",
        within=COUNT,
    )
    validate_every: int = key(50, "steps between these looks", within=COUNT)
    replay: float = key(
        0.0,
        "share of every batch from the data of checkpoint, or of what it makes where they lack",
        within=FRACTION,
    )
    snapshots: int = key(
        0, "equal parts of the run whose last weights are kept; 0 is none", within=NOT_NEGATIVE
    )


@dataclass(frozen=True)
class LoggerConfig:
    name: str = key("csv", "where metrics go", choices=("csv", "wandb"))
    project: str = key("molflow", "project name at wandb", required=True)
    offline: bool = key(False, "wandb writes to the run folder alone")


@dataclass(frozen=True)
class TrainConfig:
    """Train a generator of molecules."""

    seed: int = key(0, "of the weights, the batches, the times and the noise", within=SEEDS)
    out: str = key("", "run folder; empty is the folder resumed, else runs/<dataset.name>")
    resume: str | None = key(None, "run folder to continue")
    checkpoint: str | None = key(None, "model whose weights to start from, such as a trained flow")
    dataset: DatasetConfig = section(DatasetConfig, "the molecules")
    model: ModelConfig = section(ModelConfig, "the network")
    flow: FlowConfig = section(FlowConfig, "the flow and its loss")
    trainer: TrainerConfig = section(TrainerConfig, "the optimisation")
    logger: LoggerConfig = section(LoggerConfig, "the metrics' destination")


@dataclass(frozen=True)
class GuidanceConfig:
    method: str = key(
        "none",
        "how to walk toward a score",
        choices=("none", "best_of", "draws", "gradient", "particles", "search", "surrogate"),
    )
    objective: str | None = key(None, "the score, such as qed:max,logp:2.5±0.5,sa:<3")
    aggregation: str = key(
        "geometric", "mean of the objective's components", choices=("geometric", "arithmetic")
    )
    components: str | None = key(None, "or a YAML file of components")
    score: str | None = key(None, "or path.py:function, your own code, which will run")
    score_seconds: float = key(10.0, "for one molecule by your own code", within=POSITIVE)
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

    checkpoint: str = key("", "a run folder or a file of weights", required=True)
    n: int = key(1000, "molecules", within=COUNT)
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
    out: str = key("samples", "folder of the results", required=True)
    atoms: int | None = key(None, "atoms of every molecule; null draws sizes", within=COUNT)
    scaffold: str | None = key(None, "SMILES to keep; [*:1] marks where it grows, else anywhere")
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


@dataclass(frozen=True)
class CheckConfig:
    """Measure the health of a model's flow map."""

    checkpoint: str = key("", "a run folder or a file of weights", required=True)
    n: int = key(256, "molecules, of the validation split where it is found", within=COUNT)
    seed: int = key(0, "of the choice of molecules and the noise", within=SEEDS)
    out: str = key("check", "folder of the results", required=True)
    grid: int = key(8, "intervals of the grid of times", within=COUNT)
    substeps: int = key(8, "Euler steps of the walk per interval", within=Range(2))
    batch_size: int = key(256, "molecules at once", within=COUNT)


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure molecules, of anyone's file or of a model, against a data set."""

    samples: str | None = key(None, "the molecules: .csv, .tsv, .smi or .sdf (.gz may follow)")
    smiles_column: str = key("smiles", "the column of a .csv or .tsv", required=True)
    checkpoint: str | None = key(None, "or the model that makes them")
    n: int | None = key(
        None,
        "molecules to sample, null is 10,000; of a file the first ones, null is all",
        within=COUNT,
    )
    steps: int | None = key(None, "of the model, from noise to molecule; null is 50", within=COUNT)
    method: str = key(
        "auto",
        "the model's step, as for molflow.sample",
        choices=STEPS,
    )
    seed: int = key(0, "of the model's sizes and noise", within=SEEDS)
    reference: str | None = key(
        None, "a data set, or a file as of dataset=smiles_file; null is what the model learned from"
    )
    reference_path: str | None = key(None, "where the file of reference=zinc250k lies")
    reference_column: str = key("smiles", "the column of a reference file", required=True)
    suite: str = key("standard", "which numbers", choices=("standard", "moses", "guacamol", "full"))
    out: str = key("evaluation", "folder of the results", required=True)
    force: bool = key(False, "FCD of fewer than 1,000 molecules too")
    explain: bool = key(False, "also print each number's definition; alone: nothing else")
    report: bool = key(True, "also write report.html")


Config = TrainConfig | SampleConfig | CheckConfig | EvaluateConfig
PROGRAMS: dict[str, type[Config]] = {
    "train": TrainConfig,
    "sample": SampleConfig,
    "check": CheckConfig,
    "evaluate": EvaluateConfig,
}


@overload
def load_config(program: Literal["train"], overrides: Sequence[str]) -> TrainConfig: ...


@overload
def load_config(program: Literal["sample"], overrides: Sequence[str]) -> SampleConfig: ...


@overload
def load_config(program: Literal["check"], overrides: Sequence[str]) -> CheckConfig: ...


@overload
def load_config(program: Literal["evaluate"], overrides: Sequence[str]) -> EvaluateConfig: ...


def load_config(program: str, overrides: Sequence[str]) -> Config:
    """The configuration of a program of PROGRAMS after `key=value` and `group=name` overrides.

    A text value is taken as it stands after the first `=` (empty is null where null is allowed);
    all others follow Hydra's grammar. Every mistake raises InputError.
    """
    schema = PROGRAMS[program]
    config = from_plain(schema, recipes.compose(program, schema, overrides))
    return _resolved(config) if isinstance(config, TrainConfig) else config


def to_plain(config: Config) -> dict[str, Any]:
    """Nested dict of str, int, float, bool and None, ready for JSON; `from_plain` reads it back."""
    return asdict(config)


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for the help text."""
    return "-h" in arguments or "--help" in arguments


def help_text(program: str) -> str:
    """Usage, recipes and keys with defaults, documentation and what is allowed."""
    return recipes.help_text(program, PROGRAMS[program])


def _resolved(config: TrainConfig) -> TrainConfig:
    """The run folder filled in, and the rules that concern more than one key."""
    dataset, model = config.dataset, config.model
    if dataset.name in NEEDS_A_FILE and dataset.path is None:
        raise InputError(f"dataset.path: dataset={dataset.name} needs a file")
    if dataset.name not in FROM_A_FILE and dataset.path is not None:
        names = " or ".join(FROM_A_FILE)
        raise InputError(f"dataset.path={dataset.path!r}: only with dataset={names}")
    if dataset.end_token and dataset.name not in OF_SMILES:
        raise InputError(f"dataset.end_token: only with dataset={' or '.join(OF_SMILES)}")
    require_split(dataset.name, dataset.split)
    if config.trainer.replay > 0 and config.checkpoint is None:
        raise InputError(f"trainer.replay={config.trainer.replay:g}: only with checkpoint=")
    if config.flow.pairs == "ends" and config.flow.distill != "psd":
        # The others differentiate along t, with a factor that is 0 at t = 1.
        raise InputError("flow.pairs=ends: only with flow.distill=psd")
    # Rotary positions turn pairs of channels.
    heads, twice = (2 * model.heads, "twice ") if dataset.name in OF_TOKENS else (model.heads, "")
    if model.width % heads:
        raise InputError(
            f"model.width={model.width}: must be a multiple of {twice}model.heads={model.heads}"
        )
    return replace(config, out=config.out or config.resume or f"runs/{dataset.name}")
