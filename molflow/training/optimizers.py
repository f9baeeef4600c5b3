"""Muon for the matrices inside a network, AdamW for all that is left, stepping as one optimizer.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") moves a matrix
by its momentum made orthogonal, so that all directions of it learn at one pace. With the factor
0.2 sqrt(max(rows, columns)) of Liu et al. (2025, "Muon is scalable for LLM training") its steps are
as large as those of AdamW, and one learning rate serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

BETAS = (0.9, 0.99)


class Together(Optimizer):
    """Several optimizers of different parameters as one: their groups side by side."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share_groups()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step of each, after the closure that computes the gradients of all."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Those of the parts, in their order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up where ``state_dict`` was saved; ValueError where that is of other optimizers."""
        for part, saved in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(saved)
        self._share_groups()

    def _share_groups(self) -> None:
        """The very groups of the parts: a learning rate that is set here is theirs."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def optimizer_of(net: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """Muon on the matrices of ``net.blocks``; AdamW on what reads, writes and embeds, of which
    matrices decay, and on vectors, which do not."""
    hidden, outer, vectors = [], [], []
    for name, parameter in net.named_parameters():
        if parameter.dim() < 2:
            vectors.append(parameter)
        elif name.startswith("blocks.") and parameter.dim() == 2:
            hidden.append(parameter)
        else:
            outer.append(parameter)
    groups = [
        {"params": outer, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    parts: list[Optimizer] = [AdamW(groups, lr=learning_rate, betas=BETAS, fused=True)]
    if hidden:
        parts.append(
            Muon(
                hidden,
                lr=learning_rate,
                weight_decay=weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return Together(parts)
