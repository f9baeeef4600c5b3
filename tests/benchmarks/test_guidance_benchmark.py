"""The benchmark of guidance: budgets, cells, what it keeps, claims, writes and refuses."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molflow.errors import InputError
from molflow.generator import Generator
from molflow.guidance import surrogate
from molflow.guidance.kinds import GUIDES
from molflow.loading import load
from molflow.model.checkpoint import save_model

pytest.importorskip("benchmarks.guidance", reason="the folder benchmarks is not here")

from benchmarks.common.sections import markers
from benchmarks.guidance import making
from benchmarks.guidance.__main__ import main
from benchmarks.guidance.kept import Protocol, facts, guide_of
from benchmarks.guidance.making import perform, require_sizes
from benchmarks.guidance.measuring import measure_rewards
from benchmarks.guidance.plan import (
    GuidedCell,
    Settings,
    cells,
    looks,
    seconds,
    settings,
    walking_seconds,
)
from benchmarks.guidance.results import read_result
from benchmarks.guidance.rows import (
    at_one_evaluation,
    beats,
    best,
    claims,
    crossing,
    keeping_vu,
    looks_to_reach,
    rows,
    won,
)
from benchmarks.guidance.tasks import TASKS, aim, reference
from molflow.build import dataset_of
from molflow.chem.molecule import Checked, read_smiles
from molflow.chem.objective import parse_objective

pytestmark = pytest.mark.usefixtures("undrawn")

MOLECULES = [a + b + c for a in ("C", "CC", "CO", "CN", "C=C") for b in "CNO" for c in "CNOF"]
ROOT = Path(__file__).parents[2]
SMALL = ("tasks=qed,logp0", "budgets=1,4", "steps=1,2", "n=8")

BETWEEN = markers("guidance")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, molecule_file, tiny_spec, fresh, perturbed) -> Path:
    """A model that was never trained, and the file of molecules that it claims to know."""
    folder = tmp_path_factory.mktemp("guidance")
    spec = tiny_spec(molecule_file(folder / "few.csv", MOLECULES))
    save_model(folder / "tiny", perturbed(fresh(spec), seed=2, size=0.2), spec)
    return folder / "tiny"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own, and fits of few steps."""
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(surrogate, "STEPS", 3)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """(steps, method of guidance) of every sampling, "walks" of those that are shared."""
    calls = []
    follow, walked = Generator.follow, making.walked

    def guided(self, walk, crowd, guide, *args):
        calls.append((walk.steps, guide.guidance.name))
        return follow(self, walk, crowd, guide, *args)

    def shared(walk, *args):
        calls.append((walk.steps, "walks"))
        return walked(walk, *args)

    monkeypatch.setattr(Generator, "follow", guided)
    monkeypatch.setattr(making, "walked", shared)
    return calls


def run(checkpoint: Path, out: Path, *arguments: str) -> dict[str, Any]:
    main([f"checkpoint={checkpoint}", f"out={out}", *SMALL, *arguments])
    (path,) = out.glob("*.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory) -> Path:
    """The folder of one run, with what it said in said.txt. Not to be changed."""
    folder = tmp_path_factory.mktemp("results")
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("MOLFLOW_CACHE", str(folder / "cache"))
        patch.setattr(surrogate, "STEPS", 3)
        run(checkpoint, folder / "out")
    (folder / "said.txt").write_text(said.getvalue())
    return folder


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(list(arguments))
    assert "\n" not in str(error.value)
    return str(error.value)


def row(way: str, reward: float, error: float = 0.01, **changes: Any) -> dict[str, Any]:
    """A row of the task qed in one step with a budget of 16."""
    made = {
        "task": "qed",
        "way": way,
        "walk": "flow_map",
        "steps": 1,
        "budget": 16,
        "settings": {"particles": 1, "draws": 15, "generations": 1},
        "reward": reward,
        "reward_error": error,
        "vu": 0.9,
        "looks": 16.0,
        "evaluations": 16.0,
    }
    return made | changes


def claim_of(way: str, *rows: dict[str, Any]) -> dict[str, Any]:
    (claim,) = (claim for claim in claims(rows) if claim["way"] == way)
    return claim


# Budgets


def test_best_of_and_a_surrogate_spend_a_budget_on_walks_whatever_their_steps():
    assert settings("surrogate", 16, 4) == (Settings(16),)
    assert settings("best_of", 16, 1) == settings("best_of", 16, 8) == (Settings(16),)


def test_particles_look_at_every_step_and_need_a_second_one_and_a_second_walk():
    assert settings("particles", 16, 4) == (Settings(4),)
    assert settings("particles", 16, 1) == ()
    assert settings("particles", 4, 4) == ()


def test_draws_look_at_the_unguided_end_too_and_divide_the_budget_among_walks():
    assert settings("draws", 16, 4) == (Settings(1, 15), Settings(4, 3))
    assert settings("draws", 1, 1) == ()


def test_a_gradient_looks_at_two_draws_or_more_at_every_step_and_at_the_end():
    assert settings("gradient", 64, 4) == (Settings(1, 15), Settings(4, 3))
    assert settings("gradient", 16, 8) == ()


def test_a_search_divides_the_budget_among_generations_whatever_its_steps():
    assert settings("search", 16, 4) == (
        Settings(8, 0, 2),
        Settings(4, 0, 4),
        Settings(2, 0, 8),
    )
    assert settings("search", 4, 1) == (Settings(2, 0, 2), Settings(1, 0, 4))
    assert settings("search", 1, 1) == ()


@pytest.mark.parametrize("method", GUIDES)
def test_the_looks_of_every_guide_are_those_that_sampling_counts(checkpoint, method):
    generator, found = load(checkpoint, "cpu"), 0
    for steps in (1, 2):
        for made in settings(method, 16, steps):
            walk = "renoised" if GUIDES[method].noise is not None else "euler"
            cell = GuidedCell("qed", method, walk, steps, 16, made, 0)
            numbers = perform(cell, Protocol({"qed": "qed:max"}, 3), generator)
            assert numbers["looks"] == looks(method, made, steps) <= 16
            found += 1
    assert found


def test_a_guide_that_the_benchmark_knows_no_budget_of_is_refused():
    with pytest.raises(InputError, match="methods='luck': this benchmark knows no budget of it"):
        settings("luck", 4, 1)


def test_the_minutes_count_looks_and_evaluations_and_shared_walks_once():
    draws = GuidedCell("qed", "draws", "euler", 2, 16, Settings(4, 3), 0)
    best_of = GuidedCell("qed", "best_of", "heun", 2, 16, Settings(16), 0)
    assert seconds(draws, 1000) == pytest.approx(1000 * (8 * 4e-4 + 16 * 2.5e-4))
    assert seconds(best_of, 1000) == pytest.approx(1000 * 16 * 2.5e-4)
    assert walking_seconds(best_of, 1000, 64) == pytest.approx(1000 * 64 * 3 * 4e-4)


# Cells


def test_guides_that_renew_noise_walk_by_what_renews_it_and_the_others_as_asked():
    made = cells(["qed"], ["best_of", "particles"], ["flow_map", "renoised"], ([4], [2]), 1)
    assert [(cell.way, cell.walk) for cell in made] == [
        ("unguided", "flow_map"),
        ("unguided", "renoised"),
        ("best_of", "flow_map"),
        ("best_of", "renoised"),
        ("particles", "renoised"),
    ]


def test_every_seed_is_a_cell_of_its_own():
    made = cells(["qed"], [], ["euler"], ([], [1]), 3)
    assert [cell.seed for cell in made] == [0, 1, 2]


@pytest.mark.parametrize("walk", ["euler", "renoised"])
@pytest.mark.parametrize("particles", [1, 3])
def test_the_best_of_shared_walks_is_what_the_guide_makes(checkpoint, walk, particles):
    generator = load(checkpoint, "cpu")
    protocol = Protocol({"logp0": "logp:0±0.5"}, 30, walks=4, batch=7)
    cell = GuidedCell("logp0", "best_of", walk, 2, particles, Settings(particles), 5)
    guide = guide_of(cell, protocol)
    sampled = generator.sample(30, 2, walk, 5, guide=guide)
    numbers = perform(cell, protocol, generator)
    found = measure_rewards([one.strict for one in sampled.checked], guide.scorer)
    assert numbers | found == numbers
    assert numbers["evaluations"] == sampled.evaluations
    assert numbers["looks"] == sampled.steering.looks
    assert numbers["calls"] == sampled.steering.calls / 30


def test_unguided_molecules_are_those_of_plain_sampling(checkpoint):
    generator, protocol = load(checkpoint, "cpu"), Protocol({"qed": "qed:max"}, 30, walks=4)
    numbers = perform(
        GuidedCell("qed", "unguided", "euler", 2, 0, Settings(1), 5), protocol, generator
    )
    plain = generator.sample(30, 2, "euler", 5)
    assert numbers["vu"] == len({one.strict for one in plain.checked} - {None}) / 30
    assert (numbers["evaluations"], numbers["looks"], numbers["calls"]) == (2, 0, 0)


def test_a_strength_belongs_to_the_way_and_reaches_the_guide(checkpoint):
    generator, protocol = load(checkpoint, "cpu"), Protocol({"qed": "qed:max"}, 6)
    still, strong = (
        GuidedCell("qed", way, "euler", 1, 4, Settings(1, 3), 0)
        for way in ("gradient:0", "gradient:0.7")
    )
    assert guide_of(still, protocol).guidance.strength == 0
    assert guide_of(strong, protocol).guidance.strength == 0.7
    assert facts(still, protocol, generator) != facts(strong, protocol, generator)


def test_finished_cells_are_not_made_again_whatever_the_batch(checkpoint, tmp_path, made):
    given = ("methods=draws", "tasks=qed", "steps=1")
    first = run(checkpoint, tmp_path, *given)
    assert made == [(1, "walks"), (1, "draws")]
    made.clear()
    assert run(checkpoint, tmp_path, *given, "batch=3") == first
    assert made == []
    run(checkpoint, tmp_path, *given, "budgets=4,5")
    assert made == [(1, "draws")]


def test_tasks_and_budgets_share_the_walks_of_unguided_and_best_of(checkpoint, tmp_path, made):
    run(checkpoint, tmp_path, "methods=best_of", "budgets=1,2,4", "tasks=qed,sa")
    assert made == [(1, "walks"), (2, "walks")]


@pytest.mark.parametrize("change", ["n=9", "tasks=sa"])
def test_another_number_of_molecules_or_objective_is_another_cell(
    checkpoint, tmp_path, made, change
):
    given = ("methods=draws", "tasks=qed", "steps=1")
    run(checkpoint, tmp_path, *given)
    made.clear()
    run(checkpoint, tmp_path, *given, change)
    assert made[-1] == (1, "draws")


def test_a_damaged_cell_is_made_again(checkpoint, tmp_path, made):
    given = ("methods=draws", "tasks=qed", "steps=1")
    first = run(checkpoint, tmp_path, *given)
    made.clear()
    for path in (tmp_path / "cache" / "guidance").iterdir():
        path.write_text(path.read_text()[:-20])
    assert run(checkpoint, tmp_path, *given) == first
    assert made == [(1, "walks"), (1, "draws")]


def test_molecules_of_other_sizes_than_unguided_ones_end_the_run(checkpoint):
    generator = load(checkpoint, "cpu")
    graphs = generator.sample(8, 1).graphs
    require_sizes(graphs, generator, seed=0)
    with pytest.raises(RuntimeError, match="sizes"):
        require_sizes(graphs, generator, seed=1)


def test_a_guide_that_changes_sizes_ends_the_run(checkpoint, monkeypatch):
    monkeypatch.setattr(making, "draw_sizes", lambda *args: np.array([9] * 4))
    cell = GuidedCell("qed", "draws", "euler", 1, 4, Settings(1, 3), 0)
    with pytest.raises(RuntimeError, match="sizes"):
        perform(cell, Protocol({"qed": "qed:max"}, 4), load(checkpoint, "cpu"))


def test_every_seed_and_every_number_of_shared_walks_is_kept_by_itself(checkpoint, tmp_path, made):
    given = ("methods=best_of", "tasks=qed", "steps=1", "budgets=1")
    for change in ("seeds=1", "seeds=2", "budgets=1,4"):
        run(checkpoint, tmp_path, *given, change)
    assert made == [(1, "walks")] * 3


def test_a_molecule_in_pieces_is_not_strictly_valid():
    whole = Checked("CO", "CO", None, 1, None)
    pieces = Checked("C.O", "C", read_smiles("C"), 2, "2 fragments")
    assert [whole.strict, pieces.strict] == ["CO", None]


# Numbers


def test_a_reward_is_a_mean_over_distinct_strictly_valid_molecules():
    found = measure_rewards(["CCO", "CCO", "CCCO", None], parse_objective("similarity(CCO):max"))
    assert found["reward"] == pytest.approx((1 + 5 / 9) / 2)
    assert found["value_similarity(CCO)"] == pytest.approx((1 + 5 / 9) / 2)
    assert (found["strict_valid"], found["vu"], found["distinct"]) == (0.75, 0.5, 2)
    assert found["unique"] == pytest.approx(2 / 3)
    assert found["atoms"] == 3.5
    assert found["diversity"] == pytest.approx(1 - (1 + 5 / 9) / 2)


def test_the_error_is_the_deviation_over_the_root_of_the_number():
    found = measure_rewards(["CCO", "CCCO"], parse_objective("similarity(CCO):max"))
    assert found["reward_spread"] == pytest.approx((4 / 9) / 2**0.5)
    assert found["reward_error"] == pytest.approx((4 / 9) / 2)


def test_distance_and_share_are_those_of_the_interval_asked_for():
    found = measure_rewards(["CO", "CCO", "CCCCO"], parse_objective("mw:46±1"))
    assert found["met"] == pytest.approx(1 / 3)
    assert found["distance"] == pytest.approx((13.958 + 0.069 + 28.122) / 3, abs=0.01)


def test_a_direction_has_no_target_and_nothing_valid_no_reward():
    found = measure_rewards([None, None], parse_objective("qed:max"))
    assert found["vu"] == 0
    for name in ("reward", "reward_error", "distance", "met", "diversity", "unique"):
        assert math.isnan(found[name])


def test_every_task_is_an_objective_and_four_of_them_have_a_target():
    aims = {
        name: aim(parse_objective(text.format(reference="CCO"))) for name, text in TASKS.items()
    }
    targets = {name: found.target for name, found in aims.items() if found is not None}
    assert len(TASKS) == 8
    assert targets == {"logp0": 0, "logp2": 2, "logp-2": -2, "tpsa60": 60}


def test_the_reference_is_the_first_of_the_largest_validation_molecules(checkpoint):
    data = dataset_of(load(checkpoint, "cpu").spec)
    smiles = data.smiles("valid")
    sizes = data.packed.sizes[data.splits["valid"]].tolist()
    assert reference(data) == smiles[sizes.index(max(sizes))]


# Claims


def test_seeds_are_averaged_and_their_errors_add_as_squares():
    made = [GuidedCell("qed", "best_of", "euler", 1, 1, Settings(1), seed) for seed in (0, 1)]
    (found,) = rows(
        made, [{"reward": 0.4, "reward_error": 0.03}, {"reward": 0.6, "reward_error": 0.04}]
    )
    assert found["reward"] == pytest.approx(0.5)
    assert found["reward_error"] == pytest.approx(0.025)
    assert found["seeds"] == 2


def test_an_order_needs_more_than_two_standard_errors_of_both_means():
    assert beats(row("draws", 0.55), row("best_of", 0.50))
    assert not beats(row("draws", 0.539), row("best_of", 0.50))
    assert not beats(row("draws", 0.9, math.nan), row("best_of", 0.50))


def test_a_method_is_judged_by_its_best_row_against_the_best_of_best_of():
    found = [
        row("best_of", 0.5, steps=1),
        row("best_of", 0.6, steps=2),
        row("draws", 0.55, steps=1),
        row("draws", 0.58, steps=2),
    ]
    assert [(r["way"], r["steps"]) for r in best(found)] == [("best_of", 2), ("draws", 2)]
    assert claim_of("draws", *found)["looks"] == "not separated"
    found[1]["reward"] = 0.7
    assert claim_of("draws", *found)["looks"] == "worse"


def test_a_reward_that_is_undefined_is_not_the_best():
    found = [row("best_of", math.nan, steps=1), row("best_of", 0.1, steps=2)]
    assert [r["steps"] for r in best(found)] == [2]


def test_within_both_budgets_best_of_has_no_more_evaluations_than_the_method():
    found = [
        row("best_of", 0.7, evaluations=64.0),
        row("best_of", 0.4, evaluations=4.0, looks=4.0, budget=4),
        row("draws", 0.6, evaluations=4.0),
    ]
    claim = claim_of("draws", *found)
    assert (claim["looks"], claim["both"]) == ("worse", "better")


def test_strict_vu_may_lie_two_points_below_unguided_in_as_many_steps():
    free = [row("unguided", 0.3, vu=1.0, steps=2), row("unguided", 0.3, vu=0.92, budget=0)]
    assert claim_of("draws", *free, row("draws", 0.6, vu=0.901))["vu"]
    assert not claim_of("draws", *free, row("draws", 0.6, vu=0.899))["vu"]


def test_a_method_may_win_at_its_best_that_keeps_strict_vu():
    free = [row("unguided", 0.3, vu=0.92, budget=0), row("best_of", 0.5, vu=0.9)]
    bold, careful = row("draws", 0.9, vu=0.5), row("draws", 0.7, vu=0.91)
    found = [*free, bold, careful]
    assert claim_of("draws", *found)["vu"] is False
    assert keeping_vu(found) == [*free, careful]
    assert won(claims(keeping_vu(found)), "looks", 16) == ["qed"]
    assert won(claims(keeping_vu([*free, bold])), "looks", 16) == []


def test_one_evaluation_is_compared_with_unguided_at_one_evaluation():
    found = [
        row("unguided", 0.3, budget=0, evaluations=1.0),
        row("unguided", 0.9, budget=0, evaluations=2.0),
        row("draws", 0.6, evaluations=1.0),
        row("draws", 0.2, evaluations=4.0),
    ]
    assert at_one_evaluation(found, 16) == {"qed": "better"}


def test_looks_between_budgets_are_interpolated_in_their_logarithm():
    assert crossing([(4, 0.4), (16, 0.6)], 0.5) == pytest.approx(8)
    assert crossing([(4, 0.4)], 0.3) == 4
    assert crossing([(4, 0.4), (16, 0.6)], 0.61) is None


def test_the_goal_of_looks_is_what_the_largest_best_of_reaches():
    found = looks_to_reach(
        [
            row("best_of", 0.4, budget=4, looks=4.0),
            row("best_of", 0.6),
            row("draws", 0.5, looks=15.0),
        ]
    )
    assert (found["budget"], found["reward"]) == (16, 0.6)
    assert found["ways"] == {"best_of": 16, "draws": None}


# What is written


def test_a_run_writes_record_and_picture_and_says_first_what_it_takes(checkpoint, results):
    result = json.loads((results / "out" / "guidance-tiny.json").read_text())
    shown = (results / "said.txt").read_text()
    assert shown.index("minutes on two CPU cores") < shown.index("the best of every method")
    names = sorted(path.name for path in (results / "out").iterdir())
    assert names == ["guidance-tiny.json", "guidance-tiny.png"]
    with Image.open(results / "out" / "guidance-tiny.png") as picture:
        assert picture.width > 600
    assert result["objectives"] == {"qed": "qed:max", "logp0": "logp:0±0.5"}
    assert len(result["model"]["sha256"]) == 64
    assert {claim["way"] for claim in result["claims"]} <= set(GUIDES) - {"best_of"}
    assert str(results) not in json.dumps(result)
    assert str(checkpoint.parent) not in json.dumps(result)


def test_a_plan_says_which_cells_are_missing_and_makes_none(checkpoint, tmp_path, made, capsys):
    given = (f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", *SMALL)
    main(["plan", *given])
    assert "expected: 0 minutes" in capsys.readouterr().out
    assert made == []
    assert not (tmp_path / "out").exists()


def test_the_table_goes_between_the_markers_and_the_rest_stays(checkpoint, results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# Before\n\n{BETWEEN[0]}\nold\n{BETWEEN[1]}\n\nAfter\n")
    shutil.copytree(results / "out", tmp_path / "out")
    main(["render", f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", f"readme={readme}"])
    text = readme.read_text()
    assert text.startswith(f"# Before\n\n{BETWEEN[0]}\n8 molecules a cell")
    assert text.endswith(f"{BETWEEN[1]}\n\nAfter\n")
    assert "stale words" not in text
    assert "![Reward against looks](out/guidance-tiny.png)" in text
    assert "| qed: qed:max |" in text
    assert "python -m benchmarks.guidance checkpoint=tiny tasks=qed,logp0" in text


def test_a_file_that_is_no_result_is_named(tmp_path):
    path = tmp_path / "guidance-x.json"
    with pytest.raises(InputError, match="cannot read"):
        read_result(path)
    path.write_text('{"format": 0}')
    with pytest.raises(InputError, match="not the results of this benchmark"):
        read_result(path)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("tasks=luck", "tasks='luck': any of qed, logp0, logp2, logp-2, sa, tpsa60, qed_sa, "),
        ("methods=luck", "methods='luck': any of best_of, draws, gradient, particles, "),
        ("methods=gradient:much", "methods='gradient:much': a number follows the colon"),
        ("methods=best_of:2", "strength=2.0: guidance=best_of has no strength"),
        ("budgets=0", "budgets='0': integers from 1 to 10,000, separated by commas"),
        ("budgets=", "budgets: needs a value"),
        ("steps=1,x", "steps='x': integers from 1 to 10,000, separated by commas"),
        (
            "walks=leap",
            "walks='leap': any of auto, euler, heun, flow_map, renoised, euler_ancestral",
        ),
        ("n=0", "n=0: must be at least 1"),
        ("seeds=0", "seeds=0: must be at least 1"),
        ("name=a/b", "name='a/b': the name of a file, without folders"),
        ("step=1", "unknown key 'step': did you mean steps?"),
        ("checkpoint=no/where", "checkpoint=no/where: no such folder"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line_and_writes_nothing(
    checkpoint, tmp_path, made, argument, message
):
    given = [f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", *SMALL, argument]
    assert error_of(*given).startswith(message)
    assert not (tmp_path / "out").exists()
    assert made == []


def test_help_lists_the_keys_without_loading_torch():
    code = (
        "import sys\nfrom benchmarks.guidance.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for name in ("checkpoint=", "budgets=1,4,16,64", "steps=1,2,4,8", "n=1000"):
        assert name in done.stdout
