"""Progress, trials, checkpoints and signals around the steps of a run of the real trainer."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from molflow.chem.vocabulary import Vocabulary
from molflow.flow.joint_loss import JointLoss
from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import uniform
from molflow.generator import Generator
from molflow.graph.state import clean_state
from molflow.model.checkpoint import load_weights, read_spec
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.training.callbacks import Checkpoints, Progress, Snapshots, Trial
from molflow.training.module import FlowModule
from molflow.training.optimisation import Optimisation
from molflow.training.trainer import fit

JOINT_LOSS = JointLoss(vfm_loss, {"atoms": 1.0, "pairs": 5.0}, uniform, prior_scale=0.5)
OPTIMISATION = Optimisation(
    steps=8,
    max_minutes=None,
    learning_rate=0.01,
    weight_decay=0.0,
    warmup=0,
    gradient_clip=1.0,
    ema_decay=0.9,
)
SIGNALS = (signal.SIGINT, signal.SIGTERM)
Act = Callable[[pl.Trainer, FlowModule], None]
MakeModule = Callable[..., FlowModule]
Losses = Callable[..., dict[str, float]]


def of_class(*atoms: int) -> State:
    """Molecules of two atoms of these classes each, bonded by class 1."""
    classes = torch.tensor(atoms)[:, None].expand(-1, 2)
    pairs = torch.ones(len(atoms), 1, dtype=torch.long)
    return clean_state(classes, pairs, torch.full((len(atoms),), 2), (2, 4))


class Constant(nn.Module):
    """Logits that do not depend on the input: log odds of an atom, and pairs all alike."""

    def __init__(self, odds: float) -> None:
        super().__init__()
        self.atoms = nn.Parameter(torch.tensor([0.0, math.log(odds)]))

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        atoms, pairs = x.values["atoms"], x.values["pairs"]
        return x.with_values({"atoms": self.atoms.expand_as(atoms), "pairs": pairs * 0})


class Echo(Constant):
    """Logits that are the noisy input itself, so that a loss depends on times and noise."""

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        return x + super().forward(x, s, t)


class Alternating:
    """A stream that shows both classes of atoms."""

    def batch(self, step: int, rank: int, world: int) -> State:
        return of_class(step % 2, 0)


class At(pl.Callback):
    """Something to do after every batch, behind the other callbacks."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        self.act(trainer, module)


@pytest.fixture
def spec(tiny_spec: Callable[..., ModelSpec]) -> ModelSpec:
    """Of one or two atoms of two kinds."""
    return tiny_spec(vocabulary=Vocabulary(("C", "O")), max_size=2, size_law=(0.0, 0.5, 0.5))


@pytest.fixture
def make_module(fresh: Callable[..., nn.Module], spec: ModelSpec) -> MakeModule:
    """A module with the tiny network of ``spec``, always the same, or with another."""

    def make(net: nn.Module | None = None, seed: int = 0) -> FlowModule:
        return FlowModule(net or fresh(spec), Alternating(), JOINT_LOSS, OPTIMISATION, seed)

    return make


def make_trainer(*callbacks: pl.Callback, steps: int = 8, accumulate: int = 1) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=accumulate,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock for callbacks and module that moves on by ``tick`` seconds with every batch alone."""
    clock = SimpleNamespace(now=1e6, tick=60.0)
    for place in ("module", "callbacks"):
        monkeypatch.setattr(
            f"molflow.training.{place}.time", SimpleNamespace(monotonic=lambda: clock.now)
        )
    step = FlowModule.training_step

    def training_step(module: FlowModule, *arguments: Any) -> Tensor:
        clock.now += clock.tick
        return step(module, *arguments)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    return clock


@pytest.fixture
def handlers() -> Iterator[dict[int, Any]]:
    """Handlers of SIGINT and SIGTERM that were there before the run."""
    old = {number: signal.getsignal(number) for number in SIGNALS}
    mine = {number: lambda *_: pytest.fail("nobody listened") for number in SIGNALS}
    for number, handler in mine.items():
        signal.signal(number, handler)
    yield mine
    for number, handler in old.items():
        signal.signal(number, handler)


def kill_in_batch(monkeypatch: pytest.MonkeyPatch, batch: int, *numbers: int) -> None:
    """These signals, one behind the other, during the batch of that number."""
    step = FlowModule.training_step

    def training_step(module: FlowModule, item: tuple, batch_idx: int) -> Tensor:
        if item[0] == batch:
            for number in numbers:
                os.kill(os.getpid(), number)
        return step(module, item, batch_idx)

    monkeypatch.setattr(FlowModule, "training_step", training_step)


def saved_step(folder: Path) -> int | None:
    """The step of last.ckpt, None without one."""
    path = folder / "last.ckpt"
    return torch.load(path, weights_only=True)["global_step"] if path.exists() else None


# Checkpoints


@pytest.mark.parametrize(
    ("accumulate", "expected"),
    [
        (1, [None, None, 3, 3, 3, 6, 6, 6]),
        # Due after the third batch, but the fourth ends a step.
        (2, [None, None, None, 2, 2, 2, 2, 4]),
    ],
)
def test_a_checkpoint_is_written_when_its_minutes_are_over(
    tmp_path: Path,
    clock: SimpleNamespace,
    accumulate: int,
    expected: list[int | None],
    spec: ModelSpec,
    make_module: MakeModule,
) -> None:
    seen: list[int | None] = []
    look = At(lambda trainer, module: seen.append(saved_step(tmp_path)))
    trainer = make_trainer(
        Checkpoints(tmp_path, spec, minutes=2.5), look, steps=8 // accumulate, accumulate=accumulate
    )
    trainer.fit(make_module())
    assert seen == expected
    assert saved_step(tmp_path) == 8 // accumulate


def test_a_checkpoint_during_training_can_be_sampled_from_and_holds_the_average(
    tmp_path: Path, clock: SimpleNamespace, spec: ModelSpec, make_module: MakeModule
) -> None:
    looks = []

    def look(trainer: pl.Trainer, module: FlowModule) -> None:
        looks.append(trainer.global_step)
        net = build_network(read_spec(tmp_path))
        load_weights(tmp_path, net, spec.vocabulary)
        saved, average, live = (m.state_dict() for m in (net, module.average.module, module.net))
        assert all(torch.equal(saved[name], average[name]) for name in average)
        # The first update of the average copies the weights.
        same = all(torch.equal(saved[name], live[name]) for name in live)
        assert same == (trainer.global_step == 1)

    make_trainer(Checkpoints(tmp_path, spec, 0.5), At(look), steps=4).fit(make_module())
    assert looks == [1, 2, 3, 4]


def test_a_checkpoint_has_the_place_in_the_stream_and_the_minutes(
    tmp_path: Path, clock: SimpleNamespace, spec: ModelSpec, make_module: MakeModule
) -> None:
    make_trainer(Checkpoints(tmp_path, spec, 60), steps=3, accumulate=2).fit(make_module())
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["molflow"] == {"batches_seen": 6, "minutes": 6.0}


def test_a_run_leaves_only_whole_files(
    tmp_path: Path, spec: ModelSpec, make_module: MakeModule
) -> None:
    make_trainer(Checkpoints(tmp_path, spec, minutes=1e-9)).fit(make_module())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"last.ckpt", "model.safetensors", "config.json"}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_after_the_batch_in_hand_and_saves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    handlers: dict[int, Any],
    number: int,
    spec: ModelSpec,
    make_module: MakeModule,
) -> None:
    kill_in_batch(monkeypatch, 4, number)
    trainer, module = make_trainer(Checkpoints(tmp_path, spec, 60)), make_module()
    fit(trainer, module, None)
    assert trainer.global_step == saved_step(tmp_path) == 5
    weights = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(weights[k], v) for k, v in module.average.module.state_dict().items())
    assert capsys.readouterr().err == "stopping after this batch, then saving\n"


def test_a_signal_waits_for_the_end_of_an_accumulated_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handlers: dict[int, Any],
    spec: ModelSpec,
    make_module: MakeModule,
) -> None:
    kill_in_batch(monkeypatch, 2, signal.SIGTERM)
    trainer, module = make_trainer(Checkpoints(tmp_path, spec, 60), accumulate=2), make_module()
    fit(trainer, module, None)
    assert (trainer.global_step, module.batches_seen) == (2, 4)


@pytest.mark.parametrize("numbers", [SIGNALS, SIGNALS[::-1], SIGNALS[:1] * 2, SIGNALS[1:] * 2])
def test_a_second_signal_ends_the_run_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handlers: dict[int, Any],
    numbers: tuple[int, int],
    spec: ModelSpec,
    make_module: MakeModule,
) -> None:
    kill_in_batch(monkeypatch, 4, *numbers)
    trainer, module = make_trainer(Checkpoints(tmp_path, spec, 60)), make_module()
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, module, None)
    assert module.batches_seen == 4
    assert saved_step(tmp_path) is None
    assert {number: signal.getsignal(number) for number in SIGNALS} == handlers


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGTERM,
    ],
)
def test_after_a_run_the_earlier_handler_is_back(
    tmp_path: Path, handlers: dict[int, Any], number: int, spec: ModelSpec, make_module: MakeModule
) -> None:
    during = []
    look = At(lambda trainer, module: during.append(signal.getsignal(number)))
    make_trainer(Checkpoints(tmp_path, spec, 60), look, steps=1).fit(make_module())
    assert during[0] is not handlers[number]
    assert signal.getsignal(number) is handlers[number]


@pytest.mark.parametrize("number", SIGNALS)
def test_after_an_error_the_earlier_handler_is_back(
    tmp_path: Path, handlers: dict[int, Any], number: int, spec: ModelSpec, make_module: MakeModule
) -> None:
    def fail(trainer: pl.Trainer, module: FlowModule) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_trainer(Checkpoints(tmp_path, spec, 60), At(fail)).fit(make_module())
    assert signal.getsignal(number) is handlers[number]


# Snapshots


def test_the_average_at_the_end_of_each_part_of_a_run_is_kept(
    tmp_path: Path, spec: ModelSpec, make_module: MakeModule
) -> None:
    averages: list[dict[str, Tensor]] = []

    def look(trainer: pl.Trainer, module: FlowModule) -> None:
        averages.append({k: v.clone() for k, v in module.average.module.state_dict().items()})

    make_trainer(Snapshots(tmp_path, spec, parts=4), At(look)).fit(make_module())
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert names == [f"{k}-of-4" for k in (1, 2, 3, 4)]
    # A part is seen to have ended after the next batch; after the last there is none.
    for name, step in zip(names, (3, 5, 7, 8), strict=True):
        saved = load_file(tmp_path / "snapshots" / name / "model.safetensors")
        assert all(torch.equal(saved[k], v) for k, v in averages[step - 1].items())


@pytest.mark.parametrize("lost", [None, "2-of-4"])
def test_a_resumed_run_keeps_what_ends_after_it_and_what_was_lost(
    tmp_path: Path, lost: str | None, spec: ModelSpec, make_module: MakeModule
) -> None:
    place = tmp_path / "snapshots"
    fit(
        make_trainer(Checkpoints(tmp_path, spec, 60), Snapshots(tmp_path, spec, 4), steps=5),
        make_module(),
        None,
    )
    assert sorted(path.name for path in place.iterdir()) == ["1-of-4", "2-of-4"]
    before = {path: path.stat().st_mtime_ns for path in place.glob("*/model.safetensors")}
    if lost:
        shutil.rmtree(place / lost)
    fit(make_trainer(Snapshots(tmp_path, spec, 4)), make_module(), str(tmp_path / "last.ckpt"))
    after = {path: path.stat().st_mtime_ns for path in place.glob("*/model.safetensors")}
    new = sorted(path.parent.name for path in after if after[path] != before.get(path))
    assert new == [*([lost] if lost else []), "3-of-4", "4-of-4"]


def test_parts_that_end_within_one_batch_are_all_kept(
    tmp_path: Path, clock: SimpleNamespace, spec: ModelSpec, make_module: MakeModule
) -> None:
    module = make_module()
    module.optimisation = replace(OPTIMISATION, max_minutes=1.5)
    make_trainer(Snapshots(tmp_path, spec, parts=4)).fit(module)
    assert len(list((tmp_path / "snapshots").iterdir())) == 4


def test_without_parts_nothing_is_kept(
    tmp_path: Path, spec: ModelSpec, make_module: MakeModule
) -> None:
    make_trainer(Snapshots(tmp_path, spec, parts=0)).fit(make_module())
    assert list(tmp_path.iterdir()) == []


# Trials


def test_a_trial_samples_from_the_average(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    perturbed: Callable[..., nn.Module],
    spec: ModelSpec,
    make_module: MakeModule,
    fresh: Callable[..., nn.Module],
) -> None:
    module = make_module(perturbed(fresh(spec), seed=1, size=1.0))
    module.average.module.load_state_dict(perturbed(fresh(spec), seed=2, size=1.0).state_dict())
    live, average = (
        [graph.atoms.tolist() for graph in Generator(net, spec).sample(30, 20, seed=0).graphs]
        for net in (module.net, module.average.module)
    )
    made = Trial(spec, [], frozenset(), tmp_path, every=1, molecules=30).run(module)
    assert live != average
    assert [graph.atoms.tolist() for graph in made.graphs] == average
    assert (tmp_path / "samples.png").exists()


@pytest.fixture
def held_out_losses(spec: ModelSpec) -> Losses:
    """The losses of a trial of a module on these batches."""

    def of(module: FlowModule, *batches: State) -> dict[str, float]:
        return Trial(spec, batches, frozenset(), Path("unused"), 1).held_out_losses(module)

    return of


def test_the_held_out_loss_is_that_of_the_average(
    spec: ModelSpec, make_module: MakeModule, held_out_losses: Losses
) -> None:
    module = make_module(Constant(odds=1.0))
    module.average.module.load_state_dict(Constant(odds=3.0).state_dict())
    losses = held_out_losses(module, of_class(1, 1))
    pairs = math.log(len(spec.vocabulary.bonds))
    assert losses == {
        "valid/atoms": pytest.approx(math.log(4 / 3), rel=1e-6),
        "valid/pairs": pytest.approx(pairs, rel=1e-6),
        "valid/loss": pytest.approx(math.log(4 / 3) + 5 * pairs, rel=1e-6),
    }


def test_the_held_out_loss_is_the_mean_over_molecules_not_over_batches(
    make_module: MakeModule, held_out_losses: Losses
) -> None:
    module = make_module(Constant(odds=3.0))
    losses = held_out_losses(module, of_class(1, 1, 1), of_class(0))
    assert losses["valid/atoms"] == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4, rel=1e-6)


def test_the_held_out_loss_is_measured_on_the_same_draws_at_every_trial(
    monkeypatch: pytest.MonkeyPatch, make_module: MakeModule, held_out_losses: Losses
) -> None:
    batches, place = (of_class(0, 1), of_class(1, 0)), SimpleNamespace(step=0)
    monkeypatch.setattr(FlowModule, "global_step", property(lambda _: place.step))
    module = make_module(Echo(odds=3.0))
    first = held_out_losses(module, *batches)
    place.step = module.batches_seen = 5
    assert held_out_losses(module, *batches) == first
    assert held_out_losses(make_module(Echo(odds=3.0), seed=5), *batches) == first


def test_every_held_out_batch_has_draws_of_its_own(
    make_module: MakeModule, held_out_losses: Losses
) -> None:
    module, batch = make_module(Echo(odds=3.0)), of_class(0, 1)
    assert held_out_losses(module, batch, batch) != held_out_losses(module, batch)


def test_without_held_out_molecules_there_is_no_held_out_loss(
    make_module: MakeModule, held_out_losses: Losses
) -> None:
    assert held_out_losses(make_module(Constant(odds=3.0))) == {}


@pytest.mark.parametrize(
    ("every", "accumulate", "at"),
    [(3, 1, [3, 6]), (2, 2, [4, 8]), (0, 1, [])],
)
def test_a_trial_comes_once_every_so_many_steps(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
    accumulate: int,
    at: list[int],
    spec: ModelSpec,
    make_module: MakeModule,
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Trial, "run", lambda self, module: seen.append(module.batches_seen))
    trial = Trial(spec, [], frozenset(), tmp_path, every)
    make_trainer(trial, steps=8 // accumulate, accumulate=accumulate).fit(make_module())
    assert seen == at


# Progress


def test_a_line_says_step_rate_time_left_and_loss(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str], make_module: MakeModule
) -> None:
    module = make_module()
    module.optimisation = replace(OPTIMISATION, steps=200)
    trainer: Any = SimpleNamespace(global_step=100, world_size=2, is_global_zero=True)
    bar = Progress(batch_size=16)
    bar.on_train_start(trainer, module)
    clock.now, trainer.global_step = clock.now + 40, 150
    module.progress, module.minutes_before, module._started = 0.75, 3.0, clock.now
    bar.on_train_batch_end(trainer, module, {"loss": torch.tensor(1.5)})
    # 50 steps of 16 molecules in 40 s, and a quarter to go where three quarters took 3 min.
    assert capsys.readouterr().err == (
        "training: step 150/200, 20 molecules/s, 1.0 min left, loss 1.500\n"
    )


def test_without_a_terminal_a_line_comes_every_thirty_seconds(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str], make_module: MakeModule
) -> None:
    clock.tick = 12.0
    make_trainer(Progress(batch_size=24)).fit(make_module())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "training: step 1/8", "training: step 4/8", "training: step 7/8",
    ]  # fmt: skip
    assert all(", 2 molecules/s" in line for line in lines)


def test_only_the_first_process_speaks(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str], make_module: MakeModule
) -> None:
    trainer: Any = SimpleNamespace(global_step=1, world_size=2, is_global_zero=False)
    bar = Progress(batch_size=8)
    bar.on_train_start(trainer, make_module())
    clock.now += 40
    bar.on_train_batch_end(trainer, make_module(), None)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar_that_an_error_closes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], make_module: MakeModule
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    def fail(trainer: pl.Trainer, module: FlowModule) -> None:
        assert bar.bar.live.is_started
        if trainer.global_step == 2:
            raise ZeroDivisionError

    bar = Progress(batch_size=8)
    with pytest.raises(ZeroDivisionError):
        make_trainer(bar, At(fail)).fit(make_module())
    assert not bar.bar.live.is_started
    assert re.search(r"step [12]/8", capsys.readouterr().err)
