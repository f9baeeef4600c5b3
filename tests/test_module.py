"""The shell around the flow: draws keyed by step, the learning rate, the average, the scalar."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import triangle, uniform
from molflow.graph.state import clean_state
from molflow.module import BatchesFrom, Distillation, FlowModule, Objective, Optimisation, draws

OBJECTIVE = Objective(vfm_loss, {"atoms": 1.0, "pairs": 5.0}, uniform, prior_scale=0.5)
OPTIMISATION = Optimisation(
    steps=100,
    max_minutes=None,
    learning_rate=0.01,
    weight_decay=0.1,
    warmup=10,
    gradient_clip=1.0,
    ema_decay=0.9,
)


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


class Numbers:
    """A stream whose batch k is the number k."""

    def batch(self, step: int, rank: int, world: int) -> int:
        """The step itself."""
        return step


@pytest.fixture
def x_1() -> State:
    """Two molecules of two atoms: all of class 1, bonded by class 0."""
    ones = torch.ones(2, 2, dtype=torch.long)
    return clean_state(ones, torch.zeros(2, 1, dtype=torch.long), torch.tensor([2, 2]), (2, 2))


@pytest.fixture
def module() -> FlowModule:
    """A module outside any trainer."""
    return FlowModule(Constant(), Numbers(), OBJECTIVE, OPTIMISATION, seed=0)


@pytest.fixture
def at_step(module: FlowModule, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A place to say at which step the module believes to be."""
    place = SimpleNamespace(step=0)
    monkeypatch.setattr(FlowModule, "global_step", property(lambda _: place.step))
    module._trainer = SimpleNamespace(world_size=1)
    yield place
    module._trainer = None


def test_the_draws_of_a_batch_are_the_same_every_time(x_1: State) -> None:
    first, again = draws(x_1, 3, 5, 0), draws(x_1, 3, 5, 0)
    assert torch.equal(first.uniform, again.uniform)
    assert all(torch.equal(first.noise[name], again.noise[name]) for name in first.noise)


@pytest.mark.parametrize("other", [(4, 5, 0), (3, 6, 0), (3, 5, 1), (5, 3, 0)])
def test_the_draws_change_with_seed_step_and_rank(x_1: State, other: tuple[int, ...]) -> None:
    first, second = draws(x_1, 3, 5, 0), draws(x_1, *other)
    assert not torch.equal(first.uniform, second.uniform)
    assert not torch.equal(first.noise["atoms"], second.noise["atoms"])


def test_the_scalar_is_the_weighted_sum_of_the_means_of_the_fields(
    module: FlowModule, x_1: State
) -> None:
    # atoms: -log softmax([0, log 3])[1] = log 4/3; pairs: log 2, five times.
    total, _ = module.loss(module.net, x_1, draws(x_1, 0, 0, 0))
    assert total.item() == pytest.approx(math.log(4 / 3) + 5 * math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (0, 0.1),  # the first of ten steps of warm-up
        (50, 0.5),  # halfway down the cosine
        (100, 0.0),
    ],
)
def test_the_rate_warms_up_and_follows_a_cosine_to_zero(
    module: FlowModule, at_step: SimpleNamespace, step: int, factor: float
) -> None:
    at_step.step = step
    module.progress = module.measure_progress()
    assert module.rate_factor() == pytest.approx(factor, abs=1e-9)


def test_progress_is_the_larger_of_the_shares_of_steps_and_of_minutes(
    module: FlowModule, at_step: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.optimisation = replace(OPTIMISATION, max_minutes=20.0)
    monkeypatch.setattr(FlowModule, "minutes", lambda _: 5.0)
    at_step.step = 10
    assert module.measure_progress() == 0.25
    at_step.step = 60
    assert module.measure_progress() == 0.6


def test_the_average_moves_a_tenth_of_the_way_with_decay_nine_tenths(module: FlowModule) -> None:
    module.average.update_parameters(module.net)  # the first update copies
    with torch.no_grad():
        module.net.atoms.add_(1.0)
    before = module.average.module.atoms.clone()
    module.average.update_parameters(module.net)
    assert torch.allclose(module.average.module.atoms - before, torch.tensor([0.1, 0.1]))


def test_weight_decay_spares_vectors(module: FlowModule) -> None:
    module.net.matrix = nn.Linear(2, 2)
    decayed, spared = module.configure_optimizers().param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(2, 2)]
    assert {len(p) for p in spared["params"]} == {2}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_the_batches_go_on_from_where_a_run_stopped() -> None:
    batches = iter(BatchesFrom(Numbers(), start=7, rank=0, world=1))
    assert [next(batches) for _ in range(3)] == [(7, 7), (8, 8), (9, 9)]


def distilled(module: FlowModule, seen: list[tuple], average_teacher: bool) -> None:
    """Half of a batch goes to a loss of 2 for every field, which writes down what it gets."""

    def loss(net, teacher, x_s, s, t, r):
        seen.append((net, teacher, len(x_s), s, t))
        return {name: torch.full((len(x_s),), 2.0) for name in x_s.values}

    distillation = Distillation(
        loss, triangle, share=0.5, weight=3.0, average_teacher=average_teacher
    )
    module.objective = replace(OBJECTIVE, distillation=distillation)


def test_distillation_adds_its_weighted_loss_on_its_share_of_the_batch(
    module: FlowModule, x_1: State
) -> None:
    distilled(module, seen := [], average_teacher=False)
    total, parts = module.loss(module.net, x_1, draws(x_1, 0, 0, 0))
    diagonal = math.log(4 / 3) + 5 * math.log(2)
    assert total.item() == pytest.approx(diagonal + 3 * (2 + 5 * 2), rel=1e-6)
    assert set(parts) == {"atoms", "pairs", "map_atoms", "map_pairs"}
    ((_, _, examples, s, t),) = seen
    assert examples == 1
    assert (s <= t).all()


@pytest.mark.parametrize("average", [True, False])
def test_the_teacher_is_the_live_network_or_its_average(
    module: FlowModule, x_1: State, average: bool
) -> None:
    distilled(module, seen := [], average_teacher=average)
    module.loss(module.net, x_1, draws(x_1, 0, 0, 0))
    ((net, teacher, *_),) = seen
    assert net is module.net
    assert teacher is (module.average.module if average else module.net)
