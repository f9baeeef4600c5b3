"""From names to objects: the only table of names in the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from molflow.checkpoint import ModelSpec
from molflow.conditions import Standard, standardise, standardised
from molflow.config import DatasetConfig, FlowConfig, TrainConfig
from molflow.datasets import guacamol, moses, qm9, smiles_file, text, zinc250k
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.recoding import recoded
from molflow.datasets.text import TextDataset
from molflow.datasets.tokens import TokenDataset, tokenised
from molflow.datasets.values import Values, property_values
from molflow.errors import InputError
from molflow.flow.distillation import (
    ECLD_DERIVED,
    ECLD_GRAPH,
    ECLD_TEXT,
    csd_loss,
    csd_official_loss,
    ecld_loss,
    psd_loss,
)
from molflow.flow.flow_map import Network, Posterior, euler_step, flow_map, posterior
from molflow.flow.guidance import Reward
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.samplers import Step, heun_step, renoised
from molflow.flow.state import State
from molflow.flow.times import (
    PairLaw,
    TimeLaw,
    logit_normal,
    triangle,
    uniform,
    with_corner,
    with_ends,
)
from molflow.graph.transformer import GraphTransformer
from molflow.guidance.guides import (
    Guide,
    Outcome,
    Task,
    by_draws,
    by_gradient,
    by_particles,
    by_search,
    by_selection,
    by_surrogate,
)
from molflow.metrics.text import Reference
from molflow.modality import Known
from molflow.schema import from_plain
from molflow.sequence.transformer import SequenceTransformer
from molflow.training.module import (
    Distillation,
    FlowModule,
    Objective,
    Optimisation,
    SelfDistillation,
    Stream,
)
from molflow.training.streams import GraphStream, TokenStream


@dataclass(frozen=True)
class Method:
    """A way to walk from noise to data.

    make: (another draw of x_0, amount of noise in [0, 1]) -> step; only ``stochastic`` ones look at
    them. evaluations: of the network, in so many steps. without_noise: of a stochastic one, the
    method that it is where no noise is renewed, as in one step. jumps: whether it asks for the flow
    map off the diagonal.
    """

    make: Callable[[State, float], Step]
    evaluations: Callable[[int], int]
    without_noise: str | None = None
    jumps: bool = False

    @property
    def stochastic(self) -> bool:
        """Whether it renews noise between its steps."""
        return self.without_noise is not None


METHODS = {
    "euler": Method(lambda noise, amount: euler_step, lambda steps: steps),
    "heun": Method(lambda noise, amount: heun_step, lambda steps: 2 * steps - 1),
    "flow_map": Method(lambda noise, amount: flow_map, lambda steps: steps, jumps=True),
    "renoised": Method(renoised, lambda steps: steps, without_noise="flow_map", jumps=True),
    "euler_ancestral": Method(
        lambda noise, amount: renoised(noise, amount, euler_step),
        lambda steps: steps,
        without_noise="euler",
    ),
}


@dataclass(frozen=True)
class Guidance:
    """A way to walk toward a score, and what of ``guides.Guide`` it looks at.

    strength: the default one, None where there is none. draws: of finished molecules ahead, the
    fewest that make sense; 0 where there are none. particles: by default several of each molecule,
    or one. noise: the share that its steps usually renew, None where they need not renew any. ends:
    whether it draws the last step itself, so that no temperature can. jumps: whether it looks ahead
    by the flow map at every step. generations: the usual number, 0 where there are none. fitted:
    whether it climbs a surrogate, which is fitted first.
    """

    run: Callable[[Guide, Task, Reward], Outcome]
    strength: float | None = None
    draws: int = 0
    particles: bool = False
    noise: float | None = None
    ends: bool = False
    jumps: bool = False
    generations: int = 0
    fitted: bool = False


GUIDES = {
    "best_of": Guidance(by_selection, particles=True),
    "draws": Guidance(by_draws, draws=1, ends=True),
    "gradient": Guidance(by_gradient, strength=0.3, draws=2, jumps=True),
    "particles": Guidance(by_particles, strength=20.0, particles=True, noise=1.0),
    "search": Guidance(by_search, particles=True, generations=4),
    "surrogate": Guidance(by_surrogate, strength=0.3, jumps=True, fitted=True),
}
TIME_LAWS: dict[str, Callable[[FlowConfig], TimeLaw]] = {
    "uniform": lambda c: uniform,
    "logit_normal": lambda c: logit_normal(c.time_mean, c.time_spread),
}
PAIR_LAWS: dict[str, Callable[[TimeLaw], tuple[PairLaw, TimeLaw]]] = {
    "triangle": lambda law: (triangle, uniform),
    "ends": lambda law: (with_ends(law), law),
}
"""The law of (s, t), and that of the times between them, by the law of the times t = s."""


def _cache(config: DatasetConfig) -> Path | None:
    return None if config.cache is None else Path(config.cache)


def _qm9(c: DatasetConfig) -> MoleculeDataset:
    return qm9.load(_cache(c), c.split, c.vocabulary, c.seed, c.max_atoms)


def _smiles_file(c: DatasetConfig) -> MoleculeDataset:
    return smiles_file.load(
        c.path, _cache(c), c.smiles_column, c.max_atoms, c.vocabulary, seed=c.seed
    )


Dataset = MoleculeDataset | TokenDataset
DATASETS: dict[str, Callable[[DatasetConfig], Dataset]] = {
    "qm9": _qm9,
    "zinc250k": lambda c: zinc250k.load(c.path, _cache(c), c.vocabulary, c.seed, c.max_atoms),
    "moses": lambda c: moses.load(_cache(c), c.vocabulary, c.max_atoms),
    "guacamol": lambda c: guacamol.load(_cache(c), c.vocabulary, c.max_atoms),
    "smiles_file": _smiles_file,
    "qm9_smiles": lambda c: tokenised(c.name, _qm9(c), c.scheme, c.end_token),
    "smiles_tokens": lambda c: tokenised(c.name, _smiles_file(c), c.scheme, c.end_token),
    "text": lambda c: text.load(c.path, c.length),
    "text8": lambda c: text.load_text8(c.path, _cache(c), c.length),
}
LOSSES: dict[str, Callable[..., dict[str, torch.Tensor]]] = {
    "cross_entropy": vfm_loss,
    "mse": mse_loss,
}

DISTILLATIONS: dict[str, SelfDistillation] = {
    "csd": lambda net, teacher, x, s, t, r: csd_loss(net, teacher, x, s, t),
    "csd_official": lambda net, teacher, x, s, t, r: csd_official_loss(net, teacher, x, s, t),
    "ecld": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_DERIVED),
    "ecld_graph": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_GRAPH),
    "ecld_text": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_TEXT),
    "psd": psd_loss,
}
CORNER = 0.15
"""Usual share of the pairs (s, t) that are (0, 1), where the loss says something there."""
WITHOUT_DERIVATIVE = ("none", "psd")
"""What of ``flow.distill`` differentiates no network along time: the rest compiles slowly."""


def build_dataset(config: DatasetConfig) -> Dataset:
    """The molecules or texts that ``config`` names, from the cache where it has them."""
    return DATASETS[config.name](config)


def dataset_of(spec: ModelSpec) -> Dataset:
    """The data that a model was trained on; InputError where they are gone or have changed."""
    dataset = build_dataset(from_plain(DatasetConfig, spec.dataset))
    if spec.parent:
        dataset = recoded(dataset, spec.vocabulary)
    law = tuple(dataset.size_law().tolist())
    # What was replayed is in the law of the model, and not in its data.
    replayed = spec.parent.get("replay", 0) > 0
    for what, same in (
        ("vocabulary", dataset.vocabulary == spec.vocabulary),
        ("law of sizes", replayed or padded(law, len(spec.size_law)) == spec.size_law),
    ):
        if not same:
            raise InputError(f"{dataset.name} has changed since the training: its {what} has")
    return dataset


def padded(law: Sequence[float], length: int) -> tuple[float, ...]:
    """A law of sizes with zeros behind it, up to that length."""
    return (*law, *(0.0,) * (length - len(law)))


def known_of(dataset: Dataset) -> Known:
    """What samples are compared with: the molecules of the training split, or its words and
    n-grams."""
    if isinstance(dataset, TextDataset):
        return Reference.of(dataset.text("train"), dataset.ids("train"), dataset.vocabulary)
    return frozenset(dataset.smiles("train"))


@dataclass(frozen=True)
class Context:
    """What is told of molecules in training. standards: C properties. values: (M, C) of every
    molecule of the packed data, standardised, nan where unknown; None for no property."""

    standards: tuple[Standard, ...] = ()
    values: Values | None = None

    def __str__(self) -> str:
        """Each property over the training molecules, and of how many molecules it is unknown."""
        unknown = [] if self.values is None else np.isnan(self.values).sum(0).tolist()
        return ", ".join(
            f"{one}, unknown of {count:,}" if count else str(one)
            for one, count in zip(self.standards, unknown, strict=True)
        )


def build_context(
    names: Sequence[str], dataset: Dataset, standards: tuple[Standard, ...] = ()
) -> Context:
    """These properties of every molecule, read from the cache where they lie ready.

    Standardised by ``standards`` where these are of the same names, else by the training split.
    """
    if not names:
        return Context()
    if not isinstance(dataset, MoleculeDataset):
        raise InputError(f"model.condition={','.join(names)}: only for models of graphs")
    values = property_values(dataset.packed, dataset.report.parent, names)
    if tuple(names) == tuple(one.name for one in standards):
        return Context(standards, standardised(standards, values))
    return Context(*standardise(names, values, dataset.splits["train"]))


def build_spec(
    config: TrainConfig, dataset: Dataset, condition: tuple[Standard, ...] = ()
) -> ModelSpec:
    """What the trained model will carry beside its weights."""
    of_graphs = isinstance(dataset, MoleculeDataset)
    return ModelSpec(
        vocabulary=dataset.vocabulary,
        max_size=dataset.max_size,
        size_law=tuple(float(p) for p in dataset.size_law()),
        width=config.model.width,
        pair_width=config.model.pair_width if of_graphs else None,
        depth=config.model.depth,
        heads=config.model.heads,
        positions=not of_graphs or config.dataset.order == "canonical",
        loss=config.flow.loss,
        prior_scale=config.flow.prior_scale,
        flow_map=config.flow.distill != "none",
        shown=config.flow.shown,
        dataset=vars(config.dataset).copy(),
        condition=condition,
        flow=vars(config.flow).copy(),
    )


def build_network(spec: ModelSpec) -> nn.Module:
    """The untrained network of ``spec``."""
    classes = spec.modality.classes
    if spec.pair_width is None:
        return SequenceTransformer(
            classes["tokens"], spec.max_size, spec.width, spec.depth, spec.heads
        )
    return GraphTransformer(
        (classes["atoms"], classes["pairs"]),
        spec.max_size,
        spec.width,
        spec.pair_width,
        spec.depth,
        spec.heads,
        spec.positions,
        len(spec.condition),
    )


def build_stream(
    dataset: Dataset,
    batch_size: int,
    seed: int,
    shown: float = 0.0,
    context: Values | None = None,
) -> GraphStream | TokenStream:
    """The training batches of ``dataset``, with what is told of its molecules."""
    if isinstance(dataset, MoleculeDataset):
        return GraphStream(dataset, batch_size, seed, shown, context)
    return TokenStream(dataset, batch_size, seed, shown)


def build_posterior(net: Network, loss: str) -> Posterior:
    """mu_st: the softmax of the logits, or the output itself where the loss is a regression."""
    return net if loss == "mse" else posterior(net)


def corner_of(flow: FlowConfig) -> float:
    """The share of the pairs (s, t) that are (0, 1).

    By default none where a derivative along time is taken: at t = 1 its factor (1-t) is 0, and what
    is left, mu_01 = mu_11(mu_01), holds at every clean state, whichever the noise leads to.
    """
    if flow.corner is not None:
        return flow.corner
    return CORNER if flow.distill in WITHOUT_DERIVATIVE else 0.0


def build_module(config: TrainConfig, net: nn.Module, stream: Stream) -> FlowModule:
    """The Lightning module of one training run."""
    flow, trainer = config.flow, config.trainer
    time_law, distillation = TIME_LAWS[flow.time_law](flow), None
    if flow.distill != "none":
        pairs, middle = PAIR_LAWS[flow.pairs](time_law)
        distillation = Distillation(
            loss=DISTILLATIONS[flow.distill],
            times=with_corner(pairs, corner_of(flow)),
            middle=middle,
            share=flow.distill_share,
            weight=flow.distill_weight,
            average_teacher=flow.teacher == "average",
            derivative=flow.distill not in WITHOUT_DERIVATIVE,
        )
    smoothing = {"smoothing": flow.label_smoothing} if flow.loss == "cross_entropy" else {}
    loss = LOSSES[flow.loss]
    objective = Objective(
        loss=lambda output, x_1: loss(output, x_1, **smoothing),
        weights={"atoms": 1.0, "pairs": flow.pair_weight, "tokens": 1.0},
        time_law=time_law,
        prior_scale=flow.prior_scale,
        distillation=distillation,
        withheld=flow.condition_dropout,
    )
    optimisation = Optimisation(
        steps=trainer.steps,
        max_minutes=trainer.max_minutes,
        learning_rate=trainer.learning_rate,
        weight_decay=trainer.weight_decay,
        warmup=trainer.warmup,
        gradient_clip=trainer.gradient_clip,
        ema_decay=trainer.ema_decay,
    )
    return FlowModule(net, stream, objective, optimisation, config.seed)
