"""The keys of ``molflow.train``, and the rules that concern more than one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from molflow.config.key import (
    COUNT,
    FRACTION,
    INSIDE,
    NOT_NEGATIVE,
    POSITIVE,
    READ,
    SEEDS,
    WRITE,
    Range,
    key,
    section,
)
from molflow.datasets.names import (
    DATASETS,
    FROM_A_FILE,
    NEEDS_A_FILE,
    OF_SMILES,
    OF_TOKENS,
    OWN_MOLECULES,
    SPLIT_NAMES,
    VOCABULARIES,
    require_split,
)
from molflow.errors import InputError


@dataclass(frozen=True)
class DatasetConfig:
    name: str = key("qm9", "where the molecules or texts come from", choices=DATASETS)
    path: str | None = key(
        None,
        "your file, plain or .gz: CSV, TSV, TXT, SMI or SDF of molecules, or a text",
        path=READ,
    )
    smiles_column: str | None = key(
        None, "the column of that file with the SMILES; null is smiles or canonical_smiles"
    )
    split_column: str | None = key(
        None, "the column that says train, val or test; null splits at random"
    )
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
    cache: str | None = key(
        None, "folder of prepared data; null is the user's cache folder", path=WRITE
    )


@dataclass(frozen=True)
class ModelConfig:
    width: int = key(128, "channels of an atom or a token, a multiple of heads", within=COUNT)
    pair_width: int = key(48, "channels of a pair of atoms", within=COUNT)
    pair_expand: int = key(4, "hidden layer of a pair's MLP, in pair_width", within=COUNT)
    depth: int = key(6, "blocks", within=COUNT)
    heads: int = key(8, "attention heads", within=COUNT)
    distances: bool = key(
        False, "of graphs in canonical order: attention knows distances, heads start at neighbours"
    )
    condition: str = key("", "properties to ask for in sampling, such as qed,logp; empty is none")


@dataclass(frozen=True)
class FlowConfig:
    prior_scale: float = key(0.5, "standard deviation of the noise x_0", within=POSITIVE)
    loss: str = key(
        "cross_entropy", "of mu_tt against x_1", choices=("cross_entropy", "mse"), table="losses"
    )
    label_smoothing: float = key(0.0, "of the cross-entropy", within=FRACTION)
    pair_weight: float = key(5.0, "weight of pairs beside atoms in the loss", within=NOT_NEGATIVE)
    time_law: str = key(
        "uniform",
        "law of the training times t",
        choices=("uniform", "logit_normal"),
        table="time_laws",
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
        table="distillations",
    )
    distill_share: float = key(0.25, "share of a batch for it", within=FRACTION)
    distill_weight: float = key(1.0, "of its loss beside the diagonal's", within=POSITIVE)
    pairs: str = key(
        "triangle",
        "law of its times (s, t): uniform, or by time_law with many s = 0 or t = 1",
        choices=("triangle", "ends"),
        table="pair_laws",
    )
    corner: float | None = key(
        None,
        "share of its pairs (s, t) that are (0, 1); null is 0.15, or 0 where a derivative is taken",
        within=FRACTION,
    )
    teacher: str = key(
        "live", "the weights that teach: live ones or their average", choices=("live", "average")
    )
    euler_below: float = key(
        0.0, "of distill=psd: shorter jumps of the teacher are Euler steps", within=FRACTION
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
    warmup: int = key(500, "steps of linear warm-up", within=NOT_NEGATIVE)
    schedule: str = key(
        "cosine",
        "of the rate after it: to zero in one run; constant, then decay, for one of several parts",
        choices=("cosine", "constant", "decay"),
        table="schedules",
    )
    gradient_clip: float = key(1.0, "largest gradient norm; 0 is no limit", within=NOT_NEGATIVE)
    ema_decay: float = key(0.999, "of the averaged weights; 0 is no average", within=FRACTION)
    accumulate: int = key(1, "batches per optimizer step", within=COUNT)
    precision: str = key("auto", "of the arithmetic", choices=("auto", "bf16", "fp32"))
    compile: str = key("auto", "torch.compile", choices=("auto", "always", "never"))
    accelerator: str = key("auto", "where to train", choices=("auto", "cpu", "gpu"))
    devices: int | None = key(
        None,
        "GPUs or CPU processes of each machine; null is one GPU, or CPU cores if the run is long",
        within=COUNT,
    )
    nodes: int = key(
        1, "machines that share a batch, on each of which torchrun or SLURM starts it", within=COUNT
    )
    workers: int | None = key(
        None,
        "processes that prepare batches; null is none on a CPU, up to 12 on a GPU",
        within=NOT_NEGATIVE,
    )
    strategy: str = key("auto", "how devices share the work", choices=("auto", "ddp"))
    sample_every: int = key(
        2000, "steps between trials while training; 0 is never", within=NOT_NEGATIVE
    )
    trial_molecules: int = key(
        1000, "molecules of a trial, also of that at the end; 0 is none", within=NOT_NEGATIVE
    )
    trial_share: float = key(
        0.1,
        "of the time of training, for the last trial and for all before it; 100 molecules at least",
        within=NOT_NEGATIVE,
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
    out: str = key(
        "", "run folder; empty is the folder resumed, else runs/<dataset.name>", path=WRITE
    )
    resume: str | None = key(None, "run folder to continue", path=WRITE)
    take_over: bool = key(
        False, "take the folder of a run that ended on another machine without leaving it"
    )
    checkpoint: str | None = key(
        None, "model to start from or to fine-tune: what is not said is as there", path=READ
    )
    dataset: DatasetConfig = section(DatasetConfig, "the molecules")
    model: ModelConfig = section(ModelConfig, "the network")
    flow: FlowConfig = section(FlowConfig, "the flow and its loss")
    trainer: TrainerConfig = section(TrainerConfig, "the optimisation")
    logger: LoggerConfig = section(LoggerConfig, "the metrics' destination")


def resolved(config: TrainConfig) -> TrainConfig:
    """The run folder filled in, and the rules that concern more than one key."""
    dataset, model = config.dataset, config.model
    if dataset.name in NEEDS_A_FILE and dataset.path is None:
        raise InputError(f"dataset.path: dataset={dataset.name} needs a file")
    if dataset.name not in FROM_A_FILE and dataset.path is not None:
        names = " or ".join(FROM_A_FILE)
        raise InputError(f"dataset.path={dataset.path!r}: only with dataset={names}")
    if dataset.split_column is not None and dataset.name not in OWN_MOLECULES:
        names = " or ".join(OWN_MOLECULES)
        raise InputError(
            f"dataset.split_column={dataset.split_column!r}: only with dataset={names}"
        )
    if dataset.end_token and dataset.name not in OF_SMILES:
        raise InputError(f"dataset.end_token: only with dataset={' or '.join(OF_SMILES)}")
    require_split(dataset.name, dataset.split)
    if config.trainer.replay > 0 and config.checkpoint is None:
        raise InputError(f"trainer.replay={config.trainer.replay:g}: only with checkpoint=")
    if model.distances and (dataset.name in OF_TOKENS or dataset.order != "canonical"):
        raise InputError("model.distances=true: only for graphs with dataset.order=canonical")
    if config.flow.pairs == "ends" and config.flow.distill != "psd":
        # The others differentiate along t, with a factor that is 0 at t = 1.
        raise InputError("flow.pairs=ends: only with flow.distill=psd")
    if config.flow.euler_below > 0 and config.flow.distill != "psd":
        raise InputError("flow.euler_below: only with flow.distill=psd")
    # Rotary positions turn pairs of channels.
    heads, twice = (2 * model.heads, "twice ") if dataset.name in OF_TOKENS else (model.heads, "")
    if model.width % heads:
        raise InputError(
            f"model.width={model.width}: must be a multiple of {twice}model.heads={model.heads}"
        )
    return replace(config, out=config.out or config.resume or f"runs/{dataset.name}")
