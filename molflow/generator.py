"""A trained model as an object: load it, sample from it.

>>> import molflow
>>> samples = molflow.load("runs/qm9").sample(1000, steps=50, seed=0)   # doctest: +SKIP
>>> samples.molecules[0], samples.reasons[0]                            # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from molflow.build import METHODS, build_network, build_posterior
from molflow.checkpoint import ModelSpec, load_weights, read_spec
from molflow.chem.molecule import Checked, check_many
from molflow.console import progress
from molflow.errors import InputError
from molflow.flow.flow_map import Posterior
from molflow.flow.interpolant import prior
from molflow.flow.samplers import sample, trajectory
from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import blank_state, to_graphs
from molflow.metrics.validity import measure

if TYPE_CHECKING:
    from rdkit import Chem


@dataclass(frozen=True)
class Samples:
    """Generated molecules in the order of their index, valid or not.

    graphs: what the network made. checked: what chemistry says of it. evaluations: network
    evaluations per molecule. network_seconds, chemistry_seconds: wall time of the two parts.
    """

    graphs: list[Graph]
    checked: list[Checked]
    spec: ModelSpec
    evaluations: int
    network_seconds: float
    chemistry_seconds: float

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def molecules(self) -> list[Chem.Mol | None]:
        """A molecule that passed sanitisation and is connected, or None; see ``reasons``."""
        return [c.mol if c.connected else None for c in self.checked]

    @cached_property
    def smiles(self) -> list[str | None]:
        """Canonical SMILES of every molecule that passes sanitisation, None for the others."""
        return [c.smiles for c in self.checked]

    @cached_property
    def reasons(self) -> list[str | None]:
        """Why a molecule is not strictly valid, None for those that are."""
        return [c.reason for c in self.checked]

    def metrics(self, training: Collection[str] | None = None) -> dict[str, float]:
        """The validities, uniqueness and novelty (see ``metrics.validity``)."""
        return measure(self.graphs, self.spec.vocabulary, training)


@dataclass(frozen=True)
class Generator:
    """A network with everything that sampling needs."""

    net: nn.Module
    spec: ModelSpec

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
    ) -> Samples:
        """``n`` molecules in ``steps`` network evaluations each.

        The size and the noise of molecule i depend on (seed, i) alone, so neither n nor the batch
        size changes it. atoms: a number of atoms for all; by default sizes follow the training law.
        """
        _require_positive(n=n, steps=steps, batch_size=batch_size)
        step = _method(method)
        started = time.perf_counter()
        sizes, noises = self.noise(range(n), seed, atoms)
        order = np.argsort(sizes, kind="stable")
        batches = [order[k : k + batch_size] for k in range(0, n, batch_size)]
        graphs: list[Graph | None] = [None] * n
        for chosen in progress(batches, "sampling", unit="batch"):
            x_0 = self.start(sizes[chosen], [noises[i] for i in chosen])
            with torch.inference_mode():
                made = to_graphs(sample(step, self.posterior, x_0, steps))
            for i, graph in zip(chosen.tolist(), made, strict=True):
                graphs[i] = graph
        complete = [graph for graph in graphs if graph is not None]
        sampled = time.perf_counter()
        checked = check_many(complete, self.spec.vocabulary)
        finished = time.perf_counter()
        return Samples(
            complete, checked, self.spec, steps, sampled - started, finished - sampled
        )

    def trajectory(
        self, n: int, steps: int = 50, method: str = "euler", seed: int = 0
    ) -> list[tuple[float, State, State]]:
        """(t, x_t, mu_tt(x_t)) along the sampling of molecules 0..n-1, on the CPU."""
        _require_positive(n=n, steps=steps)
        sizes, noises = self.noise(range(n), seed)
        mu, states = self.posterior, []
        with torch.inference_mode():
            x_0 = self.start(sizes, noises)
            for time_, x in trajectory(_method(method), mu, x_0, steps):
                t = torch.full((n,), time_, device=self.device)
                states.append((time_, x.to("cpu"), mu(x, t, t).to("cpu")))
        return states

    def noise(
        self, indices: Sequence[int], seed: int, atoms: int | None = None
    ) -> tuple[np.ndarray, list[Fields]]:
        """Sizes (n,) and, for every molecule, field -> (D, K) noise for its own variables."""
        if atoms is not None and not 1 <= atoms <= self.spec.max_atoms:
            raise InputError(f"atoms={atoms}: this model makes 1 to {self.spec.max_atoms} atoms")
        law = np.cumsum(self.spec.size_law)
        classes, sizes, noises = self.spec.classes, [], []
        for i in indices:
            random = np.random.Generator(np.random.Philox(key=np.array([seed, i], np.uint64)))
            drawn = int(np.searchsorted(law, random.random() * law[-1], side="right"))
            size = atoms or drawn
            sizes.append(size)
            noises.append(
                {
                    name: torch.from_numpy(random.standard_normal((d, k), np.float32))
                    for name, d, k in zip(
                        ("atoms", "pairs"), (size, pair_count(size)), classes, strict=True
                    )
                }
            )
        return np.array(sizes), noises

    def start(self, sizes: np.ndarray, noises: Sequence[Fields]) -> State:
        """x_0 of one batch, padded to its largest molecule."""
        blank = blank_state(torch.from_numpy(sizes), int(sizes.max()), self.spec.classes)
        padded = {
            name: _pad([noise[name] for noise in noises], value)
            for name, value in blank.values.items()
        }
        return prior(blank, padded, self.spec.prior_scale).to(self.device)


def _pad(noises: list[Tensor], like: Tensor) -> Tensor:
    padded = torch.zeros_like(like)
    for b, noise in enumerate(noises):
        padded[b, : len(noise)] = noise
    return padded


def _method(name: str) -> Callable[..., State]:
    if name not in METHODS:
        raise InputError(f"method={name!r}: one of {', '.join(METHODS)}")
    return METHODS[name]


def _require_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise InputError(f"{name}={value}: at least 1")


def load(checkpoint: str | Path, device: str = "auto") -> Generator:
    """The model in a folder: a run folder or any folder with model.safetensors and config.json."""
    folder = Path(checkpoint)
    spec = read_spec(folder)
    net = build_network(spec)
    load_weights(folder, net)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Generator(net.to(device).eval(), spec)
