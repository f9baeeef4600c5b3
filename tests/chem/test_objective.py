"""Objectives: the mean by hand, text and YAML read and written back, mistakes told in one line."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.goals import goal
from molflow.chem.objective import (
    Component,
    Objective,
    Scored,
    pareto_front,
    parse_objective,
    read_objective,
)
from molflow.chem.properties import PROPERTIES, Shared
from molflow.errors import InputError

ETHANOL, PHENOL = (Chem.MolFromSmiles(smiles) for smiles in ("CCO", "c1ccccc1O"))


def component(value: float, weight: float = 1.0, name: str = "x") -> Component:
    """A component whose desirability is `value` for every molecule."""
    qed = PROPERTIES["qed"]
    return Component(replace(qed, name=name, compute=lambda mol: value), goal(qed, "max"), weight)


def failing(compute: Callable[[Chem.Mol], float]) -> Objective:
    bad = Component(replace(PROPERTIES["logp"], name="bad", compute=compute), goal_of_logp())
    return Objective((component(0.5), bad))


def goal_of_logp():
    return goal(PROPERTIES["logp"], "max")


def raises(mol: Chem.Mol) -> float:
    raise ValueError("two\nlines")


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("geometric", (0.2 * 0.9**3) ** (1 / 4)), ("arithmetic", (0.2 + 3 * 0.9) / 4)],
)
def test_the_score_is_the_weighted_mean(aggregation: str, expected: float) -> None:
    objective = Objective((component(0.2), component(0.9, 3, "y")), aggregation)
    scored = objective.score(ETHANOL)
    assert scored.total == pytest.approx(expected)
    assert scored.desirabilities == scored.values == (0.2, 0.9)
    assert scored.error is None


def test_one_component_that_is_zero_makes_the_geometric_mean_zero() -> None:
    assert Objective((component(0.0), component(1.0, 100, "y"))).score(ETHANOL).total == 0


def test_values_are_raw_and_desirabilities_are_their_transforms() -> None:
    objective = parse_objective("rings:>=1, hbd:step(low=2, high=3)")
    scored = objective.score(PHENOL)
    assert scored.values == (1, 1)
    assert scored.desirabilities == pytest.approx((1 / (1 + 10**-2.5), 0))


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (raises, "bad: ValueError: two lines"),
        (lambda mol: math.nan, "bad: nan"),
        (lambda mol: math.inf, "bad: inf"),
        (lambda mol: None, "bad: TypeError"),
    ],
)
def test_a_property_that_fails_is_the_molecules_error(compute, message: str) -> None:
    scored = failing(compute).score(ETHANOL)
    assert scored.error is not None
    assert scored.error.startswith(message)
    assert (scored.total, scored.desirabilities) == (0, (0.5, 0))
    assert scored.values[0] == 0.5
    assert math.isnan(scored.values[1])


def test_a_failing_molecule_leaves_the_others_their_scores() -> None:
    objective = failing(lambda mol: 1 / (mol.GetNumAtoms() - 3))
    errors = [scored.error is None for scored in objective.score_many([PHENOL, ETHANOL, PHENOL])]
    assert errors == [True, False, True]


def test_what_properties_share_is_made_once_for_a_molecule() -> None:
    made: list[Chem.Mol] = []

    def make(mol: Chem.Mol) -> int:
        made.append(mol)
        return mol.GetNumAtoms()

    qed = PROPERTIES["qed"]
    parts = [
        Component(replace(qed, name=f"x{n}", compute=Shared(make, n.__truediv__)), goal(qed, "max"))
        for n in (1, 2)
    ]
    objective = Objective(tuple(parts))
    assert [objective.score(mol).values for mol in (ETHANOL, PHENOL)] == [
        (1 / 3, 2 / 3),
        (1 / 7, 2 / 7),
    ]
    assert made == [ETHANOL, PHENOL]


def test_scoring_does_not_log(capfd: pytest.CaptureFixture[str]) -> None:
    failing(lambda mol: Chem.MolFromSmiles("C1").GetNumAtoms()).score(ETHANOL)
    assert capfd.readouterr().err == ""


def test_commas_colons_stars_and_brackets_of_a_pattern_stay_in_it() -> None:
    text = "smarts([$([#7,#8]:[c,n])]~*):max*2,similarity(CC(=O)Oc1ccccc1):min"
    objective = parse_objective(text)
    assert objective.names == ("smarts([$([#7,#8]:[c,n])]~*)", "similarity(CC(=O)Oc1ccccc1)")
    assert [part.weight for part in objective.components] == [2, 1]


@pytest.mark.parametrize("aggregation", ["geometric", "arithmetic"])
@pytest.mark.parametrize(
    "text",
    [
        "qed:max",
        "qed:max,logp:2.5±0.5,sa:<3",
        "tpsa:40..60*0.25,rings:<=2,mw:sigmoid(low=0, high=300, k=0.5)*3,smarts([N,O]):max",
        "logp:>1,logp:<3",
    ],
)
def test_an_objective_comes_back_from_its_text(text: str, aggregation: str) -> None:
    objective = parse_objective(text, aggregation)
    assert str(objective) == text
    assert parse_objective(str(objective), aggregation) == objective


def test_spaces_and_spellings_do_not_matter() -> None:
    assert parse_objective(" QED : max ,logP:2+-1 * 2 ") == parse_objective("qed:max,logp:2±1*2")


def test_the_description_names_the_mean() -> None:
    objective = parse_objective("qed:max,sa:<3*2", "arithmetic")
    assert objective.describe() == "arithmetic mean of qed:max, sa:<3*2"


def test_a_property_asked_for_twice_has_two_names() -> None:
    assert parse_objective("logp:>1,qed:max,logp:<3").names == ("logp:>1", "qed", "logp:<3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logp:<1,logp:>2", "logp:<1 contradicts logp:>2"),
        ("logp:<1,logp:>1", "contradicts"),
        ("logp:1±0.5,qed:max,logp:3..4", "logp:1±0.5 contradicts logp:3..4"),
        ("rings:<2,rings:>1", "contradicts"),
        ("rings:1,rings:2", "rings:1 contradicts rings:2"),
        ("rings:1,rings:1..1", "rings:1 comes twice"),
        ("qed:max,qed:min", "qed:max contradicts qed:min"),
        ("mw:left_step(low=1),mw:right_step(high=2)", "contradicts"),
        ("qed:max,qed:max*2", "qed:max comes twice"),
    ],
)
def test_goals_that_exclude_each_other_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_objective(text)


def test_counts_may_meet_in_one_number() -> None:
    assert parse_objective("rings:<=1,rings:>=1").score(PHENOL).total > 0.99


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "objective: '': expected name:goal"),
        ("qed", "objective: 'qed': expected name:goal"),
        ("qed:", "expected name:goal"),
        (":max", "expected name:goal"),
        ("qed:max,", "expected name:goal"),
        ("qed:max:min", "expected name:goal"),
        ("qd:max", "did you mean qed"),
        ("qed:max*", r"the weight after \* must be a number"),
        ("qed:max*nan", "the weight after"),
        ("qed:max*0", r"qed:max\*0: the weight must be"),
        ("qed:max*-1", "the weight must be"),
        ("qed:max*1e999", "the weight must be"),
        ("smarts([#7):max", "a bracket is not closed"),
        ("smarts(C)):max", "a bracket is not closed"),
        ("similarity(C1CC):max", "does not parse"),
    ],
)
def test_a_wrong_text_is_one_line_of_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_objective(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_mean_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="aggregation='mean': one of geometric, arithmetic"):
        parse_objective("qed:max", "mean")


def test_an_objective_needs_a_component() -> None:
    with pytest.raises(InputError, match="needs a component"):
        Objective(())


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Objective]:
    def write_and_read(content: str) -> Objective:
        path = tmp_path / "objective.yaml"
        path.write_text(content, encoding="utf-8")
        return read_objective(path)

    return write_and_read


YAML = """
aggregation: arithmetic
components:
  - {name: qed, goal: max}
  - name: logp
    goal: 2.5±0.5
    weight: 2
  - name: mw
    transform: {type: sigmoid, low: 0, high: 300, k: 0.5}
"""


def test_a_file_says_the_same_as_a_text(read: Callable[[str], Objective]) -> None:
    text = "qed:max,logp:2.5±0.5*2,mw:sigmoid(low=0, high=300, k=0.5)"
    assert read(YAML) == parse_objective(text, "arithmetic")


def test_a_file_may_give_the_exact_number_of_a_count(read: Callable[[str], Objective]) -> None:
    assert read("- {name: rings, goal: 1}") == parse_objective("rings:1")


def test_a_file_may_be_a_list_of_components(read: Callable[[str], Objective]) -> None:
    assert read("- {name: qed, goal: max}\n- {name: sa, goal: '<3'}") == parse_objective(
        "qed:max,sa:<3"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- {name: sa, goal: >3}", "quote goals"),
        ("- {name: qed, goal: 2020-13-45}", "month must be in"),
        ("[" * 5_000 + "]" * 5_000, "recursion"),
        ("- {name: qed, goal: " + "1" * 5_000 + "}", "Exceeds the limit"),
        ("- {name: qed, goal: " + "1" * 400 + "}", "the goal must be one of"),
        ("- {name: qed, goal: max, weight: " + "1" * 400 + "}", "the weight must be a finite"),
        (
            "- {name: mw, transform: {type: left_step, low: -" + "1" * 400 + "}}",
            "low=-inf: a finite number is needed",
        ),
        ("", "the file: a mapping of components, aggregation is needed"),
        ("qed: max", "no key 'qed', only components, aggregation"),
        ("components: qed", "components: a list is needed"),
        ("[]", "needs a component"),
        ("[qed]", "component 1: a mapping"),
        ("[{goal: max}]", "component 1: name"),
        ("[{name: qed}]", r"component 1 \(qed\): needs either a goal or a transform"),
        ("[{name: qed, goal: max, transform: {type: step}}]", "either"),
        ("[{name: qed, goal: 3}]", "qed:3: a number alone is a goal of counts"),
        ("[{name: rings, goal: true}]", "goal=True: a text"),
        ("[{name: qed, goal: max, weigth: 2}]", "component 1: no key 'weigth'"),
        ("[{name: qed, goal: max, weight: true}]", "weight=True: a number"),
        ("[{name: qed, goal: max, weight: -1}]", "the weight must be"),
        ("[{name: qed, transform: sigmoid}]", "a type and its parameters"),
        ("[{name: qed, transform: {type: sigmoid, low: 0}}]", "sigmoid: high is missing"),
        ("[{name: qed, transform: {type: step, low: 0, high: x}}]", "high='x': a number"),
        ("{components: [{name: qed, goal: max}], aggregation: [1]}", "aggregation="),
        ("[{name: qd, goal: max}]", "did you mean qed"),
    ],
)
def test_a_wrong_file_is_one_line_of_error(read, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(content)
    assert "objective.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml.*No such file"):
        read_objective(tmp_path / "none.yaml")


def test_the_front_holds_what_no_other_row_dominates() -> None:
    rows = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.4, 0.5], [0.5, 0.5], [1, -1], [math.nan, 9]])
    assert pareto_front(rows).tolist() == [True, True, True, False, True, False, False]


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_the_front_is_that_of_all_pairs(columns: int) -> None:
    rows = np.random.default_rng(0).integers(0, 6, (200, columns)).astype(float)
    better = (rows[:, None] >= rows).all(-1) & (rows[:, None] > rows).any(-1)
    assert pareto_front(rows).tolist() == (~better.any(0)).tolist()


def test_the_front_of_nothing_is_empty() -> None:
    assert pareto_front(np.zeros((0, 3))).tolist() == []


def test_scores_compare_by_value() -> None:
    assert parse_objective("rings:>=1").score(PHENOL) == Scored(
        1 / (1 + 10**-2.5), (1 / (1 + 10**-2.5),), (1.0,)
    )
