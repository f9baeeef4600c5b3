"""Parts of graphs: connected fragments, closed and lone atoms, fragments first in the order."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.graph.graph import pair_count, pair_endpoints, pair_index
from molflow.graph.parts import (
    Parts,
    connected_parts,
    draw_parts,
    fragments_first,
    renumbered,
    renumbered_parts,
    to_pairs,
    to_square,
)

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


def path_parts(count: int, size: int = 8) -> Parts:
    """What so many paths of 8 atoms show."""
    path = np.zeros((1, pair_count(size)), dtype=np.int64)
    for i in range(size - 1):
        path[0, pair_index(i, i + 1)] = 1
    sizes = np.full(count, size)
    return draw_parts(np.repeat(path, count, 0), sizes, 1.0, np.random.default_rng(0))


def near(found: np.ndarray, share: float) -> bool:
    """Within four standard deviations."""
    return bool(abs(found.mean() - share) < 4 * (share * (1 - share) / len(found)) ** 0.5)


@given(seed=st.integers(0, 2**31))
def test_a_part_is_connected_and_of_the_wanted_size_where_its_component_is(seed):
    atoms, pairs, sizes = batch(seed)
    random = np.random.default_rng(seed + 1)
    wanted, priority = random.integers(0, N + 1, 8), random.random((8, N))
    exists = np.arange(N) < sizes[:, None]
    shown = connected_parts(to_square(pairs, N) > 0, exists, wanted, priority)
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
    bonded, all_four = to_square(pairs, 4) > 0, np.ones((1, 4), bool)
    parts = [
        np.flatnonzero(connected_parts(bonded, all_four, np.array([k]), priority)[0]).tolist()
        for k in range(5)
    ]
    assert parts == [[], [1], [1, 2], [1, 2, 3], [0, 1, 2, 3]]


def test_growth_stays_among_the_atoms_that_it_may_take():
    # The path 0-1-2-3 without atom 1: from atom 3, atom 2 and no more.
    pairs = np.zeros((1, pair_count(4)), dtype=np.int64)
    for i in range(3):
        pairs[0, pair_index(i, i + 1)] = 1
    among, priority = np.array([[True, False, True, True]]), np.array([[0.1, 0.4, 0.2, 0.3]])
    part = connected_parts(to_square(pairs, 4) > 0, among, np.array([4]), priority)
    assert part.tolist() == [[False, False, True, True]]


@given(seed=st.integers(0, 2**31))
def test_fragments_hang_together_and_closed_atoms_have_no_bond_outside(seed):
    atoms, pairs, sizes = batch(seed)
    parts = draw_parts(pairs, sizes, 1.0, np.random.default_rng(seed))
    for b, size in enumerate(sizes):
        graph, fragments = as_networkx(atoms[b], pairs[b], size), parts.fragments[b]
        for number in set(fragments.tolist()) - {0}:
            members = set(np.flatnonzero(fragments == number).tolist())
            assert nx.is_connected(graph.subgraph(members))
            for i in members & set(np.flatnonzero(parts.closed[b]).tolist()):
                assert set(graph[i]) <= members
        assert not (parts.closed[b] & (fragments == 0)).any()
        assert not (parts.lone[b] & (fragments > 0)).any()
        known = np.flatnonzero(parts.given_atoms()[b])
        assert len(known) < max(size, 2) or (size, len(known)) == (1, 0)
        assert (known < size).all()


def test_no_share_shows_nothing_and_all_of_it_something_in_all_that_can():
    _, pairs, sizes = batch(0)
    nothing = draw_parts(pairs, sizes, 0.0, np.random.default_rng(0))
    everything = draw_parts(pairs, sizes, 1.0, np.random.default_rng(0))
    assert not nothing.given_atoms().any()
    assert (everything.given_atoms().any(1) == (sizes > 1)).all()


def test_pairs_are_given_inside_a_fragment_and_with_closed_atoms():
    # Atoms 0 and 1 are one fragment, 2 and 3 another; 1 is closed; 4 is known by itself.
    parts = Parts(
        fragments=np.array([[1, 1, 2, 2, 0, 0]]),
        closed=np.array([[False, True, False, False, False, False]]),
        lone=np.array([[False, False, False, False, True, False]]),
    )
    held = {
        (int(i), int(j))
        for i, j, given in zip(*pair_endpoints(6), parts.given_pairs()[0], strict=True)
        if given
    }
    assert held == {(0, 1), (2, 3), (1, 2), (1, 3), (1, 4), (1, 5)}
    assert parts.given_atoms().tolist() == [[True, True, True, True, True, False]]


def test_every_kind_of_part_comes_in_its_share():
    numbers = path_parts(4000).fragments.max(1)
    two = 0.25 * 6 / 7  # Two fragments need two atoms to show, six times in seven.
    assert near(numbers == 0, 0.15)
    assert near(numbers == 1, 0.85 - two)
    assert near(numbers == 2, two)


@given(seed=st.integers(0, 2**31))
def test_renumbering_puts_fragments_first_and_keeps_the_graph(seed):
    atoms, pairs, sizes = batch(seed)
    random = np.random.default_rng(seed + 1)
    parts = draw_parts(pairs, sizes, 1.0, random)
    order = fragments_first(parts, sizes, random)
    new_atoms, new_pairs = renumbered(atoms, pairs, order)
    new_parts = renumbered_parts(parts, order)
    for b, size in enumerate(sizes):
        old, new = (
            as_networkx(atoms[b], pairs[b], size),
            as_networkx(new_atoms[b], new_pairs[b], size),
        )
        places = {int(i): place for place, i in enumerate(order[b, :size])}
        assert nx.utils.graphs_equal(nx.relabel_nodes(old, places), new)
        assert (new_pairs[b, pair_count(size) :] == 0).all()
        numbers = new_parts.fragments[b].tolist()
        assert numbers == sorted(numbers, key=lambda number: (number == 0, number))
        others = [int(i) for i in order[b, :size] if parts.fragments[b, i] == 0]
        assert others == sorted(others)


def test_half_of_the_fragments_keep_the_order_of_their_atoms():
    parts = Parts(np.ones((4000, 5), int), np.zeros((4000, 5), bool), np.zeros((4000, 5), bool))
    order = fragments_first(parts, np.full(4000, 6), np.random.default_rng(0))
    kept = (order == np.arange(5)).all(1).mean()
    share = 0.5 + 0.5 / 120  # A random order of five atoms is the old one in one of 120 cases.
    assert abs(kept - share) < 4 * (share * (1 - share) / 4000) ** 0.5


@pytest.mark.parametrize("n", [1, 2, 5])
def test_pairs_come_back_from_the_square(n):
    pairs = np.arange(2 * pair_count(n)).reshape(2, -1)
    square = to_square(pairs, n)
    assert (square == square.transpose(0, 2, 1)).all()
    assert (to_pairs(square) == pairs).all()


def test_a_quarter_of_the_fragments_has_all_and_a_quarter_some_of_its_atoms_closed():
    parts = path_parts(8000)
    fragment = parts.fragments > 0
    # Of one path of k atoms that ends where the molecule ends, k - 1 can be closed; of one inside
    # k - 2. Where at least three can be, a rate uniform on (0, 1) closes all of m in 1 / (m + 1) of
    # the cases and none in as many.
    bonded_outside = np.zeros_like(fragment)
    bonded_outside[:, 1:] |= parts.fragments[:, 1:] != parts.fragments[:, :-1]
    bonded_outside[:, :-1] |= parts.fragments[:, 1:] != parts.fragments[:, :-1]
    can = fragment & ~bonded_outside
    m, closed = can.sum(1), parts.closed.sum(1)
    for count in (1, 2, 4):
        here, by_chance = closed[m == count], 1 / (count + 1)
        assert near(here == count, 0.25 + 0.25 * by_chance)
        assert near(here == 0, 0.5 + 0.25 * by_chance)


def test_a_quarter_of_the_examples_with_fragments_may_show_lone_atoms_too():
    parts = path_parts(8000)
    shown, lone = (parts.fragments > 0).sum(1), parts.lone.sum(1)
    # One fragment of k = wanted atoms: 0 to k lone ones with equal chance, k + 1 of 0.
    for k in (1, 3):
        one = (parts.fragments.max(1) == 1) & (shown == k)
        assert near(lone[one] > 0, 0.25 * k / (k + 1))


def test_what_is_shown_moves_with_its_atoms():
    parts = Parts(
        fragments=np.array([[0, 1, 1]]),
        closed=np.array([[False, True, False]]),
        lone=np.array([[True, False, False]]),
    )
    moved = renumbered_parts(parts, np.array([[2, 1, 0]]))
    assert moved.fragments.tolist() == [[1, 1, 0]]
    assert moved.closed.tolist() == [[False, True, False]]
    assert moved.lone.tolist() == [[False, False, True]]
