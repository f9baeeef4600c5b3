"""A small network reads numbers off a soft graph: points of simplices, not labels.

It is a graph convolution with one matrix per class of edge (Schlichtkrull et al. 2018, "Modeling
relational data with graph convolutional networks"). The probability of an edge's class is its
weight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from molflow.flow.state import State
from molflow.graph.transformer import PairIndex


class SoftGraphNet(nn.Module):
    """State -> (B, outputs): mean + spread * MLP(sum and mean over the atoms of h_L), where

        h_{l+1} = norm(h_l + silu(U h_l + sum_e V_e sum_j p(bond_ij = e) h_l,j)), h_0 = W atoms.

    mean and spread, (outputs,), are those of the numbers that are read; set them before training.
    Neither padding nor the order of the atoms changes anything.

    Args:
        classes: (A, E), the classes of an atom and of a pair.
        max_atoms: the largest graph.
        outputs: numbers to read.
        width: channels of h.
        depth: L.
    """

    def __init__(
        self,
        classes: tuple[int, int],
        max_atoms: int,
        outputs: int,
        width: int = 64,
        depth: int = 3,
    ) -> None:
        super().__init__()
        atoms, edges = classes
        self.index = PairIndex(max_atoms)
        self.first = nn.Linear(atoms, width)
        self.own = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.others = nn.ModuleList(
            nn.Linear(edges * width, width, bias=False) for _ in range(depth)
        )
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, outputs))
        self.scale = max_atoms**-0.5
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("spread", torch.ones(outputs))

    def forward(self, x: State) -> Tensor:
        """Read fields "atoms" (B, N, A) and "pairs" (B, P, E), soft or one-hot."""
        x = x.to(self.mean.dtype)
        exists = x.exists["atoms"][..., None]
        edges = self.index.open(x.values["pairs"], exists.shape[1]).permute(0, 3, 1, 2)
        h = self.first(x.values["atoms"]) * exists
        for own, others in zip(self.own, self.others, strict=True):
            heard = torch.einsum("benm,bmc->bnec", edges, h).flatten(2)
            h = F.rms_norm(h + F.silu(own(h) + others(heard)) * exists, h.shape[-1:])
        total, count = h.sum(1), exists.sum(1)
        pooled = torch.cat([total * self.scale, total / count], -1)
        read: Tensor = self.mean + self.spread * self.head(pooled)
        return read
