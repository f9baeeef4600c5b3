"""The benchmark that compares objectives: its runs, its plan, what it keeps, claims and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from molflow.console import run_program
from molflow.errors import InputError
from molflow.model.checkpoint import save_model

pytest.importorskip("benchmarks.ablation", reason="the folder benchmarks is not here")

import benchmarks.ablation.__main__ as ablation
from benchmarks.ablation import curves, training
from benchmarks.ablation.__main__ import main
from benchmarks.ablation.orders import Group, better, claims
from benchmarks.ablation.plan import METHODS, Run, Setup, closest, parse_run, read_pace, schedule
from benchmarks.ablation.report import shown
from benchmarks.ablation.results import Results, read_results
from benchmarks.common.sections import markers, with_section

MOLECULES = [a + b + c for a in ("C", "CC", "CO", "CN", "C=C") for b in "CNO" for c in "CNOF"]
ROOT = Path(__file__).parents[2]

BETWEEN = markers("ablation")


class Trainings:
    """In place of molflow.train: what its runs leave, without weights."""

    def __init__(self) -> None:
        self.made: list[dict[str, str]] = []
        self.fail: tuple[str, ...] = ()

    def __call__(self, given: Sequence[str]) -> int:
        values = dict(argument.split("=", 1) for argument in given)
        self.made.append(values)
        folder = Path(values.get("resume") or values["out"])
        if folder.name in self.fail:
            return 1
        parts = int(values.get("trainer.snapshots", 4))
        for k in range(1, parts + 1):
            self.keep(folder / "snapshots" / f"{k}-of-{parts}")
        self.leave(folder, given)
        return 0

    def keep(self, folder: Path) -> None:
        """What stands for the weights at one checkpoint."""
        folder.mkdir(parents=True)
        (folder / "model.safetensors").touch()

    def leave(self, folder: Path, given: Sequence[str]) -> None:
        """What every run leaves, and one that was stopped leaves alone."""
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "run.json").exists():
            (folder / "run.json").write_text(json.dumps({"arguments": list(given)}))
        torch.save({"global_step": 7}, folder / "last.ckpt")

    @property
    def names(self) -> list[str]:
        """The folders of the trainings, in their order."""
        return [Path(values.get("resume") or values["out"]).name for values in self.made]


def numbers_of(run: Run, setup: Setup) -> dict[str, Any]:
    """In place of measuring: numbers that differ from run to run and from cell to cell."""
    cells = [
        {
            "minutes": share * setup.minutes,
            "method": method,
            "steps": steps,
            "vu": len(run.name) / 100 + share / 1000,
            "fcd_unique_validation": len(run.name) + share,
        }
        for share in setup.models(run)
        for steps, method in METHODS.items()
    ]
    return {**asdict(run), "training_steps": 7, "machine": {"device": "cpu"}, "cells": cells}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """Trainings without weights."""
    made = Trainings()
    monkeypatch.setattr(training, "train_process", made)
    return made


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, bare: Trainings) -> Trainings:
    """Trainings whose weights nobody looks at, and curves that nobody draws."""
    monkeypatch.setattr(ablation, "measure_run", numbers_of)
    monkeypatch.setattr(curves, "draw", lambda results, path: path.touch())
    return bare


def given(folder: Path, *arguments: str) -> list[str]:
    places = {"folder": "runs", "out": "out", "readme": "README.md"}
    named = [f"{key}={folder / name}" for key, name in places.items()]
    return [*named, "n=30", "force=true", *arguments]


def ablate(folder: Path, *arguments: str) -> Results:
    main(given(folder, *arguments))
    return read_results(folder / "out" / "ablation.json")


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(list(arguments))
    assert "\n" not in str(error.value)
    return str(error.value)


# Which runs


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("psd", Run("psd")),
        ("vfm", Run("vfm")),
        ("csd_official-random", Run("csd_official", order="random")),
        ("ecld-stages", Run("ecld", stage="stages")),
        ("psd-random-stages-seed12", Run("psd", "random", "stages", 12)),
    ],
)
def test_a_name_says_what_a_run_is(name, run):
    assert parse_run(name) == run
    assert run.name == name


@pytest.mark.parametrize(
    "name", ["cds", "psd-seed0", "psd-stages-random", "vfm-stages", "vfm-parent", "psd-", ""]
)
def test_a_name_that_says_nothing_is_refused_with_the_objectives(name):
    with pytest.raises(InputError, match="objective one of vfm, csd, csd_official, ecld"):
        parse_run(name)


SETUP = Setup(20.0, 10_000, ("dataset=qm9",), Path("runs/ablation"))


def test_a_joint_run_trains_for_the_whole_time_with_every_key_spelled_out():
    assert SETUP.commands(Run("psd")) == [
        "python -m molflow.train dataset.order=canonical flow.distill=psd seed=0 "
        "trainer.max_minutes=20 trainer.steps=1000000 trainer.devices=1 trainer.sample_every=0 "
        "trainer.snapshots=4 dataset=qm9 out=runs/ablation/psd"
    ]


def test_with_a_pace_a_run_has_the_steps_of_its_minutes_and_no_clock():
    setup = replace(SETUP, pace=read_pace("psd=230.5,vfm=315"))
    (joint,) = setup.commands(Run("psd"))
    assert "trainer.max_minutes=null trainer.steps=4610 " in joint
    parent, child = setup.commands(Run("psd", stage="stages"))
    assert "trainer.max_minutes=null trainer.steps=3150 " in parent
    assert "trainer.max_minutes=null trainer.steps=2305 " in child
    assert "trainer.max_minutes=20 " in setup.commands(Run("csd"))[0]


@pytest.mark.parametrize("text", ["psd", "psd=", "psd=-1", "cds=10", "psd=1,csd"])
def test_a_pace_that_says_nothing_is_refused_with_the_objectives(text):
    with pytest.raises(InputError, match=f"pace='{text}': .* objective of vfm, csd"):
        read_pace(text)


def test_two_stages_share_the_time_and_the_weights():
    parent, child = SETUP.commands(Run("csd", stage="stages"))
    assert "flow.distill=none seed=0 trainer.max_minutes=10 " in parent
    assert parent.endswith("trainer.snapshots=2 dataset=qm9 out=runs/ablation/vfm-parent")
    assert "flow.distill=csd seed=0 trainer.max_minutes=10 " in child
    assert "trainer.snapshots=2 checkpoint=runs/ablation/vfm-parent dataset=qm9" in child


def test_the_first_two_checkpoints_of_two_stages_are_those_of_the_flow_alone():
    models = SETUP.models(Run("psd", "random", "stages"))
    assert {share: "/".join(path.parts[-3:]) for share, path in models.items()} == {
        0.25: "vfm-random-parent/snapshots/1-of-2",
        0.5: "vfm-random-parent/snapshots/2-of-2",
        0.75: "psd-random-stages/snapshots/1-of-2",
        1.0: "psd-random-stages/snapshots/2-of-2",
    }


def test_the_objectives_come_first_and_the_best_two_of_them_next():
    runs, later = schedule({})
    assert [run.name for run in runs] == ["csd", "ecld", "psd"]
    assert len(later) == 6
    scores = {"csd": 0.5, "ecld": 0.6, "psd": 0.8}
    runs, later = schedule(scores)
    new = ["psd-random", "ecld-random", "psd-stages", "ecld-stages"]
    assert [run.name for run in runs[3:]] == new
    assert later == ["a second seed of the closest two"] * 2


def test_the_closest_two_of_all_get_a_second_seed():
    scores = {"csd": 0.5, "ecld": 0.6, "psd": 0.8}
    scores |= {"psd-random": 0.7, "ecld-random": 0.3, "psd-stages": 0.61, "ecld-stages": 0.4}
    runs, later = schedule(scores)
    assert [run.name for run in runs[7:]] == ["ecld-seed1", "psd-stages-seed1"]
    assert later == []
    assert closest([Run("csd"), Run("psd")], scores) == (Run("csd"), Run("psd"))


# The plan


def test_the_plan_says_what_it_takes_and_makes_nothing(tmp_path, trainings, capsys):
    main(["plan", *given(tmp_path, "minutes=20", "runs=psd,csd-stages,ecld-stages")])
    told = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines()]
    assert [row[:3] for row in rows if len(row) == 4] == [
        ["psd", "to do", "20"],
        ["vfm-parent", "to do", "10"],
        ["csd-stages", "to do", "10"],
        ["ecld-stages", "to do", "10"],
    ]
    # 50 minutes of training; 4 checkpoints of 30 molecules take 9 seconds at most.
    assert "expected: 0.8 hours" in told
    assert told.count("python -m molflow.train ") == 4
    assert trainings.made == []
    assert list(tmp_path.iterdir()) == []


def test_measuring_takes_its_part_of_the_expected_time():
    # Four checkpoints, 57 evaluations a molecule and FCD four times.
    # 1 + 2 + 4 evaluations three times, 1 + 2 + 4 + 50 at the end, in 13 cells.
    assert SETUP.measuring_minutes() == pytest.approx(10_000 * (78 / 2_900 + 13 * 0.004) / 60)


# Running


def test_a_run_is_measured_in_every_cell_written_and_drawn(
    tmp_path, bare, molecule_file, tiny_spec, fresh, perturbed, monkeypatch, letters_for_chemnet
):
    spec = tiny_spec(molecule_file(tmp_path / "few.csv", MOLECULES))
    net = perturbed(fresh(spec), seed=2, size=0.2)
    monkeypatch.setattr(bare, "keep", lambda folder: save_model(folder, net, spec))
    results = ablate(tmp_path, "runs=psd", "minutes=2")
    cells = results.runs["psd"]["cells"]
    early = [(minutes, k, "flow_map") for minutes in (0.5, 1.0, 1.5, 2.0) for k in (1, 2, 4)]
    assert [(c["minutes"], c["steps"], c["method"]) for c in cells] == [*early, (2.0, 50, "euler")]
    assert all(0 <= c["vu"] <= 1 and c["attempts"] == 30 for c in cells)
    assert results.runs["psd"]["training_steps"] == 7
    assert Image.open(tmp_path / "out" / "ablation.png").width == 1650


def test_the_table_stands_in_the_readme_with_the_picture(tmp_path, trainings):
    ablate(tmp_path, "runs=psd")
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("# Benchmarks\n\n## Ablation\n\n" + BETWEEN[0])
    assert "| psd | 1 | 7 | 3.1 |" in readme
    assert "(out/ablation.png)" in readme


def test_what_is_finished_is_not_made_again(tmp_path, trainings):
    first = ablate(tmp_path, "runs=psd")
    again = ablate(tmp_path, "runs=psd,csd")
    assert trainings.names == ["psd", "csd"]
    assert again.runs["psd"] == first.runs["psd"]


def test_a_trained_run_that_was_not_measured_is_measured_alone(tmp_path, trainings):
    ablate(tmp_path, "runs=psd")
    (tmp_path / "out" / "ablation.json").unlink()
    assert set(ablate(tmp_path, "runs=psd").runs) == {"psd"}
    assert trainings.names == ["psd"]


def test_a_half_trained_run_is_resumed(tmp_path, trainings):
    setup = Setup(20.0, 30, ("dataset=qm9",), tmp_path / "runs")
    trainings.leave(tmp_path / "runs" / "psd", setup.arguments(Run("psd")))
    ablate(tmp_path, "runs=psd")
    assert trainings.made == [{"resume": str(tmp_path / "runs" / "psd")}]


def test_a_folder_with_another_run_is_refused_with_the_difference(tmp_path, trainings):
    setup = Setup(5.0, 30, ("dataset=qm9",), tmp_path / "runs")
    trainings.leave(tmp_path / "runs" / "psd", setup.arguments(Run("psd")))
    error = error_of(*given(tmp_path, "runs=psd"))
    assert error.startswith(f"{tmp_path / 'runs' / 'psd'}: holds another run (")
    assert "(trainer.max_minutes=20, trainer.max_minutes=5)" in error


def test_a_parent_is_trained_once_for_both_of_its_children(tmp_path, trainings):
    results = ablate(tmp_path, "runs=csd-stages,psd-stages")
    assert trainings.names == ["vfm-parent", "csd-stages", "psd-stages"]
    assert set(results.runs) == {"csd-stages", "psd-stages"}


def test_without_names_the_results_lead_from_one_run_to_the_next(tmp_path, trainings):
    results = ablate(tmp_path)
    assert list(results.runs)[:3] == ["csd", "ecld", "psd"]
    assert len(results.runs) == 9
    assert [run.name for run in schedule(results.scores())[0]] == list(results.runs)
    assert sum(name.endswith("-seed1") for name in results.runs) == 2


def test_a_training_that_fails_leaves_the_others_alone_and_is_told_at_the_end(tmp_path, trainings):
    trainings.fail = ("psd",)
    error = error_of(*given(tmp_path, "runs=psd,csd"))
    assert error == "psd: training ended with an error, see above"
    assert set(read_results(tmp_path / "out" / "ablation.json").runs) == {"csd"}


def test_results_of_other_settings_are_not_mixed(tmp_path, trainings):
    ablate(tmp_path, "runs=psd", "minutes=2")
    error = error_of(*given(tmp_path, "runs=csd", "minutes=3"))
    assert error.endswith("ablation.json: minutes is 2.0 in one and 3.0 in the other")


def test_results_at_other_times_are_not_mixed(tmp_path, trainings):
    ablate(tmp_path, "runs=psd")
    path = tmp_path / "out" / "ablation.json"
    content = json.loads(path.read_text())
    assert content["settings"].pop("times")["2"] == [0.0, 0.55, 1.0]
    path.write_text(json.dumps(content))
    assert "ablation.json: times is none in one and {'1'" in error_of(*given(tmp_path, "runs=csd"))


# Another machine


def test_the_runs_of_another_machine_are_taken_in(tmp_path, trainings):
    ablate(tmp_path / "a", "runs=psd")
    ablate(tmp_path / "b", "runs=csd")
    main(["merge", *given(tmp_path / "a", f"other={tmp_path / 'b' / 'out' / 'ablation.json'}")])
    assert set(read_results(tmp_path / "a" / "out" / "ablation.json").runs) == {"psd", "csd"}
    assert "| csd |" in (tmp_path / "a" / "README.md").read_text()


ONE = Results({"minutes": 20.0}, {"psd": {"cells": [1]}})


def test_a_run_with_two_results_is_refused():
    with pytest.raises(InputError, match=r"^there: psd is measured in both, with other numbers$"):
        ONE.merged(Results({"minutes": 20.0}, {"psd": {"cells": [2]}}), "there")
    assert ONE.merged(ONE, "there") == ONE


def test_a_setting_that_is_not_given_is_none():
    with pytest.raises(InputError, match=r"^there: pace is vfm=178 in one and none in the other$"):
        Results({"pace": "vfm=178"}, {}).require_same(Results({"pace": ""}, {}), "there")


def test_results_of_other_settings_are_not_merged():
    with pytest.raises(InputError, match=r"^there: minutes is 20\.0 in one and 5\.0 in the other$"):
        ONE.merged(Results({"minutes": 5.0}, {}), "there")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "runs": {"a": 1}}']
)
def test_a_file_that_holds_no_results_is_named(tmp_path, text):
    path = tmp_path / "ablation.json"
    path.write_text(text)
    assert error_of("render", f"out={tmp_path}").startswith(f"{path}: not the results of the abl")


# What is claimed


def group(*values: float, name: str = "a", machine: int = 0) -> Group:
    return Group(name, machine, values)


def test_an_order_is_claimed_where_the_seeds_of_two_runs_do_not_overlap():
    a, b = group(0.70, 0.72), group(0.73, 0.75, name="b")
    assert better(a, b, [a, b], larger=True) is b
    assert better(a, b, [a, b], larger=False) is a
    assert better(b, a, [a, b], larger=True) is b


@pytest.mark.parametrize("values", [(0.72, 0.80), (0.71, 0.715), (0.60, 0.90)])
def test_runs_whose_seeds_overlap_are_not_separated(values):
    a, b = group(0.70, 0.72), group(*values, name="b")
    assert better(a, b, [a, b], larger=True) is None


def test_a_single_seed_reaches_as_far_as_the_seeds_of_any_run_lie_apart():
    pair, single = group(0.70, 0.72), group(0.73, name="b")
    assert better(pair, single, [pair, single], larger=True) is None
    far = group(0.75, name="b")
    assert better(pair, far, [pair, far], larger=True) is far


def test_without_a_second_seed_nothing_is_separated():
    a, b = group(0.1), group(0.9, name="b")
    assert better(a, b, [a, b], larger=True) is None
    assert claims([a, b], larger=True) == ("none", "any")


def test_runs_of_different_machines_are_not_ordered():
    a, b = group(0.1, 0.11), group(0.9, 0.91, name="b", machine=1)
    assert better(a, b, [a, b], larger=True) is None


def test_what_is_undefined_has_no_order():
    a, b = group(0.1, float("nan")), group(0.9, 0.91, name="b")
    assert better(a, b, [a, b], larger=True) is None


def test_claims_name_the_better_first_and_what_is_open():
    runs = [group(0.1, 0.2), group(0.5, 0.6, name="b"), group(0.55, 0.65, name="c")]
    assert claims(runs, larger=True) == ("**b** over a; **c** over a", "b and c")
    assert claims(runs, larger=False)[0] == "**a** over b, c"


@pytest.mark.parametrize(
    ("values", "measure", "text"),
    [
        ((0.7123,), "vu", "71.2"),
        ((0.716, 0.708), "vu", "70.8 to 71.6"),
        ((0.7121, 0.7122), "vu", "71.2"),
        ((1.234,), "fcd_unique_validation", "1.23"),
        ((1.234, float("nan")), "fcd_unique_validation", "–"),
    ],
)
def test_a_cell_shows_the_worst_and_the_best_seed(values, measure, text):
    assert shown(group(*values), measure) == text


def test_the_section_takes_the_place_of_the_old_one_and_nothing_else():
    once = with_section("# Mine\n\ntext\n", "ablation", "old")
    twice = with_section(once + "\n## After\n", "ablation", "new")
    assert (
        twice == f"# Mine\n\ntext\n\n## Ablation\n\n{BETWEEN[0]}\nnew\n{BETWEEN[1]}\n\n## After\n"
    )


def test_rendering_again_changes_nothing(tmp_path, trainings):
    ablate(tmp_path, "runs=psd,csd")
    before = (tmp_path / "README.md").read_text()
    main(["render", *given(tmp_path)])
    assert (tmp_path / "README.md").read_text() == before


# Mistakes and signals


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("n=999", "n=999: FCD needs at least 1,000 molecules; force=true measures fewer"),
        ("minutes=0", "minutes=0.0: must be more than 0"),
        ("runs=psd,cds", "runs='cds': <objective>[-random][-stages][-seed<k>], objective one of"),
        ("train=dataset=qm9 seed=3", "train='dataset=qm9 seed=3': the ablation sets seed"),
        ("train='", 'train="\'": No closing quotation'),
        ("step=1", "unknown key 'step': known: runs, minutes, n"),
        ("plain", "'plain': an argument is key=value"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(
    tmp_path, trainings, argument, message
):
    places = [f"folder={tmp_path / 'runs'}", f"out={tmp_path / 'out'}"]
    assert error_of(*places, argument).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_training_once_and_is_waited_for(tmp_path, monkeypatch, number):
    child = tmp_path / "python"
    child.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, signal, sys, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "seen = []\n"
        "for n in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(n, lambda *_: seen.append(1))\n"
        "(folder / 'ready').touch()\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "(folder / 'saved').write_text(str(len(seen)))\n"
        "sys.exit(130)\n"
    )
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    late = time.monotonic() + 30

    def stop() -> None:
        while not (tmp_path / "ready").exists() and time.monotonic() < late:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        training.train_process(["seed=0"])
    assert (tmp_path / "saved").read_text() == "1"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_training_that_was_stopped_stops_the_ablation(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training.subprocess, "Popen", lambda *_, **__: Ended(130))
    monkeypatch.setattr(sys, "argv", ["ablation", *given(tmp_path, "runs=psd")])
    with pytest.raises(SystemExit) as left:
        run_program(main)
    assert left.value.code == 130


class Ended:
    """A process that has ended."""

    def __init__(self, code: int) -> None:
        self.code = code

    def wait(self) -> int:
        return self.code


def test_help_lists_the_commands_and_the_keys_without_loading_torch():
    code = (
        "import sys\nfrom benchmarks.ablation.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "benchmarks.ablation [plan | render | merge]" in done.stdout
    assert "minutes=20.0" in done.stdout


@pytest.mark.slow
def test_two_stages_and_a_joint_run_are_trained_and_measured(tmp_path, molecule_file, monkeypatch):
    data = molecule_file(tmp_path / "few.csv", MOLECULES)
    train = [f"dataset={data.name}", f"dataset.path={data.path}", f"dataset.cache={data.cache}"]
    train += ["model.width=16", "model.pair_width=8", "model.depth=1", "model.heads=2"]
    train += ["trainer.batch_size=8", "trainer.warmup=2", "trainer.precision=fp32"]
    train += ["trainer.accelerator=cpu", "trainer.compile=never"]
    monkeypatch.setenv("MOLFLOW_CACHE", data.cache)
    given_ = given(tmp_path, "runs=psd,psd-stages", "minutes=0.04", f"train={' '.join(train)}")
    subprocess.run([sys.executable, "-m", "benchmarks.ablation", *given_], check=True, cwd=ROOT)
    results = read_results(tmp_path / "out" / "ablation.json")
    assert all(len(entry["cells"]) == 16 for entry in results.runs.values())
    assert all(entry["training_steps"] > 0 for entry in results.runs.values())
