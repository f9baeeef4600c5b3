"""The preparation of a training run: its data and the model to be, and words about them."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.build import (
    Context,
    build_context,
    build_dataset,
    build_spec,
    build_stream,
    in_pieces,
)
from molflow.config import TrainConfig
from molflow.datasets.names import OF_TOKENS
from molflow.datasets.streams import GraphStream, TokenStream, padding
from molflow.modality import modality_of
from molflow.model.conditions import parse_names
from molflow.model.parents import require_kind
from molflow.model.spec import ModelSpec
from molflow.training.fine_tuning import adopted, descended, describe, origin_of
from molflow.training.module import Stream
from molflow.training.replay import Mixed, build_replay, count_of
from molflow.training.trainer import wants_bf16, wants_compilation


@dataclass(frozen=True)
class Prepared:
    """The data that a run learns from, and the model that it makes.

    Attributes:
        stream: of the data.
        batches: the same, or with molecules of the parent among them.
        context: the properties that the model is told.
        spec: of the model.
        notes: lines on the parent's part.
    """

    stream: GraphStream | TokenStream
    batches: Stream
    context: Context
    spec: ModelSpec
    notes: list[str]


def prepare(config: TrainConfig, batch_size: int) -> Prepared:
    """Prepare everything but the network.

    Args:
        config: of the run.
        batch_size: examples of a batch in each process.

    Raises:
        InputError: data or settings that do not fit, each with a message that names it.
    """
    names = parse_names(config.model.condition)
    origin, dataset = origin_of(config), build_dataset(config.dataset)
    replay, replayed = None, count_of(config.trainer.replay, batch_size)
    if origin is not None:
        require_kind(f"checkpoint={config.checkpoint}: ", origin, build_spec(config, dataset))
        dataset = adopted(dataset, origin)
        if replayed:
            replay = build_replay(config, dataset.vocabulary, origin, replayed)
    context = build_context(names, dataset, () if origin is None else origin.condition)
    stream = build_stream(
        dataset, batch_size - replayed, config.seed, config.flow.shown, context.values
    )
    batches = stream if replay is None else Mixed(stream, replay.stream, config.seed)
    spec = descended(build_spec(config, dataset, context.standards), origin, config, replay)
    notes = describe(config, dataset, origin, replay)
    return Prepared(stream, batches, context, spec, notes)


def introduce(
    config: TrainConfig,
    prepared: Prepared,
    parameters: int,
    devices: int,
) -> None:
    """Print which network is about to be trained, and on which data.

    Args:
        config: of the run.
        prepared: its data and its model.
        parameters: of the network.
        devices: processes that share a batch.
    """
    stream, context = prepared.stream, prepared.context
    dataset = stream.dataset
    counts = ", ".join(f"{len(indices):,} {name}" for name, indices in dataset.splits.items())
    print(f"data:    {dataset.name}: {counts}")
    if dataset.dropped:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in dataset.dropped.items())
        print(f"left out: {reasons}{f'; listed in {dataset.report}' if dataset.report else ''}")
    if dataset.stereo:
        print(f"stereo:  {dataset.stereo:,} molecules tell stereochemistry, which is left out")
    if pieces := in_pieces(dataset):
        total = len(dataset.splits["train"])
        print(f"pieces:  {pieces:,} of {total:,} training molecules are in several, such as salts;")
        print("         a model learns to make such molecules, which are not strictly valid")
    print(f"made of: {modality_of(dataset.vocabulary).describe(prepared.spec.max_size)}")
    for note in prepared.notes:
        print(note)
    filled = " and ".join(f"{share:.0%} of the {name}" for name, share in padding(stream).items())
    shared = f", shared by {devices} processes" if devices > 1 else ""
    print(f"batches: {config.trainer.batch_size}{shared}; {filled} are padding")
    if context.standards:
        print(f"told:    {context}: mean±spread (range) in training")
    precision = "bf16" if wants_bf16(config.trainer) else "fp32"
    compiled = wants_compilation(config.trainer, config.flow.distill)
    note = ", compiled (the first step takes a minute)" if compiled else ""
    order = "" if config.dataset.name in OF_TOKENS else f", {config.dataset.order} order"
    print(f"network: {parameters:,} parameters{order}, {precision}{note}")
    print(f"folder:  {config.out}", flush=True)
