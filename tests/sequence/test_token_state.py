"""Strings as states: one-hot where they exist, cut at the length and at the end."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.sequence.state import blank_tokens, to_tokens, token_state

STRINGS = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=5)


def padded(strings: list[list[int]], length: int, filler: int) -> torch.Tensor:
    return torch.tensor([ids + [filler] * (length - len(ids)) for ids in strings])


def lengths_of(strings: list[list[int]]) -> torch.Tensor:
    return torch.tensor([len(ids) for ids in strings])


def test_a_string_is_one_hot_and_padding_is_0_whatever_the_classes_there():
    x = token_state(torch.tensor([[2, 0, -1], [1, 1, 1]]), torch.tensor([2, 3]), 3)
    assert x.values["tokens"].tolist() == [
        [[0, 0, 1], [1, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [0, 1, 0], [0, 1, 0]],
    ]
    assert x.exists["tokens"].tolist() == [[True, True, False], [True, True, True]]
    assert not x.given["tokens"].any()


@given(strings=STRINGS, filler=st.integers(0, 4))
def test_strings_of_drawn_lengths_come_back(strings, filler):
    x = token_state(padded(strings, 6, filler), lengths_of(strings), 5)
    found = to_tokens(x)
    assert [ids.tolist() for ids in found] == strings
    assert {ids.dtype.name for ids in found} == {"int64"}


@given(strings=STRINGS)
def test_strings_of_a_fixed_length_come_back_up_to_their_end(strings):
    x = token_state(padded(strings, 7, 5), torch.full((len(strings),), 7), 6)
    assert [ids.tolist() for ids in to_tokens(x, 5)] == strings


def test_a_string_without_an_end_is_whole_and_one_that_begins_with_it_is_empty():
    x = token_state(torch.tensor([[0, 1, 1], [2, 0, 1]]), torch.tensor([3, 3]), 3)
    assert [ids.tolist() for ids in to_tokens(x, 2)] == [[0, 1, 1], []]


def test_an_end_beyond_the_length_cuts_nothing():
    x = blank_tokens(torch.tensor([1]), 3, 3)
    x = x.with_values({"tokens": torch.eye(3)[None, [1, 0, 2]]})
    assert [ids.tolist() for ids in to_tokens(x, 2)] == [[1]]


def test_a_blank_state_has_the_shape_and_masks_of_its_strings():
    x = blank_tokens(torch.tensor([1, 3]), 4, 5)
    assert x.values["tokens"].tolist() == torch.zeros(2, 4, 5).tolist()
    assert x.exists["tokens"].sum(1).tolist() == [1, 3]


@pytest.mark.parametrize("length", [0, 4])
def test_a_length_that_no_string_can_have_is_refused(length):
    with pytest.raises(ValueError, match=rf"lengths \[{length}\]: 1 to 3"):
        blank_tokens(torch.tensor([length]), 3, 2)


def test_values_have_the_type_asked_for():
    assert token_state(torch.tensor([[0]]), torch.tensor([1]), 2).values["tokens"].dtype == (
        torch.float32
    )
    wide = token_state(torch.tensor([[0]]), torch.tensor([1]), 2, torch.float64)
    assert wide.values["tokens"].dtype == torch.float64
