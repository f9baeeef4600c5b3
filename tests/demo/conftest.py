"""What the tests of the page share: two small models in folders, and molecules of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from molflow.demo.answers import Answers, View
from molflow.demo.asking import Asked, Goal
from molflow.demo.gallery import ALL, INDEX, Made
from molflow.demo.making import offers
from molflow.model.checkpoint import save_model
from molflow.model.conditions import Standard

EVERYTHING = View(ALL, INDEX, False)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, fresh, perturbed, tiny_spec) -> Path:
    """A flow map that was never trained: molecules of up to four atoms, told QED."""
    folder = tmp_path_factory.mktemp("page") / "tiny"
    told = (Standard("qed", 0.4, 0.1, 0.2, 0.6),)
    spec = replace(tiny_spec(), flow_map=True, shown=0.25, condition=told)
    save_model(folder, perturbed(fresh(spec), seed=9, size=0.3), spec)
    return folder


@pytest.fixture(scope="session")
def answers(model_folder) -> Answers:
    """Of a page that offers it beside the released models. Not to be changed."""
    return Answers(offers(str(model_folder)))


@pytest.fixture(scope="session")
def last_made() -> Callable[[Answers, Asked], Made]:
    """The molecules of a run."""

    def made(answers: Answers, asked: Asked) -> Made:
        *_, last = answers.run(asked, EVERYTHING)
        assert last.made is not None
        return last.made

    return made


@pytest.fixture(scope="session")
def made(answers, model_folder, last_made) -> Made:
    """Forty molecules of the small model, scored. Not to be changed."""
    goals = (Goal("qed", "high", 0, 1), Goal("logp", "range", -1, 1, 2.0))
    return last_made(
        answers, Asked(str(model_folder), 40, 2, guide="best_of", walks=2, goals=goals)
    )
