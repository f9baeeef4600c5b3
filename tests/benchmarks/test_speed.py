"""The benchmark of speed: what a step does, how it is timed, what is left out, kept and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from molflow.config import load_config
from molflow.errors import InputError
from molflow.graph.transformer import GraphTransformer
from molflow.model.checkpoint import save_model
from molflow.training.module import FlowModule

pytest.importorskip("benchmarks.speed", reason="the folder benchmarks is not here")

import benchmarks.speed.__main__ as speed
from benchmarks.speed import map as speed_map
from benchmarks.speed import sampling
from benchmarks.speed.map import in_turns, joint_step, objectives, released
from benchmarks.speed.sampling import batch_at


@pytest.mark.parametrize(
    ("objective", "evaluations"),
    [
        ("none", 1),
        ("csd", 3),  # the diagonal, the jvp and the target
        ("csd_official", 3),
        ("ecld", 3),
        ("psd", 3),  # the diagonal with the long jump, and two short ones
    ],
)
def test_a_joint_step_evaluates_the_network_as_its_objective_asks(
    monkeypatch: pytest.MonkeyPatch, objective: str, evaluations: int
) -> None:
    calls = []
    forward = GraphTransformer.forward

    def counted(self: GraphTransformer, *arguments: Any) -> Any:
        calls.append(arguments)
        return forward(self, *arguments)

    step = joint_step(objective, batch=4, atoms=3, bf16=False, compiled=False)
    monkeypatch.setattr(GraphTransformer, "forward", counted)
    step()
    assert len(calls) == evaluations


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, bool]]:
    """(objective, bf16, compiled) of every step; none costs 1 s, psd 1.25, others 2."""
    made = []

    def joint(name: str, batch: int, atoms: int, bf16: bool, compiled: bool) -> str:
        made.append((name, bf16, compiled))
        return name

    cost = {"none": 1.0, "psd": 1.25}
    monkeypatch.setattr(speed_map, "joint_step", joint)
    monkeypatch.setattr(
        speed_map, "in_turns", lambda works, repeat: {name: cost.get(name, 2.0) for name in works}
    )
    return made


def test_every_objective_has_its_ratio_to_the_flow_alone(steps: list) -> None:
    rows = objectives(batch=100, atoms=9, repeat=1)
    assert len(rows) == 5 * 4
    first = [(row["objective"], row["ratio"], row["molecules_per_second"]) for row in rows[:5]]
    assert first == [
        ("none", 1.0, 100.0),
        ("csd", 2.0, 50.0),
        ("csd_official", 2.0, 50.0),
        ("ecld", 2.0, 50.0),
        ("psd", 1.25, 80.0),
    ]


def test_a_derivative_is_never_compiled_and_the_row_says_why(steps: list) -> None:
    rows = objectives(batch=100, atoms=9, repeat=1)
    left_out = [(r["objective"], r["precision"]) for r in rows if "left_out" in r]
    derivatives = ["csd", "csd_official", "ecld"]
    assert left_out == [(name, p) for p in ("fp32", "bf16") for name in derivatives]
    assert {name for name, _, compiled in steps if compiled} == {"none", "psd"}
    (reason,) = {row["left_out"] for row in rows if "left_out" in row}
    assert reason == "compiling a derivative along time takes many minutes"


def test_what_is_compared_is_timed_in_turns_after_one_round_to_warm_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    clock = iter([0, 100, 200, 201, 201, 203, 203, 206, 206, 212])
    monkeypatch.setattr(speed_map.time, "perf_counter", lambda: next(clock))
    works = {name: (lambda name=name: order.append(name)) for name in "ab"}
    assert in_turns(works, repeat=2) == {"a": 2.0, "b": 4.0}
    assert "".join(order) == "ababab"


def test_one_step_sampling_tells_network_and_decoding_apart(
    tmp_path: Path, tiny_spec: Any, fresh: Any
) -> None:
    spec = tiny_spec()
    save_model(tmp_path, fresh(spec), spec)
    found = released(str(tmp_path), n=20, repeat=1)
    assert found["molecules"] == 20
    assert found["parameters"] == sum(p.numel() for p in fresh(spec).parameters())
    seconds = 1 / found["network_per_second"] + 1 / found["decoding_per_second"]
    assert found["per_second"] == pytest.approx(1 / seconds)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an earlier run left two parts; now every part is measured as its batch size."""
    place = tmp_path / "speed.json"
    monkeypatch.setattr(speed, "machine", lambda: {"threads": 2})
    monkeypatch.setattr(speed, "PARTS", dict.fromkeys("ab", lambda c: {"size": c.batch_size}))
    earlier = {"machine": {"threads": 2}, "a": {"size": 1}, "b": {"size": 1}}
    place.write_text(json.dumps(earlier))
    return place


def test_the_parts_asked_for_are_measured_and_the_others_stay(results: Path) -> None:
    speed.main([f"out={results}", "parts=b", "batch_size=7"])
    found = json.loads(results.read_text())
    assert found == {"machine": {"threads": 2}, "a": {"size": 1}, "b": {"size": 7}}


def test_what_another_machine_measured_does_not_stay(results: Path) -> None:
    results.write_text('{"machine": {"threads": 64}, "a": {"size": 1}}')
    speed.main([f"out={results}", "parts=b"])
    assert json.loads(results.read_text()) == {"machine": {"threads": 2}, "b": {"size": 256}}


def test_rows_with_a_reason_and_rows_with_numbers_share_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    speed.show({"objectives": [{"name": "psd", "ratio": 1.25}, {"name": "csd", "left_out": "no"}]})
    shown = capsys.readouterr().out
    assert [name in shown for name in ("ratio", "left_out", "1.25", "csd")] == [True] * 4


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("parts=a,c", "parts='c': any of a, b"),
        ("repeat=0", "repeat=0: must be at least 1"),
        ("sizes=9,0", "sizes='0': integers of at least 1, separated by commas"),
        ("steps=1,x", "steps='x': integers of at least 1, separated by commas"),
        ("fast", "'fast': an argument is key=value"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_measures_nothing(
    results: Path, argument: str, message: str
) -> None:
    before = results.read_text()
    with pytest.raises(InputError) as error:
        speed.main([f"out={results}", argument])
    assert str(error.value).startswith(message)
    assert results.read_text() == before


def test_a_batch_of_larger_molecules_has_as_many_pairs() -> None:
    # 256 * 81 / 38^2 = 14.4; never none.
    assert [batch_at(256, atoms) for atoms in (9, 38, 1000)] == [256, 14, 1]


def test_sampling_asks_the_network_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    forward = GraphTransformer.forward

    def counted(self: GraphTransformer, x: Any, *times: Any) -> Any:
        shapes.append(tuple(x.values["atoms"].shape[:2]))
        return forward(self, x, *times)

    monkeypatch.setattr(GraphTransformer, "forward", counted)
    took = sampling.sampling(load_config("train", []), atoms=3, count=2, steps=4, repeat=1)
    assert shapes == [(2, 3)] * 8  # four to warm up, four on the clock
    assert took > 0


def test_throughput_has_a_row_for_each_size_and_a_column_for_each_number_of_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    monkeypatch.setattr(
        sampling, "joint_step", lambda name, count, *_: made.append((name, count)) or name
    )
    monkeypatch.setattr(sampling, "in_turns", lambda works, repeat: {"none": 2.0, "psd": 4.0})
    monkeypatch.setattr(sampling, "sampling", lambda c, atoms, count, steps, r: 0.5 * steps)
    rows = sampling.throughput([9, 18], [1, 4], batch=40, repeat=1)
    numbers = [{k: v for k, v in row.items() if k != "precision"} for row in rows]
    assert numbers == [
        {
            "atoms": 9,
            "batch": 40,
            "training_flow": 20.0,  # 40 / 2
            "training_map": 10.0,
            "sampling_1": 80.0,  # 40 / (0.5 * 1)
            "sampling_4": 20.0,
        },
        {
            "atoms": 18,
            "batch": 10,
            "training_flow": 5.0,
            "training_map": 2.5,
            "sampling_1": 20.0,
            "sampling_4": 5.0,
        },
    ]
    assert made == [("none", 40), ("psd", 40), ("none", 10), ("psd", 10)]


def test_networks_for_drug_like_molecules_stand_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = ["model.width=8", "model.heads=2", "model.pair_width=4", "model.depth=1"]
    wide = [*small, "model.pair_expand=8"]
    monkeypatch.setattr(speed, "NETWORKS", {"small": small, "wide": wide})
    monkeypatch.setattr(speed, "DRUG_LIKE", (3, 5))
    monkeypatch.setattr(speed, "peaks", lambda repeat: {"fp32": 1.0, "bf16": 1.0})
    monkeypatch.setattr(FlowModule, "compile_networks", lambda module: None)
    rows = speed.drug_like(batch=2, repeat=1)
    assert [(row["network"], row["atoms"]) for row in rows] == [
        ("small", 3),
        ("small", 5),
        ("wide", 3),
        ("wide", 5),
    ]
    # The MLP of pairs, 4 to 16 to 4 with its biases, becomes 4 to 32 to 4.
    assert rows[2]["parameters"] - rows[0]["parameters"] == 2 * 16 * 4 + 16
    assert all(row["molecules_per_second"] > 0 for row in rows)
