"""Training ends where the held-out loss falls no more, and the best weights are what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from molflow.flow.joint_loss import JointLoss
from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import uniform
from molflow.graph.state import clean_state
from molflow.model.spec import ModelSpec
from molflow.training.callbacks import Checkpoints
from molflow.training.early_stopping import EarlyStopping
from molflow.training.module import FlowModule
from molflow.training.optimisation import Optimisation

STEPS = 12


class Carbon:
    """A stream of lone carbon atoms."""

    def batch(self, step: int, rank: int, world: int) -> State:
        return carbon()


def carbon() -> State:
    """Three lone carbon atoms."""
    atoms, pairs = torch.zeros(3, 1, dtype=torch.long), torch.zeros(3, 0, dtype=torch.long)
    return clean_state(atoms, pairs, torch.ones(3, dtype=torch.long), (3, 4))


class Scripted:
    """A trial that tells losses by heart."""

    cores = 1

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.held_out = iter(losses), [carbon()]
        self.seen: list[Tensor] = []

    def held_out_losses(self, module: FlowModule) -> dict[str, float]:
        self.seen.append(module.average.module.atoms_out.bias.clone())
        return {"valid/atoms": 0.0, "valid/loss": next(self.losses)}


@pytest.fixture
def module(fresh: Callable[..., nn.Module], tiny_spec: Callable[..., ModelSpec]) -> FlowModule:
    objective = JointLoss(vfm_loss, {"atoms": 1.0, "pairs": 1.0}, uniform, 0.5)
    optimisation = Optimisation(STEPS, None, 0.1, 0.0, 0, 0.0, 0.5)
    return FlowModule(fresh(tiny_spec()), Carbon(), objective, optimisation, 0)


def make_trainer(*callbacks: pl.Callback) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=STEPS,
        max_epochs=-1,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def run(module: FlowModule, losses: list[float], *more: pl.Callback) -> tuple[Any, pl.Trainer]:
    """The trial and the trainer of a run that looks every second step, with a patience of two."""
    trial = Scripted(losses)
    trainer = make_trainer(EarlyStopping(trial, 2, 2), *more)
    trainer.fit(module)
    return trial, trainer


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_run_ends_after_as_many_looks_without_a_new_best_as_patience_says(
    module: FlowModule, capsys: pytest.CaptureFixture[str]
) -> None:
    trial, trainer = run(module, [3.0, 2.0, 2.0, 2.5])
    assert trainer.global_step == 8
    assert module.progress == 1.0
    assert torch.equal(module.average.module.atoms_out.bias, trial.seen[1])
    assert not torch.equal(trial.seen[1], trial.seen[3])
    assert capsys.readouterr().out == (
        "held-out loss: least at step 4, no lower in 2 looks since; those weights are kept\n"
    )


def test_a_new_best_makes_patience_begin_anew_and_a_run_that_ends_keeps_its_best(
    module: FlowModule,
) -> None:
    trial, trainer = run(module, [3.0, 3.0, 2.0, 2.0, 1.0, 1.5])
    assert trainer.global_step == STEPS
    assert torch.equal(module.average.module.atoms_out.bias, trial.seen[4])


def test_a_loss_that_is_no_number_is_no_best(module: FlowModule) -> None:
    trial, trainer = run(module, [3.0, float("nan"), float("nan")])
    assert trainer.global_step == 6
    assert torch.equal(module.average.module.atoms_out.bias, trial.seen[0])


def test_without_held_out_examples_a_run_goes_to_its_end(module: FlowModule) -> None:
    trial = Scripted([])
    trial.held_out = []
    trainer = make_trainer(EarlyStopping(trial, 2, 2))
    trainer.fit(module)
    assert trainer.global_step == STEPS


class StopAt(pl.Callback):
    """Asks to stop after a step, as a signal does."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step == 5


def test_an_interrupted_run_keeps_its_latest_average_and_goes_on_with_its_best(
    module: FlowModule, tiny_spec: Callable[..., ModelSpec], tmp_path: Any
) -> None:
    first = EarlyStopping(Scripted([3.0, 4.0]), 2, 2)
    checkpoints = Checkpoints(tmp_path, tiny_spec(), 1e9)
    trainer = make_trainer(first, StopAt(), checkpoints)
    trainer.fit(module)
    assert trainer.global_step == 5
    assert not torch.equal(module.average.module.atoms_out.bias, first.trial.seen[0])
    second = EarlyStopping(Scripted([5.0]), 2, 2)
    again = make_trainer(second)
    again.fit(module, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert again.global_step == 6
    assert (second.loss, second.step, second.stale) == (3.0, 2, 2)
    assert torch.equal(module.average.module.atoms_out.bias, first.trial.seen[0])
