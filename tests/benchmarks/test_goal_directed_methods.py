"""Methods of the goal-directed benchmark: budgets to the call, and runs that a seed repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from molflow.chem.tasks import BenchmarkTask, find_task
from molflow.errors import InputError

pytest.importorskip("benchmarks.goal_directed", reason="the folder benchmarks is not here")

from benchmarks.goal_directed import genetic, random_molecules
from benchmarks.goal_directed.calls import Budget, Spent

START = ["CCO", "OCC", "c1ccccc1O", "NC(=O)c1ccccc1", "C1CC", "CC(N)C(=O)O", "CCOC(C)=O", "CCN"]
"""Eight strings, seven of them molecules, six of those distinct."""
DISTINCT = ["CCO", "Oc1ccccc1", "NC(=O)c1ccccc1", "CC(N)C(=O)O", "CCOC(C)=O", "CCN"]


@pytest.fixture
def task() -> BenchmarkTask:
    return find_task("isomers_c7h8n2o2")


def test_repeats_and_invalid_strings_cost_nothing(task: BenchmarkTask) -> None:
    oracle = Budget(task, 10)
    scores = oracle.score_all(["CCO", "OCC", "C1CC", "", "C" * 10_001, "C(C)O"])
    assert scores == [scores[0], scores[0], 0, 0, 0, scores[0]]
    assert oracle.calls == [("CCO", scores[0])]
    assert oracle.left == 9


def test_stereoisomers_are_two_calls(task: BenchmarkTask) -> None:
    oracle = Budget(task, 10)
    first, second = oracle.score_all(["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"])
    assert first == second
    assert len(oracle.calls) == 2


def test_the_call_beyond_the_budget_is_refused_and_known_molecules_are_not(
    task: BenchmarkTask,
) -> None:
    oracle = Budget(task, 1)
    known = oracle.score("CCO")
    with pytest.raises(Spent):
        oracle.score("CCN")
    assert oracle.score("OCC") == known
    assert oracle.calls == [("CCO", known)]


def test_an_invalid_string_scores_as_the_suite_has_it() -> None:
    assert Budget(find_task("pmo/qed"), 1).score("C1CC") == 0
    assert Budget(find_task("guacamol/median1"), 1).score("C1CC") == -1


def test_a_molecule_on_which_the_oracle_fails_costs_a_call() -> None:
    failing = replace(find_task("guacamol/median1"), text="esol:max")
    oracle = Budget(failing, 1)
    assert oracle.score("[H][H]") == -1
    assert oracle.calls == [("[H][H]", -1)]


def test_a_budget_is_at_least_one_call(task: BenchmarkTask) -> None:
    with pytest.raises(InputError, match="budget=0: at least 1 call"):
        Budget(task, 0)


def test_random_molecules_are_all_scored_once_where_the_budget_allows(task: BenchmarkTask) -> None:
    calls = random_molecules.run(task, 100, 0, START)
    assert sorted(smiles for smiles, _ in calls) == sorted(DISTINCT)


def test_random_molecules_are_drawn_by_the_seed(task: BenchmarkTask) -> None:
    runs = [random_molecules.run(task, 3, seed, START) for seed in (0, 0, 1)]
    assert [len(calls) for calls in runs] == [3, 3, 3]
    assert runs[0] == runs[1] != runs[2]


def test_the_genetic_algorithm_spends_its_budget_to_the_call(task: BenchmarkTask) -> None:
    pytest.importorskip("mol_ga")
    calls = genetic.run(task, 150, 0, START)
    assert len(calls) == len({smiles for smiles, _ in calls}) == 150
    assert [smiles for smiles, _ in calls[:6]] == DISTINCT
    assert Budget(task, 150).score_all(smiles for smiles, _ in calls) == [one for _, one in calls]
    assert max(score for _, score in calls[6:]) > max(score for _, score in calls[:6])


def test_the_genetic_algorithm_repeats_a_run_by_its_seed(task: BenchmarkTask) -> None:
    pytest.importorskip("mol_ga")
    runs = [genetic.run(task, 60, seed, START) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_the_genetic_algorithm_stops_within_its_start(task: BenchmarkTask) -> None:
    pytest.importorskip("mol_ga")
    calls = genetic.run(task, 4, 0, START)
    assert [smiles for smiles, _ in calls] == DISTINCT[:4]


def test_the_genetic_algorithm_needs_a_molecule(task: BenchmarkTask) -> None:
    pytest.importorskip("mol_ga")
    with pytest.raises(InputError, match="start: no molecule"):
        genetic.run(task, 10, 0, ["C1CC"])


def test_children_that_cannot_be_read_are_never_parents(
    task: BenchmarkTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = pytest.importorskip("mol_ga.graph_ga.gen_candidates")
    parents: list[str] = []

    def generation(samples: list[str], *rest: object) -> set[str]:
        parents.extend(samples)
        return {"C1CC", "C" * (10 + len(parents))}

    monkeypatch.setattr(candidates, "graph_ga_blended_generation", generation)
    assert len(genetic.run(task, 20, 0, START)) == 20
    assert {"CCO"} < set(parents)
    assert "C1CC" not in parents


def test_the_order_of_calls_is_not_that_of_a_set(task: BenchmarkTask) -> None:
    calls = []
    for smiles in (DISTINCT, DISTINCT[::-1]):
        oracle = Budget(task, 10)
        scores = genetic._Generations(oracle, 0)(smiles)
        assert scores == [oracle.scores[one] for one in smiles]
        calls.append(oracle.calls)
    assert calls[0] == calls[1]


def test_generations_without_a_new_molecule_end_a_run(task: BenchmarkTask) -> None:
    oracle = Budget(task, 10)
    generations = genetic._Generations(oracle, 0)
    generations(["CCO"])
    for _ in range(genetic.STALE - 1):
        generations([])
    with pytest.raises(Spent):
        generations([])
