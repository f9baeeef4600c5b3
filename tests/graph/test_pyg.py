"""Graphs survive the way through torch_geometric."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.graph.graph import Graph, pair_count
from molflow.graph.pyg import from_pyg, to_pyg


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(1, 8))
    atoms = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    pairs = draw(st.lists(st.integers(0, 3), min_size=pair_count(n), max_size=pair_count(n)))
    return Graph(np.array(atoms), np.array(pairs, dtype=np.int64))


@settings(deadline=None)  # the first example pays for the import
@given(graph=graphs(), classes=st.sampled_from([None, 5]))
def test_there_and_back_is_the_identity(graph: Graph, classes: int | None) -> None:
    back = from_pyg(to_pyg(graph, classes))
    assert back.atoms.tolist() == graph.atoms.tolist()
    assert back.pairs.tolist() == graph.pairs.tolist()


def test_each_edge_appears_in_both_directions_with_its_class() -> None:
    # O=C-N: atoms 0, 1, 2; pairs (0,1) double, (0,2) none, (1,2) single.
    data = to_pyg(Graph(np.array([2, 0, 1]), np.array([2, 0, 1])))
    assert data.x.tolist() == [2, 0, 1]
    assert data.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert data.edge_attr.tolist() == [2, 2, 1, 1]
    assert data.num_nodes == 3
    assert data.is_undirected()


def test_atoms_are_one_hot_on_demand() -> None:
    data = to_pyg(Graph(np.array([1, 0]), np.array([1])), atom_classes=3)
    assert data.x.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def test_a_lone_atom_has_no_edges() -> None:
    data = to_pyg(Graph(np.array([0]), np.array([], dtype=np.int64)))
    assert data.edge_index.shape == (2, 0)
    assert len(from_pyg(data)) == 1


def test_an_atom_class_beyond_the_one_hot_width_is_refused() -> None:
    with pytest.raises(ValueError, match="atom class 3, but atom_classes=3"):
        to_pyg(Graph(np.array([3]), np.array([], dtype=np.int64)), atom_classes=3)


def test_edges_in_one_direction_and_one_hot_classes_are_read() -> None:
    from torch_geometric.data import Data

    data = Data(
        x=torch.tensor([[1], [2]]),
        edge_index=torch.tensor([[1], [0]]),
        edge_attr=torch.tensor([[0.0, 0.0, 1.0]]),
    )
    graph = from_pyg(data)
    assert graph.atoms.tolist() == [1, 2]
    assert graph.pairs.tolist() == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge_index": torch.tensor([[0, 1], [1, 1]])}, "loop at atom 1"),
        ({"edge_index": torch.tensor([[0, 2], [2, 0]])}, r"atoms 0..2 of 2"),
        ({"edge_attr": torch.tensor([1, 2])}, "differs between the two directions"),
        ({"edge_attr": torch.tensor([1])}, "1 rows for 2 edges"),
        ({"edge_attr": None}, "edge_attr is missing"),
        ({"x": torch.tensor([0.5, 1.5])}, "no classes"),
    ],
)
def test_data_that_is_no_labelled_graph_is_refused(change: dict, message: str) -> None:
    data = to_pyg(Graph(np.array([0, 1]), np.array([1])))
    for name, value in change.items():
        setattr(data, name, value)
    with pytest.raises(ValueError, match=message):
        from_pyg(data)


def test_features_of_other_programs_are_refused() -> None:
    from torch_geometric.data import Data
    from torch_geometric.utils import from_smiles

    with pytest.raises(ValueError, match=r"x of shape \(3, 9\) has rows of features"):
        from_pyg(from_smiles("CCO"))
    ends, one_hot = torch.tensor([[0], [1]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # As QM9 of torch_geometric: the atomic number stands beside the one-hot element.
    with pytest.raises(ValueError, match="x of shape"):
        from_pyg(Data(torch.cat([one_hot, torch.tensor([[6.0], [8.0]])], 1), ends, torch.ones(1)))
    with pytest.raises(ValueError, match="edge_attr of shape"):
        from_pyg(Data(one_hot, ends, torch.tensor([[12, 0, 1]])))


def test_the_likeliest_class_of_a_distribution_is_taken() -> None:
    from torch_geometric.data import Data

    rows = torch.tensor([[0.3, 0.6, 0.1], [0.5, 0.25, 0.25]])
    made = from_pyg(Data(rows, torch.tensor([[0], [1]]), torch.tensor([[0.2, 0.8]])))
    assert (made.atoms.tolist(), made.pairs.tolist()) == ([1, 0], [1])
