"""The benchmark of text: its rows, its anchors, what it keeps, writes and refuses."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from molflow.datasets.text import TextDataset, windows
from molflow.errors import InputError
from molflow.sampling.walk import Route, Walk, plan_walk

pytest.importorskip("benchmarks.text", reason="the folder benchmarks is not here")

from benchmarks.common.measuring import WalkOptions
from benchmarks.text import rows
from benchmarks.text.__main__ import compared, main

pytestmark = pytest.mark.usefixtures("undrawn")

ANCHORS = ["held_out", "training", "unigram", "bigram", "5-gram"]
LENGTH = 16


@pytest.fixture(scope="module")
def data() -> TextDataset:
    """Sentences of seven words: 6,000 characters and more, 37 windows held out."""
    random = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "mat", "dogs", "run"]
    text = " ".join(words[i] for i in random.integers(len(words), size=1_650))
    return windows("few", "few.txt", text, LENGTH)


@dataclass
class StandIn:
    """In place of a model: texts of the training set's first words, the same for every method."""

    data: TextDataset
    fingerprint: str = "f" * 64
    device: str = "cpu"
    asked: list[tuple] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    spec: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            to_dict=lambda: {"dataset": {"name": "text", "path": "/home/me/few.txt"}}
        )
    )

    def walk(self, route: Route) -> Walk:
        return plan_walk(route, has_map=True, fields=("tokens",))

    def crowd(self, molecules: range, seed: int) -> tuple[int, int]:
        return len(molecules), seed

    def follow(self, walk: Walk, crowd: tuple[int, int]) -> SimpleNamespace:
        (n, seed), steps = crowd, walk.steps
        self.asked.append((n, steps, walk.method, seed, walk.noise))
        self.walks.append(walk)
        text = self.data.text("train")
        return SimpleNamespace(texts=[text[i : i + LENGTH] for i in range(steps, steps + n)])


@pytest.fixture
def model(data: TextDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIn:
    made = StandIn(data)
    monkeypatch.setattr("molflow.loading.load", lambda checkpoint: made)
    monkeypatch.setattr(rows, "dataset_of", lambda spec: made.data)
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "cache"))
    return made


def run(out: Path, *arguments: str) -> dict:
    main(["checkpoint=model", "name=tiny", f"out={out}", "n=20", "steps=1,4", *arguments])
    return json.loads((out / "text-tiny.json").read_text())


def row(result: dict, method: str, steps: int = 0) -> dict:
    (found,) = (r for r in result["rows"] if (r["method"], r["steps"]) == (method, steps))
    return found


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(["checkpoint=model", "name=tiny", *arguments])
    return str(error.value)


def test_methods_are_measured_at_every_number_of_steps_beside_the_anchors(model, tmp_path):
    found = [(row["method"], row["steps"]) for row in run(tmp_path)["rows"]]
    made = [(method, steps) for method in ("flow_map", "euler") for steps in (1, 4)]
    assert found == [(name, 0) for name in ANCHORS] + made


def test_a_row_has_every_number_together(model, tmp_path):
    numbers = row(run(tmp_path), "euler", 4)
    assert numbers["texts"] == 20
    assert {"words_in_vocabulary", "perplexity", "bits_per_character"} < set(numbers)
    assert {"entropy", "entropy_ratio", "distinct_4", "distinct_8", "words"} < set(numbers)


def test_evaluations_are_those_of_the_method(model, tmp_path):
    result = run(tmp_path, "methods=heun,euler")
    assert row(result, "heun", 4)["evaluations"] == 7
    assert row(result, "euler", 4)["evaluations"] == 4


def test_the_entropy_is_compared_with_that_of_held_out_text():
    rows = [{"method": "unigram", "entropy": 3.0}, {"method": "held_out", "entropy": 4.0}]
    assert [row["entropy_ratio"] for row in compared(rows)] == [0.75, 1]


def test_the_texts_of_a_row_are_those_that_the_model_made(model, tmp_path):
    numbers = row(run(tmp_path, "seed=3"), "flow_map", 4)
    text = model.data.text("train")
    assert numbers["examples"] == [text[i : i + LENGTH] for i in (4, 5, 6)]
    # All but the edges of training windows are words of the training text.
    assert numbers["words_in_vocabulary"] == 1
    assert (20, 4, "flow_map", 3, 0.3) in model.asked


def test_real_text_comes_from_its_splits_and_none_twice(model, data):
    bench = rows.Bench(model, data, 30, 0, WalkOptions(1.0))
    held_out, training = bench.windows("held_out", 30), bench.windows("training", 30)
    places = [[data.text(split).find(text) for text in held_out] for split in ("valid", "test")]
    assert all(max(pair) >= 0 for pair in zip(*places, strict=True))
    assert len(set(held_out)) == len(set(training)) == 30
    assert all(text in data.text("train") for text in training)
    assert bench.windows("training", 5) == training[:5]


def test_samplers_know_more_of_the_text_the_longer_they_remember(model, tmp_path):
    result = run(tmp_path)
    bits = [row(result, name)["bits_per_character"] for name in ("unigram", "bigram", "5-gram")]
    assert bits[0] > bits[1] > bits[2]
    assert {len(text) for name in ANCHORS for text in row(result, name)["examples"]} == {LENGTH}


def test_finished_rows_are_not_made_again_and_new_ones_are(model, tmp_path):
    first = run(tmp_path)
    model.asked.clear()
    assert run(tmp_path) == first
    assert {n for n, *_ in model.asked} == {3}
    model.asked.clear()
    run(tmp_path, "steps=1,8")
    assert {(n, steps) for n, steps, *_ in model.asked if n == 20} == {(20, 8)}


@pytest.mark.parametrize("change", ["n=21", "seed=1"])
def test_another_number_of_texts_or_seed_is_another_row(model, tmp_path, change):
    run(tmp_path)
    model.asked.clear()
    run(tmp_path, change)
    assert sum(n >= 20 for n, *_ in model.asked) == 4


def test_scaled_noise_and_other_stops_are_other_rows(model, tmp_path):
    run(tmp_path, "methods=euler")
    model.walks.clear()
    run(tmp_path, "methods=euler", "noise_scale=0.5", "times=0.2:0.8")
    (one, *_), *_, (four, *_) = (
        [walk for walk in model.walks if walk.steps == steps] for steps in (1, 4)
    )
    assert (one.noise_scale, one.times) == (0.5, (0.0, 1.0))
    assert (four.noise_scale, four.times) == (0.5, pytest.approx((0.0, 0.2, 0.5, 0.8, 1.0)))
    model.asked.clear()
    run(tmp_path, "methods=euler", "noise_scale=0.5", "times=0.2:0.8")
    assert {n for n, *_ in model.asked} == {3}  # The examples alone.


def test_a_walk_that_there_is_not_is_named_before_anything_is_made(model):
    assert error_of("steps=1,4", "times=0.8:0.2").startswith("times='0.8:0.2': the ends increase")
    assert error_of("steps=4", "times=0.5") == "steps=4: 1 times between 0 and 1 make 2"
    assert model.asked == []


def test_noise_is_of_stochastic_methods_alone(model, tmp_path):
    methods = "methods=renoised,euler"
    run(tmp_path, methods)
    model.asked.clear()
    run(tmp_path, methods, "noise=0.5")
    made = [asked for asked in model.asked if asked[0] == 20]
    assert made == [(20, steps, "renoised", 0, 0.5) for steps in (1, 4)]


def test_other_weights_are_other_rows_but_the_same_anchors(model, tmp_path):
    run(tmp_path)
    kept = set((tmp_path / "cache" / "generation").iterdir())
    model.fingerprint = "0" * 64
    run(tmp_path)
    assert len(kept) == 5 + 4
    assert len(set((tmp_path / "cache" / "generation").iterdir()) - kept) == 4


def test_table_json_and_picture_are_written_and_paths_are_not(model, tmp_path, undrawn, capsys):
    undrawn.undo()
    run(tmp_path)
    printed = capsys.readouterr().out
    assert "words_in_vocabulary" in printed
    assert "held_out" in printed
    with Image.open(tmp_path / "text-tiny.png") as picture:
        assert min(picture.size) > 500
    assert "/home/me" not in (tmp_path / "text-tiny.json").read_text()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("methods=jump", "methods='jump': any of euler,"),
        ("steps=0", "steps='0': integers from 1"),
        ("steps=", "steps: needs a value"),
        ("n=0", "n=0: must be at least 1"),
        ("n=99", "n=99: few has"),
        ("name=a/b", "name='a/b': the name of a file"),
        ("words=3", "unknown key 'words'"),
    ],
)
def test_what_cannot_be_measured_is_refused(model, tmp_path, argument, message):
    error = error_of(f"out={tmp_path / 'out'}", argument)
    assert error.startswith(message)
    assert not list(tmp_path.glob("out/*"))


def test_a_model_of_molecules_is_refused(model, tmp_path):
    model.data = SimpleNamespace(name="qm9")
    assert error_of(f"out={tmp_path}") == "qm9: this benchmark is of models of text"


def test_help_lists_the_keys_without_loading_torch():
    code = (
        "import sys\nfrom benchmarks.text.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert "checkpoint=" in done.stdout
    assert "n=1000" in done.stdout
