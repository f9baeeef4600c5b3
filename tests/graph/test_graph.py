"""The order of pairs: padding appends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.graph.graph import Graph, pair_count, pair_endpoints, pair_index


@pytest.mark.parametrize(("n", "pairs"), [(0, 0), (1, 0), (2, 1), (3, 3), (4, 6), (9, 36)])
def test_n_atoms_have_n_times_n_minus_1_halves_pairs(n, pairs):
    assert pair_count(n) == pairs


def test_the_pairs_of_four_atoms_are_in_this_order():
    low, high = pair_endpoints(4)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (1, 2),
        (0, 3),
        (1, 3),
        (2, 3),
    ]


@pytest.mark.parametrize(("i", "j", "p"), [(0, 1, 0), (0, 2, 1), (1, 2, 2), (2, 3, 5), (7, 8, 35)])
def test_a_pair_has_one_index_in_either_order_of_its_atoms(i, j, p):
    assert pair_index(i, j) == pair_index(j, i) == p


@given(n=st.integers(0, 40))
def test_index_and_endpoints_are_inverse(n):
    low, high = pair_endpoints(n)
    found = [pair_index(i, j) for i, j in zip(low.tolist(), high.tolist(), strict=True)]
    assert found == list(range(pair_count(n)))


@given(sizes=st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted))
def test_the_pairs_of_fewer_atoms_come_first(sizes):
    small, large = sizes
    for part, whole in zip(pair_endpoints(small), pair_endpoints(large), strict=True):
        assert np.array_equal(part, whole[: pair_count(small)])


def test_an_atom_makes_no_pair_with_itself():
    with pytest.raises(ValueError, match=r"pair \(2, 2\)"):
        pair_index(2, 2)


def test_the_length_of_a_graph_is_its_number_of_atoms():
    assert len(Graph(np.array([0, 1, 0]), np.array([1, 0, 1]))) == 3


def test_a_graph_with_a_wrong_number_of_pairs_is_refused():
    with pytest.raises(ValueError, match="2 pairs for 3 atoms: 3 expected"):
        Graph(np.array([0, 1, 0]), np.array([1, 0]))
