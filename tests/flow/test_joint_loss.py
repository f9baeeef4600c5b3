"""The joint loss: what is asked where, told what, weighed how; torch alone trains by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from molflow.flow.conditioning import withhold
from molflow.flow.joint_loss import Distillation, Draws, JointLoss
from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import logit_normal, triangle, uniform
from molflow.graph.state import clean_state

JOINT_LOSS = JointLoss(vfm_loss, {"atoms": 1.0, "pairs": 5.0}, uniform, prior_scale=0.5)


class Constant(nn.Module):
    """Logits that do not depend on the input: one learned vector for each field."""

    def __init__(self) -> None:
        super().__init__()
        self.atoms = nn.Parameter(torch.tensor([0.0, math.log(3.0)]))
        self.pairs = nn.Parameter(torch.zeros(2))

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        """Broadcast to the shape of x."""
        return x.with_values(
            {
                "atoms": self.atoms.expand_as(x.values["atoms"]),
                "pairs": self.pairs.expand_as(x.values["pairs"]),
            }
        )


@pytest.fixture
def net() -> Constant:
    return Constant()


@pytest.fixture
def x_1() -> State:
    """Two molecules of two atoms: all of class 1, bonded by class 0."""
    ones = torch.ones(2, 2, dtype=torch.long)
    return clean_state(ones, torch.zeros(2, 1, dtype=torch.long), torch.tensor([2, 2]), (2, 2))


def draws(x_1: State, seed: int = 0) -> Draws:
    random = torch.Generator().manual_seed(seed)
    noise = {name: torch.randn(x.shape, generator=random) for name, x in x_1.values.items()}
    numbers = torch.rand(4, len(x_1), generator=random)
    if x_1.context is None:
        return Draws(numbers, noise)
    examples, components = x_1.context.shape
    return Draws(numbers, noise, torch.rand(examples, components + 1, generator=random))


def distilled(loss: Callable, **changes: object) -> JointLoss:
    """Half of a batch goes to this loss off the diagonal, with weight 3."""
    distillation = Distillation(
        loss, triangle, uniform, 0.5, 3.0, average_teacher=False, derivative=True
    )
    return replace(JOINT_LOSS, distillation=replace(distillation, **changes))


def twos(net, teacher, x_s, s, t, r):
    """A loss of 2 for every field."""
    return {name: torch.full((len(x_s),), 2.0) for name in x_s.values}


def test_the_scalar_is_the_weighted_sum_of_the_means_of_the_fields(net, x_1):
    # atoms: -log softmax([0, log 3])[1] = log 4/3; pairs: log 2, five times.
    total, parts = JOINT_LOSS(net, net, x_1, draws(x_1))
    assert total.item() == pytest.approx(math.log(4 / 3) + 5 * math.log(2), rel=1e-6)
    assert parts["atoms"].item() == pytest.approx(math.log(4 / 3), rel=1e-6)
    assert parts["pairs"].item() == pytest.approx(math.log(2), rel=1e-6)


def test_distillation_adds_its_weighted_loss_on_its_share_of_the_batch(net, x_1):
    seen = []

    def loss(net, teacher, x_s, s, t, r):
        seen.append((len(x_s), s, t))
        return twos(net, teacher, x_s, s, t, r)

    total, parts = distilled(loss)(net, net, x_1, draws(x_1))
    diagonal = math.log(4 / 3) + 5 * math.log(2)
    assert total.item() == pytest.approx(diagonal + 3 * (2 + 5 * 2), rel=1e-6)
    assert set(parts) == {"atoms", "pairs", "map_atoms", "map_pairs"}
    ((examples, s, t),) = seen
    assert examples == 1
    assert (s <= t).all()


def test_states_lie_on_their_path_at_their_time_s(x_1):
    """Half of the batch between the s and t of a pair, half on the diagonal, at the noise drawn."""
    asked: list[tuple[State, Tensor, Tensor]] = []

    def net(x: State, s: Tensor, t: Tensor) -> State:
        asked.append((x, s, t))
        return x

    law, drawn = logit_normal(-1.0, 0.5), draws(x_1)
    replace(distilled(twos, derivative=False), time_law=law)(net, net, x_1, drawn)
    ((x_s, s, t),) = asked
    pair = triangle(*drawn.uniform[1:3, :1])
    diagonal = law(drawn.uniform[0, 1:])
    assert torch.equal(s, torch.cat([pair[0], diagonal]))
    assert torch.equal(t, torch.cat([pair[1], diagonal]))
    for name, value in x_s.values.items():
        at = s[:, None, None]
        wanted = (1 - at) * 0.5 * drawn.noise[name] + at * x_1.values[name]
        assert torch.allclose(value, wanted)


def test_the_middle_of_a_pair_is_drawn_by_its_law(net, x_1):
    asked: list[tuple[Tensor, ...]] = []

    def loss(net, teacher, x_s, s, t, r):
        asked.append((s, t, r))
        return {name: torch.zeros(len(x_s)) for name in x_s.values}

    middle, drawn = logit_normal(-1.0, 0.5), draws(x_1)
    distilled(loss, middle=middle)(net, net, x_1, drawn)
    ((s, t, r),) = asked
    assert torch.equal(r, middle.place(s, t, drawn.uniform[3, :1]))


def test_a_loss_off_the_diagonal_gets_the_network_and_its_teacher(net, x_1):
    seen = []

    def loss(net, teacher, x_s, s, t, r):
        seen.append((net, teacher))
        return twos(net, teacher, x_s, s, t, r)

    teacher = Constant()
    distilled(loss)(net, teacher, x_1, draws(x_1))
    assert seen == [(net, teacher)]


def test_a_loss_without_derivative_gets_what_one_call_gave_at_its_states(x_1):
    calls = []

    def net(x: State, s: Tensor, t: Tensor) -> State:
        calls.append(len(x))
        return x.map(lambda value: value + (s + 2 * t)[:, None, None])

    def loss(net, teacher, x_s, s, t, r):
        given = net(x_s, s, t).values
        return {name: (value**2).mean((1, 2)) for name, value in given.items()}

    drawn = draws(x_1)
    apart, _ = distilled(loss)(net, net, x_1, drawn)
    assert calls == [1, 1]
    together, _ = distilled(loss, derivative=False)(net, net, x_1, drawn)
    assert calls == [1, 1, 2]
    assert together.item() == pytest.approx(apart.item(), rel=1e-6)


@pytest.mark.parametrize("withheld", [0.0, 0.3])
def test_network_and_teacher_are_told_the_same_part_of_the_context(net, withheld):
    ones = torch.ones(400, 2, dtype=torch.long)
    known = torch.arange(400.0)[:, None].repeat(1, 2)
    x_1 = clean_state(ones, ones[:, :1], torch.full((400,), 2), (2, 2)).knowing(known)
    told: list[Tensor] = []

    def loss(net, teacher, x_s, s, t, r):
        told.append(x_s.context)
        return {name: torch.zeros(len(x_s)) for name in x_s.values}

    def noted(x, s, t):
        told.append(x.context)
        return net(x, s, t)

    drawn = draws(x_1)
    replace(distilled(loss), withheld=withheld)(noted, net, x_1, drawn)
    found = torch.cat([told[1], told[0]])
    assert torch.equal(found[~found.isnan()], known[~found.isnan()])
    expected = withhold(known, drawn.context, withheld)
    assert torch.equal(found.isnan(), expected.isnan())
    nothing = int(found.isnan().all(1).sum())
    assert abs(nothing - 400 * withheld) <= 4 * (400 * withheld * (1 - withheld)) ** 0.5
    assert found.isnan().any()


def test_a_network_is_trained_by_torch_alone(net, x_1):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for step in range(20):
        optimizer.zero_grad()
        total, _ = JOINT_LOSS(net, net, x_1, draws(x_1, step))
        total.backward()
        optimizer.step()
        losses.append(total.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]
