"""Muon for the matrices inside a network, AdamW for all other parameters, stepping as one
optimizer.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") moves a matrix
by its momentum made orthogonal, so that all directions of it learn at one pace. With the factor 0.2
sqrt(max(rows, columns)) of Liu et al. (2025, "Muon is scalable for LLM training") its steps are as
large as those of AdamW, and one learning rate serves both.

torch's Muon takes one matrix at a time in bfloat16, which costs many times the rest of a step on
CPUs that only emulate it. Here those of one shape are taken together, in their own precision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

BETAS = (0.9, 0.99)


def orthogonal(
    matrices: Tensor, coefficients: tuple[float, float, float], iterations: int, eps: float
) -> Tensor:
    """U p(S) V^T of matrices U S V^T, S as shares of their norm: nearly U V^T.

    p is the polynomial a s + b s^3 + c s^5, as often as ``iterations`` (Newton-Schulz, Jordan et
    al. 2024).

    Args:
        matrices: (..., rows, columns).
        coefficients: a, b, c.
        iterations: at least 1.
        eps: a norm below it counts as ``eps``.
    """
    a, b, c = coefficients
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class BatchedMuon(Muon):
    """torch's Muon, with all matrices of a shape in one call and in their own precision.

    Its steps are as large as AdamW's, and its momentum is Nesterov's.
    """

    def __init__(self, matrices: Sequence[Tensor], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step, after the closure that computes the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for parameters in alike.values():
                self._move(parameters, group)
        return loss

    def _move(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """One step of matrices of one shape."""
        momentum, rate = group["momentum"], group["lr"]
        ahead = torch.stack([self._ahead(parameter, momentum) for parameter in parameters])
        moves = orthogonal(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
        size = 0.2 * max(parameters[0].shape) ** 0.5
        for parameter, move in zip(parameters, moves, strict=True):
            parameter.mul_(1 - rate * group["weight_decay"]).add_(move, alpha=-rate * size)

    def _ahead(self, parameter: Tensor, momentum: float) -> Tensor:
        """The mean of the gradients so far, once more toward itself (Nesterov)."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(mean, momentum)


class Together(Optimizer):
    """Several optimizers of different parameters as one: their groups side by side."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share_groups()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step of each, after the closure that computes the gradients of all."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of the parts, in their order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where ``state_dict`` was saved. ValueError where that is of other optimizers."""
        for part, saved in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(saved)
        self._share_groups()

    def _share_groups(self) -> None:
        """The very groups of the parts: a learning rate that is set here is theirs."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def optimizer_of(net: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """Muon on the matrices of ``net.blocks``, and AdamW on all other parameters.

    These read, write and embed. Matrices among them decay; vectors do not.

    Args:
        net: with a list ``blocks``.
        learning_rate: of both.
        weight_decay: of all matrices.
    """
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
        parts.append(BatchedMuon(hidden, learning_rate, weight_decay))
    return Together(parts)
