"""What tests of several folders share: random states, the exact posterior, a network off zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor, nn

from molflow.build import build_dataset
from molflow.chem.vocabulary import Vocabulary
from molflow.config import DatasetConfig
from molflow.flow.flow_map import Posterior
from molflow.flow.state import Fields, State
from molflow.graph.state import blank_state
from molflow.graph.transformer import GraphTransformer
from molflow.metrics import chemnet
from molflow.model.checkpoint import save_model
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec
from molflow.sequence.state import blank_tokens
from molflow.sequence.transformer import SequenceTransformer
from molflow.sequence.vocabulary import TokenVocabulary

# A machine that does other things too must not fail a test: examples are counted, not timed.
settings.register_profile("molflow", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("molflow")

CLASSES = (8, 4)
MAX_ATOMS = 9
SYMBOLS = 8
MAX_LENGTH = 9
TINY = ModelSpec(
    vocabulary=Vocabulary(("C", "N", "O")),
    max_size=4,
    size_law=(0.0, 0.25, 0.25, 0.25, 0.25),
    width=16,
    pair_width=8,
    depth=1,
    heads=2,
    positions=False,
    loss="cross_entropy",
    prior_scale=0.5,
    dataset={"name": "smiles_file", "path": "absent.csv", "split": "random"},
)


def log_weights(data: State, scale: float, x: State, t: Tensor) -> Tensor:
    """(B, M): log w_n, w = softmax(-|x - t x_1^n|^2 / (2 (1-t)^2 sigma^2)) over the free variables.

    A point of ``data`` that differs from x at a given variable has weight 0.
    """
    logits = torch.zeros(len(x), len(data), dtype=torch.float64)
    spread = 2 * ((1 - t.double()) * scale).square().clamp(min=1e-20)[:, None]
    for name, points in data.values.items():
        values = x.values[name].double()[:, None]
        free, given = x.free[name][:, None], x.given[name][:, None]
        squares = (values - t.double()[:, None, None, None] * points.double()).square().sum(-1)
        differs = given & (values.argmax(-1) != points.argmax(-1))
        logits = logits - (squares * free).sum(-1) / spread
        logits = logits.masked_fill(differs.any(-1), -torch.inf)
    return logits.log_softmax(-1)


def exact_posterior(data: State, scale: float) -> Posterior:
    """mu_tt(x) = sum_n w_n x_1^n: the exact posterior when x_1 is uniform on ``data``.

    data: M clean examples of one size. scale: standard deviation of the prior. The second time is
    not looked at: this is the diagonal alone, at time s.
    """

    def mu(x: State, s: Tensor, t: Tensor) -> State:
        weights = log_weights(data, scale, x, s).exp()
        return x.with_values(
            {
                name: torch.einsum("bm,mdk->bdk", weights, points.double()).to(x.values[name].dtype)
                for name, points in data.values.items()
            }
        )

    return mu


def perturbed(net: nn.Module, seed: int = 0, size: float = 0.1) -> nn.Module:
    """A copy of the network with all parameters moved by noise, so that no gate is closed."""
    moved, generator = deepcopy(net), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in moved.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += (size * noise).to(parameter.dtype)
    return moved


def full_size(positions: bool = False, dtype: torch.dtype = torch.float64) -> GraphTransformer:
    """The graph transformer at its default size, fresh weights, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = GraphTransformer(
            CLASSES, MAX_ATOMS, 128, 48, 6, 8, positions=positions, distances=positions
        )
    return net.to(dtype)


def full_sequence(dtype: torch.dtype = torch.float64) -> SequenceTransformer:
    """The sequence transformer at its default size, fresh weights, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = SequenceTransformer(SYMBOLS, MAX_LENGTH)
    return net.to(dtype)


def normal_like(x: State, seed: int) -> Fields:
    """Standard normal noise with the shapes of the values, float64 rounded to their type."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.dtype)
        for name, value in x.values.items()
    }


def random_graphs(
    sizes: Sequence[int],
    max_atoms: int = MAX_ATOMS,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> State:
    """A noisy state of graphs: standard normal where variables exist, 0 on padding."""
    blank = blank_state(torch.tensor(sizes), max_atoms, CLASSES).to(dtype)
    return blank.with_values(normal_like(blank, seed)).on_free()


def random_tokens(
    sizes: Sequence[int],
    max_length: int = MAX_LENGTH,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> State:
    """A noisy state of strings: standard normal where variables exist, 0 on padding."""
    blank = blank_tokens(torch.tensor(sizes), max_length, SYMBOLS, dtype)
    return blank.with_values(normal_like(blank, seed)).on_free()


def molecule_file(path: Path, smiles: Sequence[str]) -> DatasetConfig:
    """A file of these molecules, and how to read it, with a cache of prepared data beside it."""
    path.write_text("smiles\n" + "\n".join(smiles) + "\n")
    cache = str(path.parent / "cache")
    return DatasetConfig(name="smiles_file", path=str(path), split="random", cache=cache)


def tiny_spec(data: DatasetConfig | None = None, **changes: Any) -> ModelSpec:
    """A model of some thousand weights: of ``data``, or of up to four atoms of C, N and O."""
    spec = TINY
    if data is not None:
        dataset = build_dataset(data)
        spec = replace(
            spec,
            vocabulary=dataset.vocabulary,
            max_size=dataset.max_size,
            size_law=tuple(dataset.size_law().tolist()),
            dataset=vars(data).copy(),
        )
    return replace(spec, **changes)


def token_spec(symbols: Sequence[str], scheme: str, law: Sequence[float], **more: Any) -> ModelSpec:
    """A model of some thousand weights that writes strings of these symbols.

    law: of lengths 0, 1, ... more: other parts of the model, or end=True of the vocabulary.
    """
    end = more.pop("end", False)
    strings = ModelSpec(
        vocabulary=TokenVocabulary(tuple(symbols), scheme, end),
        max_size=len(law) - 1,
        size_law=tuple(law),
        width=16,
        pair_width=None,
        depth=1,
        heads=2,
        positions=True,
        loss="cross_entropy",
        prior_scale=0.5,
        dataset={"name": "text", "path": "absent.txt", "split": "standard"},
    )
    return replace(strings, **more)


def fresh(spec: ModelSpec) -> nn.Module:
    """The untrained network of ``spec``, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network(spec)


@pytest.fixture(scope="session", name="molecule_file")
def molecule_file_fixture() -> Callable[..., DatasetConfig]:
    return molecule_file


@pytest.fixture(scope="session", name="tiny_spec")
def tiny_spec_fixture() -> Callable[..., ModelSpec]:
    return tiny_spec


@pytest.fixture(scope="session", name="token_spec")
def token_spec_fixture() -> Callable[..., ModelSpec]:
    return token_spec


@pytest.fixture(scope="session", name="fresh")
def fresh_fixture() -> Callable[..., nn.Module]:
    return fresh


def put_letters(patch: pytest.MonkeyPatch, cache: Path) -> None:
    """In place of ChemNet the numbers of C, N and O in a SMILES; ``cache`` for prepared data."""

    def activations(smiles: list[str], device: str = "cpu") -> np.ndarray:
        rows = [[one.count(letter) for letter in "CNO"] for one in smiles]
        return np.array(rows, np.float32).reshape(-1, 3)

    patch.setattr(chemnet, "activations", activations)
    patch.setattr(chemnet, "fingerprint", lambda: "letters")
    patch.setenv("MOLFLOW_CACHE", str(cache))


@pytest.fixture(scope="session", name="put_letters")
def put_letters_fixture() -> Callable[[pytest.MonkeyPatch, Path], None]:
    return put_letters


@pytest.fixture(scope="session")
def composed_once() -> None:
    """Hydra composes the same overrides once; what it made is read and never changed."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    compose, made = hydra.compose, {}

    def remembered(name: str, overrides: list[str]) -> Any:
        places = str(GlobalHydra.instance().config_loader().get_search_path())
        asked = (places, name, *overrides)
        if asked not in made:
            made[asked] = compose(name, overrides)
        return made[asked]

    hydra.compose = remembered


@pytest.fixture
def undrawn() -> Iterator[pytest.MonkeyPatch]:
    """Figures leave empty files in the place of pictures, until a test undoes it."""
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, path, **_: Path(path).touch())
        yield patch


@pytest.fixture
def letters_for_chemnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``put_letters`` with a cache of the test's own."""
    put_letters(monkeypatch, tmp_path / "cache")


@pytest.fixture(scope="session", name="exact_posterior")
def exact_posterior_fixture() -> Callable[..., Posterior]:
    return exact_posterior


@pytest.fixture(scope="session", name="log_weights")
def log_weights_fixture() -> Callable[..., Tensor]:
    return log_weights


@pytest.fixture(scope="session", name="perturbed")
def perturbed_fixture() -> Callable[..., nn.Module]:
    return perturbed


@pytest.fixture(scope="session")
def of_chance() -> Callable[[Path], Path]:
    """Saves a model in a folder that was never trained: valid and invalid molecules of up to four
    atoms."""

    def save(folder: Path) -> Path:
        spec = tiny_spec()
        save_model(folder, perturbed(fresh(spec), seed=2, size=0.3), spec)
        return folder

    return save


@pytest.fixture(scope="session", name="full_size")
def full_size_fixture() -> Callable[..., GraphTransformer]:
    return full_size


@pytest.fixture(scope="session", name="normal_like")
def normal_like_fixture() -> Callable[..., Fields]:
    return normal_like


@pytest.fixture(scope="session", name="random_graphs")
def random_graphs_fixture() -> Callable[..., State]:
    return random_graphs


@pytest.fixture(scope="session", name="full_sequence")
def full_sequence_fixture() -> Callable[..., SequenceTransformer]:
    return full_sequence


@pytest.fixture(scope="session", name="random_tokens")
def random_tokens_fixture() -> Callable[..., State]:
    return random_tokens


@pytest.fixture(scope="session")
def network() -> GraphTransformer:
    """Full size, float64, without positions, off zero. Not to be changed."""
    return perturbed(full_size(positions=False)).eval()


@pytest.fixture(scope="session")
def network_with_positions() -> GraphTransformer:
    """Full size, float64, with positions and distances, off zero. Not to be changed."""
    return perturbed(full_size(positions=True)).eval()


@pytest.fixture(scope="session")
def sequence_network() -> SequenceTransformer:
    """Full size, float64, off zero. Not to be changed."""
    return perturbed(full_sequence()).eval()
