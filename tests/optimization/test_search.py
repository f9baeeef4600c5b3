"""Searches: exact budgets, nothing asked twice, and runs that go on as if never interrupted."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import molflow
from molflow.errors import InputError
from molflow.optimization.calls import CallsFile
from molflow.optimization.run import Settings, build_search

SETTINGS = Settings(calls=60, batch=20, moves=("mutate", "crossover"))


def rows(search):
    return [(c.asked.number, c.asked.smiles, c.value, c.asked.move) for c in search.calls]


def run(search, score, stop=math.inf):
    """Answers one question after the other until ``stop`` are answered."""
    while search.ask():
        for question in list(search.pending):
            if len(search.calls) >= stop:
                return search
            search.answer(question, score(question.smiles))
    return search


def by_length(smiles: str) -> float:
    return len(smiles) / 10


def test_the_budget_is_spent_to_the_call_on_distinct_molecules(start):
    search = run(build_search(None, SETTINGS, start), by_length)
    assert len(search.calls) == 60
    assert len({call.asked.smiles for call in search.calls}) == 60
    assert [call.asked.number for call in search.calls] == list(range(1, 61))


def test_the_counts_of_moves_are_those_of_the_calls(start):
    search = run(build_search(None, SETTINGS, start), by_length)
    assert sum(counts["calls"] for counts in search.counts.values()) == 60


def test_a_users_molecules_come_first_and_what_cannot_be_used_is_told(start):
    search = build_search(None, SETTINGS, start)
    assert search.ask() == ["CCO", "Oc1ccccc1", "NC(=O)c1ccccc1", "CC(N)C(=O)O", "CCOC(C)=O", "CCN"]
    assert search.counts["start"] == {"attempts": 8, "calls": 6, "repeated": 1, "invalid": 1}


def test_asking_again_gives_the_same_until_scores_are_told(start):
    search = build_search(None, SETTINGS, start)
    first = search.ask()
    assert search.ask() == first
    search.tell([0.0] * len(first))
    assert not set(search.ask()) & set(first)


def test_the_same_seed_gives_the_same_calls_and_another_does_not(start):
    one, same, other = (
        rows(
            run(
                build_search(
                    None, Settings(calls=60, batch=20, seed=seed, moves=("mutate",)), start
                ),
                by_length,
            )
        )
        for seed in (0, 0, 1)
    )
    assert one == same != other


@pytest.mark.parametrize("screen", [1, 3])
@pytest.mark.parametrize("stop", [3, 6, 7, 26, 35, 59])
def test_a_run_that_was_killed_goes_on_as_the_whole_one_would_have(tmp_path, start, stop, screen):
    settings = replace(SETTINGS, screen=screen)
    whole = rows(run(build_search(None, settings, start), by_length))
    log = CallsFile(tmp_path, ())
    log.begin()
    run(build_search(None, settings, start, log=log), by_length, stop)
    asked = []

    def score(smiles):
        asked.append(smiles)
        return by_length(smiles)

    again = run(build_search(None, settings, start, past=log.read(), log=log), score)
    assert rows(again) == whole
    assert len(asked) == 60 - stop
    assert [call.asked.smiles for call in log.read()] == [row[1] for row in whole]


def test_scores_that_came_out_of_order_before_a_kill_change_nothing(tmp_path, start):
    whole = rows(run(build_search(None, SETTINGS, start), by_length))
    log = CallsFile(tmp_path, ())
    log.begin()
    search = run(build_search(None, SETTINGS, start, log=log), by_length, 6)
    search.ask()
    for question in search.pending[::-1][:9]:
        search.answer(question, by_length(question.smiles))
    again = run(build_search(None, SETTINGS, start, past=log.read(), log=log), by_length)
    assert rows(again) == whole


def test_a_molecule_without_a_score_costs_its_call_and_has_no_children(start):
    search = run(
        build_search(None, SETTINGS, start), lambda smiles: math.nan if "N" in smiles else 1.0
    )
    failed = {call.asked.number for call in search.calls if call.scored.error is not None}
    assert failed
    assert len(search.calls) == 60
    assert not failed & {parent for call in search.calls for parent in call.asked.parents}


def test_a_users_own_move_is_a_function_of_two_parents(start):
    def longer(parent, other, random):
        return parent + "C"

    settings = Settings(calls=9, batch=3, moves=(longer,))
    search = run(build_search(None, settings, ["CCO"]), by_length)
    assert {call.asked.move for call in search.calls} == {"start", "longer"}
    assert "CCOC" in [call.asked.smiles for call in search.calls]


def test_scores_of_a_wrong_number_are_refused(start):
    search = build_search(None, SETTINGS, start)
    search.ask()
    with pytest.raises(InputError, match="scores: 1 for 6 molecules"):
        search.tell([1.0])


def test_nothing_to_begin_with_is_told(start):
    with pytest.raises(InputError, match="start: molecules to begin with are needed"):
        build_search(None, SETTINGS).ask()
    with pytest.raises(InputError, match="start: none of 1 can be used"):
        build_search(None, SETTINGS, ["C1CC"]).ask()


def test_a_search_with_a_score_runs_to_its_end_in_one_call(start, objective):
    search = molflow.optimize(None, objective, calls=40, batch=20, start=start)
    assert len(search.calls) == 40
    assert search.best(1)[0].value == max(call.value for call in search.calls)


def test_a_search_in_a_folder_goes_on_there(tmp_path, start, objective):
    whole = molflow.optimize(None, objective, calls=40, batch=20, start=start)
    first = molflow.optimize(None, objective, calls=40, batch=20, start=start, out=tmp_path)
    again = molflow.optimize(None, objective, calls=40, batch=20, start=start, out=tmp_path)
    assert rows(first) == rows(again) == rows(whole)
