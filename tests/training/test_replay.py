"""Molecules of the parent in every batch: how many, which, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from molflow.build import build_context, build_dataset, build_stream
from molflow.config import DatasetConfig, TrainConfig, TrainerConfig
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.model.checkpoint import save_model
from molflow.model.spec import ModelSpec
from molflow.training import replay
from molflow.training.replay import Mixed, build_replay, count_of, joined

OLD = ["CO", "OCO", "COC", "OO", "COCO", "OCCO", "CCO", "CCCO", "O", "OCO", "CCCCO", "COO"]
NEW = ["CN", "NCN", "CNC", "NN", "C", "CCN", "CCCCCCCCCCCCCCCCCCN", "CCCN", "N", "NCCN"]


@pytest.fixture
def data(tmp_path: Path, molecule_file: Callable[..., DatasetConfig]) -> DatasetConfig:
    """Old molecules with oxygen."""
    return molecule_file(tmp_path / "old.csv", OLD)


@pytest.fixture
def parent(
    data: DatasetConfig,
    tiny_spec: Callable[..., ModelSpec],
    fresh: Callable[..., nn.Module],
    perturbed: Callable[..., nn.Module],
    tmp_path: Path,
) -> ModelSpec:
    """Saved in the folder parent: a model of the old molecules."""
    spec = tiny_spec(data)
    save_model(tmp_path / "parent", perturbed(fresh(spec)), spec)
    return spec


@pytest.fixture
def mixed(
    tmp_path: Path, data: DatasetConfig, molecule_file: Callable[..., DatasetConfig]
) -> Mixed:
    """Five of a batch of eight have nitrogen, three have oxygen; classes are C N O."""
    new = molecule_file(tmp_path / "new.csv", [*NEW, "O"])
    one = build_dataset(new)
    two = replay.recoded(build_dataset(data), one.vocabulary)
    return Mixed(build_stream(one, 5, 0), build_stream(two, 3, 0), 0)


def oxygens(x: State) -> list[bool]:
    """Which molecules have oxygen."""
    return (x.values["atoms"][..., 2].sum(1) > 0).tolist()


def equal(x: State, y: State) -> bool:
    return all(torch.equal(x.values[name], y.values[name]) for name in x.values)


def test_every_batch_has_as_many_of_the_parent_in_changing_places(mixed: Mixed) -> None:
    places = [oxygens(mixed.batch(step, 0, 1)) for step in range(20)]
    assert {len(one) for one in places} == {8}
    assert [sum(one) >= 3 for one in places] == [True] * 20
    assert np.mean([sum(one) for one in places]) < 4  # "O" is among the new ones, once
    assert len({tuple(one) for one in places}) > 10
    assert all(any(one[k] for one in places) for k in range(8))


def test_a_batch_is_a_function_of_seed_step_and_rank(mixed: Mixed) -> None:
    assert equal(mixed.batch(3, 1, 2), mixed.batch(3, 1, 2))
    assert not equal(mixed.batch(3, 1, 2), mixed.batch(3, 0, 2))
    assert not equal(mixed.batch(3, 0, 1), mixed.batch(4, 0, 1))
    assert not equal(mixed.batch(3, 0, 1), replace(mixed, seed=1).batch(3, 0, 1))


def test_a_batch_holds_the_examples_of_both_streams_padded_to_the_wider(mixed: Mixed) -> None:
    for step in range(4):
        both, own, other = (one.batch(step, 0, 1) for one in (mixed, mixed.own, mixed.other))
        for name, values in both.values.items():
            most = max(own.values[name].shape[1], other.values[name].shape[1])
            assert values.shape[1] == most
            sums = [x.values[name].sum((0, 1)) for x in (own, other)]
            assert torch.equal(values.sum((0, 1)), sums[0] + sums[1])
        assert both.exists["atoms"].sum() == own.exists["atoms"].sum() + other.exists["atoms"].sum()


def test_what_is_known_and_given_of_the_examples_goes_with_them(mixed: Mixed) -> None:
    own, other = mixed.own.batch(0, 0, 1), mixed.other.batch(0, 0, 1)
    own = own.knowing(torch.arange(5.0)[:, None]).hold(own.exists)
    other = other.knowing(torch.arange(5.0, 8.0)[:, None])
    both = joined(own, other)
    assert both.context is not None
    assert both.context[:, 0].tolist() == list(range(8))
    assert both.given["atoms"].any(1).tolist() == [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("share", "size", "count"),
    [(0.0, 1, 0), (0.25, 64, 16), (0.01, 8, 1), (0.99, 8, 7), (0.5, 2, 1)],
)
def test_a_share_of_a_batch_is_at_least_one_and_never_all(
    share: float, size: int, count: int
) -> None:
    assert count_of(share, size) == count


def test_a_batch_of_one_cannot_be_shared() -> None:
    with pytest.raises(InputError, match=r"trainer.replay=0.5: a batch of one molecule"):
        count_of(0.5, 1)


def config_for(folder: Path, share: float = 0.5) -> TrainConfig:
    return TrainConfig(checkpoint=str(folder / "parent"), trainer=TrainerConfig(replay=share))


def test_training_molecules_of_the_parent_are_replayed_where_they_are_here(
    parent: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MOST", 4)
    found = build_replay(config_for(tmp_path), parent.vocabulary, parent, 2)
    assert found.source == "from the 9 training molecules of old"
    train = set(replay.dataset_of(parent).smiles("train"))
    chosen = found.stream.dataset.smiles("train")
    assert len(chosen) == 4
    assert set(chosen) < train
    assert sum(found.size_law) == pytest.approx(1)
    assert len(found.stream.batch(0, 0, 1)) == 2


def test_what_is_told_of_replayed_molecules_is_measured_as_of_the_parents(
    parent: ModelSpec, tmp_path: Path
) -> None:
    dataset = build_dataset(DatasetConfig(**parent.dataset))
    context = build_context(["atoms"], dataset)
    shifted = (replace(context.standards[0], mean=100.0, spread=2.0),)
    told = replace(parent, condition=shifted)
    found = build_replay(config_for(tmp_path), parent.vocabulary, told, 3)
    x = found.stream.batch(0, 0, 1)
    assert x.context is not None
    assert torch.allclose(x.context[:, 0], (x.exists["atoms"].sum(1) - 100) / 2)


def test_a_parent_whose_data_are_gone_makes_molecules_once_that_are_replayed(
    parent: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "made"))
    monkeypatch.setattr(replay, "MADE", 40)
    monkeypatch.setattr(replay, "MADE_STEPS", 2)
    Path(parent.dataset["path"]).unlink()
    found = build_replay(config_for(tmp_path), parent.vocabulary, parent, 2)
    made = found.stream.dataset.smiles("train")
    assert found.source.startswith(f"from {len(made)} molecules that it made, as its data are not")
    (kept,) = (tmp_path / "made" / "replay").glob("*.smi")
    valid = [one.strict for one in replay.load(tmp_path / "parent").sample(40, 2)]
    assert set(made) <= set(kept.read_text().split()) == set(valid) - {None}

    def refuse(*_: object) -> None:
        raise AssertionError("made twice")

    monkeypatch.setattr(replay, "atomic_write", refuse)
    again = build_replay(config_for(tmp_path), parent.vocabulary, parent, 2)
    assert again.stream.dataset.smiles("train") == made


def test_a_model_of_strings_replays_its_data_alone(
    token_spec: Callable[..., ModelSpec], fresh: Callable[..., nn.Module], tmp_path: Path
) -> None:
    spec = token_spec("CO", "smiles", (0.0, 1.0))
    save_model(tmp_path / "parent", fresh(spec), spec)
    with pytest.raises(InputError, match=r"trainer.replay: needs the data of .*: cannot read"):
        build_replay(config_for(tmp_path), spec.vocabulary, spec, 2)
