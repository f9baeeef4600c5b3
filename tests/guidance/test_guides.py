"""Guides: at rest they are the unguided walk, they are paid for as said, batches change nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import torch
from rdkit import Chem
from torch import Tensor, nn

from molflow.chem.aggregation import Scored
from molflow.chem.constraints import Constraint
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.flow_map import Posterior, flow_map
from molflow.flow.guidance import Reward
from molflow.flow.samplers import Step, decoded, sample
from molflow.flow.state import Fields, State
from molflow.generator import Generator, Samples
from molflow.guidance import guided, steer, surrogate
from molflow.guidance.guides import Guidance, Guide, Outcome, Task
from molflow.guidance.kinds import GUIDES, BestDraw
from molflow.guidance.steer import guide
from molflow.guidance.surrogate import Surrogate
from molflow.model.model import Model
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.sampling import sampler
from molflow.sampling.noise import Crowd
from molflow.sampling.walk import Route

STEPS = 3
USUAL = {
    "best_of": {"particles": 3},
    "draws": {"particles": 2, "draws": 3},
    "gradient": {"particles": 2, "draws": 3, "strength": 2.0, "entropy_floor": 0.0},
    "particles": {"particles": 4, "strength": 20.0},
    "search": {"particles": 2, "generations": 3, "restart": 0.4},
    "surrogate": {"particles": 2, "strength": 2.0, "entropy_floor": 0.0},
}
"""A guide of every kind that changes molecules."""


def worth(smiles: str) -> float:
    """Of a molecule: a number in (0, 1], another for every SMILES."""
    return (1 + zlib.crc32(smiles.encode()) % 997) / 997


class Recorder:
    """Scores molecules by their SMILES and keeps what it was asked."""

    names = ("worth",)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        smiles = [Chem.MolToSmiles(mol) for mol in mols]
        self.asked += smiles
        return [Scored(worth(text), (), ()) for text in smiles]

    def describe(self) -> str:
        return "worth"

    def close(self) -> None:
        pass


class Oxygens(Recorder):
    """The share of oxygen among the atoms."""

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        shares = [sum(a.GetSymbol() == "O" for a in mol.GetAtoms()) for mol in mols]
        return [Scored(n / mol.GetNumAtoms(), (), ()) for n, mol in zip(shares, mols, strict=True)]


class Lively(nn.Module):
    """Logits that lean on the state itself and on single bonds: many molecules, half of them valid.

    In float64, whatever it is given.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        x = x.to(torch.float64)
        out = self.net(x, s.double(), t.double()) + 4 * x
        lean = torch.tensor([1.0, 1.0, -1.0, -3.0], dtype=torch.float64)
        return out.with_values({**out.values, "pairs": out.values["pairs"] + lean})


@pytest.fixture(scope="module")
def generator(perturbed) -> Generator:
    spec = ModelSpec(
        vocabulary=Vocabulary(("C", "N", "O", "F")),
        max_size=4,
        size_law=(0.0, 0.1, 0.2, 0.3, 0.4),
        width=16,
        pair_width=8,
        depth=1,
        heads=2,
        positions=True,
        loss="cross_entropy",
        prior_scale=0.5,
        dataset={"name": "none"},
        flow_map=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = build_network(spec)
    return Generator(Lively(perturbed(net)), spec)


@pytest.fixture(autouse=True, scope="module")
def oxygen_surrogate() -> Iterator[None]:
    """In place of a fit the expected share of oxygen among the atoms."""

    class Share(Surrogate):
        def __call__(self, x: State) -> Tensor:
            atoms = x.exists["atoms"].sum(1)
            return x.values["atoms"][..., 2].double().sum(1) / atoms

    made = Share(None, {"total": (0.9, 0.8), "worth": (0.7, 0.6)}, 11)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surrogate, "surrogate_for", lambda *_: made)
        yield


def graphs_of(samples: Samples) -> list[tuple[list[int], list[int]]]:
    return [(graph.atoms.tolist(), graph.pairs.tolist()) for graph in samples.graphs]


def rewards_of(samples: Samples) -> list[float]:
    """What every molecule is worth; 0 where it is not strictly valid."""
    pairs = zip(samples.smiles, samples.reasons, strict=True)
    return [worth(smiles) if reason is None else 0.0 for smiles, reason in pairs]


def usual(name: str, **changes: object) -> Guide:
    return guide(name, Recorder(), **(USUAL[name] | changes))


@pytest.fixture(scope="module")
def nine(generator, oxygen_surrogate) -> dict[str, list[tuple[list[int], list[int]]]]:
    """Nine molecules by every guide, made together, and by none."""
    made = {name: generator.sample(9, STEPS, guide=usual(name)) for name in GUIDES}
    free = generator.sample(9, STEPS)
    return {"none": graphs_of(free), **{name: graphs_of(one) for name, one in made.items()}}


def test_every_guide_has_its_test():
    assert set(USUAL) == set(GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_every_guide_changes_molecules(nine, name):
    assert nine[name] != nine["none"]


@pytest.mark.parametrize("name", GUIDES)
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_the_batch_size_changes_no_guided_molecule(generator, nine, name, batch_size):
    made = replace(generator, batch_size=batch_size).sample(9, STEPS, guide=usual(name))
    assert graphs_of(made) == nine[name]


@pytest.mark.parametrize("name", GUIDES)
def test_five_guided_molecules_are_the_first_five_of_nine(generator, nine, name):
    assert graphs_of(generator.sample(5, STEPS, guide=usual(name))) == nine[name][:5]


@pytest.mark.parametrize("name", GUIDES)
def test_constraints_hold_under_guidance_and_batches_change_nothing(generator, name):
    constraint = Constraint(elements={"O": 1}, forbidden=("N",))
    together, apart = (
        replace(generator, batch_size=size).sample(
            9, STEPS, guide=usual(name), constraint=constraint
        )
        for size in (512, 3)
    )
    assert all(together.kept)
    assert graphs_of(together) == graphs_of(apart)
    places = {tuple(a for a, c in enumerate(atoms) if c == 2) for atoms, _ in graphs_of(together)}
    assert len(places) > 1


@pytest.mark.parametrize("batch_size", [1, 7, 8])
def test_no_more_particles_than_the_batch_size_are_walked_at_once(generator, batch_size):
    seen: list[int] = []
    handle = generator.net.register_forward_hook(lambda net, args, out: seen.append(len(args[0])))
    replace(generator, batch_size=batch_size).sample(9, 1, guide=usual("best_of"))
    handle.remove()
    assert max(seen) == max(batch_size // 3, 1) * 3


AT_REST = [
    ("best_of", {"particles": 1}, "auto"),
    ("search", {"particles": 1, "generations": 1}, "auto"),
    ("gradient", {"particles": 1, "strength": 0.0}, "auto"),
    ("surrogate", {"particles": 1, "strength": 0.0}, "auto"),
    ("particles", {"particles": 1, "strength": 0.0}, "renoised"),
    ("particles", {"particles": 1}, "renoised"),
]


@pytest.mark.parametrize(("name", "changes", "method"), AT_REST)
def test_a_guide_at_rest_makes_the_unguided_molecules(generator, name, changes, method):
    made = generator.sample(9, STEPS, guide=usual(name, **changes))
    free = generator.sample(9, Route(STEPS, method, noise=made.walk.noise))
    assert graphs_of(made) == graphs_of(free)
    assert made.evaluations == free.evaluations == STEPS


@pytest.mark.parametrize(
    ("name", "changes", "method"),
    [
        ("best_of", {}, "auto"),
        ("gradient", {"strength": 0.0}, "auto"),
        ("particles", {"strength": 0.0}, "renoised"),
    ],
)
def test_the_first_particle_is_the_unguided_molecule(generator, name, changes, method, monkeypatch):
    monkeypatch.setattr(guided, "best_of", lambda rewards, m: torch.arange(0, len(rewards), m))
    made = generator.sample(9, STEPS, guide=usual(name, **changes))
    free = generator.sample(9, Route(STEPS, method, noise=made.walk.noise))
    assert graphs_of(made) == graphs_of(free)


def test_more_particles_never_end_at_a_lower_score(generator):
    free = rewards_of(generator.sample(20, STEPS))
    two, five = (
        rewards_of(generator.sample(20, STEPS, guide=guide("best_of", Recorder(), particles=m)))
        for m in (2, 5)
    )
    assert all(a <= b <= c for a, b, c in zip(free, two, five, strict=True))
    assert sum(free) < sum(two) < sum(five)


@pytest.mark.parametrize("name", GUIDES)
def test_guides_walk_from_noise_of_the_scale_that_is_asked(generator, name):
    half = replace(
        generator, spec=replace(generator.spec, prior_scale=generator.spec.prior_scale / 2)
    )
    small, of_half = (
        generator.sample(9, Route(STEPS, noise_scale=0.5), guide=usual(name)),
        half.sample(9, STEPS, guide=usual(name)),
    )
    assert graphs_of(small) == graphs_of(of_half)


@pytest.mark.parametrize("method", ["auto", "renoised"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_first_generation_is_the_best_of_as_many_walks(generator, method, temperature):
    first, best = (
        generator.sample(9, Route(STEPS, method, temperature=temperature), guide=usual(name, **one))
        for name, one in (("search", {"generations": 1}), ("best_of", {"particles": 2}))
    )
    assert graphs_of(first) == graphs_of(best)
    assert first.evaluations == best.evaluations == 2 * STEPS


@pytest.mark.parametrize("method", ["auto", "renoised"])
def test_more_generations_never_end_at_a_lower_score(generator, method):
    one, two, four = (
        rewards_of(generator.sample(20, STEPS, method, guide=usual("search", generations=g)))
        for g in (1, 2, 4)
    )
    assert all(a <= b <= c for a, b, c in zip(one, two, four, strict=True))
    assert sum(one) < sum(two) < sum(four)


def test_no_two_generations_share_noise_or_draws(generator, monkeypatch):
    asked, drawn = [], []
    start, uniforms = sampler.start, Crowd.uniforms

    def watched(model: Model, crowd: Crowd, step: int = 0, noise_scale: float = 1.0) -> State:
        asked.append(step)
        return start(model, crowd, step, noise_scale)

    def counted(self: Crowd, step: int, purpose: int, count: int = 1) -> list[Fields]:
        drawn.append(step)
        return uniforms(self, step, purpose, count)

    monkeypatch.setattr(sampler, "start", watched)
    monkeypatch.setattr(Crowd, "uniforms", counted)
    replace(generator, batch_size=4).sample(
        2, Route(STEPS, "renoised", temperature=1.0), guide=usual("search", restart=0.0)
    )
    assert len(asked) == len(set(asked)) == 3 * STEPS
    assert len(drawn) == len(set(drawn)) == 3


def test_a_later_generation_makes_those_moves_that_end_after_its_restart():
    made = []

    def move(generation: int, k: int) -> Step:
        def step(mu: Posterior, x: State, s: Tensor, t: Tensor) -> State:
            made.append((generation, k, round(s[0].item(), 3), round(t[0].item(), 3)))
            return flow_map(mu, x, s, t)

        return step

    exists = {"tokens": torch.ones(1, 3, dtype=torch.bool)}
    x_0 = State({"tokens": torch.ones(1, 3, 2)}, exists, {"tokens": ~exists["tokens"]})
    task = Task(
        mu=lambda x, s, t: x.softmax(),
        x_0=x_0,
        moves=[move(0, k) for k in (1, 2, 3)],
        times=(0.0, 0.3, 0.6, 1.0),
        uniforms=lambda step, count: [],
        choices=torch.zeros(2, 1),
        again=lambda number: (x_0, [move(number, k) for k in (1, 2, 3)]),
    )
    kind = usual("search", particles=1, generations=3, restart=0.3)
    kind.guidance.run(task, lambda x: x.values["tokens"][:, 0, 0])
    assert made == [
        *((0, 1, 0.0, 0.3), (0, 2, 0.3, 0.6), (0, 3, 0.6, 1.0)),
        *((1, 2, 0.3, 0.6), (1, 3, 0.6, 1.0), (2, 2, 0.3, 0.6), (2, 3, 0.6, 1.0)),
    ]


def test_every_generation_has_its_best_scores_a_molecule(generator):
    made = replace(generator, batch_size=4).sample(7, STEPS, guide=usual("search"))
    assert made.steering.history.shape == (3, 7)
    assert sorted(made.steering.history[-1]) == sorted(
        max(found, -0.01) if reason is None else -0.01
        for found, reason in zip(rewards_of(made), made.reasons, strict=True)
    )


def test_draws_never_score_lower_than_one_unguided_step(generator):
    free = rewards_of(generator.sample(20, 1, "flow_map"))
    best = rewards_of(
        generator.sample(20, 1, "flow_map", guide=guide("draws", Recorder(), draws=4))
    )
    assert all(a <= b for a, b in zip(free, best, strict=True))
    assert sum(free) < sum(best)


def test_the_end_of_draws_is_worth_what_was_told_of_it_without_being_judged_again(
    generator, monkeypatch
):
    worths: list[Tensor] = []
    run = BestDraw.run

    def watched(guidance: BestDraw, task: Task, reward: Reward) -> Outcome:
        outcome = run(guidance, task, reward)
        worths.append(outcome.rewards - reward(decoded(outcome.x)))
        return outcome

    monkeypatch.setattr(BestDraw, "run", watched)
    generator.sample(20, STEPS, guide=usual("draws"))
    assert torch.equal(torch.cat(worths), torch.zeros(40, dtype=torch.float64))


def test_a_gradient_walks_toward_what_scores_high(generator):
    strong = guide("gradient", Oxygens(), draws=8, strength=2.0, entropy_floor=0.0)
    guided = generator.sample(60, 2, guide=strong)
    assert shares(guided) > shares(generator.sample(60, 2)) + 0.05


def test_a_surrogate_is_climbed(generator):
    free = generator.sample(60, 2)
    assert shares(generator.sample(60, 2, guide=usual("surrogate"))) > shares(free) + 0.05


def test_what_a_surrogate_says_of_the_walks_that_are_kept_stands_beside_their_worth(generator):
    made = replace(generator, batch_size=6).sample(9, 2, guide=usual("surrogate", particles=3))
    claims = made.steering.claims
    said = [float((graph.atoms == 2).mean()) for graph in made.graphs]
    assert claims[:, 0] == pytest.approx(said)
    pairs = zip(rewards_of(made), made.reasons, strict=True)
    assert claims[:, 1] == pytest.approx([x if reason is None else -0.01 for x, reason in pairs])


def test_the_accuracy_and_the_cost_of_a_fit_are_told(generator):
    assert generator.sample(2, 2, guide=usual("surrogate")).steering.fit == {
        "fit_calls": 11.0,
        "r2": 0.9,
        "spearman": 0.8,
        "r2_worth": 0.7,
        "spearman_worth": 0.6,
    }
    free = generator.sample(2, 2, guide=usual("gradient")).steering
    assert (free.fit, free.claims) == ({}, None)


def shares(samples: Samples) -> float:
    """The mean share of oxygen among the atoms of all graphs."""
    return sum(float((graph.atoms == 2).mean()) for graph in samples.graphs) / len(samples)


def test_particles_are_resampled_toward_what_scores_high(generator):
    made = generator.sample(20, STEPS, guide=usual("particles"))
    idle = generator.sample(20, STEPS, guide=usual("particles", strength=0.0))
    assert made.steering.resampled.any()
    assert sum(rewards_of(made)) > sum(rewards_of(idle))


@pytest.mark.parametrize(
    ("name", "changes", "evaluations", "looks"),
    [
        # Particles times: steps, and the end judged.
        ("best_of", {}, 3 * 3, 3),
        # The last posterior's argmax and three draws of it, of which one is the end.
        ("draws", {}, 2 * 3, 2 * (1 + 3)),
        # Each step: itself, the look ahead and back; three draws, and the end.
        ("gradient", {}, 2 * 3 * (1 + 2), 2 * (3 * 3 + 1)),
        # Looked at broadly everywhere: two posteriors, both of them back.
        ("gradient", {"entropy_floor": 9.0}, 2 * 3 * (1 + 4), 2 * (3 * 3 + 1)),
        ("gradient", {"strength": 0.0}, 2 * 3, 2),
        # The look ahead is the step itself.
        ("particles", {}, 4 * 3, 4 * 3),
        # Each step: itself, the look ahead and back; the end.
        ("surrogate", {}, 2 * 3 * (1 + 2), 2),
        ("surrogate", {"entropy_floor": 9.0}, 2 * 3 * (1 + 4), 2),
        ("surrogate", {"strength": 0.0}, 2 * 3, 2),
        # All steps, then twice those that end after 0.4; every end.
        ("search", {}, 2 * (3 + 2 * 2), 2 * 3),
        ("search", {"restart": 0.7}, 2 * (3 + 2 * 1), 2 * 3),
    ],
)
def test_evaluations_looks_and_calls_are_those_that_happened(
    generator, name, changes, evaluations, looks
):
    scorer, n, passes = Recorder(), 7, []

    def count(net: nn.Module, arguments: tuple[State, Tensor, Tensor], out: State) -> None:
        passes.append(len(out))
        if torch.is_grad_enabled():
            out.values["atoms"].register_hook(lambda slope: passes.append(len(slope)))

    handle = generator.net.register_forward_hook(count)
    kind = guide(name, scorer, **(USUAL[name] | changes))
    made = replace(generator, batch_size=8).sample(n, STEPS, guide=kind)
    handle.remove()
    assert made.evaluations == made.steering.evaluations == evaluations
    assert sum(passes) == n * evaluations
    assert made.steering.looks == looks
    assert made.steering.calls == len(scorer.asked) == len(set(scorer.asked)) > 1


@pytest.mark.parametrize("name", GUIDES)
def test_every_step_of_a_guide_advances_the_bar_until_all_molecules_are_done(
    generator, name, monkeypatch
):
    told: list[float] = []

    @contextmanager
    def meter(description: str, total: int, unit: str) -> Iterator[Callable[[float], None]]:
        assert (total, unit) == (7, "molecules")
        yield told.append

    monkeypatch.setattr(guided, "meter", meter)
    generator.sample(7, STEPS, guide=usual(name))
    # Of the times 0, 1/3, 2/3 and 1 two lie after 0.4: the steps of each later generation.
    assert len(told) == (STEPS + 2 * 2 if name == "search" else STEPS)
    assert sum(told) == pytest.approx(7)


@pytest.mark.parametrize("name", GUIDES)
def test_at_the_cap_no_more_molecules_are_asked_and_that_is_told(generator, name, monkeypatch):
    monkeypatch.setattr(steer, "FIT_CALLS", 11)
    scorer = Recorder()
    kind = guide(name, scorer, **USUAL[name], max_calls=16)
    made = generator.sample(20, STEPS, guide=kind)
    # The fit of the surrogate took 11 of them.
    left = 5 if name == "surrogate" else 16
    assert len(scorer.asked) == made.steering.calls == left
    assert made.steering.unasked > 0


def test_a_cap_that_is_not_reached_changes_nothing(generator, nine):
    made = generator.sample(9, STEPS, guide=usual("search", max_calls=10_000))
    assert graphs_of(made) == nine["search"]
    assert made.steering.unasked == 0


def test_particles_that_renew_part_of_the_noise_look_ahead_apart_from_the_step(generator):
    made = generator.sample(4, Route(STEPS, noise=0.5), guide=usual("particles"))
    assert made.evaluations == 4 * (2 * STEPS - 1)


def test_every_returned_molecule_has_been_judged(generator):
    scorer = Recorder()
    made = generator.sample(9, STEPS, guide=guide("best_of", scorer, particles=2))
    assert {s for s, r in zip(made.smiles, made.reasons, strict=True) if r is None} <= set(
        scorer.asked
    )


def test_the_trace_of_particles_has_a_row_a_step_and_a_column_a_molecule(generator):
    steering = replace(generator, batch_size=8).sample(5, STEPS, guide=usual("particles")).steering
    assert steering.times == generator.walk(Route(STEPS)).times[:-1]
    assert steering.sizes.shape == steering.resampled.shape == steering.ancestors.shape == (3, 5)
    assert steering.sizes.min() >= 1 - 1e-6
    assert steering.sizes.max() <= 4 + 1e-6
    assert not steering.resampled[-1].any()
    assert {1, 2, 3, 4} >= set(steering.ancestors.flatten().tolist())


@pytest.mark.parametrize(("floor", "jumped"), [(0.0, 1.0), (9.0, 0.0)])
def test_the_entropies_of_looks_are_told_for_every_time_of_the_walk(generator, floor, jumped):
    made = replace(generator, batch_size=4).sample(
        5, Route(STEPS, times=[0.1, 0.7]), guide=usual("gradient", entropy_floor=floor)
    )
    assert list(made.steering.entropy) == [0.0, 0.1, 0.7]
    assert all(0 < nats < 1.4 for nats, _ in made.steering.entropy.values())
    assert [share for _, share in made.steering.entropy.values()] == [jumped] * 3


def test_a_free_walk_has_no_steering_and_a_guided_one_its_guide(generator):
    kind = usual("best_of")
    assert generator.sample(1, 1).steering is None
    assert generator.sample(1, 1, guide=kind).steering.guide.guidance is kind.guidance


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "particles",
            {"method": "euler"},
            "method='euler': guidance=particles renews noise, with renoised, euler_ancestral",
        ),
        (
            "particles",
            {"noise": 0},
            "noise=0: guidance=particles renews noise, more than 0 is needed",
        ),
        (
            "draws",
            {"temperature": 0.5},
            "temperature=0.5: guidance=draws draws the last step itself",
        ),
    ],
)
def test_a_walk_that_does_not_suit_the_guide_is_refused(generator, name, arguments, message):
    with pytest.raises(InputError) as caught:
        generator.sample(1, Route(2, **arguments), guide=usual(name))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["best_of", "gradient", "particles", "search", "surrogate"])
def test_a_temperature_is_kept_under_guidance(generator, nine, name):
    warm, apart = (
        graphs_of(
            replace(generator, batch_size=size).sample(
                9, Route(STEPS, temperature=1.0), guide=usual(name)
            )
        )
        for size in (512, 4)
    )
    assert warm == apart != nine[name]


def test_a_gradient_asks_for_fresh_numbers_at_every_step_and_tells_the_times_as_given():
    exists = {"tokens": torch.ones(2, 3, dtype=torch.bool)}
    x_0 = State({"tokens": torch.ones(2, 3, 2)}, exists, {"tokens": ~exists["tokens"]})
    asked = []

    def uniforms(step: int, count: int) -> list[Fields]:
        asked.append((step, count))
        return [{"tokens": torch.full((2, 3, 2), (i + 1) / 9)} for i in range(count)]

    task = Task(
        mu=lambda x, s, t: x.softmax(),
        x_0=x_0,
        moves=[flow_map] * 2,
        times=(0.0, 0.1, 1.0),
        uniforms=uniforms,
        choices=torch.zeros(1, 2),
        again=lambda number: (x_0, []),
    )
    kind = usual("gradient", particles=1)
    outcome = kind.guidance.run(task, lambda x: x.values["tokens"][:, 0, 0])
    assert asked == [(1, 3), (2, 3)]
    assert [glance.time for glance in outcome.glances] == [0.0, 0.1]


def test_a_guidance_of_your_own_is_one_class_with_its_options(generator):
    @dataclass(frozen=True)
    class Worst(Guidance):
        """Every walk is worth the less, the more it scores."""

        amount: float = 1.0

        def run(self, task: Task, reward: Reward) -> Outcome:
            x = sample(task.moves, task.mu, task.x_0, task.times)
            return Outcome(x, -self.amount * reward(decoded(x)), len(task.moves))

    made = guide(Worst(particles=3), Recorder(), amount=2.0)
    assert made.guidance == Worst(3, 2.0)
    assert str(made.guidance) == "own, the best of 3 walks"
    worst, best = (
        rewards_of(generator.sample(20, STEPS, guide=one))
        for one in (made, guide("best_of", Recorder(), particles=3))
    )
    assert all(low <= high for low, high in zip(worst, best, strict=True))
    assert sum(worst) < sum(best)
    with pytest.raises(InputError, match="strength=1: guidance=own has no strength"):
        guide(Worst(), Recorder(), strength=1)
