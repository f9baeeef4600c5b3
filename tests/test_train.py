"""Training runs from the command line: resumed, interrupted, refused. Tiny networks, few steps."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from safetensors.torch import load_file

import molflow
from molflow.console import run_program
from molflow.errors import InputError
from molflow.flow.joint_loss import Draws
from molflow.flow.state import State
from molflow.samples import Samples
from molflow.train import main
from molflow.training.module import FlowModule, draws

SMILES = [
    "C", "CC", "CO", "CN", "C=O", "C#N", "CCO", "CCN", "CC=O", "CC#N", "C1CC1", "C1CO1", "COC",
    "CNC", "NC=O", "OC=O", "CCC", "CC(C)C", "C1CCC1", "c1cc[nH]c1", "c1ccoc1", "C[N+](=O)[O-]",
    "CCCC", "CC(=O)C", "CC(=O)O", "OCCO", "NCCN", "C1CCOC1", "c1ccccc1", "CC(N)=O",
]  # fmt: skip
FEW = 8
TINY = [
    "model.width=16",
    "model.pair_width=8",
    "model.depth=1",
    "model.heads=2",
    "trainer.batch_size=5",
    "trainer.steps=12",
    "trainer.max_minutes=null",
    "trainer.warmup=2",
    "trainer.ema_decay=0.5",
    "trainer.compile=never",
    "trainer.precision=fp32",
    "trainer.accelerator=cpu",
    f"trainer.trial_molecules={FEW}",
    "trainer.trial_share=1000",
]


pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")


@pytest.fixture(scope="module", autouse=True)
def _few_steps_at_the_end() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("molflow.train.LAST_STEPS", FEW)
        yield


def thirty_molecules(folder: Path) -> list[str]:
    """A training set of 30 molecules and a network of a few thousand weights."""
    path = folder / "molecules [a=b].csv"
    path.write_text("SMILES,name\n" + "".join(f"{s},{i}\n" for i, s in enumerate(SMILES)))
    source = ["dataset=smiles_file", f"dataset.path={path}", "dataset.smiles_column=SMILES"]
    return [*source, f"dataset.cache={folder / 'cache'}", *TINY]


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Those of ``thirty_molecules``, in a folder of the test's own."""
    return thirty_molecules(tmp_path)


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps that is finished. Not to be changed."""
    folder = tmp_path_factory.mktemp("two_steps")
    given = [*thirty_molecules(folder), "trainer.steps=2", "trainer.sample_every=0"]
    main([*given, f"out={folder / 'run'}"])
    return folder / "run"


@pytest.fixture
def run_of_two_steps(two_steps: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for the test to change."""
    return shutil.copytree(two_steps, tmp_path / "run")


def interrupt_at(monkeypatch: pytest.MonkeyPatch, batch: int, *numbers: int) -> None:
    """Ctrl-C, or these signals one behind the other, during the batch of that number, once."""
    step = FlowModule.training_step

    def training_step(module: FlowModule, item: tuple, batch_idx: int) -> torch.Tensor:
        if item[0] == batch:
            monkeypatch.setattr(FlowModule, "training_step", step)
            for number in numbers or (signal.SIGINT,):
                os.kill(os.getpid(), number)
        return step(module, item, batch_idx)

    monkeypatch.setattr(FlowModule, "training_step", training_step)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    # 24 molecules in batches of 5: an epoch is 4 batches, and 6 is in the middle of the second.
    options = [*arguments, f"trainer.accumulate={accumulate}", "trainer.sample_every=0"]
    main([*options, f"out={tmp_path / 'whole'}"])
    interrupt_at(monkeypatch, batch=6)
    with pytest.raises(KeyboardInterrupt):
        main([*options, f"out={tmp_path / 'parts'}"])
    stopped = torch.load(tmp_path / "parts" / "last.ckpt", weights_only=True)
    assert stopped["global_step"] == {1: 7, 2: 4}[accumulate]
    main([f"resume={tmp_path / 'parts'}"])
    whole, parts = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_after_the_batch_in_hand_with_code_130(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["train", *arguments, f"out={run}", "trainer.sample_every=0"])
    interrupt_at(monkeypatch, 6, number)
    with pytest.raises(SystemExit) as exit:
        run_program(main)
    assert exit.value.code == 130
    assert torch.load(run / "last.ckpt", weights_only=True)["global_step"] == 7
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert lines[-2:] == ["stopping after this batch, then saving", "interrupted"]
    assert f"saved, continue: python -m molflow.train resume={run}" in printed.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_program_at_once_in_one_line_with_code_130(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["train", *arguments, f"out={run}", "trainer.sample_every=0"])
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    interrupt_at(monkeypatch, 6, number, number)
    with pytest.raises(SystemExit) as exit:
        run_program(main)
    assert exit.value.code == 130
    assert not (run / "last.ckpt").exists()
    printed = capsys.readouterr().err
    assert printed.splitlines()[-2:] == ["stopping after this batch, then saving", "interrupted"]
    assert "Traceback" not in printed
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def after_each_batch(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """``act(module)`` at the very end of every batch."""
    end = FlowModule.on_train_batch_end

    def on_train_batch_end(module: FlowModule, *arguments: Any) -> None:
        end(module, *arguments)
        act(module)

    monkeypatch.setattr(FlowModule, "on_train_batch_end", on_train_batch_end)


def test_a_model_can_be_loaded_while_it_is_trained(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []

    def look(module: FlowModule) -> None:
        saved = torch.load(run / "last.ckpt", weights_only=True)["global_step"]
        made = molflow.load(run, device="cpu").sample(2, steps=1)
        seen.append((module.global_step, saved, len(made)))

    after_each_batch(monkeypatch, look)
    often = ["trainer.checkpoint_minutes=1e-9", "trainer.steps=3", "trainer.sample_every=0"]
    main([*arguments, *often, f"out={run}"])
    assert seen == [(1, 1, 2), (2, 2, 2), (3, 3, 2)]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_minutes_of_a_run_end_it_with_the_minutes_before_a_resumption_counted(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    clock, run = SimpleNamespace(now=1e6), tmp_path / "run"
    monkeypatch.setattr(
        "molflow.training.module.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    step = FlowModule.training_step

    def training_step(module: FlowModule, *rest: Any) -> torch.Tensor:
        clock.now += 60 / accumulate
        return step(module, *rest)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    options = ["trainer.max_minutes=5", f"trainer.accumulate={accumulate}"]
    interrupt_at(monkeypatch, 2 * accumulate - 1)
    with pytest.raises(KeyboardInterrupt):
        main([*arguments, *options, f"out={run}", "trainer.sample_every=0"])
    saved = torch.load(run / "last.ckpt", weights_only=True)
    assert (saved["global_step"], saved["molflow"]["minutes"]) == (2, 2.0)
    clock.now += 86_400
    main([f"resume={run}"])
    saved = torch.load(run / "last.ckpt", weights_only=True)
    assert (saved["global_step"], saved["molflow"]["minutes"]) == (5, 5.0)
    assert saved["molflow"]["batches_seen"] == 5 * accumulate


def test_the_last_sample_is_of_the_averaged_weights_that_were_saved(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, drawn = tmp_path / "run", []

    def draw(made: Samples, path: Path) -> None:
        drawn.append([graph.pairs.tolist() for graph in made.graphs])
        path.touch()

    monkeypatch.setattr("molflow.pictures.draw_molecules", draw)
    steep = ["trainer.steps=40", "trainer.learning_rate=0.03", "trainer.ema_decay=0.99"]
    main([*arguments, *steep, f"out={run}", "trainer.sample_every=0"])
    saved = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    weights = load_file(run / "model.safetensors")
    assert all(torch.equal(saved[f"average.module.{name}"], weights[name]) for name in weights)
    generator = molflow.load(run, device="cpu")
    average, live = [], []
    for prefix, made in (("average.module.", average), ("net.", live)):
        generator.net.load_state_dict({name: saved[prefix + name] for name in weights})
        made += [graph.pairs.tolist() for graph in generator.sample(FEW, steps=FEW).graphs]
    assert drawn == [average]
    assert average != live


def test_a_run_without_a_trial_ends_without_sampling(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr("molflow.generator.Generator.sample", None)
    main([*arguments, f"out={run}", "trainer.sample_every=6", "trainer.trial_molecules=0"])
    assert (run / "model.safetensors").exists()
    assert not (run / "metrics.json").exists()


def test_a_run_folder_holds_everything_to_look_at_sample_from_and_continue(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main([*arguments, f"out={run}", "trainer.sample_every=6"])
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert files == {
        "config.json",
        "config.yaml",
        "last.ckpt",
        "logs/0/metrics.csv",
        "loss.png",
        "metrics.json",
        "model.safetensors",
        "run.json",
        "samples.png",
    }
    logged = (run / "logs/0/metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/loss", "valid/loss", "trial/strict_valid", "trial/novel"} <= set(logged)
    assert f"python -m molflow.sample checkpoint={run}" in capsys.readouterr().out


def test_a_network_learns_thirty_molecules_better_than_the_uniform_guess(
    arguments: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    main([*arguments, f"out={run}", "trainer.steps=150", "trainer.sample_every=150"])
    rows = (run / "logs/0/metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("train/pairs")
    losses = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
    assert losses[0] == pytest.approx(1.386, abs=0.01)  # log 4 classes, before the first step
    assert losses[-1] < 0.5


def test_a_run_can_start_from_the_weights_of_another(
    arguments: list[str], two_steps: Path, tmp_path: Path
) -> None:
    short = ["trainer.steps=1", "trainer.learning_rate=1e-9", "seed=5", "trainer.sample_every=0"]
    child = tmp_path / "child"
    main([*arguments, *short, f"checkpoint={two_steps}", f"out={child}"])
    parent, after = (load_file(run / "model.safetensors") for run in (two_steps, child))
    for name in parent:
        assert torch.allclose(parent[name], after[name], atol=1e-7)


def test_a_parent_of_another_kind_is_refused(arguments: list[str], two_steps: Path) -> None:
    with pytest.raises(InputError, match=r"prior_scale is 0\.5 there and 1\.0 here"):
        main([*arguments, "flow.prior_scale=1", f"checkpoint={two_steps}", "out=child"])
    assert not Path("child").exists()


CONDITION = "model.condition=[logp,atoms]"


@pytest.fixture
def with_condition(arguments: list[str]) -> list[str]:
    return [*arguments, "trainer.sample_every=0", CONDITION, "flow.distill=psd", "flow.shown=0.3"]


def test_a_run_with_a_condition_ends_as_a_model_that_can_be_asked(
    with_condition: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main([*with_condition, f"out={run}", "trainer.sample_every=6"])
    spec = molflow.load(run).spec
    atoms = np.array([Chem.MolFromSmiles(smiles).GetNumAtoms() for smiles in SMILES])
    assert [one.name for one in spec.condition] == ["logp", "atoms"]
    assert spec.condition[1].mean == pytest.approx(atoms.mean(), abs=1)
    printed = f"told:    {spec.condition[0]}, {spec.condition[1]}: mean±spread (range) in training"
    assert printed in capsys.readouterr().out
    weights = load_file(run / "model.safetensors")["condition.context.weight"]
    assert weights.shape == (16, 4)
    assert (weights.abs().amax(0) > 0).all()
    made = molflow.load(run, "cpu").sample(4, 2, condition={"logp": 1.0}, weight=0.5)
    assert made.evaluations == 4


@pytest.mark.slow
def test_a_model_that_was_told_a_property_makes_what_is_asked_for_and_all_kinds_unasked(
    tmp_path: Path,
) -> None:
    lines = "smiles CC C=C C#C CN C=N C#N CO C=O NN NO OO CF NF OF ".replace(" ", "\n")
    (tmp_path / "two.csv").write_text(lines)
    source = ["dataset=smiles_file", f"dataset.path={tmp_path / 'two.csv'}", "trainer.steps=400"]
    size = ["model.width=32", "model.pair_width=16", "model.depth=2", "trainer.batch_size=32"]
    rest = ["trainer.learning_rate=0.01", "trainer.warmup=10", "trainer.ema_decay=0.95"]
    main([*TINY, *source, f"dataset.cache={tmp_path}", *size, *rest, "trainer.sample_every=0",
          "model.condition=logp", f"out={tmp_path / 'run'}"])  # fmt: skip
    model = molflow.load(tmp_path / "run", "cpu")
    # Ethane, 1.026, has the largest logP of them.
    ethane = [
        model.sample(100, 20, condition={"logp": 1.026}, weight=weight).smiles.count("CC")
        for weight in (0, 1, 2)
    ]
    assert ethane[0] < 40 < 80 < ethane[1] <= ethane[2]


def test_a_resumed_run_with_a_condition_equals_an_uninterrupted_one(
    with_condition: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main([*with_condition, f"out={tmp_path / 'whole'}"])
    interrupt_at(monkeypatch, batch=6)
    with pytest.raises(KeyboardInterrupt):
        main([*with_condition, f"out={tmp_path / 'parts'}"])
    with pytest.raises(InputError, match=r"condition is \(logp .*, atoms .*\) there and \(\) here"):
        main([f"resume={tmp_path / 'parts'}", "model.condition="])
    main([f"resume={tmp_path / 'parts'}"])
    whole, parts = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_condition_can_be_learned_from_the_weights_of_a_run_without_one(
    two_steps: Path, with_condition: list[str], tmp_path: Path
) -> None:
    parent, child = two_steps, tmp_path / "child"
    still = ["trainer.steps=1", "trainer.warmup=1", "trainer.learning_rate=1e-9"]
    main([*with_condition, *still, f"checkpoint={parent}", f"out={child}"])
    before, after = (load_file(run / "model.safetensors") for run in (parent, child))
    assert set(after) - set(before) == {"condition.context.weight"}
    for name, value in before.items():
        assert torch.allclose(value, after[name], rtol=0, atol=1e-7)
    assert after["condition.context.weight"].abs().max() < 1e-7


def test_a_parent_with_another_condition_is_refused(
    arguments: list[str], with_condition: list[str], tmp_path: Path
) -> None:
    main([*with_condition, "trainer.steps=1", f"out={tmp_path / 'parent'}"])
    parent = f"checkpoint={tmp_path / 'parent'}"
    for condition in ("", "logp", "atoms,logp"):
        with pytest.raises(InputError, match=r"condition is \(logp .*, atoms .*\) there and \("):
            main([*arguments, parent, f"model.condition={condition}", f"out={tmp_path / 'child'}"])
    assert not (tmp_path / "child").exists()


def test_a_condition_that_is_no_property_is_refused_before_the_data_are_read(
    arguments: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"model\.condition='qde': 'qde' is none of qed, logp"):
        main([*arguments, "model.condition=qde", f"out={tmp_path / 'run'}"])
    assert not (tmp_path / "cache").exists()


def test_two_runs_with_one_seed_are_equal_and_another_seed_differs(
    arguments: list[str], tmp_path: Path
) -> None:
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        options = [f"out={tmp_path / name}", f"seed={seed}", "trainer.steps=3"]
        main([*arguments, *options, "trainer.sample_every=0"])
        weights.append(load_file(tmp_path / name / "model.safetensors")["atoms_in.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_run_in_the_folder_of_another_is_refused(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").touch()
    with pytest.raises(InputError, match=r"holds a run already; resume=.* continues it"):
        main([*arguments, f"out={tmp_path / 'run'}"])


def test_resuming_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a run folder with run\.json and last\.ckpt"):
        main([f"resume={tmp_path}"])


def test_a_damaged_checkpoint_is_refused(run_of_two_steps: Path) -> None:
    run = run_of_two_steps
    more = [f"resume={run}", "trainer.steps=3"]
    whole = (run / "last.ckpt").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a checkpoint", b""):
        (run / "last.ckpt").write_bytes(damaged)
        with pytest.raises(InputError, match=r"last\.ckpt: truncated or not a checkpoint"):
            main(more)
    torch.save({"state_dict": [1]}, run / "last.ckpt")
    with pytest.raises(
        InputError, match=r"last\.ckpt: truncated or not a checkpoint of this molflow"
    ):
        main(more)


def test_a_checkpoint_of_another_network_is_refused(run_of_two_steps: Path) -> None:
    with pytest.raises(InputError, match=r"last\.ckpt: width is 16 there and 32 here"):
        main([f"resume={run_of_two_steps}", "model.width=32"])


def test_a_run_whose_data_have_changed_is_not_resumed(arguments: list[str], tmp_path: Path) -> None:
    run, source = tmp_path / "run", tmp_path / "molecules [a=b].csv"
    main([*arguments, f"out={run}", "trainer.steps=1", "trainer.sample_every=0"])
    before = (run / "config.json").read_text()
    source.write_text(source.read_text().replace("CCO,", "CCF,"))
    with pytest.raises(InputError, match=r"began on other data: .*, molecules \[a=b\] is \w+ now"):
        main([f"resume={run}", "trainer.steps=2"])
    assert (run / "config.json").read_text() == before


def test_a_run_goes_on_with_the_same_molecules_of_another_name_and_place(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, source = tmp_path / "run", tmp_path / "molecules [a=b].csv"
    main([*arguments, f"out={run}", "trainer.steps=1", "trainer.sample_every=0"])
    (tmp_path / "elsewhere").mkdir()
    moved = source.rename(tmp_path / "elsewhere" / "renamed.csv")
    main([f"resume={run}", f"dataset.path={moved}", "trainer.steps=2"])
    assert "after 2 steps" in capsys.readouterr().out
    record = json.loads((run / "run.json").read_text())
    assert record["data"]["name"] == "renamed"
    assert f"dataset.path={moved}" in record["arguments"]


def test_printed_commands_can_be_pasted(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "a b=c, [1] é"
    main([*arguments, f"out={run}", "trainer.steps=1", "trainer.sample_every=0"])
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("sample: ")]
    assert shlex.split(line)[4] == f"checkpoint={run}"


def test_a_finished_run_has_nothing_to_resume(
    run_of_two_steps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of_two_steps
    before = (run / "last.ckpt").read_bytes()
    main([f"resume={run}"])
    assert "finished already, 2 steps" in capsys.readouterr().out
    assert (run / "last.ckpt").read_bytes() == before


def test_a_resumed_run_stays_in_its_folder(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out=elsewhere: resume=here goes on in its own folder"):
        main(["resume=here", "out=elsewhere"])


def test_a_relative_path_to_data_holds_from_another_folder(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    relative = [a.replace(f"{tmp_path}/", "") for a in arguments]
    assert "dataset.path=molecules [a=b].csv" in relative
    main([*relative, "out=run", "trainer.steps=1", "trainer.sample_every=0"])
    monkeypatch.chdir(tmp_path / "elsewhere")
    main(["resume=../run", "trainer.steps=2"])
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] == 2


def test_a_run_that_diverges_ends_in_one_line_and_keeps_what_was_saved(
    arguments: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ["trainer.learning_rate=1e30", "trainer.gradient_clip=0", "trainer.warmup=0"]
    with pytest.raises(InputError, match=r"diverged before step \d+.*learning_rate=1e\+30"):
        main([*arguments, *options, f"out={run}", "trainer.sample_every=0"])
    assert not (run / "model.safetensors").exists()


def test_hardware_that_is_not_here_is_named(arguments: list[str], tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    wanted = ["trainer.accelerator=gpu", f"out={tmp_path / 'run'}"]
    with pytest.raises(InputError, match=r"trainer\.accelerator=gpu, .*: not to be had here"):
        main([*arguments, *wanted])


def test_the_record_of_a_run_says_what_was_left_out(two_steps: Path) -> None:
    record = json.loads((two_steps / "run.json").read_text())
    assert record["config"]["dataset"]["smiles_column"] == "SMILES"
    assert record["dropped"] == {}


def test_the_molecules_of_the_test_really_are_thirty_different_ones() -> None:
    assert len({Chem.CanonSmiles(smiles) for smiles in SMILES}) == 30


RANKS = """
import os, signal, sys, torch
from molflow.training.module import FlowModule
from molflow.train import main

folder, stop = sys.argv[1:3]
step, clip, seen = FlowModule.training_step, FlowModule.configure_gradient_clipping, []

def training_step(module, batch, batch_idx):
    if stop == f"{module.global_rank}:{batch[0]}":
        os.kill(os.getpid(), signal.SIGTERM)
    seen.append({"x_1": batch[1].values})
    return step(module, batch, batch_idx)

def configure_gradient_clipping(module, *arguments, **settings):
    seen[-1]["gradient"] = torch.cat([p.grad.flatten() for p in module.net.parameters()])
    clip(module, *arguments, **settings)

def on_train_end(module):
    weights = module.net.state_dict(), module.average.module.state_dict()
    torch.save((seen, weights), f"{folder}/rank{module.global_rank}.pt")

FlowModule.training_step = training_step
FlowModule.configure_gradient_clipping = configure_gradient_clipping
FlowModule.on_train_end = on_train_end
main(sys.argv[3:])
"""


def two_processes(
    folder: Path, arguments: list[str], stop: str = "never"
) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    """A run of two processes; of each (batches and gradients, (weights, averaged weights)).

    stop: "rank:step" of the process that gets a SIGTERM, and when.
    """
    (folder / "ranks.py").write_text(RANKS)
    options = ["trainer=ddp", "trainer.batch_size=10", "trainer.steps=4", "trainer.sample_every=0"]
    command = [sys.executable, folder / "ranks.py", folder, stop, *arguments, *options]
    command.append(f"out={folder / 'run'}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done, [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def joint_draws(x_1: State, seed: int, step: int, rank: int) -> Draws:
    """For a batch of one process, the random numbers of the two that share it."""
    halves = [draws(half, seed, step, k) for k, half in enumerate((x_1[:5], x_1[5:]))]
    noise = {name: torch.cat([half.noise[name] for half in halves]) for name in x_1.values}
    return Draws(torch.cat([half.uniform for half in halves], 1), noise)


@pytest.mark.slow
def test_two_processes_train_what_one_would_on_their_batches_together(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, ranks = two_processes(tmp_path, arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("after 4 steps") == 1  # one process speaks
    (first, (weights, average)), (second, (others, other_average)) = ranks
    assert len(first) == len(second) == 4
    for here, there in zip(first, second, strict=True):
        assert not torch.equal(here["x_1"]["atoms"], there["x_1"]["atoms"])
        assert torch.equal(here["gradient"], there["gradient"])
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert all(torch.equal(average[name], other_average[name]) for name in average)
    saved = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(average[name], saved[name]) for name in average)

    batches, gradients = [], []
    step, clip = FlowModule.training_step, FlowModule.configure_gradient_clipping

    def training_step(module: FlowModule, batch: tuple[int, State], *rest: Any) -> torch.Tensor:
        batches.append(batch[1].values)
        return step(module, batch, *rest)

    def configure_gradient_clipping(module: FlowModule, *rest: Any, **settings: Any) -> None:
        gradients.append(torch.cat([p.grad.flatten() for p in module.net.parameters()]))
        clip(module, *rest, **settings)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    monkeypatch.setattr(FlowModule, "configure_gradient_clipping", configure_gradient_clipping)
    monkeypatch.setattr("molflow.training.module.draws", joint_draws)
    one = ["trainer.batch_size=10", "trainer.steps=4", "trainer.sample_every=0"]
    main([*arguments, *one, f"out={tmp_path / 'one'}"])
    for k, (x_1, gradient) in enumerate(zip(batches, gradients, strict=True)):
        for name, value in x_1.items():
            assert torch.equal(value, torch.cat([half[k]["x_1"][name] for half in (first, second)]))
        difference = (gradient - first[k]["gradient"]).norm() / gradient.norm()
        assert difference < 1e-4, k
    alone = torch.load(tmp_path / "one" / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in weights.items():
        assert torch.allclose(alone[f"net.{name}"], value, rtol=1e-4, atol=1e-5), name


@pytest.mark.slow
def test_two_machines_train_what_two_processes_of_one_would(
    arguments: list[str], tmp_path: Path
) -> None:
    options = [*arguments, "trainer.batch_size=10", "trainer.steps=4", "trainer.sample_every=0"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    start += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    run = ["-m", "molflow.train", *options, "trainer.nodes=2", f"out={tmp_path / 'machines'}"]
    machines = [
        subprocess.Popen([*start, f"--node-rank={k}", *run], stdout=subprocess.PIPE, text=True)
        for k in (0, 1)
    ]
    said = [machine.communicate(timeout=600)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0]
    assert [text.count("after 4 steps") for text in said] == [1, 0]
    one = [*options, "trainer=ddp", f"out={tmp_path / 'one'}"]
    command = [sys.executable, "-m", "molflow.train", *one]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    found, wanted = (
        load_file(tmp_path / name / "model.safetensors") for name in ("machines", "one")
    )
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-6), name


@pytest.mark.slow
def test_a_signal_to_one_of_two_processes_ends_both_after_the_same_step(
    arguments: list[str], tmp_path: Path
) -> None:
    done, ranks = two_processes(tmp_path, arguments, stop="1:1")
    assert done.returncode != 0
    assert [len(seen) for seen, _ in ranks] == [2, 2]
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] == 2


@pytest.mark.slow
def test_a_long_run_on_a_cpu_starts_a_process_for_each_core_and_one_signal_ends_all(
    arguments: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    length = ["trainer.steps=1000000", "trainer.max_minutes=10", "trainer.batch_size=64"]
    options = [
        "trainer.accelerator=cpu",
        "trainer.compile=never",
        "trainer.checkpoint_minutes=0.01",
    ]
    command = [sys.executable, "-m", "molflow.train", *arguments, *length, *options, f"out={run}"]
    two = {**os.environ, "OMP_NUM_THREADS": "2"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=two) as process:
        for _ in range(600):
            if (run / "last.ckpt").exists():
                break
            time.sleep(0.1)
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "batches: 64, shared by 2 processes; " in said
    assert said.count("saved, continue: python -m molflow.train resume=") == 1
    assert torch.load(run / "last.ckpt", weights_only=True)["global_step"] > 0


@pytest.mark.slow
def test_a_resumed_run_of_the_default_network_equals_an_uninterrupted_one(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ("model.width", "model.pair_width", "model.depth", "model.heads")
    options = [a for a in arguments if not a.startswith(sizes)]
    options += ["trainer.sample_every=0", "flow.distill=psd", "flow.shown=0.3"]
    main([*options, f"out={tmp_path / 'whole'}"])
    interrupt_at(monkeypatch, batch=6)
    with pytest.raises(KeyboardInterrupt):
        main([*options, f"out={tmp_path / 'parts'}"])
    main([f"resume={tmp_path / 'parts'}"])
    whole, parts = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts"))
    assert len(whole["atoms_in.weight"]) == 128
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
def test_wandb_gets_the_metrics_the_molecules_and_the_configuration(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = tmp_path / "run"
    options = ["logger=wandb", "logger.offline=true", "trainer.sample_every=6"]
    main([*arguments, *options, f"out={run}"])
    (offline,) = (run / "wandb").glob("offline-run-*")
    assert len(list((offline / "files/media/images/trial").glob("*.png"))) == 2
    recorded = next(offline.glob("*.wandb")).read_bytes()
    for name in (b"trial/strict_valid", b"train/loss", b"prior_scale"):
        assert name in recorded


def test_wandb_without_a_key_is_refused_before_anything_is_written(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"logger=wandb: no API key.*logger\.offline=true"):
        main([*arguments, "logger=wandb", f"out={tmp_path / 'run'}"])
    assert not (tmp_path / "run").exists()
