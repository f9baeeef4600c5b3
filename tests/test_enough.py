"""Sampling until enough molecules pass: what passes, and where it ends, whatever the batch."""

import math
from collections import Counter
from dataclasses import replace

import pytest

import molflow
from molflow.chem.molecule import checked, read_smiles
from molflow.chem.objective import parse_objective
from molflow.enough import FEWEST, Course, Enough, Sieve, within
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.metrics.attempts import failed


@pytest.fixture(scope="module")
def generator(perturbed, tiny_spec, fresh) -> Generator:
    """A model that was never trained and makes valid and invalid molecules, of up to four atoms."""
    spec = tiny_spec()
    return Generator(perturbed(fresh(spec), seed=2, size=0.3), spec, "none", 512)


def judged(*smiles: str | None):
    """What chemistry says of these; None is an attempt that failed."""
    return [failed("empty").checked if s is None else checked(read_smiles(s)) for s in smiles]


def test_all_that_passes_is_valid_and_every_condition_refuses_with_its_own_words():
    made = judged("CCO", None, "C.C", "CCO", "CCN", "CC", "CCCC")
    sieve = Sieve(Enough(1, "valid,unique,novel", "atoms:<4"), {"CC"})
    assert sieve.see(made) == [
        None,
        "not valid",
        "not valid",
        "came before",
        None,
        "in the training set",
        "not atoms:<4",
    ]


def test_what_came_before_came_before_in_earlier_parts_too():
    sieve = Sieve(Enough(1))
    assert sieve.see(judged("CCO", "CCN")) == [None, None]
    assert sieve.see(judged("CCC", "CCO")) == [None, "came before"]


def test_without_unique_the_same_molecule_passes_again():
    assert Sieve(Enough(1, "valid")).see(judged("CCO", "CCO")) == [None, None]


@pytest.mark.parametrize(
    ("limit", "value", "kept"),
    [
        ("mw:<500", 499.9, True),
        ("mw:<500", 500.0, False),
        ("mw:<=500", 500.0, True),
        ("qed:>0.5", 0.5, False),
        ("qed:>=0.5", 0.5, True),
        ("logp:1..3", 3.0, True),
        ("logp:1..3", 3.01, False),
        ("rings:<2", 1, True),
        ("rings:<2", 2, False),
        ("rings:2", 2, True),
        ("rings:2", 3, False),
        ("mw:<500", math.nan, False),
    ],
)
def test_a_limit_is_met_or_not(limit, value, kept):
    (component,) = parse_objective(limit).components
    assert within(component, value) is kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0: a whole number of at least 1 is needed"),
        ({"n": 3, "max_attempts": 2}, "max_attempts=2: fewer than n=3"),
        ({"n": 1, "until": "new"}, "until='new': some of valid,unique,novel"),
        ({"n": 1, "keep": "mw:max"}, "keep='mw:max': mw:max is no limit, such as mw:<500"),
        ({"n": 1, "keep": "logp:2±1"}, "logp:2±1 is no limit"),
        ({"n": 1, "keep": "mw:<500*2"}, "mw:<500*2 is no limit"),
        ({"n": 1, "keep": "mass:<500"}, "keep='mass:<500': "),
    ],
)
def test_what_cannot_be_enough_is_said_in_one_line(arguments, message):
    with pytest.raises(InputError) as error:
        Enough(**arguments)
    assert message in str(error.value)


def test_a_course_ends_at_the_attempt_that_was_lacking():
    course = Course(wanted=3, most=100, first=50)
    spans = course.spans()
    span = next(spans)
    assert course.take(["no", None, None, "no", None, None]) == 5
    assert list(spans) == []
    assert span == range(50, 150)
    assert (course.attempts, course.passed, course.refused) == (5, 3, Counter({"no": 2}))


def test_the_next_part_is_as_large_as_what_is_lacking_asks_for():
    course = Course(wanted=1000, most=10_000)
    spans = course.spans()
    assert next(spans) == range(1000)
    course.take([None] * 250 + ["no"] * 750)
    assert next(spans) == range(1000, 4000)
    course.take([None] * 740 + ["no"] * 2260)
    assert len(next(spans)) == FEWEST


def test_attempts_without_a_condition_are_all_made():
    course = Course(wanted=25_000, most=25_000)
    sizes = []
    for span in course.spans():
        sizes.append(len(span))
        course.take([None] * len(span))
    assert sizes == [10_000, 10_000, 5_000]


def test_those_that_pass_are_the_first_of_all_attempts_whatever_the_batch(generator):
    everything = generator.sample(400, 3)
    new = {}
    for place, one in enumerate(everything):
        if one.strict is not None:
            new.setdefault(one.strict, place)
    first = list(new.values())[:6]
    for size in (512, 7):
        made = replace(generator, batch_size=size).sample(Enough(6), 3)
        assert list(made.passed.index) == first
        assert len(made) == first[-1] + 1
        assert made.smiles == everything.smiles[: len(made)]


def test_attempts_end_where_they_may_with_fewer_than_were_asked_for(generator):
    made = generator.sample(Enough(50, "unique", "atoms:1", max_attempts=120), 3)
    assert len(made) == 120
    assert {one.smiles for one in made.passed} <= {"C", "N", "O"}
    assert made.passed.smiles == list(dict.fromkeys(made.passed.smiles))


def test_a_guided_sampling_goes_on_too_and_its_costs_are_of_all_walks(generator):
    guide = molflow.guide("best_of", "qed:max", particles=2)
    made = generator.sample(Enough(8), 2, guide=guide)
    whole = generator.sample(len(made), 2, guide=guide)
    assert made.smiles == whole.smiles
    assert len(made.passed) == 8
    assert made.evaluations == whole.evaluations
    assert made.scores == whole.scores


def test_capped_calls_do_not_go_with_it(generator):
    guide = molflow.guide("best_of", "qed:max", particles=2, max_calls=5)
    with pytest.raises(InputError, match="max_calls=5: which calls are left out depends"):
        generator.sample(Enough(8), 2, guide=guide)


def test_novelty_without_the_training_set_is_refused(generator):
    with pytest.raises(InputError, match="until=novel: no training set: "):
        generator.sample(Enough(2, "novel"), 2)
