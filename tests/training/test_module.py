"""The shell around the flow: draws keyed by step, the learning rate, the average, the scalar."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from molflow.flow.joint_loss import Distillation, JointLoss
from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import triangle, uniform
from molflow.graph.state import clean_state
from molflow.training.module import BatchesFrom, FlowModule, draws
from molflow.training.optimisation import Optimisation

JOINT_LOSS = JointLoss(vfm_loss, {"atoms": 1.0, "pairs": 5.0}, uniform, prior_scale=0.5)
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


class Same:
    """A stream of one batch, two molecules of one atom each: both of class 0."""

    def batch(self, step: int, rank: int, world: int) -> State:
        """The same at every step."""
        nothing = torch.zeros(2, 0, dtype=torch.long)
        return clean_state(torch.zeros(2, 1).long(), nothing, torch.tensor([1, 1]), (2, 2))


class Recorder(pl.Callback):
    """What the optimizer did at each of its steps, and where that left weights and average."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.norms: list[tuple[float, float]] = []
        self.weights: list[Tensor] = []
        self.averages: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The hook runs after a step of the optimizer, with the gradient that it took."""
        trainer.optimizers[0].register_step_post_hook(self.after_step)
        self.module = module

    def on_before_optimizer_step(self, *_: Any) -> None:
        """The norm before clipping."""
        self.before = self.norm()

    def after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Rates, norms and weights."""
        (rate,) = {group["lr"] for group in optimizer.param_groups}
        self.rates.append(rate)
        self.norms.append((self.before, self.norm()))
        self.weights.append(self.module.net.atoms.detach().clone())

    def on_train_batch_end(self, *_: Any) -> None:
        """The average after the batch."""
        self.averages.append(self.module.average.module.atoms.clone())

    def norm(self) -> float:
        """Of the gradient of all weights."""
        grads = [p.grad for p in self.module.net.parameters() if p.grad is not None]
        return float(torch.cat(grads).norm())


@pytest.fixture
def x_1() -> State:
    """Two molecules of two atoms: all of class 1, bonded by class 0."""
    ones = torch.ones(2, 2, dtype=torch.long)
    return clean_state(ones, torch.zeros(2, 1, dtype=torch.long), torch.tensor([2, 2]), (2, 2))


@pytest.fixture
def module() -> FlowModule:
    """A module outside any trainer."""
    return FlowModule(Constant(), Same(), JOINT_LOSS, OPTIMISATION, seed=0)


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


def test_a_context_changes_no_other_draw(x_1: State) -> None:
    plain, known = draws(x_1, 3, 5, 0), draws(x_1.knowing(torch.zeros(2, 3)), 3, 5, 0)
    assert plain.context is None
    assert known.context.shape == (2, 4)
    assert torch.equal(plain.uniform, known.uniform)
    assert all(torch.equal(plain.noise[name], known.noise[name]) for name in plain.noise)
    assert not torch.equal(known.context, draws(x_1.knowing(torch.zeros(2, 3)), 3, 6, 0).context)


def test_the_scalar_is_the_weighted_sum_of_the_means_of_the_fields(
    module: FlowModule, x_1: State
) -> None:
    # atoms: -log softmax([0, log 3])[1] = log 4/3; pairs: log 2, five times.
    total, _ = module.loss(module.net, x_1, draws(x_1, 0, 0, 0))
    assert total.item() == pytest.approx(math.log(4 / 3) + 5 * math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "step", "progress", "factor"),
    [
        ("cosine", 0, 0.0, 0.1),  # the first of ten steps of warm-up
        ("cosine", 50, 0.5, 0.5),  # halfway down the cosine
        ("cosine", 100, 1.0, 0.0),
        ("constant", 0, 0.0, 0.1),
        ("constant", 99, 0.99, 1.0),
        ("decay", 0, 0.0, 0.1),
        ("decay", 25, 0.25, 0.5),
        ("decay", 100, 1.0, 0.0),
    ],
)
def test_the_rate_warms_up_and_follows_its_schedule(
    schedule: str, step: int, progress: float, factor: float
) -> None:
    settings = replace(OPTIMISATION, schedule=schedule)
    assert settings.rate_factor(step, progress) == pytest.approx(factor, abs=1e-9)


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


def test_the_optimizer_is_of_all_weights_as_the_settings_have_it(module: FlowModule) -> None:
    module.net.matrix = nn.Linear(2, 2)
    decayed, spared = module.configure_optimizers().param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(2, 2)]
    assert {len(p) for p in spared["params"]} == {2}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_the_batches_go_on_from_where_a_run_stopped() -> None:
    batches = iter(BatchesFrom(Same(), start=7, rank=0, world=1, seed=0))
    assert [next(batches)[0] for _ in range(3)] == [7, 8, 9]


def test_workers_prepare_the_batches_and_draws_of_one_process_in_its_order(
    module: FlowModule,
) -> None:
    module._trainer = SimpleNamespace(world_size=1, global_rank=0)
    module.stream, module.batches_seen = Same(), 7
    alone = iter(module.train_dataloader())
    module.workers = 2
    shared = iter(module.train_dataloader())
    for _ in range(5):
        (step, x_1, drawn), (ours, ready, random) = next(alone), next(shared)
        assert ours == step
        assert torch.equal(ready.values["atoms"], x_1.values["atoms"])
        assert torch.equal(random.uniform, drawn.uniform)
        assert torch.equal(random.noise["atoms"], drawn.noise["atoms"])
    module._trainer = None


@pytest.mark.parametrize("average", [True, False])
def test_the_teacher_is_the_live_network_or_its_average(
    module: FlowModule, x_1: State, average: bool
) -> None:
    seen = []

    def loss(net, teacher, x_s, s, t, r):
        seen.append((net, teacher))
        return {name: torch.full((len(x_s),), 2.0) for name in x_s.values}

    distillation = Distillation(
        loss, triangle, uniform, 0.5, 3.0, average_teacher=average, derivative=True
    )
    module.joint_loss = replace(JOINT_LOSS, distillation=distillation)
    module.loss(module.net, x_1, draws(x_1, 0, 0, 0))
    ((net, teacher),) = seen
    assert net is module.net
    assert teacher is (module.average.module if average else module.net)


def trained(
    optimisation: Optimisation, accumulate: int = 1, limit: int = -1, ticks: Any = None
) -> Recorder:
    """What happened in a run of the real trainer on ``Same``, of ``limit`` steps at most."""
    module = FlowModule(Constant(), Same(), JOINT_LOSS, optimisation, seed=0)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=optimisation.steps if limit < 0 else limit,
        max_epochs=-1,
        accumulate_grad_batches=accumulate,
        callbacks=[recorder := Recorder()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if ticks is not None:
        ticks(module)
    trainer.fit(module)
    return recorder


@pytest.fixture
def a_minute_a_batch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that moves on by one minute with every batch of training, and never else."""
    clock = SimpleNamespace(now=1e6)
    monkeypatch.setattr(
        "molflow.training.module.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    step = FlowModule.training_step

    def training_step(module: FlowModule, *arguments: Any) -> Tensor:
        clock.now += 60
        return step(module, *arguments)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    return clock


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_optimizer_steps_at_the_rate_of_the_schedule(accumulate: int) -> None:
    recorder = trained(replace(OPTIMISATION, steps=25), accumulate)
    expected = [
        0.01 * min(1.0, (k + 1) / 10) * (1 + math.cos(math.pi * k / 25)) / 2 for k in range(25)
    ]
    assert recorder.rates == pytest.approx(expected, rel=1e-12)


def test_the_first_step_moves_the_weights_by_the_first_rate() -> None:
    # Adam's first step is rate * sign of the gradient: towards class 0, away from class 1.
    (weights,) = trained(OPTIMISATION, limit=1).weights
    assert weights.tolist() == pytest.approx([0.001, math.log(3) - 0.001], abs=1e-7)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_average_follows_the_weights_at_every_step(accumulate: int) -> None:
    recorder = trained(replace(OPTIMISATION, steps=30, learning_rate=0.1), accumulate)
    average = recorder.weights[0]  # the first update copies
    for k, weights in enumerate(recorder.weights):
        average = 0.9 * average + 0.1 * weights
        # The average after the batch that ends step k, and after those before the next one.
        first = accumulate * (k + 1) - 1
        for seen in recorder.averages[first : first + accumulate]:
            assert torch.allclose(seen, average, rtol=0, atol=1e-6)
    assert not torch.allclose(average, recorder.weights[-1], atol=1e-3)


@pytest.mark.parametrize(("clip", "after"), [(0.25, 0.25), (100.0, 1.0607), (0.0, 1.0607)])
def test_the_gradient_is_cut_to_its_largest_norm(clip: float, after: float) -> None:
    # softmax([0, log 3]) - (1, 0) = (-3/4, 3/4), of norm 3/4 sqrt 2; pairs there are none.
    recorder = trained(replace(OPTIMISATION, gradient_clip=clip), limit=1)
    ((norm, clipped),) = recorder.norms
    assert norm == pytest.approx(1.0607, abs=1e-4)
    assert clipped == pytest.approx(after, abs=1e-4)


def test_every_step_has_its_gradient_cut() -> None:
    recorder = trained(replace(OPTIMISATION, gradient_clip=0.25), accumulate=2, limit=15)
    for before, after in recorder.norms:
        assert after == pytest.approx(min(before, 0.25), rel=1e-4)


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 5), (2, 3)])
def test_a_run_ends_after_its_minutes_between_two_steps(
    a_minute_a_batch: SimpleNamespace, accumulate: int, steps: int
) -> None:
    recorder = trained(replace(OPTIMISATION, max_minutes=5.0), accumulate)
    assert len(recorder.rates) == steps
    assert len(recorder.averages) == steps * accumulate


def test_the_rate_comes_down_with_the_minutes(a_minute_a_batch: SimpleNamespace) -> None:
    recorder = trained(replace(OPTIMISATION, max_minutes=4.0, warmup=0))
    half = math.sqrt(0.5)
    expected = [0.01, 0.005 * (1 + half), 0.005, 0.005 * (1 - half)]
    assert recorder.rates == pytest.approx(expected, rel=1e-9)


def test_the_time_before_training_does_not_count(a_minute_a_batch: SimpleNamespace) -> None:
    def wait(_: FlowModule) -> None:
        a_minute_a_batch.now += 600

    assert len(trained(replace(OPTIMISATION, max_minutes=3.0), ticks=wait).rates) == 3


def test_the_minutes_of_the_runs_before_count(
    module: FlowModule, a_minute_a_batch: SimpleNamespace
) -> None:
    module._started = a_minute_a_batch.now - 90
    module.minutes_before = 2.5
    module.on_save_checkpoint(saved := {})
    assert saved["molflow"] == {"batches_seen": 0, "minutes": 4.0}

    def resume(later: FlowModule) -> None:
        later.on_load_checkpoint(saved)

    recorder = trained(replace(OPTIMISATION, max_minutes=6.0, warmup=0), ticks=resume)
    assert len(recorder.rates) == 2
    # Four of six minutes are gone: the cosine goes on at two thirds, 1 + cos(2 pi / 3) = 1/2.
    assert recorder.rates[0] == pytest.approx(0.01 * 0.5 / 2)


def test_a_module_asks_for_the_batches_and_the_draws_of_its_own_rank(
    module: FlowModule, x_1: State
) -> None:
    module._trainer = SimpleNamespace(world_size=4, global_rank=2)
    module.batches_seen = 7
    expected = BatchesFrom(module.stream, start=7, rank=2, world=4, seed=0)
    assert module.train_dataloader() == expected
    module.training_step((21, x_1, draws(x_1, 0, 21, 2)), 0)
    module._trainer = None
    assert module.batches_seen == 22


def test_stream_and_draws_are_asked_for_the_rank_of_their_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Places:
        def batch(self, step: int, rank: int, world: int) -> tuple[int, int, int]:
            return step, rank, world

    monkeypatch.setattr("molflow.training.module.draws", lambda x_1, *key: key)
    batches = iter(BatchesFrom(Places(), start=7, rank=2, world=4, seed=5))
    expected = [(7, (7, 2, 4), (5, 7, 2)), (8, (8, 2, 4), (5, 8, 2))]
    assert [next(batches) for _ in range(2)] == expected
