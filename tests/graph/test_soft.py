"""The network of soft graphs: blind to padding and to the order of the atoms, in its own units."""

import pytest
import torch

from molflow.flow.state import State
from molflow.graph.graph import pair_count, pair_index
from molflow.graph.soft import SoftGraphNet
from molflow.graph.state import clean_state

ORDER = [2, 0, 3, 1]


@pytest.fixture(scope="module")
def net() -> SoftGraphNet:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return SoftGraphNet((8, 4), 9, 2, width=16).double()


def soft(random_graphs, sizes: list[int], max_atoms: int) -> State:
    x = random_graphs(sizes, max_atoms)
    return x.softmax().on_free()


def test_padding_changes_nothing(net, random_graphs):
    wide = soft(random_graphs, [4, 1], 9)
    narrow = State(
        {name: v[:, : 4 if name == "atoms" else 6] for name, v in wide.values.items()},
        {name: v[:, : 4 if name == "atoms" else 6] for name, v in wide.exists.items()},
        {name: v[:, : 4 if name == "atoms" else 6] for name, v in wide.given.items()},
    )
    assert torch.allclose(net(wide), net(narrow), rtol=0, atol=1e-12)


def test_the_order_of_the_atoms_changes_nothing_and_the_bonds_do(net):
    atoms, pairs = torch.tensor([[0, 1, 2, 0]]), torch.tensor([[1, 0, 2, 0, 0, 1]])
    moved = torch.zeros_like(pairs)
    for a in range(4):
        for b in range(a):
            i, j = sorted((ORDER[a], ORDER[b]))
            moved[0, pair_index(b, a)] = pairs[0, pair_index(i, j)]
    size = torch.tensor([4])
    one, other, flat = (
        net(clean_state(a, p, size, (8, 4), torch.float64))
        for a, p in ((atoms, pairs), (atoms[:, ORDER], moved), (atoms, 0 * pairs))
    )
    assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert not torch.allclose(one, flat, rtol=0, atol=1e-3)
    assert pairs.shape[1] == pair_count(4)


def test_what_is_read_is_in_units_of_its_mean_and_spread(net, random_graphs):
    x = soft(random_graphs, [4, 2], 9)
    plain = net(x)
    moved = SoftGraphNet((8, 4), 9, 2, width=16).double()
    moved.load_state_dict(net.state_dict())
    moved.mean.copy_(torch.tensor([1.0, 2.0]))
    moved.spread.copy_(torch.tensor([3.0, 4.0]))
    expected = torch.tensor([1.0, 2.0]) + torch.tensor([3.0, 4.0]) * plain
    assert torch.allclose(moved(x), expected, rtol=0, atol=1e-12)


def test_what_is_read_has_a_gradient_in_the_probabilities_of_atoms_and_bonds(net, random_graphs):
    x = soft(random_graphs, [4], 9).map(lambda v: v.requires_grad_())
    slopes = torch.autograd.grad(net(x)[:, 0].sum(), list(x.values.values()))
    for (name, exists), slope in zip(x.exists.items(), slopes, strict=True):
        assert (slope[exists].abs().sum(-1) > 0).all(), name
