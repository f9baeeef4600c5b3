"""The graph transformer at full size and off zero: symmetric, blind to padding, differentiable.

Fresh weights close every gate and would pass most of these tests; `network` has all moved.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import jvp

from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.graph.graph import pair_count, pair_index
from molflow.graph.state import clean_state
from molflow.graph.transformer import GraphTransformer
from molflow.nn.layers import NEAR

SIZES = (9, 5, 1, 2)
EXACT = 1e-9


def times(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


S, T = times(0.1, 0.0, 0.5, 0.9), times(0.4, 1.0, 0.5, 0.95)


def difference(a: State, b: State) -> float:
    """The largest difference of values at variables that exist."""
    differences = [
        (a.values[name] - b.values[name])[mask] for name, mask in a.exists.items() if mask.any()
    ]
    return max(d.abs().max().item() for d in differences)


def permuted(x: State, order: list[int]) -> State:
    """The same graphs with atom order[k] at place k, all of them without padding."""
    pairs = torch.zeros(pair_count(len(order)), dtype=torch.long)
    for a in range(len(order)):
        for b in range(a):
            pairs[pair_index(a, b)] = pair_index(order[a], order[b])
    chosen = {"atoms": torch.tensor(order), "pairs": pairs}
    return State(
        {name: values[:, chosen[name]] for name, values in x.values.items()},
        {name: mask[:, chosen[name]] for name, mask in x.exists.items()},
        {name: mask[:, chosen[name]] for name, mask in x.given.items()},
    )


@pytest.fixture(scope="module")
def x(random_graphs) -> State:
    """A batch of mixed sizes, one of them a single atom."""
    return random_graphs(SIZES)


@pytest.fixture(scope="module")
def whole(random_graphs) -> State:
    """One graph of nine atoms, one atom and one pair of it given."""
    first = {"atoms": torch.arange(9) == 2, "pairs": torch.arange(36) == 7}
    return random_graphs([9], seed=3).hold(first)


@given(order=st.permutations(range(9)))
@settings(max_examples=20)
def test_without_positions_the_network_commutes_with_permutations(network, whole, order):
    s, t = times(0.2), times(0.7)
    after = permuted(network(whole, s, t), order)
    assert difference(network(permuted(whole, order), s, t), after) < EXACT


def test_positions_tell_atoms_apart(network_with_positions, whole):
    order = [1, 0, *range(2, 9)]
    s, t = times(0.2), times(0.7)
    after = permuted(network_with_positions(whole, s, t), order)
    assert difference(network_with_positions(permuted(whole, order), s, t), after) > 1e-3


@pytest.mark.parametrize("name", ["atom_position", "pair_position", "distances"])
def test_atoms_pairs_and_attention_all_have_positions(
    network_with_positions, perturbed, whole, name
):
    other = perturbed(network_with_positions, size=0.0)
    with torch.no_grad():
        getattr(other, name).zero_()
    s, t = times(0.2), times(0.7)
    assert difference(network_with_positions(whole, s, t), other(whole, s, t)) > 1e-3


def test_attention_starts_at_neighbours_before_and_behind():
    fresh = GraphTransformer((5, 4), 4, width=8, pair_width=4, depth=2, heads=2, distances=True)
    before, behind = [0, 0, NEAR, 0, 0, 0, 0], [0, 0, 0, 0, NEAR, 0, 0]
    assert fresh.distances.tolist() == [[before, behind]] * 2


def test_the_mlp_of_pairs_is_as_wide_as_asked():
    net = GraphTransformer((5, 4), 4, width=8, pair_width=6, depth=1, heads=2, pair_expand=2)
    assert net.blocks[0].pair_mlp[0].weight.shape == (12, 6)


def test_the_logits_of_a_pair_are_symmetric_in_its_ends(network, random_graphs):
    pair = random_graphs([2], max_atoms=2)
    logits, swapped = (network(p, times(0.2), times(0.7)) for p in (pair, permuted(pair, [1, 0])))
    assert torch.allclose(logits.values["pairs"], swapped.values["pairs"], atol=EXACT)
    assert not torch.allclose(logits.values["atoms"], swapped.values["atoms"], atol=1e-3)


@pytest.mark.parametrize("net", ["network", "network_with_positions"])
@pytest.mark.parametrize("max_atoms", [5, 6, 8])
def test_logits_do_not_depend_on_the_amount_of_padding(request, random_graphs, net, max_atoms):
    net = request.getfixturevalue(net)
    wide, s, t = random_graphs([5, 1, 2]), S[:3], T[:3]
    cut = {"atoms": max_atoms, "pairs": pair_count(max_atoms)}
    narrow = State(
        {name: values[:, : cut[name]] for name, values in wide.values.items()},
        {name: mask[:, : cut[name]] for name, mask in wide.exists.items()},
        {name: mask[:, : cut[name]] for name, mask in wide.given.items()},
    )
    expected = net(wide, s, t)
    kept = narrow.with_values({k: v[:, : cut[k]] for k, v in expected.values.items()})
    assert difference(net(narrow, s, t), kept) < EXACT


@pytest.mark.parametrize("net", ["network", "network_with_positions"])
def test_logits_do_not_depend_on_values_at_padding(request, x, normal_like, net):
    net = request.getfixturevalue(net)
    filled = x.where_free(100 * x.with_values(normal_like(x, 5)))
    assert not torch.equal(filled.values["atoms"], x.values["atoms"])
    assert difference(net(filled, S, T), net(x, S, T)) < EXACT


def test_an_example_does_not_depend_on_its_batch(network, x):
    together = network(x, S, T)
    for b in range(len(x)):
        alone = network(x[b : b + 1], S[b : b + 1], T[b : b + 1])
        assert difference(alone, together[b : b + 1]) < EXACT


@pytest.mark.parametrize("field", ["atoms", "pairs"])
def test_whether_a_variable_is_given_changes_the_logits(network, x, field):
    held = {name: torch.zeros_like(mask) for name, mask in x.exists.items()}
    held[field] = torch.arange(x.exists[field].shape[1]) < 1
    changed, plain = network(x.hold(held), S, T), network(x, S, T)
    assert difference(changed[:1], plain[:1]) > 1e-3


@pytest.mark.parametrize("field", ["atoms", "pairs"])
@pytest.mark.parametrize("output", ["atoms", "pairs"])
def test_every_variable_hears_of_every_other(network, whole, field, output):
    # Changing one variable changes the logits of all: directly, or through attention.
    values = dict(whole.values)
    values[field] = values[field].clone()
    values[field][:, -1] += 1
    s, t = times(0.2), times(0.7)
    moved = network(whole.with_values(values), s, t) - network(whole, s, t)
    assert (moved.values[output].abs().amax(-1) > 1e-6).all()


def test_the_first_time_changes_the_logits(network, x):
    assert difference(network(x, 0.5 * S + 0.01, T), network(x, S, T)) > 1e-3


def test_the_second_time_changes_the_logits(network, x):
    assert difference(network(x, S, 0.5 * T + 0.5), network(x, S, T)) > 1e-3


def test_the_number_of_atoms_changes_the_logits(network, perturbed, x):
    other = perturbed(network, size=0.0)
    with torch.no_grad():
        other.condition.size.weight.zero_()
    assert difference(other(x, S, T), network(x, S, T)) > 1e-3


@pytest.mark.parametrize("sizes", [[1], [1, 1], [9, 1], list(range(1, 10))])
@pytest.mark.parametrize("net", ["network", "network_with_positions"])
def test_logits_of_all_sizes_are_finite(request, random_graphs, net, sizes):
    x = random_graphs(sizes, max_atoms=max(sizes))
    zero = torch.zeros(len(sizes), dtype=torch.float64)
    logits = request.getfixturevalue(net)(x, zero, zero + 1)
    for name, values in logits.values.items():
        assert values.shape == x.values[name].shape
        assert torch.isfinite(values).all()


def test_fresh_weights_make_every_class_equally_likely(full_size, x):
    logits = full_size(positions=True)(x, S, T)
    assert not any(values.any() for values in logits.values.values())


def test_the_derivative_along_the_second_time_is_that_of_finite_differences(network, x):
    def mu(t: torch.Tensor) -> dict[str, torch.Tensor]:
        return network(x, S, t).softmax().values

    _, slope = jvp(mu, (T,), (torch.ones_like(T),))
    step = 1e-6
    ahead, behind = mu(T + step), mu(T - step)
    for name, mask in x.exists.items():
        finite = (ahead[name] - behind[name]) / (2 * step)
        assert slope[name][mask].abs().max() > 1e-3
        error = (slope[name][mask] - finite[mask]).abs().max()
        assert error < 1e-6 * slope[name][mask].abs().max()


def test_the_derivative_along_state_and_times_is_that_of_finite_differences(
    network, x, normal_like
):
    def logits(values: dict, s: torch.Tensor, t: torch.Tensor) -> dict[str, torch.Tensor]:
        return network(x.with_values(values), s, t).values

    point = (x.values, S, T)
    direction = (normal_like(x, 8), times(1.0, -2.0, 0.5, 0.3), times(0.2, 1.0, -1.0, 3.0))
    _, slope = jvp(logits, point, direction)

    def moved(step: float) -> dict[str, torch.Tensor]:
        values = {name: v + step * direction[0][name] for name, v in x.values.items()}
        return logits(values, S + step * direction[1], T + step * direction[2])

    ahead, behind = moved(1e-6), moved(-1e-6)
    for name, mask in x.exists.items():
        finite = (ahead[name] - behind[name]) / 2e-6
        error = (slope[name][mask] - finite[mask]).abs().max()
        assert error < 1e-6 * slope[name][mask].abs().max()


def test_the_gradient_through_the_derivative_along_time_is_that_of_finite_differences(
    network_with_positions, perturbed, x
):
    # R = |d/dt mu|^2 over existing variables; its slope along a random direction of the weights.
    net = perturbed(network_with_positions, size=0.0)
    weights = dict(net.named_parameters())
    generator = torch.Generator().manual_seed(1)
    direction = {
        name: torch.randn(w.shape, generator=generator, dtype=w.dtype)
        for name, w in weights.items()
    }

    def energy(moved: dict[str, torch.Tensor]) -> torch.Tensor:
        def mu(t: torch.Tensor) -> dict[str, torch.Tensor]:
            return torch.func.functional_call(net, moved, (x, S, t)).softmax().values

        _, slope = jvp(mu, (T,), (torch.ones_like(T),))
        return sum(slope[name][mask].square().sum() for name, mask in x.exists.items())

    value = energy(weights)
    gradients = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    along = sum(
        (g * direction[name]).sum()
        for g, name in zip(gradients, weights, strict=True)
        if g is not None
    )
    step = 1e-6
    with torch.no_grad():
        ahead, behind = (
            energy({name: w + sign * step * direction[name] for name, w in weights.items()})
            for sign in (1, -1)
        )
    assert value > 1e-3
    assert along.item() == pytest.approx(((ahead - behind) / (2 * step)).item(), rel=1e-5)


@pytest.fixture(scope="module")
def gradients(network_with_positions, perturbed, normal_like) -> dict[str, torch.Tensor]:
    """Of the flow matching loss, for every parameter of the network with positions."""
    net = perturbed(network_with_positions, size=0.0)
    generator = torch.Generator().manual_seed(0)
    atoms = torch.randint(8, (4, 9), generator=generator)
    pairs = torch.randint(4, (4, 36), generator=generator)
    x_1 = clean_state(atoms, pairs, torch.tensor(SIZES), (8, 4), torch.float64)
    x_t = x_1.with_values(normal_like(x_1, 2)).on_free()
    sum(loss.sum() for loss in vfm_loss(net(x_t, S, T), x_1).values()).backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def test_the_loss_moves_every_parameter(gradients):
    still = [name for name, g in gradients.items() if g is None or not g.abs().max() > 1e-9]
    assert still == []


@pytest.mark.parametrize("block", range(6))
def test_every_head_of_every_block_reads_a_bias_and_a_gate_from_the_pairs(gradients, block):
    rows = gradients[f"blocks.{block}.bias_and_gate.weight"].abs().amax(1)
    assert rows.shape == (16,)
    assert (rows > 1e-9).all()


@pytest.mark.parametrize("block", range(6))
def test_pairs_hear_of_the_sum_and_the_product_of_their_atoms(gradients, block):
    rows = gradients[f"blocks.{block}.ends.weight"].abs().amax(1)
    assert rows.shape == (96,)
    assert (rows > 1e-9).all()


@pytest.fixture(scope="module")
def told(perturbed) -> GraphTransformer:
    """A small network that reads two numbers of context, off zero."""
    return perturbed(GraphTransformer((8, 4), 9, 32, 16, 2, 4, False, contexts=2).double()).eval()


@pytest.fixture(scope="module")
def context() -> torch.Tensor:
    """Of four examples: both numbers known, the first, the second, none."""
    unknown = torch.nan
    return torch.tensor([[0.3, -1.0], [0.3, unknown], [unknown, -1.0], [unknown] * 2]).double()


def without(net: GraphTransformer) -> GraphTransformer:
    """The network that was made without a context, with the same weights."""
    plain = GraphTransformer((8, 4), 9, 32, 16, 2, 4, False).double().eval()
    weights = net.state_dict()
    del weights["condition.context.weight"]
    plain.load_state_dict(weights)
    return plain


def test_a_context_that_is_unknown_is_exactly_no_context_and_a_network_without_one(told, x):
    unknown = torch.full((len(x), 2), torch.nan, dtype=torch.float64)
    expected = without(told)(x, S, T)
    for state in (x, x.knowing(unknown)):
        found = told(state, S, T)
        assert all(torch.equal(found.values[k], v) for k, v in expected.values.items())


def test_a_fresh_network_does_not_hear_its_context(x, context):
    net = GraphTransformer((8, 4), 9, 32, 16, 2, 4, False, contexts=2).double()
    weight = net.condition.context.weight
    assert weight.shape == (32, 4)
    assert not weight.any()


def test_every_known_number_and_being_known_change_the_logits(told, x, context):
    found, plain = told(x.knowing(context), S, T), told(x, S, T)
    assert all(difference(found[b : b + 1], plain[b : b + 1]) > 1e-3 for b in (0, 1, 2))
    assert difference(found[3:], plain[3:]) == 0
    for moved in (context + torch.tensor([0.1, 0.0]), context + torch.tensor([0.0, 0.1])):
        assert difference(told(x.knowing(moved), S, T), found) > 1e-4
    zero = told(x.knowing(torch.zeros_like(context)), S, T)
    assert difference(zero, plain) > 1e-3


@given(order=st.permutations(range(9)))
@settings(max_examples=5)
def test_with_a_context_the_network_commutes_with_permutations(told, whole, context, order):
    s, t = times(0.2), times(0.7)
    known = whole.knowing(context[:1])
    after = permuted(told(known, s, t), order)
    moved = permuted(known, order).knowing(known.context)
    assert difference(told(moved, s, t), after) < EXACT


def test_a_context_does_not_depend_on_the_batch_or_the_padding(told, x, context):
    known = x.knowing(context)
    together = told(known, S, T)
    for b in range(len(x)):
        alone = told(known[b : b + 1], S[b : b + 1], T[b : b + 1])
        assert difference(alone, together[b : b + 1]) < EXACT


def test_with_a_context_the_derivative_along_time_is_that_of_finite_differences(told, x, context):
    known = x.knowing(context)

    def logits(t: torch.Tensor) -> dict[str, torch.Tensor]:
        return told(known, S, t).values

    _, slope = jvp(logits, (T,), (torch.ones_like(T),))
    ahead, behind = logits(T + 1e-6), logits(T - 1e-6)
    for name, mask in x.exists.items():
        finite = (ahead[name] - behind[name]) / 2e-6
        assert slope[name][mask].abs().max() > 1e-3
        assert (slope[name][mask] - finite[mask]).abs().max() < 1e-5


def test_a_larger_graph_than_the_network_was_made_for_is_refused(random_graphs):
    net = GraphTransformer((8, 4), 3, 16, 8, 1, 2).double()
    with pytest.raises((RuntimeError, IndexError)):
        net(random_graphs([4], max_atoms=4), times(0.0), times(1.0))
