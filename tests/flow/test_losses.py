"""The losses: least where they should be, with known values, over free variables alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.flow.interpolant import interpolate, prior
from molflow.flow.losses import mse_loss, vfm_loss
from molflow.flow.state import Fields, State, mean_over_free

FLOAT32 = 2e-6


@pytest.fixture(scope="module")
def data(clean) -> State:
    """Four graphs of three atoms, or strings of three tokens."""
    return clean(
        [[0, 0, 0], [0, 1, 0], [2, 1, 3], [2, 0, 0]],
        [[1, 0, 1], [1, 1, 1], [0, 2, 1], [3, 0, 1]],
        [3, 3, 3, 3],
    )


@pytest.fixture(scope="module")
def at_half(data, normal_like) -> tuple[State, torch.Tensor]:
    """A point of the path for every graph, with nothing certain yet, and its time."""
    t = torch.full((4,), 0.4, dtype=torch.float64)
    return interpolate(prior(data, normal_like(data, 3)), data, t), t


@pytest.fixture(scope="module")
def expected(data, at_half, log_weights):
    """loss -> prediction -> E[loss(prediction(x_t), x_1) | x_t] for the four points x_t."""
    x_t, t = at_half
    weights = log_weights(data, 1.0, x_t, t).exp()

    def expectation(loss, prediction: State) -> Fields:
        each = [loss(prediction, data[torch.full((4,), n)]) for n in range(4)]
        return {name: sum(weights[:, n] * each[n][name] for n in range(4)) for name in data.values}

    return expectation


@pytest.fixture(scope="module")
def mu(data, at_half, exact_posterior) -> State:
    x_t, t = at_half
    return exact_posterior(data, 1.0)(x_t, t, t)


def logs(mu: State) -> State:
    return mu.map(lambda p: (p + 1e-30).log())


def test_the_posterior_of_these_tests_is_undecided(mu, field):
    assert ((mu.values[field] > 0.05) & (mu.values[field] < 0.95)).any(-1).any(-1).all()


def test_at_the_exact_posterior_vfm_equals_its_entropy(expected, mu):
    loss = expected(vfm_loss, logs(mu))
    nats = {name: -torch.xlogy(p, p).sum(-1) for name, p in mu.values.items()}
    for name, entropy in mean_over_free(nats, mu).items():
        assert torch.allclose(loss[name].double(), entropy, atol=FLOAT32)
        assert (entropy > 0.1).all()


@given(seed=st.integers(0, 2**31), size=st.floats(0.01, 3))
def test_away_from_the_exact_posterior_vfm_grows_by_the_divergence(
    expected, mu, normal_like, seed, size
):
    moved = logs(mu) + size * mu.with_values(normal_like(mu, seed))
    excess = expected(vfm_loss, moved)
    least = expected(vfm_loss, logs(mu))
    divergence = mean_over_free(
        {
            name: (torch.xlogy(p, p) - p * moved.values[name].log_softmax(-1)).sum(-1)
            for name, p in mu.values.items()
        },
        mu,
    )
    for name, nats in divergence.items():
        assert torch.allclose(excess[name] - least[name], nats, atol=1e-5)
        assert (nats >= 0).all()


@given(seed=st.integers(0, 2**31), size=st.floats(0.01, 3))
def test_mse_is_least_at_the_exact_posterior_too(expected, mu, normal_like, seed, size):
    step = size * mu.with_values(normal_like(mu, seed))
    excess, least = expected(mse_loss, mu + step), expected(mse_loss, mu)
    squares = {name: v.square().sum(-1) for name, v in step.values.items()}
    for name, square in mean_over_free(squares, mu).items():
        assert torch.allclose(excess[name] - least[name], square, rtol=1e-4, atol=1e-5)


def test_at_the_exact_posterior_mse_is_the_variance(expected, mu):
    loss = expected(mse_loss, mu)
    variance = {name: 1 - p.square().sum(-1) for name, p in mu.values.items()}
    for name, value in mean_over_free(variance, mu).items():
        assert torch.allclose(loss[name].double(), value, atol=FLOAT32)


def test_without_knowledge_vfm_is_the_logarithm_of_the_number_of_classes(data, classes):
    loss = vfm_loss(0 * data, data)
    for name, k in classes.items():
        assert loss[name].tolist() == pytest.approx([math.log(k)] * 4, abs=FLOAT32)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_mixes_the_target_with_the_uniform_law(data, normal_like, smoothing):
    logits = data.with_values(normal_like(data, 1))
    nats = {
        name: -(
            ((1 - smoothing) * data.values[name] + smoothing / value.shape[-1])
            * value.log_softmax(-1)
        ).sum(-1)
        for name, value in logits.values.items()
    }
    loss = vfm_loss(logits, data, smoothing)
    for name, value in mean_over_free(nats, data).items():
        assert torch.allclose(loss[name].double(), value, atol=FLOAT32)


def test_smoothing_is_off_unless_asked_for(data, field, normal_like):
    logits = data.with_values(normal_like(data, 1))
    assert torch.equal(vfm_loss(logits, data)[field], vfm_loss(logits, data, 0.0)[field])


def test_the_loss_is_the_mean_over_the_free_variables_of_each_example(clean, field):
    # Two atoms of three exist; logits that favour class 0 by log 7 over the other seven together.
    x_1 = clean([[0, 1, 0]], [[0, 0, 0]], [2])
    favoured = x_1.map(lambda v: torch.nn.functional.one_hot(torch.tensor(0), v.shape[-1]) + 0 * v)
    logits = math.log(7) * favoured
    # Class 0 has probability 7 / (7 + 7) = 1/2, each other class 1/14.
    assert vfm_loss(logits, x_1)[field].item() == pytest.approx(
        (math.log(2) + math.log(14)) / 2, abs=FLOAT32
    )


@pytest.mark.parametrize("loss", [vfm_loss, mse_loss])
def test_padded_variables_cost_nothing(clean, normal_like, loss):
    x_1 = clean([[0, 1, 0], [2, 0, 0]], [[1, 0, 0], [0, 0, 0]], [2, 1])
    prediction = x_1.with_values(normal_like(x_1, 0))
    elsewhere = x_1.with_values(normal_like(x_1, 1))
    changed = loss(prediction.where_free(elsewhere), x_1)
    for name, value in loss(prediction, x_1).items():
        assert torch.equal(changed[name], value)


@pytest.mark.parametrize("loss", [vfm_loss, mse_loss])
def test_given_variables_cost_nothing(data, field, normal_like, loss):
    first = torch.tensor([True, False, False])
    held = data.hold({name: first | (name != field) for name in data.values})
    prediction = data.with_values(normal_like(data, 0))
    one_by_one = [loss(prediction[k : k + 1], held[k : k + 1])[field].item() for k in range(4)]
    free_alone = State(
        {field: prediction.values[field][:, 1:]},
        {field: data.exists[field][:, 1:]},
        {field: data.given[field][:, 1:]},
    )
    target = free_alone.with_values({field: data.values[field][:, 1:]})
    assert one_by_one == pytest.approx(loss(free_alone, target)[field].tolist(), abs=FLOAT32)
    others = [value for name, value in loss(prediction, held).items() if name != field]
    assert all(value.tolist() == [0, 0, 0, 0] for value in others)


@pytest.mark.parametrize("max_atoms", [1, 3])
@pytest.mark.parametrize("loss", [vfm_loss, mse_loss])
@pytest.mark.parametrize("modality", ["graphs"], indirect=True)
def test_a_molecule_of_one_atom_costs_nothing_on_pairs(clean, loss, max_atoms):
    pairs = max_atoms * (max_atoms - 1) // 2
    x_1 = clean([[0] * max_atoms], [[0] * pairs], [1])
    assert loss(0 * x_1, x_1)["pairs"].tolist() == [0.0]


@pytest.mark.parametrize("loss", [vfm_loss, mse_loss])
@pytest.mark.parametrize("time", [0.0, 1.0])
def test_losses_and_gradients_are_finite_at_the_edges_of_time(
    perturbed, fresh_network, clean, normal_like, loss, time
):
    net = perturbed(fresh_network(torch.float32))
    x_1 = clean([[3, 0, 0], [0, 1, 2]], [[0, 0, 0], [1, 0, 3]], [1, 3]).to(torch.float32)
    t = torch.full((2,), time)
    x_t = interpolate(prior(x_1, normal_like(x_1, 0), 0.5), x_1, t)
    total = sum(value.sum() for value in loss(net(x_t, t, t), x_1).values())
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(parameter.grad).all() for parameter in net.parameters())
