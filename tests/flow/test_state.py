"""The state: arithmetic on values, masks that stay, means over what is free."""

import pytest
import torch

from molflow.flow.state import State, mean_over_free, per_example


@pytest.fixture
def x() -> State:
    """Two examples of field a (3 variables, 2 classes) and field b (1 variable, 3 classes).

    In a, variable 2 of example 1 is padding and variable 0 of example 0 is given.
    """
    return State(
        {
            "a": torch.tensor([[[1.0, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [0, 0]]]),
            "b": torch.tensor([[[1.0, 0, -1]], [[0, 2, 0]]]),
        },
        {"a": torch.tensor([[1, 1, 1], [1, 1, 0]]).bool(), "b": torch.tensor([[1], [1]]).bool()},
        {"a": torch.tensor([[1, 0, 0], [0, 0, 0]]).bool(), "b": torch.tensor([[0], [0]]).bool()},
    )


def test_the_length_is_the_number_of_examples(x):
    assert len(x) == 2


def test_free_is_what_exists_and_is_not_given(x):
    assert x.free["a"].tolist() == [[False, True, True], [True, True, False]]


def test_addition_and_subtraction_act_on_every_field(x):
    back = (x + x) - x
    assert all(torch.equal(back.values[name], x.values[name]) for name in x.values)


def test_a_number_scales_every_value(x):
    assert (2 * x).values["b"].tolist() == [[[2, 0, -2]], [[0, 4, 0]]]


def test_a_number_per_example_scales_its_example(x):
    scaled = x * torch.tensor([1.0, 10.0])
    assert scaled.values["b"].tolist() == [[[1, 0, -1]], [[0, 20, 0]]]
    assert scaled.values["a"][:, 1].tolist() == [[3, 4], [90, 100]]


def test_numbers_per_example_scale_from_the_left_too(x):
    assert (torch.tensor([1.0, 10.0]) * x).values["b"].tolist() == [[[1, 0, -1]], [[0, 20, 0]]]


def test_the_inner_product_is_over_the_classes(x):
    assert x.dot(10 * x)["a"].tolist() == [[50, 250, 610], [1130, 1810, 0]]
    assert x.dot(x)["b"].tolist() == [[2], [4]]


def test_one_state_is_taken_in_the_chosen_examples_and_the_other_in_the_rest(x):
    mixed = x.where(torch.tensor([False, True]), 10 * x)
    assert mixed.values["b"].tolist() == [[[10, 0, -10]], [[0, 2, 0]]]
    assert torch.equal(mixed.values["a"][1], x.values["a"][1])
    assert mixed.exists is x.exists


def test_a_plain_number_needs_no_shape():
    assert per_example(3.0, torch.zeros(2, 4, 5)) == 3.0


def test_a_number_per_example_takes_the_rank_of_what_it_multiplies():
    assert per_example(torch.ones(2), torch.zeros(2, 4, 5)).shape == (2, 1, 1)


def test_arithmetic_keeps_the_masks_of_the_left_operand(x):
    other = x.hold({"a": torch.ones(2, 3).bool(), "b": torch.ones(2, 1).bool()})
    assert (x - other).given == x.given


def test_on_free_is_zero_on_given_and_padded_variables(x):
    values = (x + x).on_free().values["a"]
    assert values.tolist() == [[[0, 0], [6, 8], [10, 12]], [[14, 16], [18, 20], [0, 0]]]


def test_where_free_takes_the_other_values_elsewhere(x):
    values = (0 * x).where_free(x).values["a"]
    assert values.tolist() == [[[1, 2], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]]


def test_softmax_is_over_classes(x):
    logs = x.map(lambda values: torch.tensor([0.25, 0.75]).log().expand(*values.shape[:2], 2))
    assert torch.allclose(logs.softmax().values["a"], torch.tensor([0.25, 0.75]))


def test_argmax_is_the_likeliest_class(x):
    assert x.argmax()["b"].tolist() == [[0], [1]]


def test_only_what_exists_can_be_held(x):
    held = x.hold({"a": torch.ones(2, 3).bool(), "b": torch.zeros(2, 1).bool()})
    assert held.given["a"].tolist() == [[True, True, True], [True, True, False]]
    assert held.given["b"].tolist() == [[False], [False]]


def test_holding_leaves_the_original_as_it_was(x):
    x.hold({"a": torch.ones(2, 3).bool(), "b": torch.ones(2, 1).bool()})
    assert x.given["a"].tolist() == [[True, False, False], [False, False, False]]


def test_a_change_of_type_leaves_masks_boolean(x):
    moved = x.to(torch.float64)
    assert moved.values["a"].dtype == torch.float64
    assert moved.exists["a"].dtype == moved.given["a"].dtype == torch.bool


@pytest.mark.parametrize("index", [slice(1, 2), torch.tensor([1]), torch.tensor([False, True])])
def test_indexing_selects_examples_with_their_masks(x, index):
    second = x[index]
    assert second.values["b"].tolist() == [[[0, 2, 0]]]
    assert second.exists["a"].tolist() == [[True, True, False]]
    assert second.given["a"].tolist() == [[False, False, False]]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + x.knowing(None),
        lambda x: x - x.knowing(None),
        lambda x: 2 * x,
        lambda x: x.softmax(),
        lambda x: x.on_free(),
        lambda x: x.where_free(x.knowing(None)),
        lambda x: x.hold(x.exists),
        lambda x: x.map(torch.exp),
    ],
)
def test_what_is_known_of_the_examples_goes_along(x, change):
    context = torch.tensor([[1.0, torch.nan], [2.0, 3.0]])
    assert change(x.knowing(context)).context is context
    assert change(x).context is None


def test_what_is_known_is_selected_and_converted_with_the_examples(x):
    known = x.knowing(torch.tensor([[1.0, torch.nan], [2.0, 3.0]]))
    assert known[torch.tensor([1, 1])].context.tolist() == [[2.0, 3.0], [2.0, 3.0]]
    assert known.to(torch.float64).context.dtype == torch.float64


def test_the_mean_is_over_free_variables_alone(x):
    field = {"a": torch.tensor([[100.0, 1, 2], [3, 5, 100]]), "b": torch.tensor([[7.0], [8.0]])}
    means = mean_over_free(field, x)
    assert means["a"].tolist() == [1.5, 4.0]
    assert means["b"].tolist() == [7.0, 8.0]


def test_the_mean_over_no_variable_is_zero(x):
    held = x.hold(x.exists)
    assert mean_over_free({"a": torch.ones(2, 3)}, held)["a"].tolist() == [0.0, 0.0]


def test_the_mean_over_a_field_without_variables_is_zero(x):
    empty = State(
        {"a": torch.zeros(2, 0, 4)},
        {"a": torch.zeros(2, 0).bool()},
        {"a": torch.zeros(2, 0).bool()},
    )
    assert mean_over_free({"a": torch.zeros(2, 0)}, empty)["a"].tolist() == [0.0, 0.0]
