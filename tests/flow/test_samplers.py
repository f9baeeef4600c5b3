"""Sampling against the exact posterior of four molecules: they come back, in their shares."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.chem.molecule import (
    Vocabulary,
    canonical_order,
    canonical_smiles,
    check_many,
    read_smiles,
    to_graph,
)
from molflow.chem.smiles import Unusable
from molflow.flow.flow_map import euler_step, flow_map, posterior
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.samplers import drawn, heun_step, renoised, sample, trajectory
from molflow.flow.state import State
from molflow.flow.times import time_steps
from molflow.graph.state import clean_state, to_graphs
from molflow.sequence.state import to_tokens, token_state
from molflow.sequence.vocabulary import TokenVocabulary

MOLECULES = ("CCC[NH3+]", "CC(=O)[O-]", "N#CCO", "C1COC1")
VOCABULARY = Vocabulary(("C", "N", "N+", "O", "O-"))
TOKENS = TokenVocabulary(("C", "N", "O", "[NH3+]", "[O-]", "(", ")", "=", "#", "1"), "smiles", True)
STEPS = [euler_step, flow_map]
TIMES = st.floats(0, 1, width=32)


def at(time: float, x: State) -> torch.Tensor:
    return torch.full((len(x),), time, dtype=next(iter(x.values.values())).dtype)


def same(x: State, y: State, atol: float = 0.0) -> bool:
    return all(
        torch.allclose(x.values[name], y.values[name], rtol=0, atol=atol) for name in x.values
    )


def smooth(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """A point of every simplex that depends on everything."""
    return (x * (1 + s + 3 * t)).softmax()


def graphs_of(smiles: tuple[str, ...]) -> State:
    graphs = [to_graph(canonical_order(read_smiles(s)), VOCABULARY) for s in smiles]
    return clean_state(
        torch.tensor([graph.atoms.tolist() for graph in graphs]),
        torch.tensor([graph.pairs.tolist() for graph in graphs]),
        torch.tensor([len(graph) for graph in graphs]),
        (5, 4),
        torch.float64,
    )


def strings_of(smiles: tuple[str, ...]) -> State:
    """SMILES of one length, that of the longest, filled with the end symbol."""
    ids = [torch.tensor(TOKENS.encode(s)) for s in smiles]
    filled = torch.nn.utils.rnn.pad_sequence(ids, True, TOKENS.end_class)
    lengths = torch.full((len(ids),), filled.shape[1])
    return token_state(filled, lengths, TOKENS.classes, torch.float64)


def parsed(smiles: str) -> str | None:
    try:
        return canonical_smiles(read_smiles(smiles))
    except Unusable:
        return None


@pytest.fixture(scope="module")
def data(modality) -> State:
    return strings_of(MOLECULES) if modality == "strings" else graphs_of(MOLECULES)


@pytest.fixture(scope="module")
def smiles_of(modality) -> Callable[[State], list[str | None]]:
    def written(x: State) -> list[str | None]:
        if modality == "strings":
            return [parsed(TOKENS.decode(ids)) for ids in to_tokens(x, TOKENS.end_class)]
        return [checked.smiles for checked in check_many(to_graphs(x), VOCABULARY)]

    return written


@pytest.fixture(scope="module")
def noisy(data, normal_like) -> Callable[..., State]:
    """n examples of noise with the masks of the first molecule."""

    def start(n: int, scale: float, like: State = data) -> State:
        first = like[torch.zeros(n, dtype=torch.long)]
        return prior(first, normal_like(first, 0), scale)

    return start


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_four_molecules_come_back_in_equal_shares(data, noisy, smiles_of, exact_posterior, scale):
    n = 1200
    x_1 = sample(euler_step, exact_posterior(data, scale), noisy(n, scale), time_steps(50))
    counts = Counter(smiles_of(x_1))
    assert set(counts) == set(MOLECULES)
    # Four standard deviations of a binomial count.
    bound = 4 * (n * 0.25 * 0.75) ** 0.5
    assert all(abs(count - n / 4) < bound for count in counts.values())


def test_a_given_atom_leaves_the_molecules_that_have_it_in_equal_shares(
    data, field, noisy, smiles_of, exact_posterior
):
    # The first atom of the first, second and last molecule is C, that of the third N.
    held = data.hold(
        {name: torch.arange(m.shape[1]) < (name == field) for name, m in data.exists.items()}
    )
    assert data.argmax()[field][:, 0].tolist() == [0, 0, 1, 0]
    n = 900
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(n, 1.0, held), time_steps(50))
    counts = Counter(smiles_of(x_1))
    assert set(counts) == {MOLECULES[0], MOLECULES[1], MOLECULES[3]}
    bound = 4 * (n * (1 / 3) * (2 / 3)) ** 0.5
    assert all(abs(count - n / 3) < bound for count in counts.values())


def test_a_given_molecule_is_not_moved_by_a_bit(data, noisy, exact_posterior):
    held = data.hold(data.exists)
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(2, 1.0, held), time_steps(7))
    assert all(torch.equal(x_1.values[name][0], data.values[name][0]) for name in data.values)


def test_many_euler_steps_end_at_a_data_point(data, noisy, exact_posterior):
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(20, 1.0), time_steps(200))
    distance = sum(
        (x_1.values[name][:, None] - data.values[name]).abs().sum((2, 3)) for name in data.values
    )
    assert (distance.min(1).values < 1e-9).all()


def test_where_one_molecule_is_possible_one_step_makes_it(data, noisy, smiles_of, exact_posterior):
    x_1 = sample(flow_map, exact_posterior(data[2:3], 1.0), noisy(3, 1.0), time_steps(1))
    assert smiles_of(x_1) == [MOLECULES[2]] * 3


@pytest.mark.parametrize("step", STEPS)
def test_a_trajectory_is_the_start_and_a_state_for_every_step(data, noisy, exact_posterior, step):
    x_0 = noisy(3, 1.0)
    path = list(trajectory(step, exact_posterior(data, 1.0), x_0, time_steps(4)))
    assert [t for t, _ in path] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert path[0][1] is x_0


@pytest.mark.parametrize("step", STEPS)
def test_a_sample_is_the_end_of_its_trajectory(data, noisy, exact_posterior, step):
    mu = exact_posterior(data, 1.0)
    *_, (_, last) = trajectory(step, mu, noisy(3, 1.0), time_steps(5))
    made = sample(step, mu, noisy(3, 1.0), time_steps(5))
    assert all(torch.equal(made.values[name], last.values[name]) for name in data.values)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("steps", [1, 4, 17])
def test_a_sample_costs_one_evaluation_a_step(data, noisy, exact_posterior, step, steps):
    mu, asked = exact_posterior(data, 1.0), []

    def counted(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append(s[0].item())
        return mu(x, s, t)

    sample(step, counted, noisy(2, 1.0), time_steps(steps))
    assert asked == pytest.approx([k / steps for k in range(steps)])


def test_sampling_changes_no_argument(data, noisy, exact_posterior):
    x_0 = noisy(2, 1.0)
    before = {name: value.clone() for name, value in x_0.values.items()}
    sample(euler_step, exact_posterior(data, 1.0), x_0, time_steps(3))
    assert all(torch.equal(x_0.values[name], before[name]) for name in before)


# Grids and steps of their own.


@pytest.mark.parametrize("times", [[0.0, 0.1, 0.7, 1.0], [0.2, 0.5], [0.0, 1.0]])
def test_a_trajectory_follows_any_grid(data, noisy, exact_posterior, times):
    asked, mu = [], exact_posterior(data, 1.0)

    def recorded(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append((s[0].item(), t[0].item()))
        return mu(x, s, t)

    path = list(trajectory(flow_map, recorded, noisy(2, 1.0), times))
    assert [t for t, _ in path] == times
    assert asked == list(pairwise(times))


def test_every_interval_can_have_its_own_step(data, noisy, exact_posterior):
    mu, x_0 = exact_posterior(data, 1.0), noisy(2, 1.0)
    halfway = euler_step(mu, x_0, at(0.0, x_0), at(0.5, x_0))
    by_hand = heun_step(mu, halfway, at(0.5, x_0), at(0.75, x_0))
    assert same(sample([euler_step, heun_step], mu, x_0, [0.0, 0.5, 0.75]), by_hand)


def test_as_many_steps_as_intervals_are_needed(data, noisy, exact_posterior):
    with pytest.raises(ValueError, match="shorter"):
        sample([euler_step] * 3, exact_posterior(data, 1.0), noisy(2, 1.0), time_steps(4))


# Heun.


@given(times=st.tuples(st.floats(0, 0.98), st.floats(0, 0.98)).map(sorted))
def test_heun_averages_the_velocities_at_both_ends(noisy, times):
    x = noisy(3, 1.0)
    s, t = (at(time, x) for time in times)

    def velocity(x: State, t: torch.Tensor) -> State:
        return (smooth(x, t, t) - x) * (1 / (1 - t))

    first = velocity(x, s)
    second = velocity(x + (t - s) * first, t)
    by_hand = x + 0.5 * (t - s) * (first + second)
    assert same(heun_step(smooth, x, s, t), by_hand, 1e-10)


def test_halving_the_steps_of_heun_quarters_its_error(two_point_flow, two_points, normal_like):
    mu = posterior(two_point_flow)
    like = two_points[torch.zeros(20, dtype=torch.long)]
    x_0 = prior(like, normal_like(like, 1), two_point_flow.scale)
    end = flow_map(mu, x_0, at(0.0, x_0), at(0.5, x_0))

    def error(steps: int) -> float:
        made = sample(heun_step, mu, x_0, [k / (2 * steps) for k in range(steps + 1)])
        return sum((made - end).values[name].square().sum().item() for name in end.values) ** 0.5

    assert error(32) / error(64) == pytest.approx(4, rel=0.2)


def test_the_last_step_of_heun_is_an_euler_step_of_one_evaluation(data, noisy, exact_posterior):
    asked, mu, x = [], exact_posterior(data, 1.0), noisy(2, 1.0)

    def recorded(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append((s[0].item(), t[0].item()))
        return mu(x, s, t)

    made = heun_step(recorded, x, at(0.75, x), at(1.0, x))
    assert asked == [(0.75, 0.75)]
    assert same(made, euler_step(mu, x, at(0.75, x), at(1.0, x)))


def test_heun_asks_twice_a_step_for_the_diagonal_and_never_at_the_end(data, noisy, exact_posterior):
    asked, mu = [], exact_posterior(data, 1.0)

    def recorded(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append((s[0].item(), t[0].item()))
        return mu(x, s, t)

    sample(heun_step, recorded, noisy(2, 1.0), time_steps(4))
    assert asked == [(k, k) for k in (0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75)]


def test_examples_at_the_end_do_not_disturb_the_others(noisy):
    x = noisy(2, 1.0)
    s, t = torch.tensor([0.5, 0.5]).double(), torch.tensor([1.0, 0.75]).double()
    together = heun_step(smooth, x, s, t)
    for b in range(2):
        alone = heun_step(smooth, x[b : b + 1], s[b : b + 1], t[b : b + 1])
        assert same(together[b : b + 1], alone, 1e-14)


@pytest.mark.parametrize("steps", [1, 2, 30])
def test_heun_ends_at_the_molecules(data, noisy, smiles_of, exact_posterior, steps):
    made = sample(heun_step, exact_posterior(data, 1.0), noisy(40, 1.0), time_steps(steps))
    assert all(torch.isfinite(value).all() for value in made.values.values())
    assert steps < 30 or set(smiles_of(made)) == set(MOLECULES)


# The stochastic kernel.


@pytest.fixture(scope="module")
def fresh(data, normal_like) -> Callable[..., State]:
    """(like, key) -> another draw of x_0 at scale 1 with the masks of ``like``."""
    return lambda like, key, scale=1.0: prior(like, normal_like(like, key), scale)


@given(times=st.tuples(TIMES, TIMES).map(sorted))
def test_without_noise_the_stochastic_kernel_is_the_flow_map(noisy, fresh, times):
    x = noisy(3, 1.0)
    s, t = (at(time, x) for time in times)
    assert same(renoised(fresh(x, 9), 0.0)(smooth, x, s, t), flow_map(smooth, x, s, t), 1e-12)


@given(times=st.tuples(TIMES, TIMES).map(sorted))
def test_with_all_noise_it_jumps_to_the_endpoint_and_renoises_it(noisy, fresh, times):
    x = noisy(3, 1.0)
    s, t = (at(time, x) for time in times)
    again = interpolate(fresh(x, 9), smooth(x, s, at(1.0, x)), t)
    assert same(renoised(fresh(x, 9), 1.0)(smooth, x, s, t), again, 1e-12)


def test_with_half_the_noise_it_goes_halfway_to_the_end_and_back(noisy, fresh):
    # From s = 0 to t = 1/3: u = 2/3, back by t/u = 1/2, c^2 = (2/3)^2 - (1/2 1/3)^2 = 15/36.
    x = noisy(3, 1.0)
    s, t, u = (at(time, x) for time in (0.0, 1 / 3, 2 / 3))
    by_hand = 0.5 * flow_map(smooth, x, s, u) + (15 / 36) ** 0.5 * fresh(x, 9)
    assert same(renoised(fresh(x, 9), 0.5)(smooth, x, s, t), by_hand, 1e-12)


@given(amount=st.floats(0, 1), s=TIMES)
def test_to_the_end_it_is_the_flow_map_whatever_the_noise(noisy, fresh, amount, s):
    x = noisy(3, 1.0)
    s, t = at(s, x), at(1.0, x)
    assert same(renoised(fresh(x, 9), amount)(smooth, x, s, t), flow_map(smooth, x, s, t), 1e-12)


@given(amount=st.floats(0, 1), times=st.tuples(TIMES, TIMES).map(sorted))
def test_the_stochastic_kernel_moves_no_given_or_padded_variable(
    random_states, normal_like, amount, times
):
    noisy = random_states([1, 2, 3], 4)
    x = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    noise = x.with_values(normal_like(x, 9))
    made = renoised(noise, amount)(smooth, x, at(times[0], x), at(times[1], x))
    for name, free in x.free.items():
        assert torch.equal(made.values[name][~free], x.values[name][~free])
        assert torch.isfinite(made.values[name]).all()


def distance_from_law(flow, x_t: State, t: float) -> float:
    """Of Kolmogorov and Smirnov, along the axis; above 1.95 / sqrt(n) one time in a thousand."""
    y, n = flow.coordinate(x_t, at(t, x_t)), len(x_t)
    below = flow.probabilities(-y.abs(), at(t, x_t))[0]
    quantiles = torch.where(y > 0, 1 - below, below).sort().values
    return (quantiles - (torch.arange(n) + 0.5) / n).abs().max().item()


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0])
def test_with_an_exact_flow_map_every_amount_of_noise_keeps_the_law(
    two_point_flow, two_points, field, fresh, amount
):
    n, (s, t) = 4000, (0.0, 0.4)
    like = two_points[torch.zeros(n, dtype=torch.long)]
    x_0, noise = (fresh(like, key, two_point_flow.scale) for key in (1, 2))
    step = renoised(noise, amount)
    x_t = step(posterior(two_point_flow), x_0, at(s, x_0), at(t, x_0))
    # Along the axis the law is that of the flow; across it, a class of both points is normal.
    assert distance_from_law(two_point_flow, x_t, t) < 1.95 / n**0.5
    shared = x_t.values[field][:, 2, 0]  # class 0 in both points
    deviation = (1 - t) * two_point_flow.scale
    assert shared.mean().item() == pytest.approx(t, abs=4 * deviation / n**0.5)
    assert shared.std().item() == pytest.approx(deviation, rel=4 / (2 * n) ** 0.5)


def test_the_jump_may_be_an_euler_step(noisy, fresh):
    # From s = 0 to t = 1/3 with half the noise: to u = 2/3 along the velocity at 0, and back.
    x = noisy(3, 1.0)
    s, t, u = (at(time, x) for time in (0.0, 1 / 3, 2 / 3))
    by_hand = 0.5 * euler_step(smooth, x, s, u) + (15 / 36) ** 0.5 * fresh(x, 9)
    assert same(renoised(fresh(x, 9), 0.5, euler_step)(smooth, x, s, t), by_hand, 1e-12)


@pytest.mark.parametrize(("steps", "amount", "keeps"), [(80, 0.03, True), (4, 1.0, False)])
def test_euler_steps_with_new_noise_keep_the_law_where_they_are_small(
    two_point_flow, two_points, fresh, steps, amount, keeps
):
    n, t = 2000, 0.5
    like = two_points[torch.zeros(n, dtype=torch.long)]
    noises = [fresh(like, key, two_point_flow.scale) for key in range(steps + 1)]
    moves = [renoised(noise, amount, euler_step) for noise in noises[1:]]
    times = [t * k / steps for k in range(steps + 1)]
    x_t = sample(moves, posterior(two_point_flow), noises[0], times)
    assert (distance_from_law(two_point_flow, x_t, t) < 1.95 / n**0.5) == keeps


def test_four_molecules_survive_noise_at_every_step(data, noisy, fresh, smiles_of, exact_posterior):
    # Where one molecule is possible the posterior is the endpoint, whatever noise is added.
    x_0 = noisy(3, 1.0)
    steps = [renoised(fresh(x_0, key), 1.0) for key in range(4)]
    made = sample(steps, exact_posterior(data[2:3], 1.0), x_0, time_steps(4))
    assert smiles_of(made) == [MOLECULES[2]] * 3


def test_the_noise_of_a_step_is_its_own(noisy, fresh):
    x_0 = noisy(3, 1.0)
    first, second = ([renoised(fresh(x_0, k), 1.0) for k in keys] for keys in ((1, 2), (1, 3)))
    paths = [list(trajectory(steps, smooth, x_0, [0, 0.3, 0.6])) for steps in (first, second)]
    assert same(paths[0][1][1], paths[1][1][1])
    assert not same(paths[0][2][1], paths[1][2][1], 0.1)


# Endpoints drawn.


@pytest.fixture(scope="module")
def uniform_like() -> Callable[..., dict[str, torch.Tensor]]:
    def numbers(x: State) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(4)
        return {
            name: torch.rand(value.shape, generator=generator, dtype=value.dtype)
            for name, value in x.values.items()
        }

    return numbers


def test_at_temperature_0_the_likeliest_class_is_drawn(noisy, uniform_like):
    x = noisy(3, 1.0)
    made = drawn(flow_map, uniform_like(x), 0.0)(smooth, x, at(0.0, x), at(1.0, x))
    likeliest = smooth(x, at(0.0, x), at(1.0, x)).argmax()
    for name, value in made.values.items():
        assert torch.equal(value.argmax(-1), likeliest[name])
        assert torch.equal(value.sum(-1), torch.ones_like(value.sum(-1)))
        assert torch.equal(value.amax(-1), torch.ones_like(value.amax(-1)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_classes_are_drawn_in_the_shares_of_a_power_of_their_probability(temperature, uniform_like):
    powers = [p ** (1 / temperature) for p in (0.1, 0.3, 0.6)]
    shares = [power / sum(powers) for power in powers]
    d = 40_000
    x = State(
        {"a": torch.zeros(1, d, 3).double()},
        {"a": torch.ones(1, d).bool()},
        {"a": torch.zeros(1, d).bool()},
    )

    def mu(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return x.map(lambda v: torch.tensor([0.1, 0.3, 0.6]).double().expand_as(v))

    made = drawn(flow_map, uniform_like(x), temperature)(mu, x, at(0.0, x), at(1.0, x))
    for k, p in enumerate(shares):
        found = made.values["a"][..., k].mean().item()
        assert found == pytest.approx(p, abs=4 * (p * (1 - p) / d) ** 0.5)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_impossible_class_is_never_drawn(temperature):
    x = State(
        {"a": torch.zeros(1, 3, 2)}, {"a": torch.ones(1, 3).bool()}, {"a": torch.zeros(1, 3).bool()}
    )

    def mu(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return x.map(lambda v: torch.tensor([0.0, 1.0]).expand_as(v))

    extremes = {"a": torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])}
    made = drawn(flow_map, extremes, temperature)(mu, x, at(0.0, x), at(1.0, x))
    assert made.values["a"].tolist() == [[[0, 1]] * 3]


def test_a_draw_and_new_noise_go_together(noisy, fresh, uniform_like):
    x, t = noisy(3, 1.0), 0.25
    step = drawn(renoised(fresh(x, 9), 1.0), uniform_like(x), 1.0)
    made = step(smooth, x, at(0.0, x), at(t, x))
    for name, value in made.values.items():
        clean = (value - (1 - t) * fresh(x, 9).values[name]) / t
        assert torch.allclose(clean.sort(-1).values[..., -1], torch.ones(()).double())
        assert torch.allclose(clean.sort(-1).values[..., :-1], torch.zeros(()).double(), atol=1e-12)


def test_a_draw_moves_no_given_or_padded_variable(random_states, uniform_like):
    noisy = random_states([1, 2, 3], 4)
    x = noisy.hold({name: torch.arange(m.shape[1]) < 1 for name, m in noisy.exists.items()})
    made = drawn(flow_map, uniform_like(x), 1.0)(smooth, x, at(0.3, x), at(1.0, x))
    for name, free in x.free.items():
        assert torch.equal(made.values[name][~free], x.values[name][~free])
