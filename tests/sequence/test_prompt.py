"""Prompts: what is given stands at its place, and what cannot be given says why."""

from __future__ import annotations

import numpy as np
import pytest

from molflow.sequence.prompt import conditioned, held_state, kept, read_prompt
from molflow.sequence.vocabulary import TokenVocabulary

LETTERS = TokenVocabulary(tuple(" abc"), "characters")
SMILES = TokenVocabulary(("(", ")", "=", "Br", "C", "O"), "smiles")


def test_a_blank_is_free_and_all_else_is_given():
    assert read_prompt("ab__ c", LETTERS, 9).classes.tolist() == [1, 2, -1, -1, 0, 3]


def test_a_token_of_two_letters_takes_one_position():
    assert read_prompt("_Br_C", SMILES, 4).classes.tolist() == [-1, 3, -1, 4]


@pytest.mark.parametrize(
    ("text", "length", "words"),
    [
        ("abc_", 3, "4 positions, and the model has 3"),
        ("", 3, "it is empty"),
        ("a_bd", 9, "column 4: 'd'"),
        ("_xa", 9, "column 2: 'x'"),
    ],
)
def test_a_prompt_that_cannot_be_kept_says_why(text, length, words):
    with pytest.raises(ValueError, match=words):
        read_prompt(text, LETTERS, length)


def test_lengths_without_room_get_no_probability():
    law = np.array([0.0, 0.4, 0.2, 0.2, 0.2])
    prompt = read_prompt("a_c", LETTERS, 4)
    assert conditioned(law, prompt).tolist() == [0.0, 0.0, 0.0, 0.5, 0.5]
    with pytest.raises(ValueError, match="3 positions, longer than what this model"):
        conditioned(np.array([0.0, 0.5, 0.5]), prompt)


def test_given_tokens_are_one_hot_and_held_and_the_others_free():
    state = held_state(read_prompt("b_", LETTERS, 4), np.array([2, 3]), 3, LETTERS.classes)
    assert state.given["tokens"].tolist() == [[True, False, False], [True, False, False]]
    assert state.exists["tokens"].tolist() == [[True, True, False], [True, True, True]]
    assert state.values["tokens"][:, 0].tolist() == [[0, 0, 1, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("text", "held"), [("bac", True), ("bcc", True), ("aac", False), ("ba", False), ("bab", False)]
)
def test_a_string_is_kept_where_every_given_token_stands_at_its_place(text, held):
    assert kept(LETTERS.encode(text), read_prompt("b_c", LETTERS, 4)) is held
