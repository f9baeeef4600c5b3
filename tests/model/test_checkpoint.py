"""A model on disk: what is written comes back, and what is damaged is one clear line."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import molflow
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS
from molflow.loading import load
from molflow.model.checkpoint import load_weights, read_spec, save_model
from molflow.model.conditions import Standard
from molflow.model.network import build_network
from molflow.model.place import PRETRAINED, find_model
from molflow.model.spec import FORMAT, ModelSpec
from molflow.sequence.vocabulary import TokenVocabulary


@pytest.fixture
def spec(tiny_spec) -> ModelSpec:
    """Of up to three atoms, with charges, in canonical order."""
    return tiny_spec(
        vocabulary=Vocabulary(("C", "N", "N+", "O-", "O")),
        max_size=3,
        size_law=(0.0, 0.25, 0.25, 0.5),
        width=8,
        pair_width=4,
        positions=True,
        dataset={"name": "qm9", "split": "digress"},
    )


@pytest.fixture
def model(tmp_path, spec, fresh) -> Path:
    """A folder with an untrained model."""
    save_model(tmp_path, fresh(spec), spec)
    return tmp_path


RELEASED = "qm9, qm9_smiles, text, zinc250k"
QED = {"name": "qed", "mean": 0.5, "spread": 0.1, "low": 0.2, "high": 0.7}


def edit(folder: Path, **changes: object) -> None:
    """Changes keys of config.json; None takes a key out."""
    values = json.loads((folder / CONFIG).read_text()) | changes
    kept = {name: value for name, value in values.items() if value is not None}
    (folder / CONFIG).write_text(json.dumps(kept))


def error_of(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        molflow.load(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_configuration_comes_back(model, spec):
    assert read_spec(model) == spec


def test_what_the_model_was_told_in_training_comes_back(tmp_path, spec, fresh):
    qed, logp = Standard("qed", 0.1 + 0.2, 1 / 3, 0.0, 0.7), Standard("logp", -1, 2.0, -7, 3.5)
    told = replace(spec, condition=(qed, logp))
    save_model(tmp_path, fresh(told), told)
    assert molflow.load(tmp_path).spec == told


def test_a_configuration_of_format_1_has_no_condition(model, spec):
    edit(model, format=1, condition=None, max_size=None, max_atoms=spec.max_size)
    assert molflow.load(model).spec == spec
    edit(model, format=2, max_size=spec.max_size)
    assert error_of(model).endswith("condition is missing")


def test_a_network_of_format_2_has_wide_pairs_and_no_distances(model, spec):
    edit(model, format=2, pair_expand=None, distances=None)
    assert molflow.load(model).spec == replace(spec, pair_expand=4, distances=False)


@pytest.mark.parametrize("name", sorted(path.name for path in PRETRAINED.iterdir()))
def test_the_released_models_are_of_the_format_of_today_and_are_read_as_they_are(name):
    folder = PRETRAINED / name
    assert json.loads((folder / CONFIG).read_text())["format"] == FORMAT
    assert (folder / WEIGHTS).stat().st_size <= 16e6
    model = molflow.load(name, "cpu")
    told = ("qed", "logp", "sa", "tpsa", "mw") if name == "zinc250k" else ()
    assert tuple(one.name for one in model.spec.condition) == told
    weights = load_file(folder / WEIGHTS)
    found = model.net.state_dict()
    assert found.keys() == weights.keys()
    # What is stored in half precision is read into single precision, exactly.
    assert all(torch.equal(found[one], value.float()) for one, value in weights.items())


def test_weights_without_a_condition_are_not_those_of_a_model_with_one(model):
    edit(model, condition=[QED])
    assert error_of(model).endswith("condition.context.weight is missing")


def test_the_weights_come_back_exactly(model, spec, fresh):
    wanted = fresh(spec).state_dict()
    found = molflow.load(model).net.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_loaded_model_is_on_the_cpu_in_evaluation_mode_and_knows_its_file(model):
    generator = molflow.load(model, device="cpu")
    assert not generator.net.training
    assert generator.device == torch.device("cpu")
    assert generator.fingerprint == hashlib.sha256((model / WEIGHTS).read_bytes()).hexdigest()


def test_the_file_of_weights_stands_for_its_folder(model, spec):
    assert molflow.load(model / WEIGHTS).spec == spec


def test_both_files_are_as_readable_as_the_users_other_files(model):
    (model / "other").touch()
    modes = {os.stat(model / name).st_mode for name in (CONFIG, WEIGHTS, "other")}
    assert len(modes) == 1


def test_saving_again_replaces_the_model_and_leaves_nothing_else(model, spec):
    net = build_network(spec)
    save_model(model, net, spec)
    first = molflow.load(model).net.state_dict()["atoms_in.weight"]
    assert torch.equal(first, net.state_dict()["atoms_in.weight"])
    assert sorted(path.name for path in model.iterdir()) == [CONFIG, WEIGHTS]


def test_weights_without_the_name_of_a_vocabulary_load_by_their_shapes(model, spec):
    save_file(load_file(model / WEIGHTS), model / WEIGHTS)
    assert molflow.load(model).spec == spec


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert error_of(tmp_path / "no") == (
        f"checkpoint={tmp_path / 'no'}: no such folder; released models: {RELEASED}"
    )


def test_a_file_instead_of_a_folder_is_named(tmp_path):
    (tmp_path / "last.ckpt").touch()
    assert error_of(tmp_path / "last.ckpt").endswith(
        f"last.ckpt: a file, where a folder is needed; released models: {RELEASED}"
    )


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_the_missing_file_is_named(model, name):
    (model / name).unlink()
    assert error_of(model) == f"checkpoint={model}: no model there, {name} is missing"


def test_a_truncated_configuration_is_named(model):
    text = (model / CONFIG).read_text()
    (model / CONFIG).write_text(text[: len(text) // 2])
    assert error_of(model).startswith(f"{model / CONFIG}: truncated or not JSON (")


def test_a_configuration_that_is_not_text_is_named(model):
    (model / CONFIG).write_bytes(b"\xff\x00\xfe")
    assert error_of(model).startswith(f"{model / CONFIG}: not the configuration of a model: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "format is missing"),
        ({"format": 4}, "format is 4, this version reads 1, 2, 3"),
        ({"heads": None}, "heads is missing"),
        ({"width": 0}, "width is 0, not a count"),
        ({"depth": "six"}, "depth is 'six', not a count"),
        ({"heads": 3}, "width 8 is no multiple of 3, for so many heads"),
        ({"positions": 1}, "positions is 1, not a bool"),
        ({"dataset": "qm9"}, "dataset is 'qm9', not a dict"),
        ({"prior_scale": -1}, "prior_scale is -1, not a positive number"),
        ({"prior_scale": float("nan")}, "prior_scale is nan, not a positive number"),
        ({"max_size": 4}, "size_law is no law of sizes from 0 to max_size=4"),
        ({"pair_width": 0}, "pair_width is 0, not a count"),
        ({"size_law": [0, 0.5, 0.5, 0.5]}, "size_law is no law of sizes from 0 to max_size=3"),
        ({"size_law": [0.5, 0, 0, 0.5]}, "size_law has things of size 0"),
        ({"size_law": 7}, "vocabulary or size_law: TypeError("),
        ({"vocabulary": {"atoms": ["C"]}}, "vocabulary or size_law: KeyError('bonds')"),
        ({"vocabulary": {"atoms": ["c"], "bonds": [], "charged": True}}, "bonds ()"),
        ({"condition": 7}, "condition: TypeError("),
        ({"condition": ["qed"]}, "condition: TypeError("),
        ({"condition": [{"name": "qed"}]}, "condition: TypeError("),
        ({"condition": [QED | {"spread": 0}]}, "not a name, mean, spread, low and high"),
        ({"condition": [QED | {"mean": "high"}]}, "not a name, mean, spread, low and high"),
        ({"condition": [QED | {"low": 0.7}]}, "not a name, mean, spread, low and high"),
        ({"condition": [QED | {"name": "qde"}]}, "'qde', no property that this version knows"),
        ({"condition": [QED, QED]}, "condition has a name twice: qed, qed"),
        ({"loss": "cds"}, "loss is 'cds', this version knows cross_entropy, mse"),
    ],
)
def test_a_configuration_that_makes_no_sense_says_what_is_wrong(model, changes, message):
    edit(model, **changes)
    error = error_of(model)
    assert error.startswith(f"{model / CONFIG}: ")
    assert message in error


def test_json_of_another_kind_is_no_configuration(model):
    (model / CONFIG).write_text("[1, 2]")
    assert error_of(model).endswith("not the configuration of a model: format is missing")


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.999])
def test_truncated_weights_are_named_wherever_they_end(model, share):
    content = (model / WEIGHTS).read_bytes()
    (model / WEIGHTS).write_bytes(content[: int(share * len(content))])
    assert error_of(model).startswith(f"{model / WEIGHTS}: truncated or not a safetensors file (")


def test_another_vocabulary_of_another_size_is_found_by_the_names(model):
    other = Vocabulary(("C", "N", "O", "F", "S", "Cl"))
    edit(model, vocabulary=other.to_dict())
    assert error_of(model) == (
        f"{model / WEIGHTS}: of another vocabulary (C N N+ O- O none single double triple) "
        f"than {CONFIG} beside it"
    )


def test_another_vocabulary_of_the_same_size_is_found_too(model):
    edit(model, vocabulary=Vocabulary(("C", "N", "O", "F", "S")).to_dict())
    assert "of another vocabulary" in error_of(model)


def test_another_vocabulary_is_found_by_shape_where_no_names_go_with_the_weights(model):
    save_file(load_file(model / WEIGHTS), model / WEIGHTS)
    edit(model, vocabulary=Vocabulary(("C", "N", "O")).to_dict())
    assert error_of(model).endswith(
        "atoms_in.weight is (8, 6) instead of (8, 4): another vocabulary or size"
    )


def test_a_tensor_that_is_missing_is_named(model):
    tensors = load_file(model / WEIGHTS)
    del tensors["atoms_out.bias"]
    save_file(tensors, model / WEIGHTS)
    assert error_of(model).endswith(": atoms_out.bias is missing")


def test_a_tensor_too_many_is_named(model):
    edit(model, positions=False)
    assert error_of(model).endswith("_position is unknown")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 10**9}, "width is 1000000000 there, more than they have room for"),
        ({"width": 10**30}, f"width is {10**30} there, more than they have room for"),
        ({"pair_width": 10**12}, "pair_width is 1000000000000 there, more than"),
        ({"depth": 10**9}, "depth is 1000000000 there, more than"),
        ({"max_size": 10**6, "size_law": [0, 1] + [0] * (10**6 - 1)}, "max_size is 1000000 "),
        ({"width": 16}, "is (3, 8) instead of (3, 16): another vocabulary or size"),
        ({"depth": 2}, "blocks.1.norm_attention.read.weight is missing"),
    ],
)
def test_numbers_that_the_weights_do_not_have_are_found_before_anything_is_built(
    model, changes, message, monkeypatch
):
    def build(spec: ModelSpec) -> torch.nn.Module:
        assert torch.empty(0).is_meta
        return build_network(spec)

    monkeypatch.setattr("molflow.model.model.build_network", build)
    edit(model, **changes)
    error = error_of(model)
    assert error.startswith(f"{model / WEIGHTS}: not the weights of {CONFIG} beside it: ")
    assert message in error


def test_weights_without_content_have_room_for_nothing(model):
    save_file({"empty": torch.zeros(10**12, 0)}, model / WEIGHTS)
    edit(model, width=10**12, heads=10**12)
    assert error_of(model).endswith("max_size is 3 there, more than they have room for")


def test_a_model_of_format_1_is_read_with_its_largest_size(spec):
    plain = spec.to_dict()
    old = {**plain, "format": 1, "max_atoms": plain["max_size"]}
    del old["max_size"]
    assert ModelSpec.from_dict(old) == spec


def test_a_model_of_strings_keeps_its_vocabulary(spec):
    letters = TokenVocabulary(tuple(" ab"), "characters", end=True)
    strings = replace(spec, vocabulary=letters, pair_width=None, heads=2)
    assert ModelSpec.from_dict(json.loads(json.dumps(strings.to_dict()))) == strings


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_process_forked_after_cuda_was_used_is_told_so(model, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    with pytest.raises(InputError, match="forked after it was used"):
        molflow.load(model, device=device)
    molflow.load(model, device="cpu")


@pytest.mark.parametrize("device", ["tpu9", "cuda:99", "meta", "", None])
def test_a_device_that_torch_cannot_use_is_named(model, device):
    with pytest.raises(InputError) as error:
        molflow.load(model, device=device)
    assert str(error.value) == (
        f"device={device!r}: auto, cpu, cuda or another that torch can use here"
    )


def test_weights_that_do_not_fit_change_nothing(model, spec):
    net = build_network(replace(spec, width=16))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(InputError, match="instead of"):
        load_weights(model, net, spec.vocabulary)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_generator_shows_itself_in_one_line(model):
    generator = molflow.load(model)
    count = sum(p.numel() for p in generator.net.parameters())
    assert repr(generator) == (
        f"Generator({count:,} parameters on cpu, trained on qm9: up to 3 atoms of C N N+ O- O)"
    )


def test_a_released_model_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    released = load("qm9")
    assert released.spec.dataset["name"] == "qm9"
    assert len(released.sample(2, steps=2)) == 2


def test_a_folder_of_other_things_does_not_hide_the_model_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qm9").mkdir()
    assert find_model("qm9") == PRETRAINED / "qm9"
    with pytest.raises(InputError, match=r"checkpoint=\./qm9: no model there"):
        find_model("./qm9")
    (tmp_path / "qm9" / "config.json").write_text("{}")
    (tmp_path / "qm9" / "model.safetensors").write_bytes(b"")
    assert find_model("qm9") == Path("qm9")


def test_a_model_is_found_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "run" / name).write_bytes(b"")
    assert find_model("~/run") == tmp_path / "run"
