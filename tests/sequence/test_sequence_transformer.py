"""The sequence transformer off zero: blind to padding, not to places, distances and directions,
differentiable.

Fresh weights close every gate and would pass most of these tests; `sequence_network` has all moved.
"""

import copy

import pytest
import torch
from torch.func import functional_call, jvp

from molflow.flow.losses import vfm_loss
from molflow.flow.state import State
from molflow.nn.layers import NEAR, at_distances, neighbours
from molflow.sequence.state import token_state
from molflow.sequence.transformer import (
    CLOSEST,
    TRUST,
    SequenceTransformer,
    rotated,
    rotations,
)

SIZES = (9, 5, 1, 2)
EXACT = 1e-9


def times(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


S, T = times(0.1, 0.0, 0.5, 0.9), times(0.4, 1.0, 0.5, 0.95)


def difference(a: State, b: State) -> float:
    """The largest difference of logits at positions that exist."""
    return (a.values["tokens"] - b.values["tokens"])[a.exists["tokens"]].abs().max().item()


def placed(x: State, order: list[int]) -> State:
    """The same positions in another order: order[k] at place k."""
    return State(*({"tokens": part["tokens"][:, order]} for part in (x.values, x.exists, x.given)))


@pytest.fixture(scope="module")
def network(sequence_network) -> SequenceTransformer:
    return sequence_network


@pytest.fixture(scope="module")
def unplaced(network) -> SequenceTransformer:
    """The same without the embedding of the place: rotations alone tell positions apart."""
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied.position.zero_()
    return copied


@pytest.fixture(scope="module")
def x(random_tokens) -> State:
    """A batch of mixed lengths, one of them 1."""
    return random_tokens(SIZES)


@pytest.fixture(scope="module")
def whole(random_tokens) -> State:
    """One string of nine positions, the third given."""
    return random_tokens([9], seed=3).hold({"tokens": torch.arange(9) == 2})


# Positions.


@pytest.mark.parametrize("shift", [1, 4])
def test_a_string_that_is_moved_as_a_whole_keeps_its_logits_but_for_the_place(
    network, unplaced, random_tokens, shift
):
    # Five positions among nine, with padding on both sides: distances are all that count.
    start, order = random_tokens([5]), torch.arange(9).roll(shift).tolist()
    s, t = times(0.2), times(0.7)
    moved = unplaced(placed(start, order), s, t)
    assert moved.exists["tokens"][0].nonzero()[0].item() == shift
    assert difference(moved, placed(unplaced(start, s, t), order)) < EXACT
    moved = network(placed(start, order), s, t)
    assert difference(moved, placed(network(start, s, t), order)) > 1e-3


@pytest.mark.parametrize(
    "order", [[1, 0, *range(2, 9)], [*range(4), 5, 4, *range(6, 9)], [*range(8, -1, -1)]]
)
def test_distances_and_directions_change_the_logits(unplaced, whole, order):
    s, t = times(0.2), times(0.7)
    moved = unplaced(placed(whole, order), s, t)
    assert difference(moved, placed(unplaced(whole, s, t), order)) > 1e-3


def test_a_gap_between_positions_changes_the_logits(unplaced, random_tokens):
    # Two tokens side by side, and with an empty position between them.
    pair, s, t = random_tokens([2], 3), times(0.2), times(0.7)
    apart = placed(pair, [0, 2, 1])
    assert difference(unplaced(apart, s, t), placed(unplaced(pair, s, t), [0, 2, 1])) > 1e-3


def test_channels_turn_in_pairs_by_an_angle_that_grows_with_the_position():
    # Four channels: frequencies 1 and 1/100. At position 3 the pair (1, 0) turns by 3 and 0.03.
    cos, sin = rotations(4, 4, times(0.0))
    x = times(1.0, 1.0, 0.0, 0.0).expand(1, 1, 4, 4)
    turned = rotated(x, cos, sin)[0, 0, 3]
    by_hand = [-0.9899924966004454, 0.9995500337489875, 0.1411200080598672, 0.02999550020249566]
    assert turned.tolist() == pytest.approx(by_hand, abs=1e-14)


def test_products_of_turned_channels_depend_on_the_distance_alone():
    q, k = (torch.arange(*ends).double().expand(1, 1, 12, 8) for ends in ((1, 9), (8, 0, -1)))
    cos, sin = rotations(12, 8, times(0.0))
    products = (rotated(q, cos, sin) @ rotated(k, cos, sin).transpose(-1, -2))[0, 0]
    for distance in range(-5, 6):
        along = products.diagonal(distance)
        assert torch.allclose(along, along[0].expand_as(along), rtol=0, atol=1e-10)
    assert (products[0] - products[:, 0])[1:].abs().min() > 0.1


# What a logit depends on.


@pytest.mark.parametrize("length", [5, 6, 8])
def test_logits_do_not_depend_on_the_amount_of_padding(network, random_tokens, length):
    wide, s, t = random_tokens([5, 1, 2]), S[:3], T[:3]
    kept = list(range(length))
    assert difference(network(placed(wide, kept), s, t), placed(network(wide, s, t), kept)) < EXACT


def test_logits_do_not_depend_on_values_at_padding(network, x, normal_like):
    filled = x.where_free(100 * x.with_values(normal_like(x, 5)))
    assert not torch.equal(filled.values["tokens"], x.values["tokens"])
    assert difference(network(filled, S, T), network(x, S, T)) < EXACT


def test_an_example_does_not_depend_on_its_batch(network, x):
    together = network(x, S, T)
    for b in range(len(x)):
        one = slice(b, b + 1)
        assert difference(network(x[one], S[one], T[one]), together[one]) < EXACT


def test_every_position_hears_of_every_other(network, whole):
    s, t = times(0.2), times(0.7)
    before = network(whole, s, t).values["tokens"]
    for place in (0, 8):
        values = whole.values["tokens"].clone()
        values[:, place] += torch.arange(8).double()
        moved = network(whole.with_values({"tokens": values}), s, t).values["tokens"]
        assert ((moved - before).abs().amax(-1) > 1e-6).all()


def test_whether_a_position_is_given_changes_the_logits(network, x):
    held = x.hold({"tokens": torch.arange(9) < 1})
    assert difference(network(held, S, T), network(x, S, T)) > 1e-3


def test_the_first_time_changes_the_logits(network, x):
    assert difference(network(x, 0.5 * S + 0.01, T), network(x, S, T)) > 1e-3


def test_the_second_time_changes_the_logits(network, x):
    assert difference(network(x, S, 0.5 * T + 0.5), network(x, S, T)) > 1e-3


def test_the_length_changes_the_logits(network, perturbed, x):
    other = perturbed(network, size=0.0)
    with torch.no_grad():
        other.condition.size.weight.zero_()
    assert difference(other(x, S, T), network(x, S, T)) > 1e-3


@pytest.mark.parametrize("sizes", [[1], [1, 1], [9, 1], list(range(1, 10))])
def test_logits_of_all_lengths_are_finite(network, random_tokens, sizes):
    x = random_tokens(sizes, max(sizes))
    zero = torch.zeros(len(sizes), dtype=torch.float64)
    logits = network(x, zero, zero + 1).values["tokens"]
    assert logits.shape == x.values["tokens"].shape
    assert torch.isfinite(logits).all()


def test_fresh_weights_make_the_posterior_of_tokens_that_are_independent(full_sequence, x):
    # p(k | x_s) with every class equally likely before: N(x_s; s e_k, (1 - s)^2 sigma^2).
    posterior = full_sequence()(x, S, T).values["tokens"].softmax(-1)
    s = S[:, None, None, None]
    far = (x.values["tokens"][..., None, :] - s * torch.eye(8, dtype=torch.float64)).square()
    likelihood = (-far.sum(-1) / (2 * ((1 - s[..., 0]) * 0.5).square())).softmax(-1)
    early = S < 0.85
    there = x.exists["tokens"][early]
    torch.testing.assert_close(posterior[early][there], likelihood[early][there])


def test_fresh_weights_make_every_class_equally_likely_of_pure_noise(full_sequence, x):
    assert not full_sequence()(x, 0 * S, T).values["tokens"].any()


def test_close_to_the_end_the_logits_stay_bounded(full_sequence, x):
    values = x.values["tokens"]
    logits = full_sequence()(x, 0 * S + 1, 0 * S + 1).values["tokens"]
    torch.testing.assert_close(logits, TRUST / CLOSEST**2 * values)


def test_no_weights_are_shared(network):
    pointers = [parameter.data_ptr() for parameter in network.state_dict().values()]
    assert len(set(pointers)) == len(pointers)


# Derivatives.


def test_the_derivative_along_state_and_times_is_that_of_finite_differences(
    network, x, normal_like
):
    def logits(values: dict, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return network(x.with_values(values), s, t).values["tokens"]

    direction = (normal_like(x, 8), times(1.0, -2.0, 0.5, 0.3), times(0.2, 1.0, -1.0, 3.0))
    _, slope = jvp(logits, (x.values, S, T), direction)

    def moved(h: float) -> torch.Tensor:
        values = {"tokens": x.values["tokens"] + h * direction[0]["tokens"]}
        return logits(values, S + h * direction[1], T + h * direction[2])

    mask = x.exists["tokens"]
    finite = (moved(1e-6) - moved(-1e-6)) / 2e-6
    assert slope[mask].abs().max() > 1e-3
    assert (slope - finite)[mask].abs().max() < 1e-6 * slope[mask].abs().max()


def test_the_gradient_through_the_derivative_along_time_is_that_of_finite_differences(network, x):
    # R = |d/dt mu|^2 over existing positions; its slope along a random direction of the weights.
    weights = {name: w.detach().clone().requires_grad_() for name, w in network.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    direction = {
        name: torch.randn(w.shape, generator=generator, dtype=w.dtype)
        for name, w in weights.items()
    }

    def energy(moved: dict[str, torch.Tensor]) -> torch.Tensor:
        def mu(t: torch.Tensor) -> torch.Tensor:
            return functional_call(network, moved, (x, S, t)).softmax().values["tokens"]

        _, slope = jvp(mu, (T,), (torch.ones_like(T),))
        return slope[x.exists["tokens"]].square().sum()

    def shifted(h: float) -> float:
        with torch.no_grad():
            return energy({name: w + h * direction[name] for name, w in weights.items()}).item()

    value = energy(weights)
    gradients = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    along = sum(
        (g * direction[name]).sum().item()
        for g, name in zip(gradients, weights, strict=True)
        if g is not None
    )
    # Richardson: the error of the central difference is of fourth order.
    near, far = ((shifted(h) - shifted(-h)) / (2 * h) for h in (1e-5, 2e-5))
    assert value > 1e-3
    assert along == pytest.approx((4 * near - far) / 3, rel=1e-5)


def test_the_loss_moves_every_parameter(network, perturbed, normal_like):
    net = perturbed(network, size=0.0)
    ids = torch.randint(8, (4, 9), generator=torch.Generator().manual_seed(0))
    x_1 = token_state(ids, torch.tensor(SIZES), 8, torch.float64)
    x_1 = x_1.hold({"tokens": torch.arange(9) == 1})
    x_t = x_1.with_values(normal_like(x_1, 2)).where_free(x_1)
    vfm_loss(net(x_t, S, T), x_1)["tokens"].sum().backward()
    still = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert still == []


def test_in_mixed_precision_the_logits_are_close(network, perturbed, x):
    net = perturbed(network, size=0.0).float()
    single, s, t = x.to(torch.float32), S.float(), T.float()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        coarse = net(single, s, t)
    # What the noise says stays exact; what the blocks say is coarse.
    assert coarse.values["tokens"].dtype == torch.float32
    assert difference(coarse.to(torch.float64), network(x, S, T)) > 1e-3
    size = network(x, S, T).values["tokens"].abs().max().item()
    assert difference(coarse.to(torch.float64), network(x, S, T)) < 0.1 * size


# Mistakes.


def test_heads_start_at_neighbours_of_their_own():
    # Distances -2, -1, 0, 1, 2. The third pair of heads would start farther than a string is long.
    assert neighbours(6, 3).tolist() == [
        [0, NEAR, 0, 0, 0],
        [0, 0, 0, NEAR, 0],
        [NEAR, 0, 0, 0, 0],
        [0, 0, 0, 0, NEAR],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_head_that_sees_one_distance_alone_passes_on_that_neighbour():
    attending = SequenceTransformer(8, 5, width=8, depth=1, heads=2).double().blocks[0]
    h = torch.randn(1, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        attending.qkv.weight.zero_()
        attending.qkv.weight[16:] = torch.eye(8)
        attending.out.weight.copy_(torch.eye(8))
        attending.out.bias.zero_()
        bias = 1e3 * at_distances(neighbours(2, 5).double(), 5)
        made = attending._attend(h, bias, rotations(5, 4, h))
    # Head 0 (channels 0 to 3) looks one back, head 1 one ahead.
    assert torch.allclose(made[:, 1:, :4], h[:, :-1, :4], atol=1e-12)
    assert torch.allclose(made[:, :-1, 4:], h[:, 1:, 4:], atol=1e-12)


def test_a_longer_string_than_the_network_was_made_for_is_refused(random_tokens):
    net = SequenceTransformer(8, 3, 16, 1, 2).double()
    with pytest.raises(ValueError, match="4 positions: the network has 3"):
        net(random_tokens([4], 4), times(0.0), times(1.0))


@pytest.mark.parametrize(("width", "heads"), [(20, 3), (18, 6)])
def test_a_width_that_heads_cannot_share_in_pairs_is_refused(width, heads):
    with pytest.raises(ValueError, match=f"width={width}: a multiple of {2 * heads}"):
        SequenceTransformer(8, 3, width, 1, heads)
