"""From names to objects: the only table of names in the project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from molflow.checkpoint import ModelSpec
from molflow.config import DatasetConfig, TrainConfig
from molflow.datasets import qm9, smiles_file
from molflow.datasets.loaders import Indices, MoleculeDataset, batch_indices, collate
from molflow.flow.flow_map import Posterior, euler_step, flow_map, posterior
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.samplers import Step
from molflow.flow.state import State
from molflow.flow.times import TimeLaw, logit_normal, uniform
from molflow.graph.state import clean_state
from molflow.graph.transformer import GraphTransformer
from molflow.module import FlowModule, Objective, Optimisation

METHODS: dict[str, Step] = {"euler": euler_step, "flow_map": flow_map}
TIME_LAWS: dict[str, TimeLaw] = {"uniform": uniform, "logit_normal": logit_normal}
DATASETS: dict[str, Callable[[DatasetConfig], MoleculeDataset]] = {
    "qm9": lambda c: qm9.load(_cache(c), c.split, c.vocabulary, c.seed, c.max_atoms),
    "smiles_file": lambda c: smiles_file.load(
        c.path, _cache(c), c.smiles_column, c.max_atoms, c.vocabulary, seed=c.seed
    ),
}
LOSSES: dict[str, Callable[..., dict[str, torch.Tensor]]] = {
    "cross_entropy": vfm_loss,
    "mse": mse_loss,
}


def build_dataset(config: DatasetConfig) -> MoleculeDataset:
    """The molecules that ``config`` names, from the cache where it has them."""
    return DATASETS[config.name](config)


def build_spec(config: TrainConfig, dataset: MoleculeDataset) -> ModelSpec:
    """What the trained model will carry beside its weights."""
    return ModelSpec(
        vocabulary=dataset.vocabulary,
        max_atoms=dataset.max_atoms,
        size_law=tuple(float(p) for p in dataset.size_law()),
        width=config.model.width,
        pair_width=config.model.pair_width,
        depth=config.model.depth,
        heads=config.model.heads,
        positions=config.dataset.order == "canonical",
        loss=config.flow.loss,
        prior_scale=config.flow.prior_scale,
        dataset=vars(config.dataset).copy(),
    )


def build_network(spec: ModelSpec) -> GraphTransformer:
    """The untrained network of ``spec``."""
    return GraphTransformer(
        spec.classes,
        spec.max_atoms,
        spec.width,
        spec.pair_width,
        spec.depth,
        spec.heads,
        spec.positions,
    )


def build_posterior(net: nn.Module, loss: str) -> Posterior:
    """mu_st: the softmax of the logits, or the output itself where the loss is a regression."""
    return net if loss == "mse" else posterior(net)


@dataclass(frozen=True)
class GraphStream:
    """Training molecules as clean states: a batch is a function of (seed, step, rank, world)."""

    dataset: MoleculeDataset
    batch_size: int
    seed: int

    def batch(self, step: int, rank: int, world: int) -> State:
        """x_1 of one batch, padded to the largest molecule of the data set (one shape for all)."""
        train = self.dataset.splits["train"]
        chosen = train[batch_indices(len(train), self.batch_size, self.seed, step, rank, world)]
        return self.states(chosen)

    def states(self, indices: Indices) -> State:
        """x_1 of the molecules at ``indices`` of the packed data."""
        packed, vocabulary = self.dataset.packed, self.dataset.vocabulary
        batch = collate(packed, indices, self.dataset.max_atoms)
        return clean_state(
            torch.from_numpy(batch.atoms),
            torch.from_numpy(batch.pairs),
            torch.from_numpy(batch.sizes),
            (len(vocabulary.atoms), len(vocabulary.bonds)),
        )


def build_module(config: TrainConfig, net: nn.Module, stream: GraphStream) -> FlowModule:
    """The Lightning module of one training run."""
    flow, trainer = config.flow, config.trainer
    smoothing = {"smoothing": flow.label_smoothing} if flow.loss == "cross_entropy" else {}
    loss = LOSSES[flow.loss]
    objective = Objective(
        loss=lambda output, x_1: loss(output, x_1, **smoothing),
        weights={"atoms": 1.0, "pairs": flow.pair_weight},
        time_law=TIME_LAWS[flow.time_law],
        prior_scale=flow.prior_scale,
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


def _cache(config: DatasetConfig) -> Path | None:
    return None if config.cache is None else Path(config.cache)
