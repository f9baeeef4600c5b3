"""The benchmark of generation: its cells, its anchors, what it keeps, writes and refuses."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molflow.build import build_dataset
from molflow.config import DatasetConfig
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.loading import load
from molflow.model.checkpoint import save_model
from molflow.sampling.methods import METHODS

pytest.importorskip("benchmarks.generation", reason="the folder benchmarks is not here")

from benchmarks.common.measuring import Cell
from benchmarks.generation.__main__ import main, plan_cells, summarise

pytestmark = pytest.mark.usefixtures("letters_for_chemnet", "undrawn")

MOLECULES = [a + b + c for a in ("C", "CC", "CO", "CN", "C=C") for b in "CNO" for c in "CNOF"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, molecule_file, tiny_spec, fresh, perturbed) -> Path:
    """A model that was never trained, and the file of molecules that it claims to know."""
    folder = tmp_path_factory.mktemp("benchmark")
    spec = tiny_spec(molecule_file(folder / "few.csv", MOLECULES))
    save_model(folder / "tiny", perturbed(fresh(spec), seed=2, size=0.2), spec)
    return folder / "tiny"


def run(checkpoint: Path, out: Path, *arguments: str) -> dict:
    defaults = [f"checkpoint={checkpoint}", f"out={out}", "n=30", "seeds=2", "steps=1,9"]
    main([*defaults, "force=true", *arguments])
    (path,) = out.glob("*.json")
    return json.loads(path.read_text())


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(list(arguments))
    assert "\n" not in str(error.value)
    return str(error.value)


def row(result: dict, method: str, steps: int = 0) -> dict:
    (found,) = (r for r in result["rows"] if (r["method"], r["steps"]) == (method, steps))
    return found


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory, put_letters) -> Path:
    """The folder of one run of all methods. Not to be changed."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        put_letters(patch, folder / "cache")
        run(checkpoint, folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def result(results) -> dict:
    """What that run wrote. Not to be changed."""
    return json.loads((results / "generation-tiny.json").read_text())


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, str, int]]:
    """(n, steps, method, seed) of every sampling, the one before each that warms up included."""
    calls = []
    follow = Generator.follow

    def counted(self, walk, crowd, *args):
        calls.append((len(crowd), walk.steps, walk.method, crowd.seed))
        return follow(self, walk, crowd, *args)

    monkeypatch.setattr(Generator, "follow", counted)
    return calls


def test_every_method_is_measured_at_every_number_of_steps_beside_the_anchors(result):
    found = [(row["method"], row["steps"], row["seeds"]) for row in result["rows"]]
    made = [(method, steps, seeds) for method in METHODS for steps, seeds in ((1, 2), (9, 1))]
    assert found == [("training", 0, 2), ("redraw", 0, 2), *made]


def test_a_row_has_every_metric_with_its_n_and_the_speed(result):
    shares = ("strict_valid", "plain_valid", "relaxed_valid", "unique", "vu", "vun", "novel")
    fcds = ("fcd_unique_validation", "fcd_all_test")
    speeds = ("per_second_network", "per_second_decoding", "per_second")
    mean = row(result, "flow_map", 9)["mean"]
    assert {*shares, *fcds, *(f"{name}_n" for name in fcds), *speeds} < set(mean)
    assert mean["fcd_all_test_n"] == round(30 * mean["plain_valid"])
    assert mean["fcd_unique_validation_n"] == round(mean["unique"] * mean["fcd_all_test_n"])
    assert mean["evaluations"] == 9
    rates = [mean[name] for name in speeds]
    assert rates[2] == pytest.approx(1 / (1 / rates[0] + 1 / rates[1]))


def test_a_model_of_smiles_is_measured_as_one_of_graphs_is(checkpoint, token_spec, fresh, tmp_path):
    data = replace(
        DatasetConfig(**load(checkpoint).spec.dataset), name="smiles_tokens", split="random"
    )
    tokens = build_dataset(data)
    spec = token_spec(
        tokens.vocabulary.symbols, "smiles", tokens.size_law(), dataset=vars(data).copy()
    )
    save_model(tmp_path / "writer", fresh(spec), spec)
    result = run(tmp_path / "writer", tmp_path / "out", "methods=euler", "steps=1")
    assert row(result, "training", 0)["mean"]["strict_valid"] == 1
    assert row(result, "redraw", 0)["mean"]["unique"] < 1
    model = load(tmp_path / "writer")
    alone = [model.sample(30, 1, "euler", seed).metrics()["relaxed_valid"] for seed in (0, 1)]
    assert row(result, "euler", 1)["mean"]["relaxed_valid"] == pytest.approx(sum(alone) / 2)


def test_a_model_of_texts_is_sent_to_its_own_benchmark(token_spec, fresh, tmp_path):
    spec = token_spec(" ab", "characters", (0, 0, 0, 1))
    save_model(tmp_path / "writer", fresh(spec), spec)
    said = error_of(f"checkpoint={tmp_path / 'writer'}", f"out={tmp_path}")
    assert "this model writes texts, no molecules: benchmarks.text measures those" in said


def test_a_cell_holds_the_numbers_of_the_same_sampling(checkpoint, result):
    from molflow.sample import training_of

    (cell,) = (
        c for c in result["cells"] if (c["method"], c["steps"], c["seed"]) == ("euler", 1, 1)
    )
    generator = load(checkpoint, "cpu")
    training, _, _ = training_of(generator.spec)
    for name, value in generator.sample(30, 1, "euler", 1).metrics(training).items():
        assert cell[name] == pytest.approx(value)


def test_the_training_row_has_no_molecule_twice_and_the_redraw_row_has(result):
    floor, redraw = row(result, "training")["mean"], row(result, "redraw")["mean"]
    assert (floor["strict_valid"], floor["unique"], floor["novel"]) == (1, 1, 0)
    assert (redraw["strict_valid"], redraw["novel"]) == (1, 0)
    assert redraw["unique"] < 1
    assert (floor["attempts"], redraw["attempts"]) == (30, 30)


def test_mean_and_spread_are_over_the_seeds():
    cells = [Cell("euler", 2, 0), Cell("euler", 2, 1), Cell("euler", 9, 0)]
    two, nine = summarise(cells, [{"vu": 0.5}, {"vu": 0.7}, {"vu": 0.9}])
    assert (two["method"], two["steps"], two["seeds"]) == ("euler", 2, 2)
    assert two["mean"]["vu"] == pytest.approx(0.6)
    assert two["spread"]["vu"] == pytest.approx(0.2 / 2**0.5)
    assert nine["mean"]["vu"] == 0.9
    assert np.isnan(nine["spread"]["vu"])


def test_a_number_that_one_seed_lacks_has_no_mean():
    (row,) = summarise([Cell("euler", 1, 0), Cell("euler", 1, 1)], [{"f": 1.0}, {"f": np.nan}])
    assert np.isnan(row["mean"]["f"])
    assert np.isnan(row["spread"]["f"])


def test_finished_cells_are_not_made_again_and_new_ones_are(checkpoint, tmp_path, sampled):
    first = run(checkpoint, tmp_path, "methods=euler", "steps=1")
    warm_up, made = (30, 1, "euler", 0), [(30, 1, "euler", seed) for seed in (0, 1)]
    assert sampled == [warm_up, made[0], warm_up, made[1]]
    sampled.clear()
    again = run(checkpoint, tmp_path, "methods=euler", "steps=1")
    assert sampled == []
    assert again == first
    run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=3")
    assert sampled[1:] == [(30, 1, "euler", 2)]


@pytest.mark.parametrize("change", ["n=31", "steps=2"])
def test_another_number_of_molecules_or_steps_is_another_cell(
    checkpoint, tmp_path, sampled, change
):
    run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=1")
    sampled.clear()
    run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=1", change)
    assert len(sampled) == 2


def test_other_weights_are_other_cells_but_the_same_anchors(
    checkpoint, tmp_path, sampled, perturbed
):
    run(checkpoint, tmp_path / "a", "methods=euler", "steps=1", "seeds=1")
    kept = {path.name for path in (tmp_path / "cache" / "generation").iterdir()}
    model = load(checkpoint, "cpu")
    save_model(tmp_path / "other", perturbed(model.net, seed=2, size=0.1), model.spec)
    run(tmp_path / "other", tmp_path / "b", "methods=euler", "steps=1", "seeds=1")
    assert len(kept) == 3
    assert len(list((tmp_path / "cache" / "generation").iterdir())) == 4


def test_the_amount_of_noise_matters_to_stochastic_methods_alone(checkpoint, tmp_path, sampled):
    methods = "methods=flow_map,renoised"
    run(checkpoint, tmp_path, methods, "steps=2", "seeds=1")
    sampled.clear()
    run(checkpoint, tmp_path, methods, "steps=2", "seeds=1", "noise=0.5")
    assert {method for _, _, method, _ in sampled} == {"renoised"}


@pytest.mark.parametrize("change", ["noise_scale=0.5", "noise_scale=pairs=0.5", "times=0.5"])
def test_scaled_noise_and_other_stops_are_other_cells(checkpoint, tmp_path, sampled, change):
    run(checkpoint, tmp_path, "methods=euler", "steps=2", "seeds=1")
    sampled.clear()
    result = run(checkpoint, tmp_path, "methods=euler", "steps=2", "seeds=1", change)
    assert len(sampled) == 2
    assert {f"{name}={result['config'][name]}" for name in ("noise_scale", "times")} > {change}


def test_a_damaged_cell_is_made_again(checkpoint, tmp_path, sampled):
    first = run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=1")
    sampled.clear()
    for path in (tmp_path / "cache" / "generation").iterdir():
        path.write_text(path.read_text()[:-20])
    again = run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=1")
    assert len(sampled) == 2
    assert row(again, "training") == row(first, "training")


def test_the_record_says_what_was_measured_and_not_where(checkpoint, results, result):
    assert result["config"]["n"] == 30
    assert len(result["model"]["sha256"]) == 64
    assert set(result["versions"]) == {"molflow", "torch", "rdkit", "numpy"}
    assert "validation set" in result["protocol"]["fcd_unique_validation"]
    assert str(results) not in json.dumps(result)
    assert str(checkpoint.parent) not in json.dumps(result)


def test_results_bear_the_name_of_the_model_or_the_one_given(checkpoint, results, result, tmp_path):
    run(checkpoint, tmp_path, "methods=euler", "steps=1", "seeds=1", "name=v1.2")
    folders = results, tmp_path
    names = [sorted(path.name for path in folder.glob("generation-*")) for folder in folders]
    assert names == [
        ["generation-tiny.json", "generation-tiny.png"],
        ["generation-v1.2.json", "generation-v1.2.png"],
    ]
    assert result["config"]["name"] == "tiny"
    with Image.open(results / "generation-tiny.png") as picture:
        assert picture.width > 1000


def test_the_tables_show_percent_with_spread_and_fcd_with_n(checkpoint, tmp_path, capsys):
    run(checkpoint, tmp_path, "methods=euler", "steps=1")
    shown = capsys.readouterr().out
    assert "percent of 30 molecules, mean ± standard deviation over the seeds" in shown
    assert "100.00 ±0.00" in shown
    assert "fcd_unique_validation" in shown
    assert "decoding/s" in shown


def test_too_few_valid_molecules_leave_fcd_undefined(checkpoint, tmp_path, monkeypatch):
    from benchmarks.common import measuring

    generator = load(checkpoint, "cpu")
    protocol = measuring.prepare(generator, 30, measuring.WalkOptions(), force=True)
    object.__setattr__(protocol, "force", False)
    numbers = measuring.perform(Cell("redraw", 0, 0), protocol, generator)
    assert np.isnan(numbers["fcd_all_test"])
    assert numbers["fcd_all_test_n"] == 30
    assert numbers["strict_valid"] == 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("n=999", "n=999: FCD needs at least 1,000 molecules; force=true measures fewer"),
        ("n=0", "n=0: must be at least 1"),
        ("n=many", "n='many': an integer is needed"),
        ("steps=", "steps: needs a value"),
        ("steps=1,x", "steps='x': integers from 1 to 10,000, separated by commas"),
        ("steps=0", "steps='0': integers from 1 to 10,000, separated by commas"),
        ("steps=1,,2", "steps='1,,2': values separated by commas are needed"),
        ("methods=leap", "methods='leap': any of euler, "),
        ("seeds=0", "seeds=0: must be at least 1"),
        ("noise=2", "noise=2.0: must be at least 0 and at most 1"),
        ("force=maybe", "force='maybe': true or false is needed"),
        ("step=5", "unknown key 'step': did you mean steps?"),
        ("qm9", "'qm9': an argument is key=value; --help lists the keys"),
        ("name=a/b", "name='a/b': the name of a file, without folders"),
        ("checkpoint=no/where", "checkpoint=no/where: no such folder; released models: qm9"),
        ("checkpoint=", "checkpoint: needs a value"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(
    checkpoint, tmp_path, argument, message
):
    given = [f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", "steps=1", argument]
    assert error_of(*given).startswith(message)
    assert not (tmp_path / "out").exists()


def test_references_of_fewer_than_a_thousand_molecules_are_refused(checkpoint, tmp_path):
    error = error_of(f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", "steps=1")
    assert error == "few: 5 molecules in valid are too few for FCD"


def test_molecules_that_changed_since_the_training_are_refused(checkpoint, tmp_path, perturbed):
    model = load(checkpoint, "cpu")
    path = tmp_path / "few.csv"
    path.write_text("smiles\n" + "\n".join(MOLECULES[:-3]) + "\n")
    spec = replace(model.spec, dataset=model.spec.dataset | {"path": str(path)})
    save_model(tmp_path / "model", model.net, spec)
    error = error_of(f"checkpoint={tmp_path / 'model'}", "force=true", f"out={tmp_path / 'out'}")
    assert error == "few has changed since the training: its law of sizes has"


def test_more_than_eight_steps_take_one_seed():
    from benchmarks.generation.__main__ import GenerationConfig

    cells = plan_cells(GenerationConfig(steps="8,9", methods="euler"))
    assert [(c.steps, c.seed) for c in cells if c.method == "euler"] == [
        *((8, 0), (8, 1), (8, 2)),
        (9, 0),
    ]


def test_help_lists_the_keys_without_loading_torch():
    code = (
        "import sys\nfrom benchmarks.generation.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert "checkpoint=" in done.stdout
    assert "n=10000" in done.stdout
