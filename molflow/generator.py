"""A trained model as an object: load it, sample from it.

>>> import molflow
>>> samples = molflow.load("runs/qm9").sample(1000, steps=50, seed=0)   # doctest: +SKIP
>>> samples.molecules[0], samples.reasons[0]                            # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molflow.build import LOSSES, METHODS, Method, build_network, build_posterior
from molflow.checkpoint import ModelSpec, find_model, load_weights, read_spec, require_fit
from molflow.chem.molecule import check_many
from molflow.console import progress
from molflow.errors import InputError
from molflow.files import CONFIG
from molflow.flow.flow_map import Posterior
from molflow.flow.interpolant import prior
from molflow.flow.samplers import trajectory
from molflow.flow.state import Fields, State
from molflow.flow.times import time_steps
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import blank_state, to_graphs
from molflow.samples import Samples

__all__ = ["Generator", "Samples", "load"]

SEEDS = 2**64
SizesAndNoises = tuple[NDArray[np.int64], list[Fields]]


@dataclass(frozen=True, repr=False)
class Generator:
    """A network with everything that sampling needs.

    fingerprint: the sha256 of the file that the weights were loaded from, if they were.
    """

    net: nn.Module
    spec: ModelSpec
    fingerprint: str | None = None

    def __repr__(self) -> str:
        parameters = sum(p.numel() for p in self.net.parameters())
        return (
            f"Generator({parameters:,} parameters on {self.device}, trained on "
            f"{self.spec.dataset.get('name', 'unknown data')}: up to {self.spec.max_atoms} atoms "
            f"of {' '.join(self.spec.vocabulary.atoms)})"
        )

    @property
    def posterior(self) -> Posterior:
        """mu_{s,t}(x_s) of the model."""
        return build_posterior(self.net, self.spec.loss)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.net.parameters()).device

    def sample(
        self,
        n: int,
        steps: int = 50,
        method: str = "euler",
        seed: int = 0,
        atoms: int | None = None,
        batch_size: int = 512,
        noise: float = 1.0,
    ) -> Samples:
        """``n`` molecules in ``steps`` steps each.

        The size and the noise of molecule i depend on (seed, i) alone, so neither n nor the batch
        size changes it. method: a name of ``build.METHODS``. atoms: a number of atoms for all; by
        default sizes follow the training law. noise: in [0, 1], how much of it method="renoised"
        renews at each step. InputError names an argument out of its range.
        """
        _require_positive(n=n, steps=steps, batch_size=batch_size)
        way, started = _method(method, noise), time.perf_counter()
        made: dict[int, Graph] = {}
        sizes, noises = self.noise(range(n), seed, atoms)
        walk = self._walk(way, noise, steps, batch_size, seed, sizes, noises)
        with torch.inference_mode():
            moves = (item for item in walk if item[1] > 0)
            for chosen, t, x in progress(
                moves, "sampling", n, "molecules", weight=lambda item: len(item[0]) / steps
            ):
                if t == 1:
                    made.update(zip(chosen, to_graphs(x), strict=True))
        graphs = [made[i] for i in range(n)]
        sampled = time.perf_counter()
        checked = check_many(graphs, self.spec.vocabulary)
        chemistry_seconds = time.perf_counter() - sampled
        evaluations = way.evaluations(steps)
        return Samples(
            graphs, checked, self.spec, evaluations, sampled - started, chemistry_seconds
        )

    def trajectory(
        self,
        n: int,
        steps: int = 50,
        method: str = "euler",
        seed: int = 0,
        atoms: int | None = None,
        noise: float = 1.0,
    ) -> list[tuple[float, State, State]]:
        """(t, x_t, mu_tt(x_t)) at the ``steps`` + 1 times of sampling molecules 0..n-1, on the CPU.

        The molecules are those of ``sample`` with the same arguments.
        """
        _require_positive(n=n, steps=steps)
        way, mu, states = _method(method, noise), self.posterior, []
        sizes, noises = self.noise(range(n), seed, atoms)
        with torch.inference_mode():
            walk = self._walk(way, noise, steps, n, seed, sizes, noises)
            for chosen, time_, by_size in progress(walk, "following", steps + 1, "states"):
                x = by_size[torch.tensor(chosen).argsort()]
                t = torch.full((n,), time_, device=self.device)
                states.append((time_, x.to("cpu"), mu(x, t, t).to("cpu")))
        return states

    def require_size(self, atoms: int | None) -> None:
        """InputError where this model makes no molecules of so many atoms; None is any size."""
        if atoms is None:
            return
        _require_whole(atoms=atoms)
        if not 1 <= atoms <= self.spec.max_atoms:
            raise InputError(f"atoms={atoms}: this model makes 1 to {self.spec.max_atoms} atoms")

    def noise(self, indices: Sequence[int], seed: int, atoms: int | None = None) -> SizesAndNoises:
        """Sizes (n,) and, for every molecule, field -> (D, K) noise for its own variables."""
        self.require_size(atoms)
        _require_whole(seed=seed)
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed={seed}: at least 0 and less than 2^64")
        law = np.cumsum(self.spec.size_law)
        sizes, noises = [], []
        for i in indices:
            random = _random(seed, i, 0)
            drawn = int(np.searchsorted(law, random.random() * law[-1], side="right"))
            sizes.append(atoms or drawn)
            noises.append(self._normal(random, sizes[-1]))
        return np.array(sizes), noises

    def _normal(self, random: np.random.Generator, size: int) -> Fields:
        """field -> (D, K) standard normal numbers for a molecule of ``size`` atoms."""
        counts = {"atoms": size, "pairs": pair_count(size)}
        return {
            name: torch.from_numpy(random.standard_normal((d, k), np.float32))
            for (name, d), k in zip(counts.items(), self.spec.classes, strict=True)
        }

    def start(self, sizes: NDArray[np.int64], noises: Sequence[Fields]) -> State:
        """x_0 of one batch, padded to its largest molecule: sizes (B,), noises as of ``noise``."""
        blank = blank_state(torch.from_numpy(sizes), int(sizes.max()), self.spec.classes)
        padded = {
            name: _pad([noise[name] for noise in noises], value)
            for name, value in blank.values.items()
        }
        return prior(blank, padded, self.spec.prior_scale).to(self.device)

    def _walk(
        self,
        way: Method,
        amount: float,
        steps: int,
        batch_size: int,
        seed: int,
        sizes: NDArray[np.int64],
        noises: Sequence[Fields],
    ) -> Iterator[tuple[list[int], float, State]]:
        """(indices of a batch, t, x_t) at every time of every batch, similar sizes together."""
        order = np.argsort(sizes, kind="stable")
        for first in range(0, len(order), batch_size):
            chosen = order[first : first + batch_size]
            x_0 = self.start(sizes[chosen], [noises[i] for i in chosen])
            moves = [way.make(x_0, amount)] * steps
            if way.stochastic:
                fresh = [self._fresh(chosen, sizes[chosen], seed, k) for k in range(1, steps)]
                moves = [way.make(noise, amount) for noise in (*fresh, x_0)]
            for t, x in trajectory(moves, self.posterior, x_0, time_steps(steps)):
                yield chosen.tolist(), t, x

    def _fresh(
        self, indices: NDArray[np.int64], sizes: NDArray[np.int64], seed: int, step: int
    ) -> State:
        """Another draw of x_0 for the molecules ``indices``, keyed by the step that uses it."""
        pairs = zip(indices.tolist(), sizes.tolist(), strict=True)
        return self.start(sizes, [self._normal(_random(seed, i, step), n) for i, n in pairs])


def _random(seed: int, index: int, step: int) -> np.random.Generator:
    """The random numbers of one molecule at one step: a stream of its own for every key."""
    key = np.array([seed, index], np.uint64)
    return np.random.Generator(np.random.Philox(counter=[0, 0, step, 0], key=key))


def _pad(noises: list[Tensor], like: Tensor) -> Tensor:
    padded = torch.zeros_like(like)
    for b, noise in enumerate(noises):
        padded[b, : len(noise)] = noise
    return padded


def _method(name: str, noise: float) -> Method:
    if name not in METHODS:
        raise InputError(f"method={name!r}: one of {', '.join(METHODS)}")
    if not 0 <= noise <= 1:
        raise InputError(f"noise={noise}: from 0 to 1")
    return METHODS[name]


def _require_whole(**values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, Integral):
            raise InputError(f"{name}={value!r}: a whole number is needed")


def _require_positive(**values: int) -> None:
    _require_whole(**values)
    for name, value in values.items():
        if value < 1:
            raise InputError(f"{name}={value}: at least 1")


def load(checkpoint: str | Path, device: str = "auto") -> Generator:
    """The model in a folder: a run folder or any folder with model.safetensors and config.json.

    device: a name that torch knows; "auto" is the GPU where there is one. InputError says what is
    missing, damaged or does not fit.
    """
    place, folder = _device(device), find_model(checkpoint)
    spec = read_spec(folder)
    if spec.loss not in LOSSES:
        known = ", ".join(LOSSES)
        raise InputError(f"{folder / CONFIG}: loss is {spec.loss!r}, this version knows {known}")
    require_fit(folder, spec, build_network)
    net = build_network(spec)
    fingerprint = load_weights(folder, net, spec.vocabulary)
    return Generator(net.to(place).eval(), spec, fingerprint)


def _device(name: str) -> torch.device:
    """The device of that name; InputError where torch knows none or cannot compute on it."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError, TypeError):
        known = "auto, cpu, cuda or another that torch can use here"
        raise InputError(f"device={name!r}: {known}") from None
    return device
