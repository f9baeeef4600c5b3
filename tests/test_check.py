"""The program that checks a flow map: what it measures on, writes, prints, grades and refuses."""

import hashlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from molflow.build import build_dataset
from molflow.check import main
from molflow.config import CheckConfig, DatasetConfig
from molflow.errors import InputError
from molflow.files import WEIGHTS
from molflow.generator import Generator
from molflow.graph.graph import Graph
from molflow.graph.state import to_graphs
from molflow.graph.transformer import Block
from molflow.health.findings import judge, judge_identities
from molflow.health.probes import (
    find_data,
    identities,
    likelihood,
    measure_flow_map,
    states_at,
)
from molflow.loading import load
from molflow.model.checkpoint import save_model
from molflow.model.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")

MOLECULES = ["C", "N", "O", "CC", "CN", "CO", "CCC", "CCO", "CCN", "C=O", "C#N", "CCCC"]
MOLECULES += ["NN", "NO", "OO", "CCCO", "CCCN", "COC", "CNC", "CC=O", "C=C", "C#C", "CC#N", "C1CC1"]
MOLECULES += ["CC(C)C", "C1CCC1", "NCO", "OCO", "NCN", "CC=C"]
SMALL = ["n=6", "grid=2", "substeps=2"]


@pytest.fixture(scope="module")
def network(fresh, perturbed) -> Callable[[ModelSpec], torch.nn.Module]:
    """The network of a model that was never trained, off zero."""
    return lambda spec: perturbed(fresh(spec), seed=1, size=0.3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_spec, network) -> Path:
    """A model of up to four atoms that was never trained, its data nowhere to be found."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, network(tiny_spec()), tiny_spec())
    return folder


@pytest.fixture(scope="module")
def of_a_file(tmp_path_factory, molecule_file, tiny_spec, network) -> Path:
    """The same, its data a file that is there."""
    folder = tmp_path_factory.mktemp("of_a_file")
    spec = tiny_spec(molecule_file(folder / "mine.csv", MOLECULES))
    save_model(folder / "model", network(spec), spec)
    return folder / "model"


def run(checkpoint: Path, out: Path, *arguments: str) -> dict:
    main([f"checkpoint={checkpoint}", f"out={out}", *SMALL, *arguments])
    return json.loads((out / "check.json").read_text())


def error_of(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        run(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory) -> Path:
    """The folder of one check. Not to be changed."""
    folder = tmp_path_factory.mktemp("results") / "made" / "on demand"
    run(checkpoint, folder)
    return folder


@pytest.fixture(scope="module")
def record(results) -> dict:
    """Its check.json. Not to be changed."""
    return json.loads((results / "check.json").read_text())


@pytest.fixture(scope="module")
def record_of_a_file(of_a_file, tmp_path_factory) -> dict:
    """check.json of the model whose data are there. Not to be changed."""
    return run(of_a_file, tmp_path_factory.mktemp("results_of_a_file"))


def test_a_check_leaves_its_three_files_and_nothing_else(results):
    files = ["check.json", "check.png", "config.yaml"]
    assert sorted(path.name for path in results.iterdir()) == files


def test_the_results_may_lie_beside_the_model(checkpoint):
    before = (checkpoint / WEIGHTS).read_bytes()
    run(checkpoint, checkpoint)
    assert (checkpoint / "check.json").is_file()
    assert (checkpoint / WEIGHTS).read_bytes() == before


def test_the_record_says_what_was_measured_of_what(record, checkpoint):
    assert record["config"]["grid"] == 2
    assert record["checkpoint"] == {
        "path": str(checkpoint),
        "sha256": hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest(),
    }
    assert "1.414 apart" in record["norm"]
    assert {row["measure"] for row in record["means"]} == set(record["measures"])


def test_the_record_has_a_row_for_every_measure_field_and_pair_of_times(record):
    pairs = {(0.0, 0.5), (0.0, 1.0), (0.5, 1.0)}
    for measured in ("semigroup", "semigroup_euler", "flow", "flow_euler", "flow_floor"):
        rows = [row for row in record["means"] if row["measure"] == measured]
        assert {(r["field"], r["s"], r["t"]) for r in rows} == {
            (field, *pair) for field in ("atoms", "pairs") for pair in pairs
        }
        assert all(0 <= row["mean"] < 10 for row in rows)


def test_the_printed_tables_say_what_is_good_and_what_is_bad(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path)
    shown = capsys.readouterr().out
    for text in (
        "|X_ut(X_su(x_s)) - X_st(x_s)|",
        "0 is exact",
        "│ s=0.5 ",
        "mu_s1 atoms",
        "pairs: entropy of mu_01",
        "good: at most half",
        "bad: no less",
        "│ holds ",
    ):
        assert text in shown


def test_the_picture_has_a_row_for_each_field(results):
    assert Image.open(results / "check.png").size == (1600, 920)


def test_the_same_seed_finds_the_same_and_another_does_not(record, checkpoint, tmp_path):
    assert run(checkpoint, tmp_path / "same")["means"] == record["means"]
    assert run(checkpoint, tmp_path / "other", "seed=1")["means"] != record["means"]


@pytest.mark.parametrize(
    ("model", "whole"), [("checkpoint", "record"), ("of_a_file", "record_of_a_file")]
)
def test_the_batch_size_changes_nothing_but_rounding(model, whole, request, tmp_path):
    parts = run(request.getfixturevalue(model), tmp_path, "batch_size=2")["means"]
    for one, other in zip(request.getfixturevalue(whole)["means"], parts, strict=True):
        assert other["mean"] == pytest.approx(one["mean"], abs=1e-5)


def test_without_data_the_states_are_the_models_own_and_it_is_said_why(record):
    assert record["states"].startswith("no validation molecules: ")
    assert "absent.csv" in record["states"]
    assert record["states"].endswith("6 of the model's own samples at s by the Euler walk")


def test_with_data_the_states_are_its_validation_molecules(of_a_file, record_of_a_file):
    record = record_of_a_file
    valid = len(build_dataset(DatasetConfig(**load(of_a_file).spec.dataset)).splits["valid"])
    assert valid < 6
    assert record["states"] == f"x_s are {valid} noised validation molecules of mine"
    assert record["config"]["n"] == valid


def test_data_that_have_changed_since_the_training_are_not_used(of_a_file):
    spec = replace(load(of_a_file).spec, size_law=(0.0, 0.5, 0.5, 0.0, 0.0))
    assert find_data(spec) == (
        None,
        "no validation molecules: mine has changed since the training: its law of sizes has",
    )


def classes(graphs: list[Graph]) -> list[tuple[list[int], list[int]]]:
    return sorted((graph.atoms.tolist(), graph.pairs.tolist()) for graph in graphs)


def test_the_states_end_at_the_validation_molecules(of_a_file):
    generator = load(of_a_file)
    data, _ = find_data(generator.spec)
    assert data is not None
    valid = data.splits["valid"]
    config = CheckConfig(n=len(valid))
    (x_1,) = states_at([1.0], range(len(valid)), config, generator, data)
    expected = [data.packed.graph(i) for i in valid]
    assert len(expected) == 3
    assert classes(to_graphs(x_1)) == classes(expected)


def test_at_time_0_the_states_are_the_noise_of_the_prior(of_a_file):
    generator = load(of_a_file)
    data, _ = find_data(generator.spec)
    (x_0,) = states_at([0.0], range(2), CheckConfig(n=2), generator, data)
    for i, size in enumerate(x_0.exists["atoms"].sum(1).tolist()):
        noise = generator.crowd([i], 0, generator.plan(size)).normal()["atoms"]
        assert torch.allclose(x_0.values["atoms"][i, :size], 0.5 * noise[0])


def test_one_atom_alone_has_no_pairs_to_measure(tiny_spec, network):
    spec = tiny_spec(max_size=1, size_law=(0.0, 1.0))
    generator = Generator(network(spec).eval(), spec)
    means = measure_flow_map(CheckConfig(n=3, grid=1), generator, None)
    assert math.isnan(means["semigroup", "pairs", 0.0, 1.0])
    assert means["semigroup", "atoms", 0.0, 1.0] > 0
    assert identities(generator, 0)["padding"] is None
    assert "undefined" in {finding.verdict for finding in judge(means)}


def test_a_regression_has_no_entropy(tiny_spec, network, tmp_path):
    spec = tiny_spec(loss="mse")
    save_model(tmp_path / "model", network(spec), spec)
    record = run(tmp_path / "model", tmp_path / "out")
    nats = [row["mean"] for row in record["means"] if row["measure"] == "entropy"]
    assert set(nats) == {None}
    flow = [row["mean"] for row in record["means"] if row["measure"] == "flow"]
    assert None not in flow


def test_a_sound_network_holds_its_identities(checkpoint):
    errors = identities(load(checkpoint), 0)
    assert list(errors) == ["slope", "padding", "permutation"]
    assert all(error is not None and error < 1e-10 for error in errors.values())


def test_double_precision_is_of_a_copy(checkpoint):
    generator = load(checkpoint)
    identities(generator, 0)
    assert {p.dtype for p in generator.net.parameters()} == {torch.float32}


def test_permutations_do_not_apply_to_a_network_with_positions(tiny_spec, network):
    spec = tiny_spec(positions=True)
    errors = identities(Generator(network(spec), spec), 0)
    assert errors["permutation"] is None
    assert [f.verdict for f in judge_identities(errors)][2] == "not applicable: canonical order"


def test_a_network_without_its_mask_is_called_broken(checkpoint, monkeypatch):
    forward = Block.forward

    def unmasked(self, h, e, c, keys, index):
        return forward(self, h, e, c, torch.zeros_like(keys), index)

    monkeypatch.setattr(Block, "forward", unmasked)
    verdicts = {f.question: f.verdict for f in judge_identities(identities(load(checkpoint), 0))}
    assert verdicts == {
        "slope on the diagonal - velocity": "holds",
        "logits padded - alone": "broken",
        "logits permuted - of permuted atoms": "holds",
    }


def test_a_network_with_hidden_positions_is_called_broken(tiny_spec, network):
    generator = Generator(network(tiny_spec(positions=True)), tiny_spec())
    (*_, permutation) = judge_identities(identities(generator, 0))
    assert permutation.verdict == "broken"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("n=0", "n=0: must be at least 1"),
        ("grid=0", "grid=0: must be at least 1"),
        ("substeps=1", "substeps=1: must be at least 2"),
        ("batch_size=0", "batch_size=0: must be at least 1"),
        ("checkpoint=no/where", "checkpoint=no/where: no such folder; released models: qm9"),
        ("checkpoint=", "checkpoint: needs a value"),
        ("steps=5", "unknown key 'steps': did you mean substeps?"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(
    checkpoint, tmp_path, argument, message
):
    assert error_of(checkpoint, tmp_path / "out", argument).startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_place_of_a_file_is_found_before_the_measuring(
    checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "molflow.health.probes.measure_flow_map", lambda *_: pytest.fail("measured")
    )
    (tmp_path / "check.png").mkdir()
    assert "check.png is a folder there" in error_of(checkpoint, tmp_path)


def test_a_failure_while_writing_leaves_no_record_of_an_earlier_check(
    checkpoint, results, tmp_path, monkeypatch
):
    folder = shutil.copytree(results, tmp_path / "out")
    monkeypatch.setattr("molflow.health.drawing.draw_health", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(checkpoint, folder, "seed=1")
    assert sorted(path.name for path in folder.iterdir()) == ["check.png", "config.yaml"]


@pytest.fixture(scope="module")
def of_a_text(tmp_path_factory, token_spec, network) -> Path:
    """A model of texts of five characters that was never trained, its data there."""
    folder = tmp_path_factory.mktemp("of_a_text")
    (folder / "mine.txt").write_text("a bad cab " * 40)
    data = DatasetConfig(name="text", path=str(folder / "mine.txt"), split="standard", length=5)
    symbols = build_dataset(data).vocabulary.symbols
    spec = token_spec(symbols, "characters", (0.0,) * 5 + (1.0,), dataset=vars(data).copy())
    save_model(folder / "model", network(spec), spec)
    return folder / "model"


def test_a_model_of_texts_is_checked_on_windows_of_its_text(of_a_text, tmp_path, capsys):
    record = run(of_a_text, tmp_path / "out", "n=3")
    assert record["states"] == "x_s are 3 noised validation texts of mine"
    assert {row["field"] for row in record["means"]} == {"tokens", "any"}
    assert (tmp_path / "out" / "check.png").is_file()
    shown = capsys.readouterr().out
    assert "tokens: |X_ut(X_su(x_s)) - X_st(x_s)|, u = (s+t)/2" in shown
    assert not [word for word in ("molecule", "atoms", "order") if word in shown]


@pytest.mark.parametrize("length", [1, 4])
def test_a_sound_network_of_tokens_holds_its_identities_whatever_the_length(
    token_spec, network, length
):
    spec = token_spec("abc", "characters", (0.0,) * length + (1.0,))
    errors = identities(Generator(network(spec), spec), 0)
    assert errors["slope"] < 1e-6
    assert "permutation" not in errors  # The order of a text is its meaning.
    assert (errors["padding"] is None) == (length == 1)
    assert length == 1 or errors["padding"] < 1e-12


def test_help_is_printed_without_loading_torch_or_rdkit():
    code = (
        "import sys; from molflow.check import main; main(['--help']);"
        "print([name for name in ('torch', 'rdkit', 'hydra', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "molflow check [key=value" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_bits_do_not_depend_on_the_batch(of_a_file):
    generator = load(of_a_file)
    data, _ = find_data(generator.spec)
    whole, one = (likelihood(CheckConfig(n=3, batch_size=size), generator, data) for size in (3, 1))
    for field, (value, error) in whole.items():
        assert one[field] == (pytest.approx(value, rel=1e-5), pytest.approx(error, rel=1e-4))


def test_bits_are_in_the_summary_where_the_data_are(record_of_a_file, record):
    def questions(found: dict) -> list[str]:
        return [row["question"] for row in found["summary"]]

    assert "pairs: bits a variable, at most" in questions(record_of_a_file)
    assert not any("bits" in question for question in questions(record))
