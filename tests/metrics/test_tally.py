"""Counts of attempts that come in parts are those of all at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.chem.molecule import checked, read_smiles
from molflow.metrics.attempts import failed
from molflow.metrics.tally import Seen, Tally, hashes

MADE = ["CCO", None, "CC.O", "CC", "CCO", "CCN", "O.CC", "C.C", None, "CCC"]
JUDGED = [failed("x").checked if s is None else checked(read_smiles(s)) for s in MADE]


def test_a_hash_is_the_same_everywhere():
    # What `b2sum -l 64` prints of the two texts, its bytes from the last to the first.
    assert hashes(["CCO", ""]).tolist() == [0xC353956C6F0B206D, 0xB4B2797457A0A6E4]


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=8))
def test_of_equal_hashes_the_first_of_all_is_new(parts):
    seen, known = Seen(), set()
    for part in parts:
        expected = [value not in known and value not in part[:i] for i, value in enumerate(part)]
        assert seen.add(np.array(part, np.uint64)).tolist() == expected
        known |= set(part)
    assert len(seen) == len(known)


def test_there_are_few_arrays_whatever_is_added():
    seen = Seen()
    for i in range(300):
        seen.add(np.array([i], np.uint64))
    assert len(seen.runs) <= 9


@pytest.mark.parametrize("size", [1, 3, 10])
def test_shares_are_those_of_all_attempts(size):
    tally = Tally({"CC", "CCN"})
    for start in range(0, len(JUDGED), size):
        tally.add(JUDGED[start : start + size], relaxed=1, valence=0)
    # Plain: CCO, CC, CC, CCO, CCN, CC, C, CCC; strict: CCO, CC, CCO, CCN, CCC.
    assert tally.numbers() == {
        "strict_valid": 5 / 10,
        "plain_valid": 8 / 10,
        "relaxed_valid": -(-10 // size) / 10,
        "valence_valid": 0,
        "unique": 5 / 8,
        "novel": 3 / 5,
        "vu": 4 / 10,
        "vun": 2 / 10,
    }


def test_the_first_of_every_strictly_valid_kind_is_told():
    tally = Tally(None)
    assert tally.add(JUDGED[:4]) == [0, 3]
    assert tally.add(JUDGED[4:]) == [1, 5]


def test_counts_go_on_from_where_they_were():
    whole, first, second = Tally({"CC"}), Tally({"CC"}), Tally({"CC"})
    whole.add(JUDGED)
    first.add(JUDGED[:5])
    kinds, strict = (
        hashes(s for one in JUDGED[:5] if (s := getattr(one, name)) is not None)
        for name in ("largest", "strict")
    )
    second.restore(vars(first.counts), kinds, strict)
    second.add(JUDGED[5:])
    assert second.numbers() == whole.numbers()
