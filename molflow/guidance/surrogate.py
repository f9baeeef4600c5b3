"""A surrogate of a scorer: a small network fitted to the scores of molecules that soft graphs
become.

Training molecules are noised to a time t, and the model looks ahead from there as guidance does
(``flow.guidance.look_ahead``). The network learns the score of the argmax of that mu, from mu and
from the argmax itself. Invalid molecules and their score are among them. Its output is
differentiable. Whether it is true, only the scorer knows: its error on held-out molecules goes
along.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molflow.chem.objective import Objective
from molflow.console import atomic_write
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.store import cache_folder
from molflow.datasets.streams import GraphStream
from molflow.errors import InputError
from molflow.flow.guidance import look_ahead
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.samplers import decoded
from molflow.flow.state import Fields, State
from molflow.graph.soft import SoftGraphNet
from molflow.guidance.kinds import SurrogateGradient
from molflow.guidance.oracle import Oracle
from molflow.guidance.scores import Remembered
from molflow.modality import Graphs
from molflow.plugins import packages
from molflow.progress import progress

if TYPE_CHECKING:
    from molflow.datasets.tokens import TokenDataset
    from molflow.guidance.guides import Guide
    from molflow.model.model import Model

FORMAT = 1
MOLECULES, HELD_OUT = 8_000, 1_000
"""Molecules of the training split for the fit, and of the validation split for the trial."""
FIT_CALLS = MOLECULES + HELD_OUT
"""The most calls of the scorer for a fit."""
STEPS, BATCH, RATE = 1_500, 256, 6e-3
SEED = 0


@dataclass(frozen=True)
class Surrogate:
    """State -> (B,) predicted totals.

    Attributes:
        net: the network.
        accuracy: on soft held-out molecules, of every output of the network, the total first: name
            -> (R^2, Spearman's rank correlation), nan where undefined.
        calls: of the scorer, for the fit and its trial.
    """

    net: SoftGraphNet
    accuracy: dict[str, tuple[float, float]]
    calls: int

    def __call__(self, x: State) -> Tensor:
        """The predicted totals (B,), with a gradient in x."""
        read: Tensor = self.net(x)
        return read[:, 0]

    def numbers(self) -> dict[str, float]:
        """Accuracy and cost, as ``summary.steering_numbers`` names them."""
        made = {"fit_calls": float(self.calls)}
        for name, (r2, rho) in self.accuracy.items():
            suffix = "" if name == "total" else f"_{name}"
            made |= {f"r2{suffix}": r2, f"spearman{suffix}": rho}
        return made


def outputs(guide: Guide) -> tuple[str, ...]:
    """Names of a surrogate's outputs: the total, and the desirabilities of several components."""
    names = guide.scorer.names
    return ("total", *(names if len(names) > 1 else ()))


def surrogate_for(
    model: Model, guide: Guide, training: Callable[[], MoleculeDataset | TokenDataset]
) -> Surrogate:
    """The surrogate of this guide's scorer for this model, from the cache where it is kept there.

    A function of the user is fitted anew: nothing tells whether it is still the same.

    Args:
        model: of graphs.
        guide: with the scorer.
        training: gives the data that the model was trained on; asked for a fit alone.

    Raises:
        InputError: the model makes strings.
    """
    if not isinstance(model.spec.modality, Graphs):
        raise InputError("guidance=surrogate: reads graphs, and this model makes strings of tokens")
    path = _place(model, guide)
    found = None if path is None else _read(path, model)
    if found is None:
        data = training()
        assert isinstance(data, MoleculeDataset)
        found = fit(model, guide, data)
        if path is not None:
            _write(path, found)
    return found


def fit(model: Model, guide: Guide, data: MoleculeDataset) -> Surrogate:
    """Fit a surrogate to molecules of the training split, and try it on others of the validation
    split.

    Args:
        model: that looks ahead.
        guide: with the scorer.
        data: that the model was trained on.
    """
    random = np.random.default_rng(SEED)
    train = random.permutation(data.splits["train"])[:MOLECULES]
    held_out = random.permutation(data.splits["valid"])[:HELD_OUT]
    # What an objective says for a fit is forgotten: a fit that is read back leaves the same calls.
    scorer = _objective(guide) or guide.scorer
    oracle = Oracle(scorer, model.spec.modality, guide.invalid)
    looks = _Looks(model, guide, GraphStream(data, BATCH, SEED), oracle)
    net = _fitted(model, *looks.at(train))
    x, y = looks.at(held_out)
    with torch.no_grad():
        read = net(x).cpu()
    accuracy = {name: _agreement(read[:, k], y[:, k]) for k, name in enumerate(outputs(guide))}
    return Surrogate(net, accuracy, oracle.calls)


@dataclass(frozen=True)
class _Looks:
    """Inputs and targets of the network. stream: turns molecules of the data into clean states."""

    model: Model
    guide: Guide
    stream: GraphStream
    oracle: Oracle

    def at(self, indices: NDArray[np.int64]) -> tuple[State, Tensor]:
        """n soft states on the device of the model, and (n, outputs) of their argmax."""
        random = torch.Generator().manual_seed(SEED)
        starts = range(0, max(len(indices), 1), BATCH)
        parts = [
            self._batch(self.stream.states(indices[i : i + BATCH]), random)
            for i in progress(starts, "looking ahead", unit="batches")
        ]
        return _joined([x for x, _ in parts]), torch.cat([y for _, y in parts])

    def _batch(self, x_1: State, random: torch.Generator) -> tuple[State, Tensor]:
        noise = {k: torch.randn(v.shape, generator=random) for k, v in x_1.values.items()}
        t = torch.rand(len(x_1), generator=random).to(self.model.device)
        x_0 = prior(x_1, noise, self.model.spec.prior_scale).to(self.model.device)
        x_t = interpolate(x_0, x_1.to(self.model.device), t)
        with torch.no_grad():
            mu = look_ahead(self.model.posterior, x_t, t, _floor(self.guide)).mu
        return mu, self._told(mu)

    def _told(self, mu: State) -> Tensor:
        modality = self.model.spec.modality
        checked = modality.check(modality.things_of(mu))
        names, rows = outputs(self.guide), []
        for scored in self.oracle.judge(checked):
            # What is no molecule has no merit in any component.
            parts = (0.0,) * len(names) if scored is None else scored.desirabilities
            rows.append([self.oracle.reward(scored), *parts[: len(names) - 1]])
        return torch.tensor(rows, dtype=torch.float32).reshape(-1, len(names))


def _joined(states: list[State]) -> State:
    """One behind the other."""

    def join(name: str) -> Fields:
        fields = [getattr(x, name) for x in states]
        return {key: torch.cat([field[key] for field in fields]) for key in fields[0]}

    return State(join("values"), join("exists"), join("given"))


def _network(model: Model, outputs: int) -> SoftGraphNet:
    sizes = model.spec.modality.classes
    classes = sizes["atoms"], sizes["pairs"]
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        net = SoftGraphNet(classes, model.spec.max_size, outputs)
    return net.to(model.device)


def _fitted(model: Model, x: State, y: Tensor) -> SoftGraphNet:
    """The network after STEPS of AdamW on soft states and their argmax; a square error per output
    in units of its deviation."""
    net, random = _network(model, y.shape[1]), torch.Generator().manual_seed(SEED)
    x, y = _joined([x, decoded(x)]), y.repeat(2, 1).to(model.device)
    net.mean.copy_(y.mean(0))
    spread = y.std(0, correction=0)
    net.spread.copy_(spread.where(spread > 0, 1.0))
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    for _ in progress(range(STEPS), "fitting the surrogate", unit="steps"):
        chosen = torch.randint(len(y), (BATCH,), generator=random).to(model.device)
        loss = ((net(x[chosen]) - y[chosen]) / net.spread).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval().requires_grad_(False)


def _agreement(read: Tensor, true: Tensor) -> tuple[float, float]:
    """R^2 = 1 - sum (read - true)^2 / sum (true - mean)^2, and Spearman's rank correlation; nan
    where either is constant."""
    from scipy.stats import spearmanr

    if len(true) < 2 or bool((true == true[0]).all()) or bool((read == read[0]).all()):
        return math.nan, math.nan
    residual = (read - true).square().sum() / (true - true.mean()).square().sum()
    return float(1 - residual), float(spearmanr(read.numpy(), true.numpy())[0])


def _floor(guide: Guide) -> float:
    assert isinstance(guide.guidance, SurrogateGradient)
    return guide.guidance.entropy_floor


def _objective(guide: Guide) -> Objective | None:
    """The objective; None where the score is a function of the user."""
    scorer = guide.scorer.scorer if isinstance(guide.scorer, Remembered) else guide.scorer
    return scorer if isinstance(scorer, Objective) else None


def _place(model: Model, guide: Guide) -> Path | None:
    """The file of a fit, by all that it depends on; None where that cannot be known again."""
    objective = _objective(guide)
    if objective is None or model.fingerprint is None:
        return None
    about: dict[str, Any] = {
        "format": FORMAT,
        "fit": [MOLECULES, HELD_OUT, STEPS, BATCH, RATE, SEED],
        "model": [model.fingerprint, model.spec.to_dict()],
        "score": [objective.describe(), guide.invalid, _floor(guide)],
        "versions": [version("molflow"), version("rdkit"), *packages().items()],
    }
    name = sha256(json.dumps(about).encode()).hexdigest()[:16]
    return cache_folder() / "surrogates" / f"{name}.safetensors"


def _write(path: Path, surrogate: Surrogate) -> None:
    from safetensors.torch import save

    tensors = {k: v.cpu().contiguous() for k, v in surrogate.net.state_dict().items()}
    facts = {"accuracy": surrogate.accuracy, "calls": surrogate.calls}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={"facts": json.dumps(facts)}))


def _read(path: Path, model: Model) -> Surrogate | None:
    """The surrogate that is kept there; None where there is nothing whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        net = _network(model, len(tensors["mean"]))
        net.load_state_dict(tensors)
        accuracy = {name: (r2, rho) for name, (r2, rho) in facts["accuracy"].items()}
        return Surrogate(net.eval().requires_grad_(False), accuracy, int(facts["calls"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        return None
