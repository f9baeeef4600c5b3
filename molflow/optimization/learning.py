"""The model learns on the way: steps of the flow's own loss on the elite among training molecules.

The weights are a copy; those that the user loaded stay. Each lesson is a function of the seed, the
round, the weights before it and the calls so far. Its weights are written, so that a run that goes
on has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from molflow.console import atomic_write
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.state import State
from molflow.graph.graph import Graph
from molflow.graph.moves import Draft, grown, part_of, to_state, whole
from molflow.model.model import Model
from molflow.model.network import LOSSES
from molflow.optimization.model_moves import Ground
from molflow.optimization.population import Population

LEARNED = "learned.safetensors"
ELITE = 200
"""A lesson is about so many molecules of the population."""
STEPS, BATCH, RATE = 12, 32, 1e-4
TRAINING = 0.5
"""The share of training molecules in a batch, where they are here."""
LESSON = 2
"""Sets the random numbers of lessons apart from those of breeding."""


@dataclass
class Learner:
    """A copy of a model that learns every so many rounds.

    Attributes:
        model: its network is changed in place.
        ground: reads the graphs of calls.
        every: rounds from lesson to lesson.
        seed: of the lessons.
        training: graphs of training molecules.
        folder: where the weights are written; None is nowhere.
        learned: the round of the last lesson.
    """

    model: Model
    ground: Ground
    every: int
    seed: int
    training: Sequence[Graph] = ()
    folder: Path | None = None
    learned: int = 0

    def __call__(self, round_: int, population: Population) -> None:
        """Learn before the round, where a lesson is due and was not had."""
        if round_ == 0 or round_ % self.every or round_ <= self.learned:
            return
        elite = [self.ground.graph(call) for call in population.ranked[:ELITE]]
        graphs = [graph for graph in elite if graph is not None and len(graph) > 2]
        if graphs:
            self._lesson(graphs, np.random.default_rng([self.seed, round_, LESSON]))
        self.learned = round_
        if self.folder is not None:
            self._write(self.folder / LEARNED)

    def _lesson(self, elite: Sequence[Graph], random: np.random.Generator) -> None:
        net = self.model.net
        optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.0)
        net.train()
        for _ in range(STEPS):
            old = round(TRAINING * BATCH) if self.training else 0
            graphs = [elite[i] for i in random.integers(len(elite), size=BATCH - old)]
            graphs += (
                [self.training[i] for i in random.integers(len(self.training), size=old)]
                if old
                else []
            )
            optimizer.zero_grad(set_to_none=True)
            _loss(self.model, graphs, random).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        net.eval()

    def _write(self, path: Path) -> None:
        from safetensors.torch import save

        tensors = {k: v.detach().cpu().contiguous() for k, v in self.model.net.state_dict().items()}
        with atomic_write(path) as temporary:
            temporary.write_bytes(save(tensors, {"round": str(self.learned)}))

    def read(self) -> None:
        """Load the weights of the last lesson of a run that goes on, if there was one."""
        from safetensors import safe_open

        if self.folder is None or not (self.folder / LEARNED).is_file():
            return
        with safe_open(self.folder / LEARNED, "pt") as file:
            self.learned = int(file.metadata()["round"])
            self.model.net.load_state_dict({k: file.get_tensor(k) for k in file.keys()})  # noqa: SIM118


def copied(model: Model) -> Model:
    """The model with weights of its own."""
    return type(model)(deepcopy(model.net), model.spec, model.fingerprint)


def _loss(model: Model, graphs: Sequence[Graph], random: np.random.Generator) -> Tensor:
    """The mean loss of the flow on the diagonal s = t, of molecules of which training's share shows
    a part."""
    shown = [_shown(graph, model.spec.shown, random) for graph in graphs]
    classes = model.spec.modality.classes
    x_1 = to_state(shown, (classes["atoms"], classes["pairs"]))
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    noise = {k: torch.randn(v.shape, generator=generator) for k, v in x_1.values.items()}
    t = torch.rand(len(shown), generator=generator)
    x_t: State = interpolate(prior(x_1, noise, model.spec.prior_scale), x_1, t)
    device = model.device
    output = model.net(x_t.to(device), t.to(device), t.to(device))
    parts = LOSSES[model.spec.loss](output, x_1.to(device))
    return torch.stack([part.mean() for part in parts.values()]).sum()


def _shown(graph: Graph, share: float, random: np.random.Generator) -> Draft:
    """The graph, a part of it given in a ``share`` of the cases."""
    if random.random() >= share:
        return whole(graph, 0.0)
    wanted = int(random.integers(1, len(graph)))
    part = part_of(graph, wanted, random)
    rest = np.setdiff1d(np.arange(len(graph)), part[0])
    given = grown([(graph, *part)], len(graph), random)
    everything = grown(
        [(graph, np.concatenate([part[0], rest]), np.zeros(len(graph), np.bool_))],
        len(graph),
        random,
    )
    return Draft(everything.atoms, everything.pairs, given.given_atoms, given.given_pairs)
