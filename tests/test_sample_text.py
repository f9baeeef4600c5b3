"""The sampling program for models of texts: what it writes and prints, and what it refuses."""

import csv
import json
from pathlib import Path
from textwrap import indent

import pytest

from molflow.build import build_dataset
from molflow.config import DatasetConfig
from molflow.errors import InputError
from molflow.loading import load
from molflow.model.checkpoint import save_model
from molflow.model.spec import ModelSpec
from molflow.sample import main
from molflow.sampling.walk import Route

pytestmark = pytest.mark.usefixtures("composed_once")

TEXT = "a bad cab, a fad\n" * 60
LENGTH = 8
FUNCTION = """
def commas(text):
    if not isinstance(text, str) or len(text) != 8:
        raise ValueError("not a text of this model")
    return text.count(",")

def fickle(text):
    if "," in text:
        raise ValueError("a comma")
    return 1
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory, token_spec) -> ModelSpec:
    """A model of a text with line ends, that text beside it."""
    path = tmp_path_factory.mktemp("text") / "mine.txt"
    path.write_text(TEXT)
    data = DatasetConfig(name="text", path=str(path), split="standard", length=LENGTH)
    symbols = build_dataset(data).vocabulary.symbols
    law = (0.0,) * LENGTH + (1.0,)
    return token_spec(symbols, "characters", law, dataset=vars(data).copy(), shown=0.5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, spec, fresh, perturbed) -> Path:
    """That model, never trained."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, perturbed(fresh(spec), seed=2), spec)
    return folder


def run(checkpoint: Path, out: Path, *arguments: str) -> None:
    defaults = [f"checkpoint={checkpoint}", f"out={out}", "n=30", "steps=2", "temperature=1"]
    main([*defaults, *arguments])


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory) -> Path:
    """The folder of one sampling. Not to be changed."""
    folder = tmp_path_factory.mktemp("results")
    run(checkpoint, folder, "prompt=a_,")
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def error_of(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        run(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_texts_leave_a_table_a_file_to_read_and_the_record(results):
    assert names(results) == ["config.yaml", "run.json", "samples.csv", "samples.txt"]


def test_the_table_has_every_text_as_it_was_written_line_ends_too(results):
    table = rows(results)
    assert [list(row) for row in table] == [["index", "text", "kept"]] * 30
    assert [row["index"] for row in table] == [str(i) for i in range(30)]
    assert {len(row["text"]) for row in table} == {LENGTH}
    assert any("\n" in row["text"] for row in table)


def test_a_model_of_smiles_says_what_it_wrote_molecule_or_not(
    token_spec, fresh, perturbed, tmp_path
):
    spec = token_spec(("C", "O", "(", "="), "smiles", (0, 0, 0, 0.5, 0.5), dataset={"name": "x"})
    model, out = tmp_path / "model", tmp_path / "out"
    save_model(model, perturbed(fresh(spec), seed=2), spec)
    run(model, out)
    table, wanted = rows(out), load(model).sample(30, Route(2, temperature=1))
    assert list(table[0])[-1] == "as_made"
    assert [row["as_made"] for row in table] == wanted.texts
    failed = [row for row in table if row["valid"] == "False"]
    assert 0 < len(failed) < 30
    assert all(row["as_made"] and not row["smiles"] for row in failed)


def test_the_prompt_is_in_every_text_and_that_is_counted(results):
    assert {(row["text"][0], row["text"][2], row["kept"]) for row in rows(results)} == {
        ("a", ",", "True")
    }
    assert json.loads((results / "run.json").read_text())["metrics"]["kept"] == 1.0


def test_the_first_texts_are_there_to_be_read(results):
    texts = [row["text"] for row in rows(results)]
    assert (results / "samples.txt").read_text("utf-8") == "\n\n".join(texts[:24]) + "\n"


def test_the_record_has_what_texts_are_measured_by(results):
    record = json.loads((results / "run.json").read_text())
    numbers = record["metrics"]
    assert {"words_in_vocabulary", "perplexity", "entropy", "distinct_4", "kept"} <= set(numbers)
    assert not {"strict_valid", "unique", "internal_diversity"} & set(numbers)
    assert numbers["texts"] == 30
    assert record["config"]["prompt"] == "a_,"
    assert record["evaluations_per_molecule"] == 2


def test_what_is_printed_speaks_of_texts(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path, "prompt=a_,")
    shown = capsys.readouterr().out
    assert "30 texts, 2 euler steps, seed 0" in shown
    assert "prompt: kept is the share of texts that have all that it says in its place" in shown
    assert "texts/s" in shown
    written = "".join(indent(row["text"], "  ") + "\n" for row in rows(tmp_path)[:5])
    assert f"the first of samples.txt:\n{written}speed:" in shown
    for chemical in ("molecule", "report.html", "chemistry", "valid"):
        assert chemical not in shown


def test_a_text_that_is_gone_leaves_what_needs_none(spec, fresh, tmp_path, capsys):
    gone = ModelSpec(**{**vars(spec), "dataset": {**spec.dataset, "path": "absent.txt"}})
    save_model(tmp_path / "model", fresh(gone), gone)
    run(tmp_path / "model", tmp_path / "out")
    assert "what needs the training set was not measured: no training set: " in (
        capsys.readouterr().out
    )
    numbers = json.loads((tmp_path / "out" / "run.json").read_text())["metrics"]
    assert set(numbers) == {"entropy", "distinct_4", "distinct_8", "evaluations"}


def test_a_prompt_to_a_model_without_shown_parts_is_warned_of(spec, fresh, tmp_path, capsys):
    plain = ModelSpec(**{**vars(spec), "shown": 0.0})
    save_model(tmp_path / "model", fresh(plain), plain)
    run(tmp_path / "model", tmp_path / "out", "prompt=a")
    assert "it keeps a prompt, but has not learned to build on one" in capsys.readouterr().err


def test_texts_replace_the_molecules_of_an_earlier_sampling(checkpoint, tmp_path):
    for name in ("samples.smi", "samples.sdf", "grid.png", "trajectory.png", "report.html"):
        (tmp_path / name).touch()
    run(checkpoint, tmp_path)
    assert names(tmp_path) == ["config.yaml", "run.json", "samples.csv", "samples.txt"]


@pytest.fixture(scope="module")
def function(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("score") / "mine.py"
    path.write_text(FUNCTION)
    return path


def test_a_function_of_the_user_leads_texts(checkpoint, function, tmp_path, capsys):
    score = [f"guidance.score={function}:commas", "guidance.invalid=-1"]
    run(checkpoint, tmp_path, "guidance=best_of", "guidance.particles=4", *score)
    table = rows(tmp_path)
    assert list(table[0]) == ["index", "text", "score", "error"]
    assert all(float(row["score"]) == row["text"].count(",") for row in table)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["metrics"]["mean_score"] > record["unguided"]["metrics"]["mean_score"]
    shown = capsys.readouterr().out
    assert "guided toward commas of mine.py" in shown
    assert "over the distinct texts that have one" in shown
    assert "molecule" not in shown


def test_a_function_that_fails_on_a_text_is_told_of(checkpoint, function, tmp_path, capsys):
    score = [f"guidance.score={function}:fickle", "guidance.invalid=0"]
    score.append("guidance.max_failures=1000")
    run(checkpoint, tmp_path, "guidance=best_of", "guidance.particles=2", "prompt=a,", *score)
    assert {(row["score"], row["error"]) for row in rows(tmp_path)} == {
        ("", "fickle: ValueError: a comma (line 9)")
    }
    assert "texts asked about have no score" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prompt=ab z"], "prompt='ab z': column 4: 'z' is not in the vocabulary"),
        (["prompt=aaaaaaaaa"], "prompt='aaaaaaaaa': 9 positions, and the model has 8"),
        (["scaffold=CC"], "scaffold='CC': only for models of graphs"),
        (["atoms=3"], "atoms=3: only for models of graphs"),
        (["elements=N:1"], "elements='N:1': only for models of graphs"),
        (["forbidden=F"], "forbidden='F': only for models of graphs"),
        (["trajectory=true"], "trajectory=true: draws molecules, and this model writes texts"),
        (
            ["guidance=best_of", "guidance.objective=qed:max"],
            "guidance.objective: of molecules, and this model writes texts",
        ),
        (["guidance.condition=qed=1"], "condition: 'qed': this model was trained without any"),
    ],
)
def test_what_makes_no_sense_for_texts_is_one_line_and_writes_nothing(
    checkpoint, tmp_path, arguments, message
):
    assert error_of(checkpoint, tmp_path / "out", *arguments).startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_surrogate_for_texts_is_refused(checkpoint, function, tmp_path):
    score = [f"guidance.score={function}:commas", "guidance.invalid=-1"]
    error = error_of(checkpoint, tmp_path / "out", "guidance=surrogate", *score)
    assert error.startswith("guidance=surrogate: ")
