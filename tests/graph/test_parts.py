"""Parts of graphs: connected, of the wanted size, and first after renumbering."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.graph.graph import pair_count, pair_endpoints, pair_index
from molflow.graph.parts import connected_parts, shown_first, to_pairs, to_square

N = 6


def batch(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random graphs of 1 to 6 atoms, padded: atoms (8, 6), pairs (8, 15), sizes (8,)."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, N + 1, 8)
    atoms = random.integers(1, 5, (8, N)) * (np.arange(N) < sizes[:, None])
    pairs = random.choice(4, (8, pair_count(N)), p=[0.6, 0.2, 0.1, 0.1])
    pairs *= np.arange(pair_count(N)) < pair_count_of(sizes)[:, None]
    return atoms, pairs, sizes


def pair_count_of(sizes: np.ndarray) -> np.ndarray:
    return sizes * (sizes - 1) // 2


def as_networkx(atoms: np.ndarray, pairs: np.ndarray, size: int) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from((i, {"kind": int(atoms[i])}) for i in range(size))
    for i, j in zip(*pair_endpoints(size), strict=True):
        if pairs[pair_index(i, j)]:
            graph.add_edge(int(i), int(j), kind=int(pairs[pair_index(i, j)]))
    return graph


@given(seed=st.integers(0, 2**31))
def test_a_part_is_connected_and_of_the_wanted_size_where_its_component_is(seed):
    atoms, pairs, sizes = batch(seed)
    random = np.random.default_rng(seed + 1)
    wanted, priority = random.integers(0, N + 1, 8), random.random((8, N))
    shown = connected_parts(pairs, sizes, wanted, priority)
    for b, size in enumerate(sizes):
        graph = as_networkx(atoms[b], pairs[b], size)
        part = np.flatnonzero(shown[b]).tolist()
        if wanted[b] == 0:
            assert part == []
            continue
        first = int(priority[b, :size].argmax())
        component = nx.node_connected_component(graph, first)
        assert first in part
        assert len(part) == min(wanted[b], len(component))
        assert nx.is_connected(graph.subgraph(part))


def test_growth_follows_the_priorities():
    # The path 0-1-2-3 from atom 1: then 2 (0.5) before 0 (0.1), then 3 (0.2).
    pairs = np.zeros((1, pair_count(4)), dtype=np.int64)
    for i in range(3):
        pairs[0, pair_index(i, i + 1)] = 1
    priority = np.array([[0.1, 0.9, 0.5, 0.2]])
    parts = [
        np.flatnonzero(connected_parts(pairs, np.array([4]), np.array([k]), priority)[0]).tolist()
        for k in range(5)
    ]
    assert parts == [[], [1], [1, 2], [1, 2, 3], [0, 1, 2, 3]]


@given(seed=st.integers(0, 2**31))
def test_renumbering_puts_the_part_first_and_keeps_the_graph(seed):
    atoms, pairs, sizes = batch(seed)
    random = np.random.default_rng(seed + 1)
    shown = connected_parts(pairs, sizes, random.integers(0, 4, 8), random.random((8, N)))
    new_atoms, new_pairs = shown_first(atoms, pairs, shown, sizes)
    for b, size in enumerate(sizes):
        old, new = (
            as_networkx(atoms[b], pairs[b], size),
            as_networkx(new_atoms[b], new_pairs[b], size),
        )
        order = sorted(range(size), key=lambda i: (not shown[b, i], i))
        renumbered = nx.relabel_nodes(old, {old_i: i for i, old_i in enumerate(order)})
        assert nx.utils.graphs_equal(renumbered, new)
        assert (new_pairs[b, pair_count(size) :] == 0).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_pairs_come_back_from_the_square(n):
    pairs = np.arange(2 * pair_count(n)).reshape(2, -1)
    square = to_square(pairs, n)
    assert (square == square.transpose(0, 2, 1)).all()
    assert (to_pairs(square) == pairs).all()
