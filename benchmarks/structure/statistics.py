"""Statistics of a molecule's graph without its labels, and the distance between two sets of them.

Atoms are nodes and bonds are edges, whatever their elements and orders. Each statistic maps a graph
to a vector. Two sets are compared by the maximum mean discrepancy of these vectors (Gretton et al.,
JMLR 13, 2012, eq. 5). The kernel is the Gaussian k(x, y) = exp(-|x - y|^2 / (2 sigma^2)) of
scikit-learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel

Floats = NDArray[np.float64]
Vector = tuple[float, ...]

SMALLEST_RING = 3


def skeleton(atoms: int, bonds: Iterable[tuple[int, int]]) -> nx.Graph:
    """The unlabelled graph of ``atoms`` nodes, lone ones included."""
    graph = nx.Graph()
    graph.add_nodes_from(range(atoms))
    graph.add_edges_from(bonds)
    return graph


def degrees(graph: nx.Graph) -> Vector:
    """Share of the atoms with 0, 1, 2, ... neighbours; sums to 1. Of an empty graph nothing."""
    counts = nx.degree_histogram(graph)
    total = sum(counts)
    return tuple(count / total for count in counts)


def rings(graph: nx.Graph) -> Vector:
    """Number of rings of 3, 4, 5, ... atoms in a minimum cycle basis.

    Such a basis has as many rings as `cycles` says, of least total length: two fused six-rings are
    two of six and none of ten. Of several minimum bases all have the same lengths.
    """
    # What hangs on no ring takes nine tenths of the time and adds nothing.
    ringed = nx.k_core(graph, 2)
    sizes = Counter(len(ring) for ring in nx.minimum_cycle_basis(ringed))
    return tuple(float(sizes[k]) for k in range(SMALLEST_RING, max(sizes, default=2) + 1))


def components(graph: nx.Graph) -> Vector:
    """Number of connected parts: 1 for a molecule in one piece."""
    return (float(nx.number_connected_components(graph)),)


def cycles(graph: nx.Graph) -> Vector:
    """Number of independent cycles: bonds - atoms + connected parts; 0 for a tree or forest."""
    loops = graph.number_of_edges() - graph.number_of_nodes()
    return (float(loops + nx.number_connected_components(graph)),)


@dataclass(frozen=True)
class Statistic:
    """A vector of each graph; sigma: of the kernel, in the vector's own units."""

    of: Callable[[nx.Graph], Vector]
    sigma: float


STATISTICS = {
    "degrees": Statistic(degrees, 0.25),
    "rings": Statistic(rings, 1.0),
    "components": Statistic(components, 1.0),
    "cycles": Statistic(cycles, 1.0),
}


@dataclass(frozen=True)
class Comparison:
    """The distance between two sets.

    Attributes:
        mmd2: squared discrepancy, a V-statistic.
        floor: its mean for equal laws.
    """

    mmd2: float
    floor: float


def compare(samples: Sequence[Vector], reference: Sequence[Vector], sigma: float) -> Comparison:
    """The squared maximum mean discrepancy of two sets of vectors, biased (a V-statistic).

        MMD^2 = (1/n^2) sum_ij k(x_i, x_j) + (1/m^2) sum_ij k(y_i, y_j) - (2/nm) sum_ij k(x_i, y_j)
              = sum_uv (p_u - q_u) (p_v - q_v) k(u, v)

    The second sum is over the distinct vectors u, v, with shares p among the n samples and q among
    the m of the reference. It is at least 0, at most 2, and exactly 0 for a set against itself in
    any order. Shorter vectors are filled up with zeros.

    The floor is its mean where both sets are drawn independently from one law, (1/n + 1/m) (1 - E
    k(y, y')). E is estimated on the pairs y /= y' of the reference; nan for m = 1.

    Args:
        samples: n vectors.
        reference: m vectors.
        sigma: of the kernel.

    Raises:
        ValueError: a set is empty.
    """
    n, m = len(samples), len(reference)
    if not (n and m):
        raise ValueError(f"{n} samples against {m}: at least one each")
    first, second = Counter(map(_trimmed, samples)), Counter(map(_trimmed, reference))
    distinct = sorted(first | second)
    kernel = rbf_kernel(_matrix(distinct), gamma=1 / (2 * sigma**2))
    p = np.array([first[vector] / n for vector in distinct])
    q = np.array([second[vector] / m for vector in distinct])
    # Rounding can leave a positive definite form a little below 0.
    mmd2 = max(0.0, float((p - q) @ kernel @ (p - q)))
    if m == 1:
        return Comparison(mmd2, np.nan)
    alike = (m * m * float(q @ kernel @ q) - m) / (m * (m - 1))
    return Comparison(mmd2, (1 / n + 1 / m) * (1 - alike))


def mean(vectors: Sequence[Vector]) -> Vector:
    """The mean vector, shorter ones filled up with zeros. ValueError for none."""
    if not vectors:
        raise ValueError("no vectors have no mean")
    return tuple(float(x) for x in _matrix(vectors).mean(axis=0))


def _trimmed(vector: Vector) -> Vector:
    """Without zeros at its end, so that one thing is said in one way."""
    last = max((i + 1 for i, x in enumerate(vector) if x != 0), default=0)
    return vector[:last]


def _matrix(vectors: Sequence[Vector]) -> Floats:
    width = max(1, *(len(vector) for vector in vectors))
    rows = np.zeros((len(vectors), width))
    for row, vector in zip(rows, vectors, strict=True):
        row[: len(vector)] = vector
    return rows
