"""A run that starts from a trained model: settings that the user leaves out are as in that model.

On the data of the model the run goes on with its training. On other data it is fine-tuned: settings
of the optimisation that the user leaves out are then those of FEW_MOLECULES.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.config import ModelConfig, TrainConfig, recipes
from molflow.config.key import keys
from molflow.datasets.names import NEEDS_A_FILE, OF_TOKENS
from molflow.datasets.packing import LARGER

if TYPE_CHECKING:
    from molflow.build import Dataset
    from molflow.model.spec import ModelSpec
    from molflow.training.replay import Replay

FEW_MOLECULES = {
    "trainer.batch_size": 64,
    "trainer.learning_rate": 1e-3,
    "trainer.warmup": 50,
    "trainer.steps": 5000,
    "trainer.ema_decay": 0.99,
    "trainer.patience": 10,
}
"""Settings that suit hundreds to thousands of molecules.

Batches give many steps an epoch, and the rate keeps what was learned. The average follows within a
hundred steps, and the run stops early.
"""
NAMING = {"dataset", "dataset.name", "dataset.path", "experiment"}
"""Arguments that say which data a run has."""
READING = ("order", "vocabulary", "scheme", "end_token", "length")
"""Keys of the data that say how molecules or texts are read, whatever they are."""
DISTILLING = (
    "distill",
    "distill_share",
    "distill_weight",
    "pairs",
    "corner",
    "teacher",
    "euler_below",
)
"""Keys of the flow that say how a map is learned."""
EULER_BELOW = 0.1
"""``flow.euler_below`` of distillation on other data.

Without it a map stays that of its parent: consistent with itself, it learns nothing of a flow that
has moved away below it.
"""


def inherited(arguments: Sequence[str], parent: ModelSpec) -> tuple[list[str], list[str]]:
    """The arguments ``key=value`` that a run from ``parent`` adds before those of its user.

    Args:
        arguments: the user's, ``checkpoint=`` among them. A key that they set stays theirs, by
            itself or by a file of configs/.
        parent: of the model that the run starts from.

    Returns:
        Those of the parent, and those of FEW_MOLECULES where the data are others; none of them
        is the default of its key.

    Raises:
        InputError: where a setting in the parent's file is none.
    """
    composed = recipes.compose("train", TrainConfig, arguments)
    said = {argument.partition("=")[0] for argument in arguments}
    wanted, found = _wanted(composed["dataset"], said, parent), list[str]()
    for name, entry in keys(TrainConfig).items():
        place, _, last = name.rpartition(".")
        if name not in wanted or name in said or composed[place][last] != entry.default:
            continue
        value = entry.read(wanted[name])
        if value != entry.default:
            found.append(f"{name}={recipes.shown(value)}")
    usual = [one for one in found if one.partition("=")[0] in FEW_MOLECULES]
    return [one for one in found if one not in usual], usual


def _wanted(data: dict[str, Any], said: set[str], parent: ModelSpec) -> dict[str, Any]:
    """Key -> the value that a run has where nobody says another."""
    own_file = ("path", "smiles_column") if data["name"] in NEEDS_A_FILE else ()
    same = not said & NAMING or all(
        data[name] == parent.dataset.get(name) for name in ("name", *own_file)
    )
    wanted = {f"dataset.{name}": value for name, value in parent.dataset.items()}
    if not same:
        wanted = {key: wanted[key] for key in map("dataset.{}".format, READING) if key in wanted}
        wanted |= FEW_MOLECULES
        if parent.pair_width is not None and data["name"] not in OF_TOKENS:
            wanted["dataset.max_atoms"] = parent.max_size
    return wanted | _network(parent) | _flow(said, parent, same)


def _network(parent: ModelSpec) -> dict[str, Any]:
    """The shape of the network, and the properties that it is told."""
    shape = [field.name for field in fields(ModelConfig) if field.name != "condition"]
    values = {f"model.{name}": getattr(parent, name, None) for name in shape}
    told = ",".join(one.name for one in parent.condition)
    return {key: v for key, v in values.items() if v is not None} | {"model.condition": told}


def _flow(said: set[str], parent: ModelSpec, same: bool) -> dict[str, Any]:
    """Noise, loss and laws of times; and that a flow map stays one, by the semigroup loss.

    same: whether the data are those of the parent.
    """
    settings = parent.flow | {
        "loss": parent.loss,
        "prior_scale": parent.prior_scale,
        "shown": parent.shown,
    }
    if "flow.distill" in said:
        settings = {name: value for name, value in settings.items() if name not in DISTILLING}
    elif parent.flow_map:
        settings |= {"distill": "psd", "teacher": "average"}
        settings |= {} if same else {"euler_below": EULER_BELOW}
    return {f"flow.{name}": value for name, value in settings.items()}


def origin_of(config: TrainConfig) -> ModelSpec | None:
    """The model whose classes and conditions a run takes, or None of a run that starts from none.

    It is the model that the run starts from, or the run's own where it is resumed.
    """
    from molflow.model.checkpoint import read_spec
    from molflow.model.place import find_model

    if config.checkpoint is None:
        return None
    return read_spec(Path(config.resume) if config.resume else find_model(config.checkpoint))


def adopted(dataset: Dataset, origin: ModelSpec | None) -> Dataset:
    """The data over the classes of the model that the run starts from; new types of atoms come
    behind them. Where they do not fit, the data stay as they are."""
    from molflow.chem.vocabulary import Vocabulary
    from molflow.datasets.recoding import recoded
    from molflow.model.growth import grown_vocabulary

    if origin is None:
        return dataset
    known, seen = origin.vocabulary, dataset.vocabulary
    if isinstance(known, Vocabulary) and isinstance(seen, Vocabulary):
        known = grown_vocabulary(known, seen) if known.charged == seen.charged else known
    return recoded(dataset, known)


def descended(
    spec: ModelSpec, origin: ModelSpec | None, config: TrainConfig, replay: Replay | None
) -> ModelSpec:
    """The spec of a run that starts from ``origin``, or ``spec`` itself without one.

    The limit of sizes is the larger of both. The law of sizes is that of a whole batch. The spec
    says where the model comes from.

    Args:
        spec: of the run's own data.
        origin: the model that it starts from.
        config: of the run.
        replay: molecules of the parent in every batch.
    """
    from molflow.build import padded

    if origin is None:
        return spec
    share = 0.0 if replay is None else config.trainer.replay
    laws = [spec.size_law] if replay is None else [spec.size_law, replay.size_law]
    longest = max(origin.max_size + 1, *(len(law) for law in laws))
    own, *others = (padded(law, longest) for law in laws)
    law = own
    for other in others:
        law = tuple((1 - share) * p + share * q for p, q in zip(own, other, strict=True))
    parent = {"checkpoint": config.checkpoint, "replay": share}
    return replace(spec, max_size=longest - 1, size_law=law, parent=parent)


def describe(
    config: TrainConfig, dataset: Dataset, origin: ModelSpec | None, replay: Replay | None
) -> list[str]:
    """Lines on the part of a run that comes from another model, and on its own part.

    Args:
        config: of the run.
        dataset: its data.
        origin: the model that it starts from; without one there are no lines.
        replay: molecules of the parent in every batch.
    """
    from molflow.chem.vocabulary import Vocabulary
    from molflow.model.growth import origins

    if origin is None:
        return []
    lines = [f"from:    {config.checkpoint}, {origin.modality.describe(origin.max_size)}"]
    lines = lines if config.resume is None else []
    grown, known = dataset.vocabulary, origin.vocabulary
    if isinstance(known, Vocabulary) and isinstance(grown, Vocabulary):
        near = origins(known, grown)
        news = ", ".join(f"{name} (starts from {old})" for name, old in near.items())
        lines += [f"new:     {news}"] if near else []
    for reason, count in dataset.dropped.items():
        if reason.startswith(LARGER):
            larger = f"{count:,} molecules of {reason}"
            lines.append(f"larger:  {larger} are left out; dataset.max_atoms=<number> admits them")
    if replay is not None:
        lines.append(f"replay:  {config.trainer.replay:.0%} of every batch, {replay.source}")
    if config.trainer.patience is not None:
        lines.append(_stopping(config, len(dataset.splits["valid"])))
    return lines


def _stopping(config: TrainConfig, held_out: int) -> str:
    """When the run ends early."""
    if not held_out:
        return "stops:   at its end, as no molecule is held out"
    every = f"looked at every {config.trainer.validate_every} steps"
    return (
        f"stops:   where the loss on {held_out:,} held-out examples, {every}, has no new best "
        f"in {config.trainer.patience} looks; the best weights are kept"
    )
