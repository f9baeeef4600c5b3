"""Sampling: molecule i depends on (seed, i) alone, sizes follow the law, mistakes are named."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import molflow
from molflow.chem.constraints import Constraint
from molflow.chem.molecule import Vocabulary
from molflow.cores import on_cores
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.generator import Generator, Samples
from molflow.guidance.steer import guide
from molflow.loading import load
from molflow.model.checkpoint import save_model
from molflow.model.conditions import Standard
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.sampling.methods import METHODS
from molflow.sampling.noise import stream
from molflow.sampling.sampler import start, trajectory
from molflow.sampling.walk import Route

LAW = (0.0, 0.1, 0.2, 0.3, 0.4)
ATOMS = ("C", "C-", "N", "N+", "O", "O-", "O+", "F")


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return ModelSpec(
        vocabulary=Vocabulary(ATOMS),
        max_size=4,
        size_law=LAW,
        width=16,
        pair_width=8,
        depth=2,
        heads=2,
        positions=True,
        loss="cross_entropy",
        prior_scale=0.5,
        dataset={"name": "qm9"},
    )


class InDouble(nn.Module):
    """The network in float64, whatever it is given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, x: State, s: torch.Tensor, t: torch.Tensor) -> State:
        return self.net(x.to(torch.float64), s.double(), t.double())


@pytest.fixture(scope="module")
def generator(spec, perturbed) -> Generator:
    """A small network off zero, in float64: far from chemistry, but no two molecules are alike."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = build_network(spec)
    return Generator(InDouble(perturbed(net)), spec)


def graphs_of(samples: Samples) -> list[tuple[list[int], list[int]]]:
    return [(graph.atoms.tolist(), graph.pairs.tolist()) for graph in samples.graphs]


@pytest.fixture(scope="module")
def nine(generator) -> list[tuple[list[int], list[int]]]:
    return graphs_of(generator.sample(9, steps=3))


def test_five_molecules_are_the_first_five_of_nine(generator, nine):
    assert graphs_of(generator.sample(5, steps=3)) == nine[:5]


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_neither_batch_size_nor_cores_change_a_molecule(generator, nine, batch_size, cores):
    with on_cores(cores):
        assert graphs_of(replace(generator, batch_size=batch_size).sample(9, steps=3)) == nine


@pytest.mark.parametrize("route", [Route(3, "renoised"), Route(3, temperature=1.0)], ids=str)
def test_random_numbers_of_batches_side_by_side_do_not_mix(generator, route):
    alone, together = (
        made_on(cores, lambda: graphs_of(replace(generator, batch_size=5).sample(40, route)))
        for cores in (1, 4)
    )
    assert alone == together


def made_on(cores, make):
    with on_cores(cores):
        return make()


def test_an_error_in_this_thread_ends_the_batches_in_others(generator, monkeypatch):
    before = threading.active_count()

    def broken(self, x):
        raise RuntimeError("full")

    monkeypatch.setattr(type(generator.spec.modality), "things_of", broken)
    with on_cores(2), pytest.raises(RuntimeError, match="full"):
        replace(generator, batch_size=2).sample(40, steps=3)
    assert threading.active_count() == before


def test_another_seed_makes_other_molecules(generator, nine):
    assert graphs_of(generator.sample(9, steps=3, seed=1)) != nine


def test_the_molecules_of_one_sample_differ(nine):
    assert len({(tuple(atoms), tuple(pairs)) for atoms, pairs in nine}) > 6


def test_the_logits_of_a_molecule_do_not_depend_on_its_batch_in_single_precision(
    spec, perturbed, full_size
):
    large = replace(spec, max_size=9, size_law=(0.0,) + (1 / 9,) * 9, width=128, pair_width=48)
    net = perturbed(full_size(positions=True, dtype=torch.float32), size=0.05)
    generator = Generator(net, replace(large, depth=6, heads=8))
    crowd = generator.crowd(range(7), seed=0)
    assert len(set(crowd.sizes.tolist())) > 2

    def logits(x_0: State) -> State:
        with torch.inference_mode():
            return net(x_0, torch.zeros(len(x_0)), torch.ones(len(x_0)))

    together = logits(start(generator, crowd))
    for i in range(7):
        alone = logits(start(generator, crowd[np.array([i])]))
        for name, values in alone.values.items():
            same = together.values[name][i, : values.shape[1]]
            assert torch.allclose(values[0], same, atol=1e-5, rtol=1e-5)


def test_the_start_is_the_noise_times_the_prior_scale_and_zero_on_padding(generator):
    crowd = generator.crowd(range(5), seed=0)
    x_0, noise = start(generator, crowd), crowd.normal()
    for b, n in enumerate(crowd.sizes.tolist()):
        assert torch.equal(x_0.values["atoms"][b, :n], 0.5 * noise["atoms"][b, :n])
        assert not x_0.values["atoms"][b, n:].any()
        assert not x_0.values["pairs"][b, n * (n - 1) // 2 :].any()


def test_a_batch_is_padded_to_its_largest_molecule_alone(generator):
    x_0 = start(generator, generator.crowd(range(3), 0, generator.plan(atoms=2)))
    assert x_0.values["atoms"].shape == (3, 2, 8)
    assert x_0.values["pairs"].shape == (3, 1, 4)


@pytest.mark.parametrize("atoms", [1, 3, 4])
def test_all_molecules_have_the_number_of_atoms_asked_for(generator, atoms):
    made = generator.sample(4, steps=2, constraint=Constraint(atoms=atoms))
    assert [len(graph) for graph in made.graphs] == [atoms] * 4


@pytest.mark.parametrize("method", ["euler", "flow_map"])
def test_a_molecule_costs_one_evaluation_a_step(generator, method):
    calls = []
    handle = generator.net.register_forward_hook(lambda *_: calls.append(1))
    made = replace(generator, batch_size=2).sample(3, steps=4, method=method)
    handle.remove()
    assert made.evaluations == 4
    assert len(calls) == 2 * 4


def test_one_step_of_the_flow_map_and_one_of_euler_make_other_molecules(generator):
    made = [graphs_of(generator.sample(9, steps=1, method=m)) for m in ("euler", "flow_map")]
    assert made[0] != made[1]


def test_every_molecule_has_a_verdict_in_the_order_of_its_index(generator):
    made = generator.sample(9, steps=3)
    assert len(made) == len(made.molecules) == len(made.smiles) == len(made.reasons) == 9
    for molecule, reason, graph in zip(made.molecules, made.reasons, made.graphs, strict=True):
        assert (molecule is None) == (reason is not None)
        assert molecule is None or molecule.GetNumAtoms() == len(graph)


def test_walks_of_k_and_of_k_plus_one_steps_share_their_noise(generator):
    """At first, and what they renew at the end of a step that both take."""
    crowd = generator.crowd(range(9), 0)
    two, three = (
        trajectory(generator, generator.walk(Route(method="renoised", noise=1, times=times)), crowd)
        for times in ([0.3], [0.3, 0.6])
    )
    for (t, x, _), (other_t, other, _) in zip(two[:2], three[:2], strict=True):
        assert t == other_t
        assert all(torch.equal(value, other.values[name]) for name, value in x.values.items())
    assert (two[1][0], two[2][0], three[2][0]) == (0.3, 1, 0.6)


def test_a_trajectory_ends_at_the_molecules_of_the_sample(generator, nine):
    walk = generator.walk(Route(steps=3))
    *before, (t, x_1, mu) = trajectory(generator, walk, generator.crowd(range(9), 0))
    assert tuple(time for time, _, _ in before) == walk.times[:-1]
    assert t == 1.0
    likeliest = x_1.argmax()["atoms"]
    assert [likeliest[b, : len(atoms)].tolist() for b, (atoms, _) in enumerate(nine)] == [
        atoms for atoms, _ in nine
    ]
    assert torch.allclose(mu.values["atoms"].sum(-1), mu.exists["atoms"].double())


def test_a_saved_model_makes_the_same_molecules_again(spec, perturbed, tmp_path):
    net = perturbed(build_network(spec), size=0.3).eval()
    save_model(tmp_path, net, spec)
    again = load(tmp_path, device="cpu")
    assert again.spec == spec
    assert graphs_of(again.sample(5, steps=2)) == graphs_of(Generator(net, spec).sample(5, steps=2))


def test_a_model_is_loaded_with_the_size_of_its_batches(spec, perturbed, tmp_path):
    save_model(tmp_path, perturbed(build_network(spec)), spec)
    assert molflow.load(tmp_path, "cpu", batch_size=3).batch_size == 3
    assert load(tmp_path, "cpu").batch_size == 512


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "n=0: at least 1"),
        ({"n": -2}, "n=-2: at least 1"),
        ({"steps": 0}, "steps=0: at least 1"),
        ({"steps": Route(temperature=-1)}, "temperature=-1: a number of at least 0"),
        ({"steps": Route(times=[0.5, 0.2])}, "times=[0.5, 0.2]: they increase, between 0 and 1"),
        ({"steps": Route(noise_scale=-0.5)}, "noise_scale=-0.5: a number of more than 0"),
        (
            {"steps": Route(noise_scale={"bonds": 0.5})},
            "noise_scale: 'bonds': this model has atoms, pairs",
        ),
        (
            {"steps": Route(3), "method": "euler"},
            "method='euler': the Route says it, method='auto'",
        ),
        ({"constraint": Constraint(atoms=0)}, "atoms=0: this model makes 1 to 4 atoms"),
        ({"constraint": Constraint(atoms=5)}, "atoms=5: this model makes 1 to 4 atoms"),
        (
            {"method": "rk4"},
            "method='rk4': one of auto, euler, heun, flow_map, renoised, euler_ancestral",
        ),
        ({"seed": -1}, "seed=-1: at least 0 and less than 2^64"),
        ({"n": 2.5}, "n=2.5: a whole number is needed"),
        ({"n": "2"}, "n='2': a whole number is needed"),
        ({"steps": 3.0}, "steps=3.0: a whole number is needed"),
        ({"seed": 1.5}, "seed=1.5: a whole number is needed"),
        ({"constraint": "CO"}, "constraint='CO': a molflow.Constraint(scaffold=...)"),
    ],
)
def test_a_mistake_is_named_with_its_value_and_the_choices(generator, wrong, message):
    with pytest.raises(InputError) as caught:
        generator.sample(**({"n": 2} | wrong))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "batch_size=0: at least 1"), (None, "batch_size=None: a whole number is needed")],
)
def test_a_batch_size_that_makes_no_sense_is_named(generator, size, message):
    with pytest.raises(InputError) as caught:
        replace(generator, batch_size=size).sample(2)
    assert str(caught.value) == message


def test_a_number_of_atoms_is_whole(generator):
    with pytest.raises(InputError) as caught:
        generator.plan(atoms=2.5)
    assert str(caught.value) == "atoms=2.5: a whole number is needed"


def test_whole_numbers_of_numpy_are_taken(generator, nine):
    made = generator.sample(np.int64(9), steps=np.int32(3), seed=np.uint8(0))
    assert graphs_of(made) == nine


def test_auto_jumps_and_renews_noise_where_the_model_has_a_map(generator):
    of_map = replace(generator, spec=replace(generator.spec, flow_map=True))
    four = Route(steps=4)
    assert (of_map.walk(four).method, of_map.walk(four).noise) == ("renoised", 0.3)
    assert generator.walk(four).method == "euler"
    by_map = graphs_of(of_map.sample(9, steps=1, method="flow_map"))
    assert graphs_of(of_map.sample(9, steps=1)) == by_map


def test_the_temperature_of_the_last_step_is_a_matter_of_seed_and_index_alone(generator, nine):
    drawn = graphs_of(generator.sample(9, Route(3, temperature=1.0)))
    assert drawn != nine
    assert (
        graphs_of(replace(generator, batch_size=2).sample(5, Route(3, temperature=1.0)))
        == drawn[:5]
    )
    assert graphs_of(generator.sample(9, Route(3, temperature=1e-9))) == nine


@pytest.mark.parametrize("method", ["flow_map", "renoised", "euler_ancestral"])
def test_the_noise_is_that_of_training_times_a_scale(generator, nine, method):
    half = replace(
        generator, spec=replace(generator.spec, prior_scale=generator.spec.prior_scale / 2)
    )
    usual, small, of_half = (
        graphs_of(one.sample(9, Route(3, method, noise=1.0, **scale)))
        for one, scale in ((generator, {}), (generator, {"noise_scale": 0.5}), (half, {}))
    )
    assert small == of_half != usual
    assert graphs_of(generator.sample(9, Route(3, noise_scale=1))) == nine


def test_the_noise_of_a_field_has_a_scale_of_its_own(generator):
    crowd = generator.crowd(range(4), seed=3)
    usual, pairs = start(generator, crowd), start(generator, crowd, noise_scale={"pairs": 0.5})
    assert torch.equal(pairs.values["atoms"], usual.values["atoms"])
    assert torch.equal(pairs.values["pairs"], 0.5 * usual.values["pairs"])
    both = {"pairs": 0.5, "atoms": 0.5}
    one, other = (
        graphs_of(generator.sample(9, Route(3, noise_scale=scale))) for scale in (both, 0.5)
    )
    assert one == other != graphs_of(generator.sample(9, Route(3, noise_scale={"pairs": 0.5})))


def test_times_to_stop_at_are_steps_of_other_lengths(generator, nine):
    usual = generator.walk(Route(steps=3)).times[1:-1]
    assert graphs_of(generator.sample(9, Route(times=usual))) == nine
    other = generator.sample(9, Route(times=[0.1, 0.2]))
    assert other.evaluations == 3
    assert graphs_of(other) != nine


@pytest.fixture(scope="module")
def renoised_nine(generator) -> list[tuple[list[int], list[int]]]:
    return graphs_of(generator.sample(9, steps=3, method="renoised"))


@pytest.mark.parametrize(("n", "batch_size"), [(5, 512), (9, 2)])
def test_renewed_noise_too_depends_on_seed_and_index_alone(generator, renoised_nine, n, batch_size):
    samples = replace(generator, batch_size=batch_size).sample(n, steps=3, method="renoised")
    assert graphs_of(samples) == renoised_nine[:n]


def test_no_renewed_noise_is_the_flow_map_and_some_is_not(generator, renoised_nine):
    flow_map = graphs_of(generator.sample(9, steps=3, method="flow_map"))
    assert graphs_of(generator.sample(9, Route(3, "renoised", noise=0.0))) == flow_map
    assert renoised_nine != flow_map
    euler = graphs_of(generator.sample(9, steps=3, method="euler"))
    assert graphs_of(generator.sample(9, Route(3, "euler_ancestral", noise=0.0))) == euler


def test_evaluations_count_the_calls_of_the_network(generator):
    for method in METHODS:
        calls = []
        handle = generator.net.register_forward_hook(lambda *_: calls.append(1))  # noqa: B023
        samples = generator.sample(4, steps=3, method=method)
        handle.remove()
        assert samples.evaluations == len(calls)


def test_an_amount_of_noise_out_of_range_is_named(generator):
    with pytest.raises(InputError, match=r"noise=1\.5: from 0 to 1"):
        generator.sample(1, Route(2, "renoised", noise=1.5))


@pytest.mark.slow
def test_at_the_default_size_in_single_precision_batches_change_one_molecule_in_1000_at_most(
    spec, perturbed
):
    large = replace(spec, max_size=9, size_law=(0.0,) * 5 + (0.2,) * 5, width=128, pair_width=48)
    net = build_network(replace(large, depth=6, heads=8))
    generator = Generator(perturbed(net, size=0.03), replace(large, depth=6, heads=8))
    together, apart = (
        graphs_of(replace(generator, batch_size=size).sample(1000, steps=4)) for size in (500, 37)
    )
    assert sum(a != b for a, b in zip(together, apart, strict=True)) <= 1
    assert len({str(graph) for graph in together}) > 100


CONSTRAINTS = [
    Constraint(scaffold="[*:1]CO"),
    Constraint(scaffold="C.N"),
    Constraint(elements={"N": 1, "O": 1}),
    Constraint(elements={"F": 0, "C": 2}),
    Constraint(forbidden=("O", "F", "N+", "C-")),
    Constraint(atoms=3),
    Constraint("[*:1]CO", 4, {"O": 1, "N": 1}, ("F",)),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("method", ["euler", "renoised"])
def test_every_graph_of_a_random_network_keeps_the_constraint(generator, constraint, method):
    made = generator.sample(20, Route(2, method, temperature=1.0), constraint=constraint)
    assert made.kept == [True] * 20
    free = generator.sample(20, Route(2, method, temperature=1.0))
    assert not all(replace(free, plan=made.plan).kept)


@pytest.mark.parametrize("constraint", [Constraint(elements={"N": 1}), Constraint("[*:1]C")])
def test_a_constrained_molecule_depends_on_seed_and_index_alone(generator, constraint):
    made = graphs_of(generator.sample(9, steps=2, constraint=constraint))
    assert graphs_of(generator.sample(5, steps=2, constraint=constraint)) == made[:5]
    for batch_size in (1, 3, 7):
        apart = replace(generator, batch_size=batch_size).sample(9, steps=2, constraint=constraint)
        assert graphs_of(apart) == made


def test_no_constraint_and_one_that_asks_for_nothing_change_nothing(generator, nine):
    for constraint in (None, Constraint()):
        made = generator.sample(9, steps=3, constraint=constraint)
        assert graphs_of(made) == nine
        assert made.plan is None
        assert all(made.kept)


def test_a_constraint_that_rules_nothing_out_changes_nothing(generator, nine):
    assert graphs_of(generator.sample(9, steps=3, constraint=Constraint(forbidden=("S",)))) == nine


def test_sizes_follow_the_law_as_far_as_the_constraint_allows(generator):
    plan = generator.plan(constraint=Constraint(elements={"N": 1, "O": 1}))
    counts = np.bincount(generator.crowd(range(2000), 0, plan).sizes, minlength=5)
    expected = 2000 * np.array([0.2, 0.3, 0.4]) / 0.9
    assert counts[:2].tolist() == [0, 0]
    # 13.82 is the 99.9 % quantile of chi-square with two degrees of freedom.
    assert ((counts[2:] - expected) ** 2 / expected).sum() < 13.82


QED, LOGP = Standard("qed", 0.5, 0.1, 0.2, 0.7), Standard("logp", 1.0, 2.0, -5.0, 4.0)


@pytest.fixture(scope="module")
def told(spec, perturbed) -> Generator:
    """A small network off zero that was told two properties, in float64."""
    known = replace(spec, condition=(QED, LOGP))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = perturbed(build_network(known))
    with torch.no_grad():  # Fresh weights would whisper.
        net.condition.context.weight *= 20
    return Generator(InDouble(net), known)


@pytest.fixture(scope="module")
def told_nine(told) -> list[tuple[list[int], list[int]]]:
    return graphs_of(told.sample(9, steps=3, condition={"qed": 0.8}, weight=1.5))


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_a_molecule_that_is_asked_for_depends_on_seed_and_index_alone(told, told_nine, batch_size):
    apart = replace(told, batch_size=batch_size)
    arguments = {"steps": 3, "condition": {"qed": 0.8}, "weight": 1.5}
    assert graphs_of(apart.sample(9, **arguments)) == told_nine
    assert graphs_of(apart.sample(5, **arguments)) == told_nine[:5]


def test_values_weights_and_properties_make_other_molecules(told, told_nine):
    asked = [
        {},
        {"condition": {"qed": 0.8}},
        {"condition": {"qed": 0.3}},
        {"condition": {"logp": 0.8}},
        {"condition": {"qed": 0.8, "logp": 0.8}},
        {"condition": {"qed": 0.3}, "weight": 1.5},
    ]
    made = [told_nine, *(graphs_of(told.sample(9, steps=3, **one)) for one in asked)]
    assert len({str(graphs) for graphs in made}) == len(made)


def test_nothing_asked_for_is_the_network_without_a_condition(told, spec):
    plain = build_network(spec).double()
    weights = told.net.net.state_dict()
    del weights["condition.context.weight"]
    plain.load_state_dict(weights)
    made = Generator(InDouble(plain), spec).sample(9, steps=3)
    assert graphs_of(told.sample(9, steps=3)) == graphs_of(made)
    assert told.sample(2, steps=3).aim is None


@pytest.mark.parametrize(("weight", "cost"), [(0.0, 1), (0.5, 2), (1.0, 1)])
@pytest.mark.parametrize("kind", [None, "best_of", "particles", "gradient", "draws", "search"])
def test_a_weight_doubles_the_evaluations_that_are_counted(told, kind, weight, cost):
    passes = []

    def count(net: nn.Module, arguments: tuple, out: State) -> None:
        passes.append(len(out))
        if torch.is_grad_enabled():
            out.values["atoms"].register_hook(lambda slope: passes.append(len(slope)))

    particles = 1 if kind is None else 2
    toward = None if kind is None else guide(kind, "qed:max", particles=particles)
    told, arguments = replace(told, batch_size=4), {"steps": 3, "guide": toward}
    handle = told.net.register_forward_hook(count)
    made = told.sample(4, condition={"qed": 0.8}, weight=weight, **arguments)
    handle.remove()
    assert made.evaluations == sum(passes) / 4
    assert made.evaluations == cost * told.sample(4, **arguments).evaluations


@pytest.mark.parametrize("kind", [None, "best_of", "particles", "gradient", "draws", "search"])
def test_no_weight_is_nothing_asked_for_whatever_the_guide(told, kind):
    toward = None if kind is None else guide(kind, "qed:max", particles=2)
    told, arguments = replace(told, batch_size=4), {"steps": 3, "guide": toward}
    asked = [
        graphs_of(told.sample(5, condition={"qed": 0.8}, weight=weight, **arguments))
        for weight in (0.0, 1.0)
    ]
    assert asked[0] == graphs_of(told.sample(5, **arguments)) != asked[1]


def test_a_condition_goes_with_a_guide_and_a_constraint(told):
    constraint = Constraint("[*:1]CO", 4, {"O": 1, "N": 1}, ("F",))
    toward = guide("particles", "qed:max", particles=3)
    made = told.sample(
        9, steps=3, guide=toward, constraint=constraint, condition={"qed": 0.8}, weight=2.0
    )
    assert made.kept == [True] * 9
    assert made.aim.values == {"qed": 0.8}


def test_a_trajectory_of_what_is_asked_for_ends_at_its_molecules(told, told_nine):
    aim = told.aim({"qed": 0.8}, 1.5)
    *_, (t, x_1, _) = trajectory(told, told.walk(Route(steps=3)), told.crowd(range(9), 0, aim=aim))
    assert t == 1.0
    likeliest = x_1.argmax()["atoms"]
    assert [likeliest[b, : len(atoms)].tolist() for b, (atoms, _) in enumerate(told_nine)] == [
        atoms for atoms, _ in told_nine
    ]


def test_what_the_model_was_not_told_cannot_be_asked_for(told, generator):
    with pytest.raises(InputError, match="'tpsa': this model was trained with qed, logp"):
        told.sample(1, condition={"tpsa": 3.0})
    with pytest.raises(InputError, match="'qed': this model was trained without any condition"):
        generator.sample(1, condition={"qed": 0.5})


def test_a_number_of_atoms_is_the_same_wherever_it_is_asked_for(generator):
    alone = generator.plan(3)
    made = generator.sample(5, steps=2, constraint=Constraint(atoms=3))
    assert [len(graph) for graph in made.graphs] == [3] * 5
    others = generator.plan(constraint=Constraint(atoms=3)), generator.plan(3, Constraint(atoms=3))
    for plan in (*others, made.plan):
        assert (plan.constraint, plan.sizes) == (alone.constraint, alone.sizes)
        assert np.array_equal(plan.drawn, alone.drawn)
        assert np.array_equal(plan.allowed, alone.allowed)
    with pytest.raises(InputError) as caught:
        generator.plan(3, Constraint(atoms=4))
    assert str(caught.value) == "atoms=3: the constraint has atoms=4"


def test_a_number_of_atoms_joins_the_rest_of_a_constraint(generator):
    joined = Constraint(atoms=3, elements={"O": 1})
    plan, whole = (
        generator.plan(3, Constraint(elements={"O": 1})),
        generator.plan(constraint=joined),
    )
    assert (plan.constraint, plan.sizes) == (whole.constraint, whole.sizes) == (joined, (3, 3))
    assert np.array_equal(plan.drawn, whole.drawn)
    assert np.array_equal(plan.allowed, whole.allowed)
    made = generator.sample(5, steps=2, constraint=joined)
    assert [len(graph) for graph in made.graphs] == [3] * 5
    assert all(np.isin(graph.atoms, (4, 5, 6)).sum() == 1 for graph in made.graphs)
    assert all(made.kept)


def test_a_trajectory_keeps_the_constraint_in_its_posterior_too(generator):
    plan = generator.plan(constraint=Constraint("[*:1]C", forbidden=("O",)))
    walk, crowd = generator.walk(Route(steps=2)), generator.crowd(range(9), 0, plan)
    made = trajectory(generator, walk, crowd)
    ends = generator.sample(9, steps=2, constraint=plan.constraint).graphs
    for _, x, mu in made:
        assert (mu.argmax()["atoms"][:, 0] == 0).all()
        assert not mu.values["atoms"][..., 4:7].any()
        assert torch.equal(mu.given["atoms"], x.given["atoms"])
    assert [
        atoms[: len(end)].tolist() for atoms, end in zip(x.argmax()["atoms"], ends, strict=True)
    ] == [end.atoms.tolist() for end in ends]


def test_a_posterior_that_is_no_distribution_is_not_drawn_from(generator):
    regression = replace(generator, spec=replace(generator.spec, loss="mse"))
    assert len(regression.sample(2, steps=2, guide=guide("best_of", "qed:max", particles=2))) == 2
    guides = [{"guide": guide(method, "qed:max")} for method in ("gradient", "surrogate")]
    for arguments in ({"steps": Route(2, temperature=1.0)}, *guides):
        with pytest.raises(InputError, match=r"trained with flow\.loss=mse and has no probabil"):
            regression.sample(2, **({"steps": 2} | arguments))


def test_the_number_that_a_size_is_drawn_by_is_not_part_of_the_noise(generator):
    noise = generator.crowd([0], seed=0).normal()["atoms"]
    assert float(noise[0, 0, 0]) != stream(0, 0).standard_normal(1, np.float32)[0]
