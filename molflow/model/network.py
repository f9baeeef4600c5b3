"""The network of a model and what its output means, by name of the loss that trained it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from molflow.flow.flow_map import Network, Posterior, posterior
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.graph.transformer import GraphTransformer
from molflow.model.spec import ModelSpec
from molflow.plugins import Table
from molflow.sequence.transformer import SequenceTransformer

LOSSES = Table[Callable[..., dict[str, torch.Tensor]]](
    "losses", {"cross_entropy": vfm_loss, "mse": mse_loss}
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
        spec.pair_expand,
        spec.distances,
    )


def build_posterior(net: Network, loss: str) -> Posterior:
    """mu_st: the softmax of the logits, or the output itself where the loss is a regression."""
    return net if loss == "mse" else posterior(net)
