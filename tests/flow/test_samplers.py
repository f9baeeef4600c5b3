"""Sampling against the exact posterior of four molecules: they come back, in their shares."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch

from molflow.chem.molecule import Vocabulary, canonical_order, check_many, read_smiles, to_graph
from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.interpolant import prior
from molflow.flow.samplers import sample, trajectory
from molflow.flow.state import State
from molflow.graph.state import clean_state, to_graphs

MOLECULES = ("CCC[NH3+]", "CC(=O)[O-]", "N#CCO", "C1COC1")
VOCABULARY = Vocabulary(("C", "N", "N+", "O", "O-"))
STEPS = [euler_step, flow_map]


def states(smiles: tuple[str, ...]) -> State:
    graphs = [to_graph(canonical_order(read_smiles(s)), VOCABULARY) for s in smiles]
    return clean_state(
        torch.tensor([graph.atoms.tolist() for graph in graphs]),
        torch.tensor([graph.pairs.tolist() for graph in graphs]),
        torch.tensor([len(graph) for graph in graphs]),
        (5, 4),
        torch.float64,
    )


def smiles_of(x: State) -> list[str | None]:
    return [checked.smiles for checked in check_many(to_graphs(x), VOCABULARY)]


@pytest.fixture(scope="module")
def data() -> State:
    return states(MOLECULES)


@pytest.fixture(scope="module")
def noisy(data, normal_like) -> Callable[..., State]:
    """n examples of noise with the masks of the first molecule."""

    def start(n: int, scale: float, like: State = data) -> State:
        first = like[torch.zeros(n, dtype=torch.long)]
        return prior(first, normal_like(first, 0), scale)

    return start


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_four_molecules_come_back_in_equal_shares(data, noisy, exact_posterior, scale):
    n = 1200
    x_1 = sample(euler_step, exact_posterior(data, scale), noisy(n, scale), 50)
    counts = Counter(smiles_of(x_1))
    assert set(counts) == set(MOLECULES)
    # Four standard deviations of a binomial count.
    bound = 4 * (n * 0.25 * 0.75) ** 0.5
    assert all(abs(count - n / 4) < bound for count in counts.values())


def test_a_given_atom_leaves_the_molecules_that_have_it_in_equal_shares(
    data, noisy, exact_posterior
):
    # The first atom of the first, second and last molecule is C, that of the third N.
    first_atom = torch.tensor([True, False, False, False])
    held = data.hold({"atoms": first_atom, "pairs": torch.zeros(6).bool()})
    assert data.argmax()["atoms"][:, 0].tolist() == [0, 0, 1, 0]
    n = 900
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(n, 1.0, held), 50)
    counts = Counter(smiles_of(x_1))
    assert set(counts) == {MOLECULES[0], MOLECULES[1], MOLECULES[3]}
    bound = 4 * (n * (1 / 3) * (2 / 3)) ** 0.5
    assert all(abs(count - n / 3) < bound for count in counts.values())


def test_a_given_molecule_is_not_moved_by_a_bit(data, noisy, exact_posterior):
    held = data.hold(data.exists)
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(2, 1.0, held), 7)
    assert all(torch.equal(x_1.values[name][0], data.values[name][0]) for name in data.values)


def test_many_euler_steps_end_at_a_data_point(data, noisy, exact_posterior):
    x_1 = sample(euler_step, exact_posterior(data, 1.0), noisy(20, 1.0), 200)
    distance = sum(
        (x_1.values[name][:, None] - data.values[name]).abs().sum((2, 3)) for name in data.values
    )
    assert (distance.min(1).values < 1e-9).all()


def test_where_one_molecule_is_possible_one_step_makes_it(data, noisy, exact_posterior):
    x_1 = sample(flow_map, exact_posterior(data[2:3], 1.0), noisy(3, 1.0), 1)
    assert smiles_of(x_1) == [MOLECULES[2]] * 3


@pytest.mark.parametrize("step", STEPS)
def test_a_trajectory_is_the_start_and_a_state_for_every_step(data, noisy, exact_posterior, step):
    x_0 = noisy(3, 1.0)
    path = list(trajectory(step, exact_posterior(data, 1.0), x_0, 4))
    assert [t for t, _ in path] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert path[0][1] is x_0


@pytest.mark.parametrize("step", STEPS)
def test_a_sample_is_the_end_of_its_trajectory(data, noisy, exact_posterior, step):
    mu = exact_posterior(data, 1.0)
    *_, (_, last) = trajectory(step, mu, noisy(3, 1.0), 5)
    made = sample(step, mu, noisy(3, 1.0), 5)
    assert all(torch.equal(made.values[name], last.values[name]) for name in data.values)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("steps", [1, 4, 17])
def test_a_sample_costs_one_evaluation_a_step(data, noisy, exact_posterior, step, steps):
    mu, asked = exact_posterior(data, 1.0), []

    def counted(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        asked.append(s[0].item())
        return mu(x, s, t)

    sample(step, counted, noisy(2, 1.0), steps)
    assert asked == pytest.approx([k / steps for k in range(steps)])


def test_sampling_changes_no_argument(data, noisy, exact_posterior):
    x_0 = noisy(2, 1.0)
    before = {name: value.clone() for name, value in x_0.values.items()}
    sample(euler_step, exact_posterior(data, 1.0), x_0, 3)
    assert all(torch.equal(x_0.values[name], before[name]) for name in before)
