"""The sampling program: what it writes and prints, and what it refuses."""

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rdkit import Chem
from rdkit.Chem.Crippen import MolLogP

from molflow.cores import on_cores
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS
from molflow.generator import Generator
from molflow.model.checkpoint import save_model
from molflow.model.conditions import Standard
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.sample import main, training_of
from molflow.sampling import sampler

pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")

FILES = [
    "config.yaml",
    "grid.png",
    "report.html",
    "run.json",
    "samples.csv",
    "samples.sdf",
    "samples.smi",
]
MOLECULES = ["C", "N", "O", "CC", "CN", "CO", "CCC", "CCO", "CCN", "C=O", "C#N", "CCCC"]


@pytest.fixture(scope="module")
def checkpoint(of_chance, tmp_path_factory) -> Path:
    return of_chance(tmp_path_factory.mktemp("model"))


def run(checkpoint: Path, out: Path, *arguments: str) -> None:
    defaults = [f"checkpoint={checkpoint}", f"out={out}", "n=40", "steps=3"]
    main([*defaults, *arguments])


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory) -> Path:
    """The folder of one sampling. Not to be changed."""
    folder = tmp_path_factory.mktemp("results") / "made" / "on demand"
    run(checkpoint, folder)
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def error_of(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        run(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_sampling_leaves_its_seven_files_and_nothing_else(results):
    assert names(results) == FILES


def test_the_csv_has_a_row_for_every_attempt_in_order(results):
    table = rows(results)
    assert list(table[0]) == [
        "index",
        "smiles",
        "valid",
        "connected",
        "fragments",
        "reason",
        "qed",
        "logp",
        "sa",
        "tpsa",
        "mw",
        "as_made",
    ]
    assert [row["index"] for row in table] == [str(i) for i in range(40)]


def test_a_molecule_has_a_smiles_or_is_invalid_and_a_reason_unless_strictly_valid(results):
    table = rows(results)
    assert {row["valid"] for row in table} == {"True", "False"}
    for row in table:
        assert (row["smiles"] != "") == (row["valid"] == "True")
        assert (row["fragments"] == "1") == (row["connected"] == "True")
        strict = row["valid"] == row["connected"] == "True"
        assert (row["reason"] == "") == strict


def strictly_valid(folder: Path) -> list[tuple[str, str]]:
    return [(row["smiles"], row["index"]) for row in rows(folder) if row["reason"] == ""]


def test_the_smi_file_holds_the_strictly_valid_molecules_by_index(results):
    lines = (results / "samples.smi").read_text().splitlines()
    assert lines == [f"{smiles} {index}" for smiles, index in strictly_valid(results)]


def test_the_sdf_holds_the_same_molecules_flat_with_index_and_smiles(results):
    mols = list(Chem.SDMolSupplier(str(results / "samples.sdf")))
    assert [(m.GetProp("SMILES"), m.GetProp("index")) for m in mols] == strictly_valid(results)
    assert [Chem.MolToSmiles(m) for m in mols] == [m.GetProp("SMILES") for m in mols]
    two = next(m for m in mols if m.GetNumAtoms() > 1)
    assert not two.GetConformer().Is3D()
    assert two.GetConformer().GetAtomPosition(0).Distance(
        two.GetConformer().GetAtomPosition(1)
    ) == pytest.approx(1.5, abs=0.2)


def test_the_record_says_what_was_run_with_what(results, checkpoint):
    record = json.loads((results / "run.json").read_text())
    assert record["arguments"][2:] == ["n=40", "steps=3"]
    assert record["config"]["method"] == "auto"
    assert record["walk"]["method"] == "euler"
    # The thirds of a standard normal lie at -0.430727 and 0.430727: sigmoid(-0.2 -+ 0.430727).
    assert record["walk"]["times"] == pytest.approx([0.0, 0.3473456, 0.5574274, 1.0], abs=1e-6)
    assert record["evaluations_per_molecule"] == 3
    assert record["seed"] == 0
    assert record["checkpoint"] == {
        "path": str(checkpoint),
        "sha256": hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest(),
    }
    assert set(record["versions"]) == {"molflow", "torch", "numpy", "rdkit"}
    assert record["seconds"]["network"] > 0
    assert record["seconds"]["chemistry"] > 0
    assert record["metrics"]["strict_valid"] == len(strictly_valid(results)) / 40
    assert record["metrics"]["novel"] is None


def test_the_same_seed_makes_the_same_files_and_another_does_not(results, checkpoint, tmp_path):
    run(checkpoint, tmp_path / "same", "batch_size=7")
    run(checkpoint, tmp_path / "other", "seed=1")
    for name in ("samples.csv", "samples.smi", "samples.sdf", "grid.png"):
        assert (tmp_path / "same" / name).read_bytes() == (results / name).read_bytes()
    assert rows(tmp_path / "other") != rows(results)


def test_the_config_of_a_sampling_makes_the_same_molecules_from_another_folder(
    checkpoint, tmp_path, monkeypatch
):
    monkeypatch.chdir(checkpoint.parent)
    guided = ["guidance=best_of", "guidance.objective=qed:max,logp:1±0.5", "guidance.particles=2"]
    run(Path(checkpoint.name, "."), tmp_path / "first", "seed=5", "forbidden=N", *guided)
    monkeypatch.chdir(tmp_path)
    main(["config=first/config.yaml", "out=again"])
    for name in ("samples.csv", "samples.smi"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_the_config_of_a_sampling_samples_into_its_folder(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(checkpoint, Path("first"), "n=5")
    made = rows(tmp_path / "first")
    (tmp_path / "first" / "samples.csv").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    main(["config=../first/config.yaml"])
    assert rows(tmp_path / "first") == made


def test_the_printed_tables_have_metrics_reasons_and_speed(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path / "out")
    shown = capsys.readouterr().out
    assert "40 molecules, 3 euler steps, seed 0" in shown
    for name in ("strict_valid", "plain_valid", "relaxed_valid", "valence_valid", "unique", "vu"):
        assert f"│ {name} " in shown
    assert "commonest reasons of failure" in shown
    assert "molecules/s" in shown


def test_reasons_are_counted_whichever_atom_they_are_at(results):
    record = json.loads((results / "run.json").read_text())
    assert sum(record["reasons"].values()) == 40 - len(strictly_valid(results))
    assert not any("at atom" in reason for reason in record["reasons"])


def test_a_trajectory_is_drawn_where_asked_and_goes_with_the_next_sampling(checkpoint, tmp_path):
    run(checkpoint, tmp_path / "out", "trajectory=true")
    assert names(tmp_path / "out") == [*FILES, "trajectory.png"]
    run(checkpoint, tmp_path / "out", "n=3")
    assert names(tmp_path / "out") == FILES
    assert len(rows(tmp_path / "out")) == 3


def test_the_report_is_left_out_where_asked_and_goes_with_the_next_sampling(checkpoint, tmp_path):
    run(checkpoint, tmp_path, "n=3")
    assert "report.html" in names(tmp_path)
    run(checkpoint, tmp_path, "n=3", "report=false")
    assert "report.html" not in names(tmp_path)


def test_other_files_in_the_folder_are_left(checkpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    run(checkpoint, tmp_path, "n=1")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_all_molecules_have_the_size_that_was_asked_for(checkpoint, tmp_path):
    run(checkpoint, tmp_path, "atoms=1")
    assert {row["smiles"] for row in rows(tmp_path)} <= {"C", "N", "O"}


@pytest.fixture
def of_a_file(tmp_path, tiny_spec, molecule_file) -> ModelSpec:
    """The specification of a model that was trained on a file, and the file beside it."""
    return tiny_spec(molecule_file(tmp_path / "mine.csv", MOLECULES))


def test_the_training_molecules_of_a_model_are_found_again(of_a_file):
    known, training, obstacle = training_of(of_a_file)
    assert training is not None
    assert known == set(training)
    assert len(training) == 10
    assert set(training) < set(MOLECULES)
    assert obstacle == ""


def test_molecules_of_a_file_that_has_changed_are_not_taken_for_the_training_set(of_a_file):
    Path(of_a_file.dataset["path"]).write_text("smiles\n" + "CC\nCCC\nCCCC\n" * 4)
    assert training_of(of_a_file) == (
        None,
        None,
        "no training set: mine has changed since the training: its vocabulary has",
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory, perturbed, tiny_spec) -> Path:
    """A model like ``checkpoint`` that was told the logP of molecules."""
    folder = tmp_path_factory.mktemp("told")
    spec = tiny_spec(condition=(Standard("logp", 0.5, 1.0, -2.0, 3.0),))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_model(folder, perturbed(build_network(spec), seed=2, size=0.3), spec)
    return folder


def test_what_was_asked_for_is_printed_recorded_and_compared_with_what_came(told, tmp_path, capsys):
    condition = ("guidance.condition=logp=0.7", "guidance.weight=0.5")
    run(told, tmp_path, *condition)
    printed = capsys.readouterr()
    assert "asked for: logp=0.7 with weight 0.5" in printed.out
    assert "lies outside" not in printed.err
    distinct = {row["smiles"] for row in rows(tmp_path) if row["reason"] == ""}
    values = [MolLogP(Chem.MolFromSmiles(one)) for one in distinct]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["evaluations_per_molecule"] == 6
    assert record["metrics"]["logp_mean"] == pytest.approx(sum(values) / len(values))
    off = sum(abs(value - 0.7) for value in values) / len(values)
    assert record["metrics"]["logp_off"] == pytest.approx(off)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Asked for logp=0.7 with weight 0.5." in page
    assert "mean distance from logp=0.7" in page


def test_the_trajectory_is_that_of_what_was_asked_for(told, tmp_path, monkeypatch):
    aims, followed = [], sampler.trajectory

    def trajectory(model, walk, crowd):
        aims.append(crowd.aim)
        return followed(model, walk, crowd)

    monkeypatch.setattr(sampler, "trajectory", trajectory)
    run(told, tmp_path, "guidance.condition=logp=0.7", "trajectory=true", "report=false")
    assert [aim.values for aim in aims] == [{"logp": 0.7}]


def test_a_condition_is_what_makes_the_molecules_also_of_a_guided_sampling(told, tmp_path):
    guided = ["guidance=best_of", "guidance.objective=qed:max", "guidance.particles=2"]
    run(told, tmp_path / "a", "guidance.condition=logp=-3", *guided)
    run(told, tmp_path / "b", "guidance.condition=logp=3", *guided)
    assert (tmp_path / "a" / "samples.csv").read_text() != (
        tmp_path / "b" / "samples.csv"
    ).read_text()


@pytest.mark.parametrize("value", [-2.5, 3.25])
def test_a_value_outside_the_training_range_is_warned_of(told, tmp_path, capsys, value):
    run(told, tmp_path, f"guidance.condition=logp={value}")
    warning = (
        f"warning: {told} was trained with logp 0.5±1 (-2 to 3): logp={value} lies outside, "
        "where it has learned nothing\n"
    )
    assert capsys.readouterr().err.count(warning) == 1


def test_a_condition_of_no_weight_is_measured_and_changes_no_molecule(told, tmp_path):
    run(told, tmp_path / "asked", "guidance.condition=logp=3", "guidance.weight=0")
    run(told, tmp_path / "free")
    assert rows(tmp_path / "asked") == rows(tmp_path / "free")
    numbers = json.loads((tmp_path / "asked" / "run.json").read_text())["metrics"]
    assert numbers["logp_off"] == pytest.approx(3 - numbers["logp_mean"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["guidance.condition=qed=1"], "condition: 'qed': this model was trained with logp"),
        (["guidance.condition=logp=nan"], "condition: logp=nan: a finite number is needed"),
        (["guidance.condition=logp"], "has the form qed=0.6,logp=1.5"),
        (["guidance.weight=2"], "weight=2.0: needs a condition"),
        (["guidance.condition=logp=1", "guidance.weight=-1"], "guidance.weight=-1.0: must be at"),
    ],
)
def test_a_condition_that_makes_no_sense_writes_nothing(told, tmp_path, arguments, message):
    with pytest.raises(InputError) as caught:
        run(told, tmp_path / "out", *arguments)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_novelty_is_measured_where_the_training_set_is_found(of_a_file, tmp_path, perturbed):
    save_model(tmp_path / "model", perturbed(build_network(of_a_file), size=0.3), of_a_file)
    run(tmp_path / "model", tmp_path / "out", "atoms=1")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    _, training, _ = training_of(of_a_file)
    made = {smiles for smiles, _ in strictly_valid(tmp_path / "out")}
    assert record["metrics"]["novel"] == len(made - set(training)) / len(made)


def test_novelty_that_cannot_be_measured_says_why(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path / "out")
    shown = capsys.readouterr().out
    assert "what needs the training set was not measured: no training set: " in shown
    assert "absent.csv" in shown
    assert "│ vun" not in shown


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("n=0", "n=0: must be at least 1"),
        ("steps=0", "steps=0: must be at least 1"),
        ("n=-3", "n=-3: must be at least 1"),
        ("batch_size=0", "batch_size=0: must be at least 1"),
        ("seed=-1", "seed=-1: must be at least 0"),
        (
            "method=rk4",
            "method='rk4': one of auto, euler, heun, flow_map, renoised, euler_ancestral",
        ),
        ("atoms=5", "atoms=5: this model makes 1 to 4 atoms"),
        ("checkpoint=no/where", "checkpoint=no/where: no such folder; released models: qm9"),
        ("checkpoint=", "checkpoint: needs a value"),
        ("step=5", "unknown key 'step': did you mean steps?"),
        (
            "times=0.5,x",
            "times='0.5,x': numbers between 0 and 1, as in 0.2,0.5, or two ends, as in 0.2:0.7",
        ),
        ("times=0.8,0.5", "times=[0.8, 0.5]: they increase, between 0 and 1"),
        ("scaffold=c1ccccc1", "scaffold='c1ccccc1': 6 atoms, where the model makes at most 4"),
        ("scaffold=C1CC", "scaffold='C1CC': does not parse as SMILES"),
        ("scaffold=FC", "scaffold='FC': F is outside the vocabulary"),
        ("elements=N2", "elements='N2': counts such as N:2,O:1 are needed"),
        ("forbidden=Q", "forbidden: 'Q' is no chemical element"),
        ("forbidden=C,N,O", "constraints: every element is forbidden or counted"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(
    checkpoint, tmp_path, argument, message
):
    assert error_of(checkpoint, tmp_path / "out", argument).startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_truncated_checkpoint_is_one_line_and_writes_nothing(checkpoint, tmp_path):
    (tmp_path / CONFIG).write_text((checkpoint / CONFIG).read_text())
    (tmp_path / WEIGHTS).write_bytes((checkpoint / WEIGHTS).read_bytes()[:-100])
    error = error_of(tmp_path, tmp_path / "out")
    assert error.startswith(f"{tmp_path / WEIGHTS}: truncated or not a safetensors file (")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_vocabulary_is_one_line_and_writes_nothing(checkpoint, tmp_path):
    (tmp_path / WEIGHTS).write_bytes((checkpoint / WEIGHTS).read_bytes())
    (tmp_path / CONFIG).write_text((checkpoint / CONFIG).read_text().replace('"N"', '"S"'))
    assert "of another vocabulary (C N O none" in error_of(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def no_sampling(monkeypatch) -> None:
    def follow(*arguments: object, **more: object) -> None:
        pytest.fail("sampled before the folder was tried")

    monkeypatch.setattr(Generator, "follow", follow)


@pytest.mark.usefixtures("no_sampling")
def test_a_folder_that_cannot_be_written_is_found_before_the_sampling(checkpoint, tmp_path):
    (tmp_path / "file").touch()
    error = error_of(checkpoint, tmp_path / "file" / "out")
    assert error == f"cannot write '{tmp_path / 'file' / 'out'}': Not a directory"


@pytest.mark.usefixtures("no_sampling")
def test_a_folder_in_the_place_of_a_file_is_found_before_the_sampling(checkpoint, tmp_path):
    (tmp_path / "samples.smi").mkdir()
    assert "samples.smi is a folder there" in error_of(checkpoint, tmp_path)


@pytest.mark.usefixtures("no_sampling")
def test_the_record_of_a_training_run_is_never_overwritten(checkpoint):
    error = error_of(checkpoint, checkpoint)
    assert error == f"out={checkpoint}: holds a model ({WEIGHTS}); choose another folder"


def test_a_failure_while_writing_leaves_no_record_and_nothing_half_written(
    checkpoint, tmp_path, monkeypatch
):
    run(checkpoint, tmp_path)
    monkeypatch.setattr("molflow.pictures.draw_molecules", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(checkpoint, tmp_path, "seed=1")
    kept = sorted({*FILES, "parts"} - {"run.json"})
    assert names(tmp_path) == kept


def test_progress_counts_molecules_while_a_batch_is_on_its_way(
    checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("molflow.progress.LINE_SECONDS", 0.0)
    monkeypatch.setattr("molflow.progress._Lines.interval", 0.0)
    with on_cores(1):
        run(checkpoint, tmp_path, "steps=4")
    lines = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert [line for line in lines if line.startswith("sampling")] == [
        f"sampling: {done}/40 molecules" for done in (10, 20, 30, 40)
    ]


def test_help_is_printed_without_loading_torch_or_rdkit():
    code = (
        "import sys; from molflow.sample import main; main(['--help']);"
        "print([name for name in ('torch', 'rdkit', 'hydra', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "molflow sample [key=value" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_from_the_shell_a_mistake_is_one_line_and_code_2():
    # One that is found before torch is loaded.
    command = [sys.executable, "-m", "molflow.sample", "checkpoint=qm9", "n=0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: n=0: must be at least 1\n"


def test_a_folder_that_cannot_be_made_is_one_line(checkpoint, tmp_path):
    (tmp_path / "file").touch()
    error = error_of(checkpoint, tmp_path / "file" / "out")
    assert error == f"cannot write '{tmp_path}/file/out': Not a directory"


def test_a_model_without_a_map_is_said_to_have_none_where_it_jumps(checkpoint, tmp_path, capsys):
    main([f"checkpoint={checkpoint}", "n=2", "steps=1", "method=flow_map", f"out={tmp_path}"])
    assert "has learned no flow map" in capsys.readouterr().err
    main([f"checkpoint={checkpoint}", "n=2", "steps=1", "method=euler", f"out={tmp_path}"])
    assert "has learned no flow map" not in capsys.readouterr().err
