"""Surrogates: they learn a score, say how well, and are fitted once."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from molflow.build import dataset_of
from molflow.chem.objective import parse_objective
from molflow.datasets.streams import GraphStream
from molflow.flow.state import State
from molflow.generator import Generator
from molflow.graph.state import clean_state
from molflow.guidance import surrogate
from molflow.guidance.guides import Guide
from molflow.guidance.oracle import Oracle
from molflow.guidance.scores import Remembered
from molflow.guidance.steer import guide
from molflow.guidance.surrogate import Surrogate, surrogate_for

MOLECULES = [
    *("C" * n + head + "C" * m for n in range(1, 5) for m in range(4) for head in ("O", "N", "")),
    *("C" * n + "O" for n in range(1, 6)),
]


class Leaning(nn.Module):
    """Logits that lean on the state itself: where it has little noise, its own molecule."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: State, s: Tensor, t: Tensor) -> State:
        return self.net(x, s, t) + 6 * x


@pytest.fixture(scope="module")
def generator(tmp_path_factory, molecule_file, tiny_spec, fresh, perturbed) -> Generator:
    folder = tmp_path_factory.mktemp("surrogate")
    spec = tiny_spec(molecule_file(folder / "few.csv", list(dict.fromkeys(MOLECULES))))
    return Generator(Leaning(perturbed(fresh(spec), seed=2, size=0.2)), spec, "these weights")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of the test's own, in which fits of few steps are kept; the folder of them."""
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path))
    monkeypatch.setattr(surrogate, "STEPS", 40)
    monkeypatch.setattr(surrogate, "BATCH", 32)
    return tmp_path / "surrogates"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fitted."""
    made, fit = [], surrogate.fit

    def watched(generator, guide, data):
        made.append(guide.scorer.describe())
        return fit(generator, guide, data)

    monkeypatch.setattr(surrogate, "fit", watched)
    return made


def fitted(generator: Generator, kind: Guide) -> Surrogate:
    return surrogate_for(generator, kind, lambda: dataset_of(generator.spec))


def soft_looks(generator: Generator) -> torch.Tensor:
    return clean_state(
        torch.tensor([[0, 0, 1], [0, 1, 0]]),
        torch.tensor([[1, 0, 1], [1, 0, 0]]),
        torch.tensor([3, 2]),
        tuple(generator.spec.modality.classes.values()),
    )


def test_a_fit_learns_what_is_no_molecule_and_what_it_scores(generator, monkeypatch):
    monkeypatch.setattr(surrogate, "STEPS", 400)
    kind = guide("surrogate", "atoms:max,qed:max", invalid=-1.0)
    data, oracle = dataset_of(generator.spec), Oracle(kind.scorer, generator.spec.modality, -1.0)
    looks = surrogate._Looks(generator, kind, GraphStream(data, 32, 0), oracle)
    x, y = looks.at(data.splits["train"])
    found = fitted(generator, kind)
    total = y[:, 0]
    assert y.shape == (len(data.splits["train"]), 3)
    assert 0 < (total == -1).float().mean() < 0.9
    assert (y[total == -1, 1:] == 0).all()
    assert (found(x) - total).square().mean() < 0.2 * total.var()
    assert list(found.accuracy) == ["total", "atoms", "qed"]
    assert found.calls >= oracle.calls > 0


def test_a_single_component_is_the_total(generator):
    assert list(fitted(generator, guide("surrogate", "qed:max")).accuracy) == ["total"]


def test_a_fit_is_kept_and_read_back_to_the_bit(generator, fits, small):
    first, second = (fitted(generator, guide("surrogate", "qed:max,sa:<3")) for _ in "ab")
    assert fits == ["geometric mean of qed:max, sa:<3"]
    assert repr(first.accuracy) == repr(second.accuracy)
    assert first.calls == second.calls > 0
    assert torch.equal(first(soft_looks(generator)), second(soft_looks(generator)))
    assert len(list(small.iterdir())) == 1


def test_what_an_objective_said_for_a_fit_is_forgotten_so_that_a_kept_fit_leaves_the_same_calls(
    generator,
):
    scores = Remembered(parse_objective("qed:max"))
    assert fitted(generator, guide("surrogate", scores)).calls > 0
    assert scores.known == {}


def test_two_fits_of_one_score_are_the_same(generator):
    kind = guide("surrogate", "qed:max")
    first, second = (surrogate.fit(generator, kind, dataset_of(generator.spec)) for _ in "ab")
    assert torch.equal(first(soft_looks(generator)), second(soft_looks(generator)))


@pytest.mark.parametrize(
    "other",
    [
        guide("surrogate", "qed:min"),
        guide("surrogate", "qed:max", invalid=-1.0),
        guide("surrogate", "qed:max", entropy_floor=0.5),
    ],
    ids=["objective", "invalid", "floor"],
)
def test_another_score_is_fitted_anew(generator, fits, other):
    fitted(generator, guide("surrogate", "qed:max"))
    fitted(generator, other)
    assert len(fits) == 2


def test_the_strength_and_the_particles_leave_a_fit_as_it_is(generator, fits):
    fitted(generator, guide("surrogate", "qed:max"))
    fitted(generator, guide("surrogate", "qed:max", strength=9.0, particles=4))
    assert len(fits) == 1


def test_a_damaged_file_is_fitted_anew(generator, fits, small):
    fitted(generator, guide("surrogate", "qed:max"))
    (path,) = small.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    fitted(generator, guide("surrogate", "qed:max"))
    assert len(fits) == 2


def test_a_constant_score_has_no_accuracy(generator):
    found = fitted(generator, guide("surrogate", "atoms:>0", invalid=1.0))
    assert all(math.isnan(number) for number in found.accuracy["total"])
    assert torch.isfinite(found(soft_looks(generator))).all()


def test_agreement_is_r_squared_and_the_correlation_of_ranks():
    true = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert surrogate._agreement(true, true) == pytest.approx((1.0, 1.0))
    assert surrogate._agreement(true.square(), true) == pytest.approx((1 - 40 / 5, 1.0))
    assert surrogate._agreement(-true, true) == pytest.approx((1 - 56 / 5, -1.0))
