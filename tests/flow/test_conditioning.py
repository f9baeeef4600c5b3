"""What is known of an example: withheld in known shares, mixed in closed form, exact on a toy."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import pytest
import torch
from torch import Tensor

from molflow.flow.conditioning import mixed, withhold
from molflow.flow.distillation import ECLD_GRAPH, csd_loss, csd_official_loss, ecld_loss, psd_loss
from molflow.flow.flow_map import Network, euler_step, posterior
from molflow.flow.interpolant import prior
from molflow.flow.samplers import sample
from molflow.flow.state import State
from molflow.flow.times import time_steps
from molflow.graph.state import clean_state

NAN = float("nan")
ecld = partial(ecld_loss, form=ECLD_GRAPH)
psd = partial(psd_loss, r=torch.tensor([0.3, 0.6]))
EVEN = torch.tensor([0.5, 0.5])
LABELS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]).double()


@pytest.fixture(scope="module")
def four() -> State:
    """Four graphs of two atoms with the labels LABELS, two numbers each."""
    atoms = torch.tensor([[0, 1], [1, 0], [2, 2], [0, 0]])
    pairs = torch.tensor([[0], [1], [2], [1]])
    return clean_state(atoms, pairs, torch.tensor([2] * 4), (3, 3), torch.float64)


@pytest.fixture(scope="module")
def exact(four, log_weights) -> Network:
    """log mu(x | y) of x_1 uniform on ``four``: those whose labels differ from what is known of y
    have no weight."""

    def net(x: State, s: Tensor, t: Tensor) -> State:
        logs = log_weights(four, 1.0, x, s)
        if x.context is not None:
            wrong = (x.context[:, None] - LABELS).nan_to_num().abs().amax(-1) > 0
            logs = logs.masked_fill(wrong, -torch.inf)
        weights = logs.softmax(-1)
        return x.with_values(
            {
                name: (torch.einsum("bm,mdk->bdk", weights, points) + 1e-300).log()
                for name, points in four.values.items()
            }
        )

    return net


@pytest.fixture(scope="module")
def shares(four, normal_like):
    """(network, y) -> (4,), how often each of ``four`` is made of 2,000 draws of noise."""

    def made(net: Network, context: Tensor | None) -> Tensor:
        blank = clean_state(
            torch.zeros(2000, 2).long(),
            torch.zeros(2000, 1).long(),
            torch.tensor([2] * 2000),
            (3, 3),
            torch.float64,
        )
        known = None if context is None else context.double().expand(2000, -1)
        x_0 = prior(blank.knowing(known), normal_like(blank, 0))
        x_1 = sample(euler_step, posterior(net), x_0, time_steps(60)).argmax()
        same = [
            (x_1["atoms"] == four.argmax()["atoms"][n]).all(1)
            & (x_1["pairs"] == four.argmax()["pairs"][n]).all(1)
            for n in range(4)
        ]
        return torch.stack(same, 1).double().mean(0)

    return made


NOISE = 4 * (0.25 * 0.75 / 2000) ** 0.5 + 0.01
"""Four standard deviations of a share, and what 60 steps miss of the flow."""


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (None, [0.25, 0.25, 0.25, 0.25]),
        ([NAN, NAN], [0.25, 0.25, 0.25, 0.25]),
        ([0.0, NAN], [0.5, 0.5, 0.0, 0.0]),
        ([NAN, 1.0], [0.0, 1 / 3, 1 / 3, 1 / 3]),
        ([0.0, 1.0], [0.0, 1.0, 0.0, 0.0]),
    ],
)
def test_an_exact_conditional_posterior_makes_what_agrees_with_all_that_is_known(
    exact, shares, context, expected
):
    found = shares(exact, None if context is None else torch.tensor(context))
    assert (found - torch.tensor(expected)).abs().max() < 1.5 * NOISE


def test_a_strengthened_exact_posterior_makes_nothing_else_either(exact, shares):
    found = shares(mixed(exact, 3.0), torch.tensor([1.0, NAN]))
    assert found[2:].sum() > 1 - NOISE


def softmaxes(x: State, s: Tensor, t: Tensor) -> State:
    """The laws (0.8, 0.2) with a context and (0.5, 0.5) without, off by what a softmax ignores."""
    known = x.context is not None and not bool(x.context.isnan().all())
    logits = torch.tensor([0.8, 0.2]).log() + 3 if known else EVEN.log() - 1
    return x.map(lambda v: logits.expand_as(v))


@pytest.fixture
def x() -> State:
    yes = torch.ones(2, 3, dtype=torch.bool)
    return State({"a": torch.zeros(2, 3, 2)}, {"a": yes}, {"a": ~yes}, torch.ones(2, 1))


@pytest.mark.parametrize(
    ("weight", "odds"),
    # (0.8 / 0.2)^w (0.5 / 0.5)^(1 - w).
    [(0.0, 1.0), (0.5, 2.0), (1.0, 4.0), (2.0, 16.0), (3.0, 64.0)],
)
def test_two_softmaxes_mix_to_the_power_of_their_odds(x, weight, odds):
    mu = posterior(mixed(softmaxes, weight))(x, torch.zeros(2), torch.zeros(2))
    expected = torch.tensor([odds / (1 + odds), 1 / (1 + odds)]).expand(2, 3, 2)
    assert torch.allclose(mu.values["a"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "told"),
    [(0.0, [False]), (0.5, [True, False]), (1.0, [True]), (2.0, [True, False])],
)
def test_all_or_nothing_of_a_condition_is_one_evaluation_and_else_two(x, weight, told):
    calls = []

    def net(x: State, s: Tensor, t: Tensor) -> State:
        calls.append(x.context)
        return x

    mixed(net, weight)(x, torch.zeros(2), torch.zeros(2))
    assert [context is not None for context in calls] == told


def test_a_whole_condition_is_the_network_itself(exact):
    assert mixed(exact, 1.0) is exact


def test_nothing_of_a_condition_is_the_network_that_is_told_nothing(exact, four, normal_like):
    x = four.with_values(normal_like(four, 1)).knowing(LABELS)
    s = torch.full((4,), 0.5).double()
    nothing, untold = mixed(exact, 0.0)(x, s, s), exact(x.knowing(None), s, s)
    assert not torch.equal(untold.values["atoms"], exact(x, s, s).values["atoms"])
    for name, value in untold.values.items():
        assert torch.equal(nothing.values[name], value)


def test_where_nothing_is_known_a_weight_changes_nothing(exact, four, normal_like):
    x = four.with_values(normal_like(four, 1)).knowing(torch.full((4, 2), NAN).double())
    s = torch.full((4,), 0.5).double()
    plain, strong = exact(x, s, s).softmax(), mixed(exact, 3.0)(x, s, s).softmax()
    for name, value in plain.values.items():
        assert torch.allclose(strong.values[name], value, atol=1e-9)


@pytest.mark.parametrize("loss", [csd_loss, csd_official_loss, ecld, psd])
def test_a_teacher_is_told_what_the_network_is_told(x, loss):
    told: list[tuple[str, Tensor]] = []

    def knowing(who: str) -> Network:
        def net(x: State, s: Tensor, t: Tensor) -> State:
            told.append((who, x.context))
            return x.map(lambda v: v + t[:, None, None] * torch.arange(2.0))

        return net

    x_s = x.knowing(torch.tensor([[0.25], [NAN]]))
    loss(knowing("net"), knowing("teacher"), x_s, torch.full((2,), 0.25), torch.full((2,), 0.75))
    assert {who for who, _ in told} == {"net", "teacher"}
    assert all(torch.equal(y.nan_to_num(9.0), x_s.context.nan_to_num(9.0)) for _, y in told)


@pytest.fixture(scope="module")
def withheld() -> Tensor:
    """30,000 examples of three numbers 0, 1, 2, a quarter to be shown without any."""
    uniform = torch.rand(30_000, 4, generator=torch.Generator().manual_seed(0))
    return withhold(torch.arange(3.0).expand(30_000, 3), uniform, 0.25)


def near(count: int, share: float) -> bool:
    """Within four standard deviations of what 30,000 draws give."""
    return abs(count - 30_000 * share) < 4 * (30_000 * share * (1 - share)) ** 0.5


def test_a_share_of_the_examples_has_nothing_and_the_others_equally_often_1_2_or_3(withheld):
    known = (~withheld.isnan()).sum(1)
    counts = torch.bincount(known, minlength=4).tolist()
    assert len(counts) == 4
    assert all(near(count, 0.25) for count in counts)


@pytest.mark.parametrize("size", [1, 2])
def test_every_subset_of_a_size_is_equally_likely(withheld, size):
    known = ~withheld.isnan()
    for subset in combinations(range(3), size):
        exactly = torch.tensor([c in subset for c in range(3)])
        assert near(int((known == exactly).all(1).sum()), 0.25 / 3)


def test_what_is_not_withheld_stays_as_it_was(withheld):
    expected = torch.arange(3.0).expand_as(withheld)
    known = ~withheld.isnan()
    assert torch.equal(withheld[known], expected[known])


def test_what_was_unknown_stays_unknown():
    uniform = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0))
    kept = withhold(torch.tensor([[NAN, 1.0]]).expand(1000, 2), uniform, 0.0)
    assert kept[:, 0].isnan().all()


@pytest.mark.parametrize(
    ("first", "known"), [(0.0, 0), (0.1999, 0), (0.2001, 1), (0.5999, 1), (0.6001, 2), (0.9999, 2)]
)
def test_the_first_number_says_how_many_are_known(first, known):
    found = withhold(torch.ones(1, 2), torch.tensor([[first, 0.3, 0.6]]), 0.2)
    assert (~found.isnan()).sum() == known


def test_a_single_number_is_withheld_in_its_share_alone():
    uniform = torch.rand(30_000, 2, generator=torch.Generator().manual_seed(1))
    assert near(int(withhold(torch.ones(30_000, 1), uniform, 0.1).isnan().sum()), 0.1)
