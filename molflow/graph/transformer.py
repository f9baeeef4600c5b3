"""In the graph transformer atoms attend to all atoms, biased and gated by the pairs between them.

A bond is one variable of an unordered pair. So pairs live as (B, P, C) with P = N(N-1)/2 and are
opened into a square only where attention reads them. Everything is symmetric in a pair's two atoms:
the network commutes with permutations of the atoms unless it is given positions.

Legend: B examples, N atoms, P pairs, C width, H heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from molflow.flow.state import State
from molflow.graph.graph import pair_count
from molflow.nn.layers import (
    AdaptiveNorm,
    Condition,
    Gate,
    Mlp,
    at_distances,
    attention_logits,
    distance_tables,
    key_mask,
    merge_heads,
    position_table,
    split_heads,
    zero_linear,
)


class PairIndex(nn.Module):
    """This index knows the two atoms of every pair, and the way between pairs and squares."""

    def __init__(self, max_atoms: int) -> None:
        super().__init__()
        self.low: Tensor
        self.high: Tensor
        ends = torch.empty(2, pair_count(max_atoms), dtype=torch.long)
        if not ends.is_meta:  # There shapes alone count, and torch would import its compiler.
            ends = torch.tril_indices(max_atoms, max_atoms, -1)
        high, low = ends
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)

    def open(self, pairs: Tensor, atoms: int) -> Tensor:
        """(B, P, C) -> symmetric (B, N, N, C) with a diagonal of 0.

        It is written to one triangle and added to its transpose. So the backward pass is two reads,
        where that of a gather would be a scatter with collisions.
        """
        low, high = self._ends(pairs.shape[1])
        square = pairs.new_zeros(pairs.shape[0], atoms, atoms, pairs.shape[2])
        square[:, high, low] = pairs
        return square + square.transpose(1, 2)

    def close(self, square: Tensor) -> Tensor:
        """(B, H, N, N) -> (B, P, H): l_ij + l_ji, symmetric whatever the square is."""
        low, high = self._ends(pair_count(square.shape[-1]))
        both = square + square.transpose(-1, -2)
        return both[:, :, high, low].transpose(1, 2)

    def ends(self, atoms: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, C) -> the two atoms of every pair, each (B, P, C)."""
        low, high = self._ends(pair_count(atoms.shape[1]))
        return atoms[:, low], atoms[:, high]

    def _ends(self, pairs: int) -> tuple[Tensor, Tensor]:
        return self.low[:pairs], self.high[:pairs]


class Block(nn.Module):
    """A block attends through pairs, has an MLP on atoms and updates pairs from atoms."""

    def __init__(self, width: int, pair_width: int, heads: int, pair_expand: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = AdaptiveNorm(width, width)
        self.norm_mlp = AdaptiveNorm(width, width)
        self.norm_pairs = AdaptiveNorm(pair_width, width)
        self.gate_attention = Gate(width, width)
        self.gate_mlp = Gate(width, width)
        self.gate_pairs = Gate(pair_width, width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.bias_and_gate = nn.Linear(pair_width, 2 * heads)
        self.out = nn.Linear(width, width)
        self.mlp = Mlp(width)
        self.ends = nn.Linear(width, 2 * pair_width)
        self.from_pair = nn.Linear(pair_width, pair_width)
        self.from_logits = nn.Linear(heads, pair_width, bias=False)
        self.pair_mlp = Mlp(pair_width, pair_expand)

    def forward(
        self, h: Tensor, e: Tensor, c: Tensor, keys: Tensor, index: PairIndex
    ) -> tuple[Tensor, Tensor]:
        """Update atoms and pairs.

        Args:
            h: (B, N, C).
            e: (B, P, C').
            c: (B, C).
            keys: (B, 1, 1, N) or (B, H, N, N), a summand of the logits of attention, -inf on
                padding.
            index: of the pairs.
        """
        pairs = self.norm_pairs(e, c)
        update, logits = self._attend(self.norm_attention(h, c), pairs, keys, index)
        h = h + self.gate_attention(update, c)
        h = h + self.gate_mlp(self.mlp(self.norm_mlp(h, c)), c)
        return h, e + self.gate_pairs(self._update_pairs(h, pairs, logits, index), c)

    def _attend(
        self, h: Tensor, pairs: Tensor, keys: Tensor, index: PairIndex
    ) -> tuple[Tensor, Tensor]:
        """sum_j g_ij softmax_j(q_i k_j / sqrt(C) + b_ij) v_j, and the logits of the softmax."""
        q, k, v = (split_heads(x, self.heads) for x in self.qkv(h).chunk(3, -1))
        square = index.open(self.bias_and_gate(pairs), h.shape[1]).permute(0, 3, 1, 2)
        bias, gate = square.chunk(2, 1)
        logits = attention_logits(q, k) + bias
        attention = (logits + keys).softmax(-1) * (2 * gate.sigmoid())
        return self.out(merge_heads(attention.to(v.dtype) @ v)), logits

    def _update_pairs(self, h: Tensor, pairs: Tensor, logits: Tensor, index: PairIndex) -> Tensor:
        """MLP of h_i + h_j, h_i * h_j, the pair itself and l_ij + l_ji."""
        low, high = index.ends(self.ends(F.rms_norm(h, h.shape[-1:])))
        (add_i, times_i), (add_j, times_j) = low.chunk(2, -1), high.chunk(2, -1)
        update: Tensor = self.pair_mlp(
            add_i
            + add_j
            + times_i * times_j
            + self.from_pair(pairs)
            + self.from_logits(index.close(logits))
        )
        return update


class GraphTransformer(nn.Module):
    """(x_s, s, t) -> logits for every atom and every pair: the network of the flow map.

    The condition is (s, t), the number of atoms and the context. Of each variable the network sees
    its point of R^K and whether it is given. The logits of padded variables are meaningless.

    Args:
        classes: (A, E), the classes of an atom and of a pair.
        max_atoms: the largest graph.
        width: channels of atoms.
        pair_width: channels of pairs.
        depth: blocks.
        heads: of attention.
        positions: learned embeddings of the index of atom and pair, for graphs whose atoms come in
            a canonical order. Without them the network is equivariant under permutations of the
            atoms.
        contexts: how many numbers the context of a state holds; 0 for a network that looks at none.
        pair_expand: the hidden layer of the MLP of pairs, in widths of a pair.
        distances: with positions, a learned logit of attention for every distance j - i. Each head
            starts at a neighbour of its own: in canonical order most bonds join neighbours, and
            pure noise says nothing of them.
    """

    def __init__(
        self,
        classes: tuple[int, int],
        max_atoms: int,
        width: int = 128,
        pair_width: int = 48,
        depth: int = 6,
        heads: int = 8,
        positions: bool = True,
        contexts: int = 0,
        pair_expand: int = 4,
        distances: bool = False,
    ) -> None:
        super().__init__()
        self.index = PairIndex(max_atoms)
        self.condition = Condition(width, max_atoms, contexts)
        self.atoms_in = nn.Linear(classes[0] + 1, width)
        self.pairs_in = nn.Linear(classes[1] + 1, pair_width)
        self.positions = positions
        if positions:
            self.atom_position = position_table(max_atoms, width)
            self.pair_position = position_table(pair_count(max_atoms), pair_width)
        self.distances = distance_tables(depth, heads, max_atoms) if distances else None
        self.blocks = nn.ModuleList(
            Block(width, pair_width, heads, pair_expand) for _ in range(depth)
        )
        self.norm_atoms = AdaptiveNorm(width, width)
        self.norm_pairs = AdaptiveNorm(pair_width, width)
        self.atoms_out = zero_linear(width, classes[0])
        self.pairs_out = zero_linear(pair_width, classes[1])

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        """Give logits with the shapes of x; s <= t are (B,)."""
        exists = x.exists["atoms"]
        c = self.condition(s, t, exists.sum(-1), x.context)
        h, e = self.atoms_in(_with_given(x, "atoms")), self.pairs_in(_with_given(x, "pairs"))
        if self.positions:
            h, e = h + self.atom_position[: h.shape[1]], e + self.pair_position[: e.shape[1]]
        keys = key_mask(exists, h.dtype)
        for k, block in enumerate(self.blocks):
            near = 0.0 if self.distances is None else at_distances(self.distances[k], h.shape[1])
            h, e = block(h, e, c, keys + near, self.index)
        atoms, pairs = self.norm_atoms(h, c), self.norm_pairs(e, c)
        return x.with_values({"atoms": self.atoms_out(atoms), "pairs": self.pairs_out(pairs)})


def _with_given(x: State, name: str) -> Tensor:
    values = x.values[name]
    return torch.cat([values, x.given[name][..., None].to(values.dtype)], -1)
