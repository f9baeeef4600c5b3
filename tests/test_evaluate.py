"""The program that evaluates: what it reads, writes, prints, explains and refuses."""

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rdkit import Chem

from molflow import evaluate as program
from molflow.build import build_dataset
from molflow.errors import InputError
from molflow.evaluate import main
from molflow.files import WEIGHTS
from molflow.metrics.suites import METRICS, SUITES
from molflow.model.checkpoint import save_model

REFERENCE = ["C", "N", "O", "CC", "CN", "CO", "CCC", "CCO", "CCN", "C=O", "C#N", "CCCC"]
SAMPLES = 'smiles,name\nCCO,a\nOCC,b\nNone,c\nC1CC,d\n,e\nCN(C)(C)C,f\nCC.O,g\nCCCl,"h\ni"\n'
FILES = ["config.yaml", "failed.csv", "metrics.json", "report.html"]


pytestmark = pytest.mark.usefixtures("composed_once")


def lay_out(folder: Path) -> Path:
    """The folder, with samples.csv and reference.csv."""
    (folder / "samples.csv").write_text(SAMPLES)
    (folder / "reference.csv").write_text("smiles\n" + "\n".join(REFERENCE) + "\n")
    return folder


@pytest.fixture
def files(letters_for_chemnet, tmp_path) -> Path:
    """A folder with samples.csv and reference.csv; a cache of the test's own."""
    return lay_out(tmp_path)


def run(files: Path, *arguments: str) -> dict:
    """The record of an evaluation of samples.csv, where nothing else is said."""
    defaults = [f"samples={files / 'samples.csv'}", f"reference={files / 'reference.csv'}"]
    main([*defaults, f"out={files / 'out'}", *arguments])
    return json.loads((files / "out" / "metrics.json").read_text())


@pytest.fixture(scope="module")
def results(tmp_path_factory, put_letters) -> Path:
    """The folder that an evaluation left. Not to be changed."""
    folder = lay_out(tmp_path_factory.mktemp("evaluated"))
    with pytest.MonkeyPatch.context() as patch:
        put_letters(patch, folder / "cache")
        run(folder)
    return folder / "out"


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(list(arguments))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_evaluation_leaves_its_four_files(results):
    assert sorted(path.name for path in results.iterdir()) == FILES


def test_its_config_evaluates_again(files):
    before = run(files)
    main([f"config={files / 'out' / 'config.yaml'}", f"out={files / 'again'}"])
    after = json.loads((files / "again" / "metrics.json").read_text())
    assert after["metrics"] == before["metrics"]


def test_the_record_has_flat_metrics_their_intervals_and_what_they_are_of(results):
    record = json.loads((results / "metrics.json").read_text())
    assert list(record["metrics"]) == list(SUITES["standard"])
    # CCO, OCC and CCCl are strictly valid, CC of CC.O is plain-valid too, of eight attempts.
    assert record["n"] == 8
    assert record["metrics"]["strict_valid"] == 3 / 8
    assert record["metrics"]["plain_valid"] == 4 / 8
    assert record["metrics"]["relaxed_valid"] is None
    assert "relaxed_valid, valence_valid: not stated" in record["notes"][0]
    assert record["metrics"]["vu"] == 2 / 8
    assert record["metrics"]["fcd_all_test"] is None
    low, high = record["intervals"]["strict_valid"]
    assert 0 < low < 3 / 8 < high < 1
    assert "frag" not in record["intervals"]
    assert record["counts"]["distinct_strict_valid"] == 2
    assert record["reasons"] == {
        "missing value": 1,
        "does not parse": 1,
        "empty": 1,
        "valence: N 4 > 3": 1,
        "fragments: 2": 1,
    }
    assert record["samples"] == {
        "file": "samples.csv",
        "sha256": hashlib.sha256(SAMPLES.encode()).hexdigest(),
        "attempts": 8,
    }
    assert record["reference"]["name"] == "reference.csv"
    assert record["reference"]["splits"] == {"train": 12}
    assert record["reference"]["files"] == {"train": "reference.csv"}
    assert record["reference"]["left_out"] == {"reference.csv": {}}
    assert record["protocol"]["suite"] == "standard"
    assert set(record["versions"]) == {"molflow", "torch", "numpy", "scipy", "rdkit"}
    assert record["config"]["suite"] == "standard"


def test_every_attempt_that_is_not_strictly_valid_is_listed(results):
    with (results / "failed.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["attempt", "row", "text", "reason"],
        ["2", "4", "None", "missing value"],
        ["3", "5", "C1CC", "does not parse"],
        ["4", "6", "", "empty"],
        ["5", "7", "CN(C)(C)C", "valence: N 4 > 3 at atom 1"],
        ["6", "8", "CC.O", "fragments: 2"],
    ]


def test_the_table_has_numbers_reasons_notes_and_where_definitions_are(files, capsys):
    run(files)
    shown = capsys.readouterr().out
    assert "8 attempts of samples.csv against reference.csv, suite standard" in shown
    assert "│ strict_valid " in shown
    assert "0.375" in shown
    assert "5 attempts are not strictly valid, by reason" in shown
    assert "compared: 4 molecules of 8 attempts of samples.csv, 3 distinct" in shown
    assert "with train: 12 molecules of reference.csv, 12 distinct" in shown
    assert (
        "note: reference.csv has no split test: no number against it; reference_test= or "
        "split_column= names one"
    ) in shown
    assert "definitions: python -m molflow.evaluate explain suite=standard" in shown


def test_definitions_stand_in_the_table_where_asked(files, capsys):
    run(files, "explain")
    assert METRICS["vun"].doc in capsys.readouterr().out


@pytest.mark.parametrize("word", ["explain", "explain=true"])
def test_explain_alone_prints_one_line_for_each_number_and_writes_nothing(
    word, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    main([word, "suite=moses"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == list(SUITES["moses"])
    assert list(tmp_path.iterdir()) == []


def test_fcd_of_few_molecules_is_measured_where_forced(files):
    test = f"reference_test={files / 'reference.csv'}"
    assert run(files, test)["metrics"]["fcd_all_test"] is None
    assert run(files, test, "force=true")["metrics"]["fcd_all_test"] > 0


def test_the_first_rows_alone_are_read_where_asked(files):
    assert run(files, "n=2")["n"] == 2


def test_another_column_is_read_where_named(files):
    (files / "samples.csv").write_text("smiles,best\n1,C\n2,N\n")
    assert run(files, "smiles_column=best")["metrics"]["strict_valid"] == 1


def test_a_file_as_reference_is_the_training_set_whole(files):
    (files / "samples.csv").write_text("SMILES\n" + "\n".join(REFERENCE) + "\n")
    found = run(files)["metrics"]
    assert (found["novel"], found["copied"]) == (0, 1)


def test_salts_and_odd_molecules_are_known_to_a_reference_that_holds_them(files):
    texts = ["CCN.Cl", "CC(=O)[O-].[Na+]", "[13CH3]CO", "C[O]", "[H]/N=C(\\C)N", "N->[Cu+2]<-N"]
    (files / "samples.csv").write_text("smiles\n" + "\n".join(texts) + "\n")
    found = run(files, f"reference={files / 'samples.csv'}", "suite=full")["metrics"]
    novelties = ("novel", "vun", "Novelty", "guacamol/novelty")
    assert {name: found[name] for name in novelties} == dict.fromkeys(novelties, 0)


def test_rows_of_a_reference_that_hold_no_molecule_are_counted_by_reason(files, capsys):
    (files / "reference.csv").write_text("smiles\nC\nC(\nC)\n*\n")
    record = run(files)["reference"]
    assert record["splits"] == {"train": 1}
    assert record["left_out"] == {"reference.csv": {"does not parse": 2, "no element: *": 1}}
    shown = capsys.readouterr().out
    assert "left out of reference.csv: 2 does not parse, 1 no element: *" in shown


def test_stereochemistry_of_a_reference_is_counted_and_said_to_be_left_out(files, capsys):
    (files / "reference.csv").write_text("smiles\nC[C@H](N)O\nF/C=C/F\nC[C@\nCCO\n")
    run(files)
    shown = capsys.readouterr().out
    assert "stereochemistry of 2 molecules of reference.csv is not compared" in shown


def test_a_second_file_is_the_test_set(files):
    (files / "test.smi").write_text("CCO\nCCCl\n")
    record = run(files, f"reference_test={files / 'test.smi'}")
    assert record["reference"]["splits"] == {"train": 12, "test": 2}
    assert record["reference"]["files"] == {"train": "reference.csv", "test": "test.smi"}
    assert record["metrics"]["snn"] > 0
    assert record["metrics"]["copied_test"] == 0.5


def test_a_column_of_the_reference_says_which_split_a_row_is_of(files):
    (files / "reference.csv").write_text("smiles,split\nC,train\nCCO,test\nN,val\nO,train\n")
    record = run(files, "split_column=split")
    assert record["reference"]["splits"] == {"train": 2, "test": 1, "valid": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reference=qm9", "split_column=x"], "split_column='x': only with a file as reference="),
        (["reference=qm9", "reference_test=x"], "reference_test='x': only with a file as"),
        (["reference_test=x", "split_column=x"], "reference_test, split_column: only one of them"),
    ],
)
def test_a_test_set_is_named_once_and_beside_a_file(files, arguments, message):
    defaults = [f"samples={files / 'samples.csv'}", f"reference={files / 'reference.csv'}"]
    assert message in error_of(*defaults, f"out={files / 'out'}", *arguments)


def test_an_sdf_is_a_reference(files):
    blocks = [Chem.MolToMolBlock(Chem.AddHs(Chem.MolFromSmiles(s))) for s in ("CCO", "CCCl", "CC")]
    (files / "reference.sdf").write_text("$$$$\n".join(blocks))
    assert run(files, f"reference={files / 'reference.sdf'}")["metrics"]["novel"] == 0


def test_the_report_is_left_out_where_asked_and_goes_with_the_next_evaluation(files):
    run(files)
    run(files, "report=false")
    assert sorted(path.name for path in (files / "out").iterdir()) == FILES[:3]


def test_a_failure_on_the_way_leaves_no_record(files, monkeypatch):
    run(files)
    monkeypatch.setattr(program, "write_page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(files)
    assert not (files / "out" / "metrics.json").exists()


@pytest.fixture
def checkpoint(files, molecule_file, tiny_spec, fresh, perturbed) -> Path:
    """A model of the reference's molecules that was never trained."""
    spec = tiny_spec(molecule_file(files / "mine.csv", REFERENCE))
    save_model(files / "model", perturbed(fresh(spec), seed=1, size=0.3), spec)
    return files / "model"


def test_a_model_is_evaluated_against_what_it_was_trained_on(files, checkpoint, capsys):
    main([f"checkpoint={checkpoint}", "n=40", "steps=2", f"out={files / 'out'}"])
    record = json.loads((files / "out" / "metrics.json").read_text())
    assert record["n"] == 40
    assert record["samples"]["steps"] == 2
    digest = hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest()
    assert record["samples"]["sha256"] == digest
    assert record["reference"]["name"] == "mine"
    assert record["metrics"]["novel"] is not None
    # Of the graphs themselves: what is sanitised without a nitro group is relaxed-valid too.
    assert 0 < record["metrics"]["plain_valid"] <= record["metrics"]["relaxed_valid"]
    with (files / "out" / "failed.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) - 1 == 40 - round(40 * record["metrics"]["strict_valid"])
    assert "40 attempts of model in 2 euler steps against mine" in capsys.readouterr().out


def test_a_model_and_the_file_of_its_molecules_have_the_same_numbers(files, checkpoint):
    from molflow import sample

    reference = f"reference={files / 'mine.csv'}"
    main([f"checkpoint={checkpoint}", reference, "n=40", "steps=2", f"out={files / 'out'}"])
    of_model = json.loads((files / "out" / "metrics.json").read_text())["metrics"]
    sample.main([f"checkpoint={checkpoint}", "n=40", "steps=2", f"out={files / 'made'}"])
    of_file = run(files, f"samples={files / 'made' / 'samples.csv'}", reference)["metrics"]
    assert of_model["strict_valid"] < of_model["relaxed_valid"]
    assert of_file == of_model


@pytest.fixture
def of_smiles(files, molecule_file, token_spec, fresh, perturbed) -> Path:
    """A model that writes SMILES of those molecules, never trained."""
    data = replace(molecule_file(files / "mine.csv", REFERENCE), name="smiles_tokens")
    tokens = build_dataset(data)
    law = tokens.size_law().tolist()
    spec = token_spec(tokens.vocabulary.symbols, "smiles", law, dataset=vars(data).copy())
    save_model(files / "model", perturbed(fresh(spec), seed=2), spec)
    return files / "model"


def test_what_a_model_of_smiles_writes_is_judged_as_a_file_of_it_is(files, of_smiles):
    from molflow.loading import load

    reference = f"reference={files / 'mine.csv'}"
    main([f"checkpoint={of_smiles}", reference, "n=60", "steps=1", f"out={files / 'out'}"])
    of_model = json.loads((files / "out" / "metrics.json").read_text())
    with (files / "out" / "failed.csv").open(newline="") as file:
        failed = [row["text"] for row in csv.DictReader(file)]
    texts = load(of_smiles).sample(60, 1).texts
    (files / "samples.csv").write_text("smiles,x\n" + "".join(f"{one},1\n" for one in texts))
    of_file = run(files, reference)
    assert 0 < of_model["metrics"]["strict_valid"] < 1
    assert of_model["metrics"] == of_file["metrics"]
    assert of_model["reasons"] == of_file["reasons"]
    with (files / "out" / "failed.csv").open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == failed


def test_a_model_of_texts_is_refused(files, token_spec, fresh):
    spec = token_spec("abc", "characters", (0.0, 0.0, 1.0))
    save_model(files / "model", fresh(spec), spec)
    checkpoint = f"checkpoint={files / 'model'}"
    assert error_of(checkpoint, f"out={files / 'out'}") == (
        f"{checkpoint}: writes texts, and this measures molecules; "
        "molflow.sample measures what it writes"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "samples=<file> or checkpoint=<model>: one of them is needed"),
        (["samples=a.csv", "checkpoint=qm9"], "samples=<file> or checkpoint=<model>: one of"),
        (["samples={0}/samples.csv"], "reference: needed with samples="),
        (["samples={0}/absent.csv", "reference=qm9"], "samples='{0}/absent.csv': no such file"),
        (["samples={0}/samples.csv", "reference=qm8"], "reference='qm8': one of qm9, zinc250k"),
        (["samples={0}/samples.csv", "reference=qm9", "steps=4"], "steps=4: only with checkpoint="),
        (["samples={0}/samples.csv", "reference=qm9", "suite=all"], "suite='all': one of standard"),
        (["samples={0}/samples.csv", "reference=qm9", "n=0"], "n=0: must be at least 1"),
        (["sample={0}/samples.csv"], "unknown key 'sample': did you mean samples?"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(files, arguments, message):
    given = [one.format(files) for one in arguments]
    assert error_of(*given, f"out={files / 'out'}").startswith(message.format(files))
    assert not (files / "out" / "metrics.json").exists()


def test_a_file_without_an_attempt_is_one_line(files):
    (files / "samples.csv").write_text("smiles\n")
    with pytest.raises(InputError, match=r"samples\.csv: holds no attempt"):
        run(files)
    assert not (files / "out" / "failed.csv").exists()


def test_two_columns_of_one_name_are_one_line(files):
    (files / "samples.csv").write_text("smiles,smiles\nC,C\n")
    with pytest.raises(InputError, match="2 columns could be meant, 'smiles', 'smiles'"):
        run(files)


def test_the_folder_of_a_model_is_never_written_into(files, checkpoint):
    error = error_of(f"checkpoint={checkpoint}", f"out={checkpoint}")
    assert error == f"out={checkpoint}: holds a model ({WEIGHTS}); choose another folder"


def test_help_is_printed_without_loading_torch_or_rdkit():
    code = (
        "import sys; from molflow.evaluate import main; main(['--help']);"
        "print([name for name in ('torch', 'rdkit', 'hydra', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "molflow evaluate [key=value" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_from_the_shell_a_mistake_is_one_line_and_code_2(tmp_path):
    command = [sys.executable, "-m", "molflow.evaluate", "samples=absent.csv", "reference=qm9"]
    done = subprocess.run([*command, f"out={tmp_path}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: samples='absent.csv': no such file\n"
