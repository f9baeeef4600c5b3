"""Muon inside, AdamW outside: what each takes, and that together they are one optimizer."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import Muon

from molflow.training.optimizers import BatchedMuon, Together, optimizer_of, orthogonal

RATE, DECAY = 0.01, 0.1


class Net(nn.Module):
    """A matrix and a vector in a block, a matrix and a vector around it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(6, 4)])
        self.out = nn.Linear(4, 3)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def take(net: Net, optimizer: Together, steps: int) -> None:
    """Steps of a least-squares problem, always the same."""
    x, y = torch.linspace(-1, 1, 48).view(8, 6), torch.linspace(2, -1, 24).view(8, 3)
    for _ in range(steps):
        optimizer.zero_grad()
        (net.out(net.blocks[0](x).tanh()) - y).square().mean().backward()
        optimizer.step()


def shapes(group: dict) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in group["params"]]


def test_matrices_of_blocks_are_apart_and_vectors_do_not_decay(net: Net) -> None:
    outer, vectors, hidden = optimizer_of(net, RATE, DECAY).param_groups
    assert (shapes(outer), shapes(vectors), shapes(hidden)) == ([(3, 4)], [(4,), (3,)], [(4, 6)])
    assert [group["weight_decay"] for group in (outer, vectors, hidden)] == [DECAY, 0, DECAY]
    assert {group["lr"] for group in (outer, vectors, hidden)} == {RATE}


def test_a_network_without_blocks_is_left_to_adamw() -> None:
    outer, vectors = optimizer_of(nn.Linear(2, 3), RATE, DECAY).param_groups
    assert (shapes(outer), shapes(vectors)) == ([(3, 2)], [(3,)])


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 4, 7), (2, 7, 4)])
def test_newton_schulz_moves_singular_values_alone(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b, c = coefficients = (3.4445, -4.7750, 2.0315)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    values = values / values.norm(dim=-1, keepdim=True)
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    expected = left @ torch.diag_embed(values) @ right
    made = orthogonal(matrices, coefficients, iterations=5, eps=1e-7)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-12)


def test_a_matrix_without_gradient_stays_finite() -> None:
    zero = torch.zeros(1, 3, 2)
    assert torch.equal(orthogonal(zero, (3.4445, -4.7750, 2.0315), iterations=5, eps=1e-7), zero)


def test_steps_are_those_of_muon_one_matrix_at_a_time() -> None:
    # torch rounds to bfloat16 on the way: 8 bits of steps of 0.1 * 0.2 sqrt(24).
    shapes = [(24, 16), (16, 24), (24, 16), (16, 16)]
    random = torch.Generator().manual_seed(0)
    drawn = [torch.randn(shape, generator=random) for shape in shapes]
    ours, theirs = ([nn.Parameter(x.clone()) for x in drawn] for _ in range(2))
    settings = {"lr": 0.1, "weight_decay": 0.1}
    optimizers = (
        BatchedMuon(ours, **settings),
        Muon(theirs, **settings, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=random)
            q.grad = p.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for p, q, x in zip(ours, theirs, drawn, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=5e-3)
        assert (p - x).abs().max() > 0.05


def test_the_first_step_of_a_matrix_is_its_gradient_made_orthogonal(net: Net) -> None:
    # 0.2 sqrt(6) times the rate is the size of the step along each of the four directions, whatever
    # the gradient's size along them; five iterations leave it between 0.7 and 1.2 of that.
    take(net, optimizer_of(net, 0.0, 0.0), 1)
    weight = net.blocks[0].weight
    before = weight.detach().clone()
    weight.grad = torch.eye(4, 6) * torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None]
    optimizer_of(net, RATE, 0.0).step()
    step = (weight.detach() - before) / (RATE * 0.2 * 6**0.5)
    along = -step.diagonal()
    assert 0.6 < along.min() <= along.max() < 1.3
    assert (step + torch.diag_embed(along) @ torch.eye(4, 6)).abs().max() < 0.01


def test_what_is_outside_steps_as_adamw_does(net: Net) -> None:
    # The first step of Adam is the rate, whatever the gradient.
    before = net.out.weight.detach().clone()
    take(net, optimizer_of(net, RATE, 0.0), 1)
    assert torch.allclose((net.out.weight - before).abs(), torch.tensor(RATE), rtol=1e-3)


def test_a_rate_that_is_set_is_that_of_every_part(net: Net) -> None:
    optimizer = optimizer_of(net, RATE, 0.0)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    take(net, optimizer, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_a_closure_is_called_once_and_its_loss_returned(net: Net) -> None:
    optimizer, calls = optimizer_of(net, RATE, DECAY), []

    def closure() -> float:
        assert torch.is_grad_enabled()
        calls.append(1)
        return 7.0

    assert optimizer.step(closure) == 7.0
    assert len(calls) == 1


def test_what_was_saved_goes_on_as_if_never_stopped(net: Net) -> None:
    optimizer = optimizer_of(net, RATE, DECAY)
    take(net, optimizer, 3)
    other = Net()
    other.load_state_dict(net.state_dict())
    resumed = optimizer_of(other, 1.0, 0.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert {group["lr"] for group in resumed.param_groups} == {RATE}
    take(net, optimizer, 2)
    take(other, resumed, 2)
    pairs = zip(net.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    # The loaded groups are those that a schedule changes.
    resumed.param_groups[-1]["lr"] = 0.5
    assert resumed.parts[-1].param_groups[0]["lr"] == 0.5


def test_the_state_of_other_optimizers_is_refused(net: Net) -> None:
    other = optimizer_of(nn.Linear(2, 3), RATE, DECAY).state_dict()
    with pytest.raises(ValueError, match="parameter group"):
        optimizer_of(net, RATE, DECAY).load_state_dict(other)
