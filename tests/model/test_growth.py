"""A model that learns new atom types and larger molecules is at first its parent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.graph.graph import pair_index
from molflow.graph.state import blank_state
from molflow.model.checkpoint import save_model
from molflow.model.growth import SHARE, grown_vocabulary, grown_weights, origins
from molflow.model.parents import load_parent
from molflow.model.spec import ModelSpec

KNOWN = Vocabulary(("C", "N", "O"))
GROWN = Vocabulary(("C", "N", "O", "B", "Si"))
NEAR = [1, 0]
"""Boron starts from nitrogen, silicon from carbon."""
SIZES = torch.tensor([4, 3, 1, 2])


@pytest.fixture(params=["cross_entropy", "mse"])
def spec(request: pytest.FixtureRequest, tiny_spec: Callable[..., ModelSpec]) -> ModelSpec:
    """Of up to four atoms, of which hardly any molecule has four; atoms have an order."""
    law = (0.0, 0.2, 0.3, 0.4995, 0.0005)
    return tiny_spec(positions=True, loss=request.param, size_law=law, vocabulary=KNOWN)


@pytest.fixture
def bigger(spec: ModelSpec) -> ModelSpec:
    return replace(spec, vocabulary=GROWN, max_size=6, size_law=(0.0,) * 6 + (1.0,))


Make = Callable[..., nn.Module]


@pytest.fixture
def nets(
    spec: ModelSpec, bigger: ModelSpec, fresh: Make, perturbed: Make
) -> tuple[nn.Module, nn.Module]:
    """The parent, off zero, and a network that was grown from it; float64."""
    parent, child = perturbed(fresh(spec), seed=1, size=0.3).double(), fresh(bigger).double()
    child.load_state_dict(child.state_dict() | grown_weights(parent.state_dict(), spec, bigger))
    return parent.eval(), child.eval()


def noisy(classes: int, width: int, normal_like: Callable[..., dict[str, Tensor]]) -> State:
    """A noisy state of SIZES with some atoms given, over so many classes."""
    x = blank_state(SIZES, width, (classes, 4)).to(torch.float64)
    x = x.with_values(normal_like(x, 3)).on_free()
    given = {name: torch.zeros_like(mask) for name, mask in x.exists.items()}
    given["atoms"][:, 0] = True
    return x.hold(given)


def without_new(x: State, width: int) -> State:
    """The same graphs over the known types alone, padded to ``width`` atoms."""
    pairs = width * (width - 1) // 2
    cut = {"atoms": width, "pairs": pairs}
    masks = [
        {name: mask[:, : cut[name]] for name, mask in part.items()} for part in (x.exists, x.given)
    ]
    return State(
        {"atoms": x.values["atoms"][:, :width, :3], "pairs": x.values["pairs"][:, :pairs]}, *masks
    )


@pytest.fixture
def logits(
    nets: tuple[nn.Module, nn.Module], normal_like: Callable[..., dict[str, Tensor]]
) -> tuple[State, State]:
    """What parent and child say of the same noisy graphs; noise is in all classes."""
    x = noisy(5, 6, normal_like)
    assert x.values["atoms"][:, 0, 3:].abs().min() > 0.01
    s, t = torch.linspace(0, 0.6, 4).double(), torch.linspace(0.3, 1, 4).double()
    with torch.inference_mode():
        return nets[0](without_new(x, 4), s, t), nets[1](x, s, t)


def test_the_old_classes_have_the_logits_of_the_parent_whatever_noise_the_new_ones_have(
    logits: tuple[State, State],
) -> None:
    parent, child = (without_new(x, 4) for x in logits)
    for name in ("atoms", "pairs"):
        mask = parent.exists[name]
        said = parent.values[name][mask]
        assert said.std() > 0.01
        assert torch.allclose(child.values[name][mask], said, rtol=0, atol=1e-12)


def test_a_new_class_has_a_share_of_what_its_nearest_has(
    spec: ModelSpec, logits: tuple[State, State]
) -> None:
    exists = logits[1].exists["atoms"]
    values = logits[1].values["atoms"][exists]
    near = values[:, NEAR]
    expected = SHARE * near if spec.loss == "mse" else near + math.log(SHARE)
    assert torch.allclose(values[:, 3:], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spec", ["cross_entropy"], indirect=True)
def test_the_likeliest_classes_are_those_of_the_parent(logits: tuple[State, State]) -> None:
    parent = logits[0]
    mask = parent.exists["atoms"]
    assert torch.equal(
        logits[1].values["atoms"][:, :4].argmax(-1)[mask], parent.argmax()["atoms"][mask]
    )


def test_embeddings_of_new_sizes_and_atoms_start_as_the_last_learned_ones(
    nets: tuple[nn.Module, nn.Module],
) -> None:
    # One in two thousand has four atoms: three are what is learned.
    parent, child = nets
    for k in (5, 6):
        assert torch.equal(child.condition.size.weight[k], parent.condition.size.weight[3])
        assert torch.equal(child.atom_position[k - 1], parent.atom_position[2])
    for i, j, low, high in ((4, 5, 1, 2), (3, 5, 0, 2), (0, 5, 0, 2), (3, 4, 1, 2), (0, 4, 0, 2)):
        known = parent.pair_position[pair_index(low, high)]
        assert torch.equal(child.pair_position[pair_index(i, j)], known)
    assert torch.equal(child.atom_position[:4], parent.atom_position)
    assert torch.equal(child.pair_position[:6], parent.pair_position)


def test_what_is_new_has_a_gradient(
    nets: tuple[nn.Module, nn.Module], normal_like: Callable[..., dict[str, Tensor]]
) -> None:
    child = nets[1].train()
    out = child(noisy(5, 6, normal_like), torch.zeros(4).double(), torch.ones(4).double())
    out.values["atoms"].square().sum().backward()
    assert (child.atoms_in.weight.grad[:, 3:5].abs().amax(0) > 0).all()
    assert (child.atoms_out.weight.grad[3:].abs().amax(1) > 0).all()


def test_new_types_stand_behind_the_known_ones() -> None:
    grown = grown_vocabulary(KNOWN, Vocabulary(("B", "C", "Si")))
    assert grown == GROWN
    assert origins(KNOWN, grown) == {"B": "N", "Si": "C"}


def test_a_vocabulary_without_news_is_the_known_one() -> None:
    assert grown_vocabulary(KNOWN, Vocabulary(("O",))) == KNOWN


@pytest.fixture
def saved(
    spec: ModelSpec, nets: tuple[nn.Module, nn.Module], tmp_path: Path
) -> tuple[Path, dict[str, Tensor]]:
    """The parent on disk, and the grown weights."""
    save_model(tmp_path, nets[0].float(), spec)
    return tmp_path, nets[1].float().state_dict()


def test_a_run_from_a_model_starts_with_the_grown_weights(
    saved: tuple[Path, dict[str, Tensor]], bigger: ModelSpec, fresh: Make
) -> None:
    net = fresh(bigger)
    load_parent(str(saved[0]), net, bigger)
    found = net.state_dict()
    for name, value in saved[1].items():
        assert torch.allclose(found[name], value, rtol=1e-6, atol=0), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": Vocabulary(("C", "N"))}, "vocabulary is Vocabulary(atoms=('C', 'N', 'O')"),
        ({"vocabulary": Vocabulary(("N", "C", "O"))}, "vocabulary is Vocabulary(atoms=('C', 'N'"),
        (
            {"vocabulary": Vocabulary(("C", "N", "O"), charged=False)},
            "dataset.vocabulary is charged there and stripped here",
        ),
        ({"max_size": 3}, "max_size is 4 there and 3 here"),
        ({"width": 32}, "width is 16 there and 32 here"),
    ],
)
def test_a_model_never_has_less_than_its_parent(
    saved: tuple[Path, dict[str, Tensor]],
    spec: ModelSpec,
    fresh: Make,
    change: dict[str, object],
    message: str,
) -> None:
    less = replace(spec, **change)
    with pytest.raises(InputError) as error:
        load_parent(str(saved[0]), fresh(less), less)
    assert str(error.value).startswith(f"checkpoint={saved[0]}: {message}")
