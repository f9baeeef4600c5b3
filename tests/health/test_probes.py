"""Permutations of graphs, and bits a variable, against numbers worked out by hand."""

import math

import pytest
import torch

from molflow.graph.graph import Graph
from molflow.graph.state import clean_state
from molflow.health.probes import atom_order, bits_a_variable, permuted


def graph_state(*graphs: Graph):
    return clean_state(
        torch.tensor([graph.atoms.tolist() for graph in graphs]),
        torch.tensor([graph.pairs.tolist() for graph in graphs]),
        torch.tensor([3] * len(graphs)),
        (3, 4),
    )


def test_a_permutation_moves_bonds_with_their_atoms():
    # Pairs 01, 02, 12: the chain 0-1=2 read from its other end.
    x = graph_state(Graph(torch.tensor([0, 1, 2]).numpy(), torch.tensor([1, 0, 2]).numpy()))
    moved = permuted(x, torch.tensor([[2, 1, 0]])).argmax()
    assert moved["atoms"].tolist() == [[2, 1, 0]]
    assert moved["pairs"].tolist() == [[2, 0, 1]]


def test_a_random_order_leaves_padding_in_its_place():
    exists = torch.arange(9) < torch.tensor([[1], [5], [9]])
    order = atom_order(exists, seed=0)
    assert order.sort(-1).values.tolist() == [list(range(9))] * 3
    for row, size in zip(order.tolist(), (1, 5, 9), strict=True):
        assert set(row[:size]) == set(range(size))
    assert order[2].tolist() != list(range(9))


def test_bits_are_a_ratio_of_sums_with_its_error():
    # 2 and 6 bits of 1 and 3 variables: 2 a variable, and nothing that varies.
    nats = torch.tensor([2.0, 6.0], dtype=torch.float64) * math.log(2)
    assert bits_a_variable(nats, torch.tensor([1.0, 3.0], dtype=torch.float64)) == (
        pytest.approx(2),
        pytest.approx(0),
    )
    # 1 and 3 bits of 1 and 1: mean 2, deviation sqrt 2, two of them.
    nats = torch.tensor([1.0, 3.0], dtype=torch.float64) * math.log(2)
    assert bits_a_variable(nats, torch.tensor([1.0, 1.0], dtype=torch.float64)) == (
        pytest.approx(2),
        pytest.approx(1),
    )
