"""Runs from a trained model: what they take from it, and what the data add."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import molflow
from molflow.build import build_dataset, dataset_of
from molflow.config import DatasetConfig
from molflow.errors import InputError
from molflow.model.checkpoint import read_spec, save_model
from molflow.model.conditions import Standard
from molflow.model.spec import ModelSpec
from molflow.train import main
from molflow.training.fine_tuning import inherited
from molflow.training.module import FlowModule

OLD = ["CO", "OCO", "COC", "OO", "COCO", "OCCO", "CCO", "CCCO", "O", "CC", "COCC", "COO", "C"]
NEW = ["OB", "CB", "CBC", "OBO", "CO", "OCB", "BCCO", "CBCC", "B", "CBO", "BCB", "CCB"]
QUICK = [
    "trainer.steps=4",
    "trainer.max_minutes=null",
    "trainer.sample_every=0",
    "trainer.trial_molecules=8",
    "trainer.compile=never",
    "trainer.precision=fp32",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.trial_molecules=8",
    "trainer.trial_share=1000",
]
STANDARD = Standard("atoms", 3.0, 2.0, 1.0, 4.0)


@pytest.fixture(autouse=True)
def _few_molecules_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molflow.train.LAST_STEPS", 2)


@pytest.fixture
def spec(
    tmp_path: Path, molecule_file: Callable[..., DatasetConfig], tiny_spec: Callable[..., ModelSpec]
) -> ModelSpec:
    """Of C and O, up to four atoms, a flow map; unlike every default."""
    flow = {"time_law": "logit_normal", "time_mean": -0.4, "corner": 0.3, "distill_share": 0.5}
    data = molecule_file(tmp_path / "old.csv", OLD)
    return tiny_spec(data, positions=True, flow_map=True, flow=flow, shown=0.25, prior_scale=0.7)


@pytest.fixture
def parent(spec: ModelSpec, fresh: Any, perturbed: Any, tmp_path: Path) -> str:
    """The argument that names the model."""
    save_model(tmp_path / "parent", perturbed(fresh(spec)), spec)
    return f"checkpoint={tmp_path / 'parent'}"


@pytest.fixture
def data(tmp_path: Path) -> Callable[[Sequence[str]], list[str]]:
    """The arguments that name a file of these molecules."""

    def make(smiles: Sequence[str], name: str = "new") -> list[str]:
        path = tmp_path / f"{name}.csv"
        path.write_text("smiles\n" + "\n".join(smiles) + "\n")
        cache = f"dataset.cache={tmp_path / 'cache'}"
        return ["dataset=smiles_file", f"dataset.path={path}", cache]

    return make


# What is taken from the parent

OTHER = ["dataset=smiles_file", "dataset.path=new.csv"]
FLOW = [
    "flow.prior_scale=0.7",
    "flow.time_law=logit_normal",
    "flow.time_mean=-0.4",
    "flow.shown=0.25",
    "flow.distill=psd",
    "flow.distill_share=0.5",
    "flow.corner=0.3",
    "flow.teacher=average",
]
SHAPE = ["model.width=16", "model.pair_width=8", "model.depth=1", "model.heads=2"]
FEW = [
    "trainer.batch_size=64",
    "trainer.steps=5000",
    "trainer.learning_rate=0.001",
    "trainer.warmup=50",
    "trainer.ema_decay=0.99",
    "trainer.patience=10",
]


def test_on_other_data_a_run_takes_network_and_flow_of_its_parent_and_settings_for_few_molecules(
    spec: ModelSpec,
) -> None:
    there, usual = inherited(OTHER, spec)
    assert there == ["dataset.max_atoms=4", *SHAPE, *FLOW, "flow.euler_below=0.1"]
    assert usual == FEW


def test_on_the_data_of_its_parent_a_run_keeps_the_usual_settings(spec: ModelSpec) -> None:
    named = ["dataset=smiles_file", f"dataset.path={spec.dataset['path']}"]
    assert inherited(named, spec) == ([f"dataset.cache={spec.dataset['cache']}", *SHAPE, *FLOW], [])


def test_a_run_without_data_of_its_own_goes_on_with_those_of_its_parent(spec: ModelSpec) -> None:
    there, usual = inherited(["seed=3"], spec)
    assert there[:4] == [
        "dataset.name=smiles_file",
        f"dataset.path={spec.dataset['path']}",
        "dataset.split=random",
        f"dataset.cache={spec.dataset['cache']}",
    ]
    assert usual == []


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (["flow.shown=0"], {"flow.shown=0.25"}),
        (["model.width=128"], {"model.width=16"}),
        (["trainer.steps=20000"], {"trainer.steps=5000"}),
        (["model=base"], set(SHAPE) - {"model.heads=2"}),
        (["flow.distill=none"], {*FLOW[4:], "flow.euler_below=0.1"}),
    ],
)
def test_what_the_user_says_is_not_taken_from_the_parent(
    spec: ModelSpec, said: list[str], gone: set[str]
) -> None:
    before, after = (
        {one for part in inherited([*OTHER, *more], spec) for one in part} for more in ([], said)
    )
    assert before - after == gone
    assert after <= before


def test_a_condition_is_taken_and_a_model_without_a_map_gets_none(spec: ModelSpec) -> None:
    told = replace(spec, condition=(STANDARD,), flow_map=False, flow={})
    there, _ = inherited(OTHER, told)
    assert "model.condition=atoms" in there
    assert not [one for one in there if "distill" in one or "teacher" in one]


def test_a_setting_in_a_file_that_is_none_is_refused(spec: ModelSpec) -> None:
    with pytest.raises(InputError, match=r"flow.time_law='\$\{x\}': one of uniform"):
        inherited(OTHER, replace(spec, flow={"time_law": "${x}"}))


# Runs


def test_a_run_learns_a_new_element_over_the_classes_of_its_parent(
    parent: str, data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "child"
    main([parent, *data(NEW), *QUICK, f"out={out}"])
    spec, printed = read_spec(out), capsys.readouterr().out
    assert spec.vocabulary.atoms == ("C", "O", "B")
    assert (spec.max_size, spec.width, spec.flow_map, spec.prior_scale) == (4, 16, True, 0.7)
    assert spec.flow["time_mean"] == -0.4
    assert spec.parent == {"checkpoint": str(tmp_path / "parent"), "replay": 0.0}
    assert f"as suits few molecules: {FEW[0]} {FEW[2]}" in printed
    assert "made of: up to 4 atoms of C O B\n" in printed
    assert f"from:    {tmp_path / 'parent'}, up to 4 atoms of C O\n" in printed
    assert "new:     B (starts from C)\n" in printed
    assert (
        "stops:   where the loss on 1 held-out examples, looked at every 50 steps, has" in printed
    )
    assert len(molflow.load(out, "cpu").sample(4, 1)) == 4


def test_sizes_follow_the_new_data_up_to_the_limit_of_the_parent(
    parent: str, data: Any, tmp_path: Path
) -> None:
    source = data(["B", "BC", "OB", "CO", "CC"])
    main([parent, *source, *QUICK, f"out={tmp_path / 'child'}"])
    spec = read_spec(tmp_path / "child")
    law = build_dataset(DatasetConfig(**spec.dataset)).size_law()
    assert spec.size_law == (*law.tolist(), 0.0, 0.0)
    assert len(law) == 3


def test_larger_molecules_are_counted_with_the_key_that_admits_them(
    parent: str, data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = data([*NEW, "CCCCC", "CCBCC", "CCCCCC"])
    main([parent, *source, *QUICK, f"out={tmp_path / 'small'}"])
    assert read_spec(tmp_path / "small").max_size == 4
    larger = "larger:  3 molecules of more than 4 atoms are left out; dataset.max_atoms=<number>"
    assert f"{larger} admits them\n" in capsys.readouterr().out
    main([parent, *source, *QUICK, "dataset.max_atoms=5", f"out={tmp_path / 'large'}"])
    spec = read_spec(tmp_path / "large")
    assert spec.max_size == 5
    assert load_file(tmp_path / "large" / "model.safetensors")["pair_position"].shape == (10, 8)
    assert "larger:  1 molecules of more than 5 atoms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        (
            ["CCCCC", "CCCCCC"],
            "no usable molecule in 2 rows: more than 4 atoms (2); the first is row 2: 'CCCCC'; "
            "dataset.max_atoms=<number> keeps larger ones",
        ),
        (
            ["*C", "**"],
            "no usable molecule in 2 rows: no element: * (2); the first is row 2: '*C'",
        ),
    ],
)
def test_a_series_without_a_usable_molecule_is_refused_in_one_line(
    parent: str, data: Any, tmp_path: Path, smiles: list[str], message: str
) -> None:
    with pytest.raises(InputError) as error:
        main([parent, *data(smiles), *QUICK, f"out={tmp_path / 'child'}"])
    assert str(error.value) == f"{tmp_path / 'new.csv'}: {message}"


def test_what_the_user_says_is_judged_beside_what_the_parent_says(
    parent: str, data: Any, tmp_path: Path
) -> None:
    options = ["flow.euler_below=0.3", "flow.pairs=ends"]
    main([parent, *data(NEW), *QUICK, *options, f"out={tmp_path / 'child'}"])
    flow = read_spec(tmp_path / "child").flow
    assert (flow["distill"], flow["pairs"], flow["euler_below"]) == ("psd", "ends", 0.3)
    with pytest.raises(InputError, match=r"flow.euler_below: only with flow.distill=psd"):
        main([parent, *data(NEW), "flow.distill=none", *options[:1], f"out={tmp_path / 'other'}"])


def test_strings_do_not_start_from_a_model_of_graphs(
    parent: str, data: Any, tmp_path: Path
) -> None:
    source = ["dataset=smiles_tokens", *data(NEW)[1:]]
    with pytest.raises(InputError) as error:
        main([parent, *source, *QUICK, f"out={tmp_path / 'child'}"])
    assert str(error.value) == (
        f"{parent}: makes graphs, up to 4 atoms of C O; "
        "here it would be strings, up to 4 tokens of B C O"
    )


def test_strings_of_known_tokens_start_from_a_model_of_strings(
    token_spec: Callable[..., ModelSpec], data: Any, fresh: Any, tmp_path: Path
) -> None:
    where = {"name": "smiles_tokens", "path": "absent.csv", "split": "random"}
    writer = token_spec("OBNC", "smiles", (0.0,) * 5 + (1.0,), dataset=where)
    save_model(tmp_path / "writer", fresh(writer), writer)
    options = [f"checkpoint={tmp_path / 'writer'}", "dataset=smiles_tokens", *QUICK]
    main([*options, *data(NEW)[1:], f"out={tmp_path / 'child'}"])
    child = read_spec(tmp_path / "child")
    assert child.vocabulary == writer.vocabulary
    assert (child.max_size, child.size_law[5]) == (5, 0.0)
    with pytest.raises(
        InputError, match=r"vocabulary is 4 of smiles, with 'N' there and 4 of smiles, with 'F'"
    ):
        main([*options, *data([*NEW, "CF", "FF"])[1:], f"out={tmp_path / 'other'}"])


def test_charges_are_read_as_in_the_parent(parent: str, data: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset.vocabulary is charged there and stripped here"):
        main([parent, *data(NEW), "dataset.vocabulary=stripped", *QUICK, f"out={tmp_path / 'a'}"])


def test_the_conditions_are_those_of_the_parent_with_its_means_and_spreads(
    spec: ModelSpec, data: Any, fresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(spec, condition=(STANDARD,))
    save_model(tmp_path / "told", fresh(told), told)
    seen: list[torch.Tensor] = []
    step = FlowModule.training_step

    def training_step(module: FlowModule, item: tuple[int, Any], batch_idx: int) -> Any:
        sizes = item[1].exists["atoms"].sum(1)
        seen.append(item[1].context[:, 0] - (sizes - STANDARD.mean) / STANDARD.spread)
        return step(module, item, batch_idx)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    replay = "trainer.replay=0.5"
    main([f"checkpoint={tmp_path / 'told'}", *data(NEW), *QUICK, replay, f"out={tmp_path / 'a'}"])
    assert read_spec(tmp_path / "a").condition == (STANDARD,)
    assert torch.cat(seen).abs().max() < 1e-6


def test_replayed_molecules_are_in_the_law_of_sizes_by_their_share(
    parent: str, data: Any, spec: ModelSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = data(["B", "C", "O", "[H][H]", "N", "S"])
    main([parent, *source, *QUICK, "trainer.replay=0.25", f"out={tmp_path / 'child'}"])
    child, printed = read_spec(tmp_path / "child"), capsys.readouterr().out
    expected = [0.25 * p for p in spec.size_law]
    expected[1] += 0.75
    assert child.size_law == pytest.approx(expected)
    assert child.parent["replay"] == 0.25
    assert "replay:  25% of every batch, from the 11 training molecules of old\n" in printed
    assert dataset_of(child).vocabulary == child.vocabulary


def test_a_model_finds_the_data_that_it_was_fine_tuned_on_and_notices_a_change(
    parent: str, data: Any, tmp_path: Path
) -> None:
    main([parent, *data(NEW), *QUICK, f"out={tmp_path / 'child'}"])
    spec = read_spec(tmp_path / "child")
    assert dataset_of(spec).vocabulary.atoms == ("C", "O", "B")
    data(["B", "BC", "CC"])
    with pytest.raises(InputError, match="its law of sizes has"):
        dataset_of(spec)
    data([*NEW, "CCS"])
    with pytest.raises(InputError, match="its vocabulary has"):
        dataset_of(spec)


def test_fewer_molecules_than_a_batch_train_and_one_is_held_out(
    parent: str, data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([parent, *data(["B", "BC"]), *QUICK, f"out={tmp_path / 'two'}"])
    assert "data:    new: 1 train, 1 valid, 0 test" in capsys.readouterr().out
    main([parent, *data(["B"]), *QUICK, f"out={tmp_path / 'one'}"])
    assert "stops:   at its end, as no molecule is held out" in capsys.readouterr().out


def test_a_run_whose_loss_falls_no_more_ends_early_and_is_finished(
    parent: str, data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = ["trainer.learning_rate=1e-30", "trainer.patience=2", "trainer.validate_every=2"]
    steps = [*QUICK[1:], "trainer.steps=100"]
    main([parent, *data(NEW), *steps, *still, f"out={tmp_path / 'child'}"])
    assert torch.load(tmp_path / "child/last.ckpt", weights_only=True)["global_step"] == 6
    said = capsys.readouterr().out
    assert "held-out loss: least at step 2, no lower in 2 looks since; those weights" in said
    assert "after 6 steps" in said
    main([f"resume={tmp_path / 'child'}"])
    said = capsys.readouterr().out
    assert "finished already, 6 steps" in said
    assert said.endswith("a larger trainer.patience would let it go on\n")
    main([f"resume={tmp_path / 'child'}", "trainer.patience=3"])
    assert torch.load(tmp_path / "child/last.ckpt", weights_only=True)["global_step"] == 8


def test_a_resumed_run_equals_an_uninterrupted_one_without_its_parent(
    parent: str, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [parent, *data(NEW), *QUICK, "trainer.batch_size=5", "trainer.validate_every=1"]
    options += ["trainer.learning_rate=0.01", "trainer.steps=6"]
    main([*options, f"out={tmp_path / 'whole'}"])
    step = FlowModule.training_step

    def training_step(module: FlowModule, item: tuple[int, Any], batch_idx: int) -> Any:
        if item[0] == 3:
            monkeypatch.setattr(FlowModule, "training_step", step)
            os.kill(os.getpid(), signal.SIGINT)
        return step(module, item, batch_idx)

    monkeypatch.setattr(FlowModule, "training_step", training_step)
    with pytest.raises(KeyboardInterrupt):
        main([*options, f"out={tmp_path / 'parts'}"])
    (tmp_path / "parent").rename(tmp_path / "elsewhere")
    main([f"resume={tmp_path / 'parts'}"])
    whole, parts = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert read_spec(tmp_path / "whole") == read_spec(tmp_path / "parts")


def test_a_resumed_run_replays_what_an_uninterrupted_one_does(
    parent: str, data: Any, tmp_path: Path
) -> None:
    options = [parent, *data(NEW), *QUICK, "trainer.batch_size=5", "trainer.replay=0.4"]
    main([*options, "trainer.steps=4", f"out={tmp_path / 'whole'}"])
    law = read_spec(tmp_path / "whole").size_law
    main([f"resume={tmp_path / 'whole'}", "trainer.steps=5"])
    assert read_spec(tmp_path / "whole").size_law == law


def test_replay_needs_a_parent(data: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trainer.replay=0.5: only with checkpoint="):
        main([*data(NEW), "trainer.replay=0.5", f"out={tmp_path / 'a'}"])


def test_a_fine_tuned_model_is_a_parent(parent: str, data: Any, tmp_path: Path) -> None:
    main([parent, *data(NEW), *QUICK, f"out={tmp_path / 'child'}"])
    source = data(["CN", "CCl", "CBr", "B"], "third")
    child = f"checkpoint={tmp_path / 'child'}"
    main([child, *source, *QUICK, "trainer.replay=0.5", f"out={tmp_path / 'grandchild'}"])
    assert read_spec(tmp_path / "grandchild").vocabulary.atoms == ("C", "O", "B", "N", "Cl", "Br")


@pytest.mark.slow
def test_fine_tuning_makes_molecules_of_the_series(
    spec: ModelSpec, data: Any, fresh: Callable[[ModelSpec], nn.Module], tmp_path: Path
) -> None:
    save_model(tmp_path / "parent", fresh(spec), spec)
    options = ["trainer.steps=300", "trainer.learning_rate=0.01", "flow.distill=none"]
    main([f"checkpoint={tmp_path / 'parent'}", *data(NEW), *QUICK, *options,
          f"out={tmp_path / 'child'}"])  # fmt: skip
    made = molflow.load(tmp_path / "child", "cpu").sample(100, 20).smiles
    assert sum(one is not None and "B" in one for one in made) > 60
