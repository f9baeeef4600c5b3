"""Graphs become torch_geometric's Data and come back, for code that speaks that language.

torch_geometric is imported when first needed: nothing else in molflow stands on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from molflow.graph.graph import Graph, pair_count, pair_endpoints

if TYPE_CHECKING:
    from torch_geometric.data import Data


def to_pyg(graph: Graph, atom_classes: int | None = None) -> Data:
    """Convert a graph to Data with each edge in both directions, sorted by source, then target.

    Args:
        graph: n atoms, E edges.
        atom_classes: A for a one-hot x; None for classes.

    Returns:
        x (n,) int64 atom classes, or one-hot (n, A) float32. edge_index (2, 2 E) int64. edge_attr
        (2 E,) int64 pair classes, none of them 0.

    Raises:
        ValueError: an atom class is not below A.
    """
    from torch_geometric.data import Data

    x = torch.from_numpy(graph.atoms.astype(np.int64))
    if atom_classes is not None:
        if graph.atoms.max(initial=0) >= atom_classes:
            raise ValueError(f"atom class {graph.atoms.max()}, but atom_classes={atom_classes}")
        x = torch.nn.functional.one_hot(x, atom_classes).float()
    (edges,) = np.nonzero(graph.pairs)
    i, j = (end[edges] for end in pair_endpoints(len(graph)))
    source, target = np.concatenate([i, j]), np.concatenate([j, i])
    order = np.lexsort((target, source))
    return Data(
        x=x,
        edge_index=torch.from_numpy(np.stack([source, target])[:, order].astype(np.int64)),
        edge_attr=torch.from_numpy(np.tile(graph.pairs[edges], 2)[order].astype(np.int64)),
        num_nodes=len(graph),
    )


def from_pyg(data: Data) -> Graph:
    """Convert one Data to its graph: the inverse of `to_pyg`.

    x holds classes (n,) or (n, 1), integer, or rows (n, A) of probabilities, such as one-hot ones,
    whose largest entry is the class. edge_attr does so likewise, one per edge, in one direction or
    both.

    Raises:
        ValueError: for anything else. Rows of other features are refused
            (`torch_geometric.utils.from_smiles` and its QM9). So are a missing field, a loop, an
            edge to no atom, an edge whose two directions differ.
    """
    atoms = _classes(data.x, "x")
    pairs = np.zeros(pair_count(len(atoms)), dtype=np.int64)
    if data.edge_index is None:
        raise ValueError("edge_index is missing")
    source, target = data.edge_index.cpu().numpy()
    kinds = _classes(data.edge_attr, "edge_attr")
    if len(kinds) != len(source):
        raise ValueError(f"edge_attr has {len(kinds)} rows for {len(source)} edges")
    if (source == target).any():
        raise ValueError(f"edge_index has a loop at atom {source[source == target][0]}")
    low, high = np.minimum(source, target), np.maximum(source, target)
    if low.min(initial=0) < 0 or high.max(initial=-1) >= len(atoms):
        raise ValueError(f"edge_index names atoms {low.min()}..{high.max()} of {len(atoms)}")
    positions = high * (high - 1) // 2 + low
    pairs[positions] = kinds
    if (pairs[positions] != kinds).any():
        raise ValueError("edge_attr differs between the two directions of an edge")
    return Graph(atoms, pairs)


def _classes(values: torch.Tensor | None, name: str) -> np.ndarray:
    """Read (n,) int64 classes from class indices (n,) or (n, 1), or from probabilities (n, K)."""
    if values is None:
        raise ValueError(f"{name} is missing")
    if values.dim() == 2 and values.shape[1] > 1:
        rows = values.double()
        if (rows < 0).any() or not torch.allclose(rows.sum(1), torch.ones(len(rows)).to(rows)):
            raise ValueError(
                f"{name} of shape {tuple(values.shape)} has rows of features, not of a class: "
                "one-hot rows or integer classes are needed; of a molecule "
                "molflow.chem.molecule.to_graph makes them"
            )
        values = values.argmax(dim=1)
    elif values.dim() == 2 and not values.is_floating_point():
        values = values[:, 0]
    if values.dim() != 1 or values.is_floating_point():
        raise ValueError(f"{name} of shape {tuple(values.shape)}, {values.dtype}: no classes")
    return values.long().cpu().numpy()
