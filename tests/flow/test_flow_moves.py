"""Moves of a model: given variables stay, late times keep the parent, walks end at classes."""

from __future__ import annotations

import torch

from molflow.flow.flow_map import euler_step
from molflow.flow.interpolant import prior
from molflow.flow.moves import finish


def clean(random_graphs, normal_like):
    from molflow.flow.samplers import decoded

    x_1 = decoded(random_graphs([5, 7, 7], seed=1)).on_free()
    given = {name: torch.zeros_like(mask) for name, mask in x_1.exists.items()}
    given["atoms"][:, :2] = True
    x_1 = x_1.hold(given)
    return x_1, prior(x_1, normal_like(x_1, 3), 0.5)


def test_given_variables_stay_and_the_end_is_one_hot(random_graphs, normal_like):
    x_1, x_0 = clean(random_graphs, normal_like)
    t = torch.tensor([0.0, 0.3, 0.6], dtype=torch.float64)
    uniform = lambda x, s, t: x.map(lambda v: torch.full_like(v, 1 / v.shape[-1]))  # noqa: E731
    end = finish(uniform, x_0, x_1, t, [euler_step] * 2, [0.0, 0.5, 1.0])
    for name, value in end.values.items():
        given = x_1.given[name]
        assert torch.equal(value[given], x_1.values[name][given])
        assert set(value.unique().tolist()) <= {0.0, 1.0}


def test_every_example_walks_what_is_left_of_its_way(random_graphs, normal_like):
    x_1, x_0 = clean(random_graphs, normal_like)
    t, seen = torch.tensor([0.0, 0.5, 0.8], dtype=torch.float64), []

    def mu(x, s, u):
        seen.append(s.tolist())
        return x

    finish(mu, x_0, x_1, t, [euler_step] * 2, [0.0, 0.25, 1.0])
    assert torch.allclose(torch.tensor(seen), torch.tensor([[0.0, 0.5, 0.8], [0.25, 0.625, 0.85]]))


def test_a_posterior_that_believes_in_the_parent_gives_it_back(random_graphs, normal_like):
    x_1, x_0 = clean(random_graphs, normal_like)
    t = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    end = finish(lambda x, s, u: x_1, x_0, x_1, t, [euler_step], [0.0, 1.0])
    for name, value in end.values.items():
        assert torch.equal(value[x_1.exists[name]], x_1.values[name][x_1.exists[name]])
