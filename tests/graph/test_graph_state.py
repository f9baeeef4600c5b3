"""Graphs become states and come back."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import blank_state, clean_state, graph_masks, to_graphs

CLASSES = (5, 4)


@st.composite
def batches(draw: st.DrawFn) -> list[Graph]:
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    return [
        Graph(
            np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))),
            np.array(
                draw(st.lists(st.integers(0, 3), min_size=pair_count(n), max_size=pair_count(n))),
                dtype=np.int64,
            ),
        )
        for n in sizes
    ]


def padded(graphs: list[Graph], max_atoms: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    atoms = torch.zeros(len(graphs), max_atoms, dtype=torch.long)
    pairs = torch.zeros(len(graphs), pair_count(max_atoms), dtype=torch.long)
    for b, graph in enumerate(graphs):
        atoms[b, : len(graph)] = torch.from_numpy(graph.atoms)
        pairs[b, : len(graph.pairs)] = torch.from_numpy(graph.pairs)
    return atoms, pairs, torch.tensor([len(graph) for graph in graphs])


def test_masks_tell_which_atoms_and_pairs_exist():
    exists = graph_masks(torch.tensor([1, 2, 3]), 3)
    assert exists["atoms"].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert exists["pairs"].int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_n_atoms_exist_with_all_their_pairs(sizes):
    exists = graph_masks(torch.tensor(sizes), 9)
    assert exists["atoms"].sum(1).tolist() == sizes
    assert exists["pairs"].sum(1).tolist() == [n * (n - 1) // 2 for n in sizes]


@given(graphs=batches(), padding=st.integers(0, 3))
def test_graphs_come_back_from_their_clean_state_whatever_the_padding(graphs, padding):
    max_atoms = max(len(graph) for graph in graphs) + padding
    back = to_graphs(clean_state(*padded(graphs, max_atoms), CLASSES))
    for graph, again in zip(graphs, back, strict=True):
        assert again.atoms.tolist() == graph.atoms.tolist()
        assert again.pairs.tolist() == graph.pairs.tolist()


@given(graphs=batches())
def test_a_clean_state_is_one_hot_where_variables_exist_and_zero_elsewhere(graphs):
    x_1 = clean_state(*padded(graphs, 7), CLASSES)
    for name, values in x_1.values.items():
        assert torch.equal(values.sum(-1), x_1.exists[name].float())
        assert set(values.unique().tolist()) <= {0.0, 1.0}


def test_nothing_is_given_in_a_clean_or_blank_state():
    graph = Graph(np.array([1, 2]), np.array([3]))
    for x in (
        clean_state(*padded([graph], 3), CLASSES),
        blank_state(torch.tensor([2]), 3, CLASSES),
    ):
        assert not any(given.any() for given in x.given.values())


def test_a_clean_state_has_the_type_asked_for():
    graph = Graph(np.array([1, 2]), np.array([3]))
    x_1 = clean_state(*padded([graph], 3), CLASSES, torch.float64)
    assert {values.dtype for values in x_1.values.values()} == {torch.float64}


def test_a_blank_state_is_zero_with_a_place_for_every_atom_and_pair():
    blank = blank_state(torch.tensor([1, 4]), 4, CLASSES)
    assert blank.values["atoms"].shape == (2, 4, 5)
    assert blank.values["pairs"].shape == (2, 6, 4)
    assert not any(values.any() for values in blank.values.values())
    assert blank.exists["pairs"].sum(1).tolist() == [0, 6]


def test_the_likeliest_class_makes_the_graph():
    blank = blank_state(torch.tensor([2]), 2, CLASSES)
    x = blank.with_values(
        {
            "atoms": torch.tensor([[[0.0, 0.3, 0.2, 0, 0], [-1, -2, -3, -0.5, -4]]]),
            "pairs": torch.tensor([[[0.1, 0.2, 0.4, 0.3]]]),
        }
    )
    (graph,) = to_graphs(x)
    assert graph.atoms.tolist() == [1, 3]
    assert graph.pairs.tolist() == [2]
