"""The trainer of a run: what the configuration asks for is what the hardware does."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from molflow.config import TrainConfig, TrainerConfig
from molflow.errors import InputError
from molflow.flow.joint_loss import JointLoss
from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.flow.times import uniform
from molflow.graph.state import clean_state
from molflow.model.spec import ModelSpec
from molflow.training.callbacks import Checkpoints, Cores, Progress, Trial
from molflow.training.curves import read_logs
from molflow.training.loggers import make_loggers
from molflow.training.module import FlowModule
from molflow.training.optimisation import Optimisation
from molflow.training.trainer import fit, make_trainer, processes, wants_bf16, wants_compilation

JOINT_LOSS = JointLoss(vfm_loss, {"atoms": 1.0, "pairs": 1.0}, uniform, prior_scale=0.5)
HERE = TrainerConfig(precision="fp32", accelerator="cpu", steps=4, batch_size=5, max_minutes=None)


class Linear(nn.Module):
    """One linear layer on each field, which writes down the type of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.atoms, self.pairs = nn.Linear(2, 2), nn.Linear(4, 4)
        self.types: set[torch.dtype] = set()

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        values = {"atoms": self.atoms(x.values["atoms"]), "pairs": self.pairs(x.values["pairs"])}
        self.types |= {value.dtype for value in values.values()}
        return x.with_values(values)


class Pairs:
    """A stream of one molecule of two atoms."""

    def batch(self, step: int, rank: int, world: int) -> State:
        two, one = torch.zeros(1, 2).long(), torch.ones(1, 1).long()
        return clean_state(two, one, torch.tensor([2]), (2, 4))


def make_module(settings: TrainerConfig) -> FlowModule:
    optimisation = Optimisation(
        settings.steps, settings.max_minutes, 0.01, 0.0, 0, settings.gradient_clip, 0.9
    )
    return FlowModule(Linear(), Pairs(), JOINT_LOSS, optimisation, seed=0)


TrainerOf = Callable[[TrainerConfig, Path], pl.Trainer]


@pytest.fixture
def trainer_of(tiny_spec: Callable[..., ModelSpec]) -> TrainerOf:
    """The trainer of a run with these settings in this folder."""

    def make(settings: TrainerConfig, folder: Path) -> pl.Trainer:
        trial = Trial(tiny_spec(), [], frozenset(), folder, every=0)
        config = TrainConfig(out=str(folder), trainer=settings)
        return make_trainer(config, trial, settings.devices or 1)

    return make


def only(trainer: pl.Trainer, kind: type) -> Any:
    """The one callback of a kind."""
    (callback,) = (c for c in trainer.callbacks if isinstance(c, kind))
    return callback


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_the_network_computes_in_the_precision_asked_for(
    tmp_path: Path, precision: str, dtype: torch.dtype, trainer_of: TrainerOf
) -> None:
    settings = replace(HERE, precision=precision)
    module = make_module(settings)
    fit(trainer_of(settings, tmp_path), module, None)
    assert module.net.types == {dtype}
    assert {p.dtype for p in module.parameters()} == {torch.float32}


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_accumulates_the_batches_asked_for(
    tmp_path: Path, accumulate: int, trainer_of: TrainerOf
) -> None:
    settings = replace(HERE, accumulate=accumulate)
    trainer, module = trainer_of(settings, tmp_path), make_module(settings)
    fit(trainer, module, None)
    assert (trainer.global_step, module.batches_seen) == (4, 4 * accumulate)


def test_the_rate_shown_counts_every_accumulated_molecule(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trainer_of: TrainerOf,
) -> None:
    settings = replace(HERE, accumulate=2, batch_size=600)
    clock = SimpleNamespace(now=1e6)
    monkeypatch.setattr(
        "molflow.training.callbacks.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    step = FlowModule.training_step

    def training_step(module: FlowModule, *arguments: Any) -> Tensor:
        clock.now += 30
        return step(module, *arguments)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    fit(trainer_of(settings, tmp_path), make_module(settings), None)
    lines = capsys.readouterr().err.splitlines()
    # 600 molecules in 30 s, looked at after whole steps: every second batch.
    assert [line.split(", ")[:2] for line in lines[1::2]] == [
        [f"training: step {k}/4", "20 molecules/s"] for k in (1, 2, 3, 4)
    ]


def test_checkpoints_are_as_far_apart_as_asked_for(
    tmp_path: Path, tiny_spec: Callable[..., ModelSpec], trainer_of: TrainerOf
) -> None:
    spec = tiny_spec()
    trainer = trainer_of(replace(HERE, checkpoint_minutes=1.5), tmp_path)
    checkpoints = only(trainer, Checkpoints)
    assert (checkpoints.seconds, checkpoints.folder, checkpoints.spec) == (90.0, tmp_path, spec)
    assert only(trainer, Progress).batch_size == 5
    assert only(trainer, Trial).spec == spec


def test_hardware_that_is_not_here_is_named_with_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer_of: TrainerOf
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    settings = replace(HERE, accelerator="gpu", devices=2)
    with pytest.raises(InputError, match=r"^trainer\.accelerator=gpu, trainer\.devices=2: not to"):
        trainer_of(settings, tmp_path)


def hardware(monkeypatch: pytest.MonkeyPatch, **has: bool) -> None:
    """A machine with a GPU, one that knows bf16, or processors that do."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has.get("gpu", False))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has.get("gpu_bf16", False))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has.get("avx", False))
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has.get("amx", False))


ALL = {"gpu": True, "gpu_bf16": True, "avx": True, "amx": True}


@pytest.mark.parametrize(
    ("precision", "accelerator", "has", "wanted"),
    [
        ("bf16", "cpu", {}, True),
        ("fp32", "auto", ALL, False),
        ("auto", "cpu", {}, False),
        ("auto", "cpu", {"avx": True}, True),
        ("auto", "cpu", {"amx": True}, True),
        # A GPU decides where it is used, and only there.
        ("auto", "auto", {"gpu": True, "gpu_bf16": True}, True),
        ("auto", "gpu", {"gpu": True, "gpu_bf16": True}, True),
        ("auto", "auto", {"gpu": True, "avx": True, "amx": True}, False),
        ("auto", "cpu", {"gpu": True, "gpu_bf16": True}, False),
        ("auto", "cpu", {"gpu": True, "avx": True}, True),
        ("auto", "auto", {"gpu_bf16": True}, False),
    ],
)
def test_bf16_is_for_those_who_ask_and_for_hardware_that_is_faster_with_it(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    accelerator: str,
    has: dict[str, bool],
    wanted: bool,
) -> None:
    hardware(monkeypatch, **has)
    settings = TrainerConfig(precision=precision, accelerator=accelerator)
    assert wants_bf16(settings) is wanted


def test_every_row_of_the_log_is_on_the_disk_at_once(tmp_path):
    (logger,) = make_loggers(TrainConfig(out=str(tmp_path)))
    for step in (20, 40):
        logger.log_metrics({"train/loss": 0.5}, step)
        assert [row["step"] for row in read_logs(tmp_path)] == list(range(20, step + 1, 20))


def compilers(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(
        "molflow.training.trainer.shutil.which",
        lambda name: f"/bin/{name}" if name in names else None,
    )


@pytest.mark.parametrize(
    ("steps", "minutes", "wanted"),
    [
        (3000, None, True),
        (2999, None, False),
        (3000, 10.0, True),
        (3000, 9.9, False),
        (2999, 10.0, False),
    ],
)
def test_a_long_run_is_compiled(
    monkeypatch: pytest.MonkeyPatch, steps: int, minutes: float | None, wanted: bool
) -> None:
    compilers(monkeypatch, "g++")
    assert wants_compilation(TrainerConfig(steps=steps, max_minutes=minutes), "psd") is wanted


@pytest.mark.parametrize(
    ("names", "cxx", "wanted"),
    [
        ([], None, False),
        (["gcc"], None, False),
        (["g++"], None, True),
        (["clang++"], None, True),
        (["icpx"], "icpx", True),
        (["g++"], "icpx", False),
    ],
)
def test_a_run_is_compiled_where_there_is_a_compiler(
    monkeypatch: pytest.MonkeyPatch, names: list[str], cxx: str | None, wanted: bool
) -> None:
    compilers(monkeypatch, *names)
    if cxx is not None:
        monkeypatch.setenv("CXX", cxx)
    assert wants_compilation(TrainerConfig(), "none") is wanted


@pytest.mark.parametrize(
    ("names", "steps"), itertools.product([(), ("g++",)], [1, 20_000]), ids=str
)
def test_compilation_obeys_always_and_never(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], steps: int
) -> None:
    compilers(monkeypatch, *names)
    assert wants_compilation(TrainerConfig(compile="always", steps=steps), "csd")
    assert not wants_compilation(TrainerConfig(compile="never", steps=steps), "none")


@pytest.mark.parametrize("distill", ["csd", "csd_official", "ecld", "ecld_graph", "ecld_text"])
def test_a_derivative_along_time_is_compiled_only_where_asked(
    monkeypatch: pytest.MonkeyPatch, distill: str
) -> None:
    compilers(monkeypatch, "g++")
    assert not wants_compilation(TrainerConfig(), distill)
    assert wants_compilation(TrainerConfig(compile="always"), distill)


def cores(monkeypatch: pytest.MonkeyPatch, count: int, program: str = "molflow.train") -> None:
    monkeypatch.setattr("molflow.training.trainer.torch.get_num_threads", lambda: count)
    for name in ("LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    main = SimpleNamespace(__spec__=SimpleNamespace(name=program))
    monkeypatch.setitem(sys.modules, "__main__", main)


@pytest.mark.parametrize(
    ("count", "batch_size", "wanted"),
    [
        (1, 256, 1),
        (2, 256, 2),
        (6, 256, 4),  # 256 is not a multiple of 5 and 6
        (64, 256, 8),  # of 32 molecules each
        (2, 63, 1),  # 63 is not even
        (3, 96, 3),
        (2, 62, 1),  # 31 each would be too few
    ],
)
def test_every_core_of_a_cpu_gets_a_process_where_the_batch_can_be_shared_out(
    monkeypatch: pytest.MonkeyPatch, count: int, batch_size: int, wanted: int
) -> None:
    cores(monkeypatch, count)
    assert processes(TrainerConfig(accelerator="cpu", batch_size=batch_size)) == wanted


@pytest.mark.parametrize(
    "settings",
    [
        TrainerConfig(accelerator="cpu", steps=2999),
        TrainerConfig(accelerator="cpu", max_minutes=9.9),
        TrainerConfig(accelerator="gpu"),
    ],
)
def test_a_short_run_and_a_gpu_have_one_process(
    monkeypatch: pytest.MonkeyPatch, settings: TrainerConfig
) -> None:
    cores(monkeypatch, 2)
    assert processes(settings) == 1


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted"), [(False, False, 2), (True, False, 1), (False, True, 1)]
)
def test_auto_shares_a_batch_only_where_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, wanted: int
) -> None:
    cores(monkeypatch, 2)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert processes(TrainerConfig()) == wanted


@pytest.mark.parametrize(
    ("name", "argv", "wanted"),
    [
        ("molflow.__main__", ["molflow/__main__.py", "train"], 2),
        ("molflow.__main__", ["molflow/__main__.py", "optimize"], 1),
        (None, ["bin/molflow", "train"], 2),
        (None, ["bin/molflow", "optimize"], 1),
        (None, ["mine.py", "train"], 1),
    ],
)
def test_the_one_command_shares_a_batch_where_it_trains(
    monkeypatch: pytest.MonkeyPatch, name: str | None, argv: list[str], wanted: int
) -> None:
    cores(monkeypatch, 2)
    spec = None if name is None else SimpleNamespace(name=name)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))
    monkeypatch.setattr(sys, "argv", argv)
    assert processes(TrainerConfig(accelerator="cpu")) == wanted


def test_a_run_inside_another_program_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    cores(monkeypatch, 2, program="somebody.else")
    assert processes(TrainerConfig(accelerator="cpu")) == 1
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=None))
    assert processes(TrainerConfig(accelerator="cpu")) == 1


def test_as_many_devices_as_asked_share_a_batch_that_can_be_shared_out() -> None:
    assert processes(TrainerConfig(devices=4, steps=1, accelerator="cpu")) == 4
    with pytest.raises(InputError, match=r"batch_size=250: not a multiple of trainer\.devices=4"):
        processes(TrainerConfig(devices=4, batch_size=250))


def test_the_devices_of_all_machines_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    cores(monkeypatch, 8)
    assert processes(TrainerConfig(nodes=2, accelerator="cpu")) == 1
    with pytest.raises(InputError, match=r"devices=4 on each of trainer\.nodes=3, which share it"):
        processes(TrainerConfig(nodes=3, devices=4, batch_size=256))
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert processes(TrainerConfig(nodes=2, accelerator="cpu")) == 4


def test_more_processes_than_cores_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    crowd = len(os.sched_getaffinity(0)) + 1
    processes(TrainerConfig(devices=crowd, batch_size=crowd, accelerator="cpu"))
    assert f"warning: trainer.devices={crowd}: so many processes" in capsys.readouterr().err
    processes(TrainerConfig(devices=1, accelerator="cpu"))
    assert capsys.readouterr().err == ""


def test_a_process_that_was_started_counts_its_like(monkeypatch: pytest.MonkeyPatch) -> None:
    cores(monkeypatch, 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert processes(TrainerConfig(accelerator="cpu")) == 4


@pytest.mark.parametrize("scheduler", [{}, {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train"}])
def test_processes_that_nobody_asked_for_are_started_here_under_any_scheduler(
    tmp_path: Path,
    tiny_spec: Callable[..., ModelSpec],
    monkeypatch: pytest.MonkeyPatch,
    scheduler: dict[str, str],
) -> None:
    for name, value in scheduler.items():
        monkeypatch.setenv(name, value)
    trial = Trial(tiny_spec(), [], frozenset(), tmp_path, every=0)
    trainer = make_trainer(TrainConfig(out=str(tmp_path), trainer=HERE), trial, devices=2)
    assert (trainer.num_devices, trainer.world_size) == (2, 2)


def test_the_cores_are_shared_out_to_the_processes_and_given_back(
    tmp_path: Path, tiny_spec: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    cores(monkeypatch, 6)
    trial = Trial(tiny_spec(), [], frozenset(), tmp_path, every=0)
    alone, shared = (
        make_trainer(TrainConfig(out=str(tmp_path), trainer=HERE), trial, devices)
        for devices in (1, 4)
    )
    assert not any(isinstance(c, Cores) for c in alone.callbacks)
    monkeypatch.setattr("molflow.training.callbacks.torch.set_num_threads", given.append)
    for happened in ("on_train_start", "on_train_end", "on_train_start", "on_exception"):
        getattr(only(shared, Cores), happened)(shared, None)
    assert given == [1, 6, 1, 6]
    assert trial.cores == 6
