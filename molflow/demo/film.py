"""A film of one molecule: its posterior mu_tt(x_t) sharpens from noise to the molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor

from molflow.chem.molecule import Checked
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.state import Fields, State
from molflow.library.task import SampleTask
from molflow.modality import Graphs
from molflow.sampling.sampler import trajectory
from molflow.sampling.walk import Route

Floats = NDArray[np.float64]

STEPS = (1, 4, 50)
"""Numbers of steps of the films that the page shows side by side."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The posterior at one time.

    Attributes:
        time: t.
        atoms: (N, A) probabilities of the classes of every atom.
        pairs: (P, K) probabilities of the bonds of every pair, the first of which is none.
    """

    time: float
    atoms: Floats
    pairs: Floats


@dataclass(frozen=True, eq=False)
class Film:
    """One walk of one molecule.

    Attributes:
        frames: of every time of the walk, the last of which is the molecule itself.
        places: (N, 2), of the atoms, in [0, 1].
        checked: the judgement of chemistry on the molecule.
        vocabulary: of the classes.
    """

    frames: tuple[Frame, ...]
    places: Floats
    checked: Checked
    vocabulary: Vocabulary

    @property
    def steps(self) -> int:
        """Count the steps of the walk."""
        return len(self.frames) - 1


def film(task: SampleTask, molecule: int, steps: int) -> Film:
    """Follow one molecule of a run, without its guide, in another number of steps.

    Args:
        task: the run.
        molecule: its index.
        steps: from noise to molecule.

    Raises:
        InputError: the run has no such molecule.
    """
    config, model = task.config, task.generator
    if not 0 <= molecule < config.n:
        raise InputError(f"molecule={molecule}: from 0 to {config.n - 1}")
    route = Route(steps, config.method, noise_scale=task.walk.noise_scale)
    crowd = task.crowd(range(molecule, molecule + 1))
    states = trajectory(model, model.walk(route), crowd)
    modality = model.spec.modality
    assert isinstance(modality, Graphs)
    end = states[-1][1]
    (graph,) = modality.things_of(end)
    (checked,) = modality.check([graph])
    frames = [frame_of(t, mu) for t, _, mu in states[:-1]]
    frames.append(frame_of(1.0, end.with_values(_certain(end))))
    sketch = modality.sketch(graph)
    assert sketch is not None
    return Film(tuple(frames), layout(sketch), checked, modality.vocabulary)


def _certain(x: State) -> Fields:
    return {
        name: torch.nn.functional.one_hot(classes, x.values[name].shape[-1]).to(x.values[name])
        for name, classes in x.argmax().items()
    }


def frame_of(time: float, mu: State) -> Frame:
    """Take the probabilities of a state of one molecule."""
    atoms, pairs = (mu.values[name][0].double().numpy() for name in ("atoms", "pairs"))
    return Frame(time, atoms, pairs)


def layout(mol: Chem.Mol) -> Floats:
    """Place the atoms of a molecule, valid or not, in the unit square: (N, 2), y downward."""
    flat = Chem.Mol(mol)
    with rdBase.BlockLogs():
        Chem.FastFindRings(flat)
        rdDepictor.Compute2DCoords(flat)
    places = flat.GetConformer().GetPositions()[:, :2] * (1, -1)
    low, high = places.min(0), places.max(0)
    return 0.5 + (places - (low + high) / 2) / max(float((high - low).max()), 1e-6, 3.0)


def films(task: SampleTask, molecule: int, steps: Sequence[int] = STEPS) -> list[Film]:
    """Follow one molecule from the same noise in several numbers of steps."""
    return [film(task, molecule, count) for count in steps]
