"""Molecules of one cell of benchmarks.guidance.

Unguided molecules and the best of several are chosen from walks that all tasks share. Molecules of
another guide are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from benchmarks.guidance.kept import Protocol, guide_of, known, walk_facts
from benchmarks.guidance.measuring import Numbers, measure_rewards, scores
from benchmarks.guidance.plan import BEST_OF, UNGUIDED, GuidedCell
from molflow.chem.molecule import check
from molflow.chem.objective import Objective, parse_objective
from molflow.flow.samplers import sample
from molflow.graph.state import to_graphs
from molflow.progress import progress
from molflow.sampling import sampler
from molflow.sampling.noise import draw_sizes
from molflow.sampling.walk import Route

if TYPE_CHECKING:
    from molflow.generator import Generator
    from molflow.graph.graph import Graph
    from molflow.sampling.walk import Walk


def perform(cell: GuidedCell, protocol: Protocol, generator: Generator) -> Numbers:
    """The numbers of one cell."""
    objective = parse_objective(protocol.objectives[cell.task])
    if cell.method in (UNGUIDED, BEST_OF):
        return select(cell, protocol, generator, objective)
    made = replace(generator, batch_size=protocol.batch).sample(
        protocol.n, cell.steps, cell.walk, cell.seed, guide=guide_of(cell, protocol)
    )
    require_sizes(made.graphs, generator, cell.seed)
    assert made.steering is not None
    fit = made.steering.fit.get("fit_calls", 0)
    return {
        **measure_rewards([one.strict for one in made.checked], objective),
        "evaluations": made.evaluations,
        "looks": made.steering.looks,
        "calls": (made.steering.calls + fit) / len(made),
    }


def select(
    cell: GuidedCell, protocol: Protocol, generator: Generator, objective: Objective
) -> Numbers:
    """The numbers of unguided and of best_of, from walks that all tasks share; see `walked`.

    The best of the first so many walks of a molecule is the one that ``molflow.guide("best_of",
    ...)`` makes. The first walk alone is the unguided molecule.
    """
    walk = generator.walk(Route(cell.steps, cell.walk))
    particles = cell.settings.particles
    about = walk_facts(cell, protocol, generator)
    kept = known(about, lambda: walked(walk, cell.seed, protocol, generator))
    ends = [every[:particles] for every in kept]
    totals = scores({one for every in ends for one in every}, objective)
    rewards = {one: 0.0 if found is None else found.total for one, found in totals.items()}
    guided = cell.method == BEST_OF
    return {
        # max takes the first of equals, as guidance does.
        **measure_rewards([max(every, key=lambda one: rewards[one]) for every in ends], objective),
        "evaluations": float(particles * walk.evaluations),
        "looks": float(particles * guided),
        "calls": len(rewards.keys() - {None}) / len(ends) * guided,
    }


def walked(
    walk: Walk, seed: int, protocol: Protocol, generator: Generator
) -> list[list[str | None]]:
    """The ends of the walks of every molecule: SMILES, None where one is not strictly valid."""
    crowd = replace(generator.crowd(range(protocol.n), seed), particles=protocol.walks)
    batches, n = crowd.batches(protocol.batch), protocol.n
    ends: dict[int, list[str | None]] = {}
    with torch.no_grad():
        for chosen in progress(batches, "walking", n, "molecules", weight=len):
            batch = crowd[chosen]
            x_0 = sampler.start(generator, batch)
            moves = sampler.moves(generator, walk, batch, x_0)
            graphs = to_graphs(sample(moves, generator.posterior, x_0, walk.times))
            smiles = [check(graph, generator.spec.vocabulary).strict for graph in graphs]
            for place, molecule in enumerate(chosen.tolist()):
                ends[molecule] = smiles[place * protocol.walks : (place + 1) * protocol.walks]
    return [ends[i] for i in range(n)]


def require_sizes(graphs: Sequence[Graph], generator: Generator, seed: int) -> None:
    """Raise RuntimeError where a molecule has not the number of atoms that it has unguided."""
    sizes = draw_sizes(range(len(graphs)), seed, generator.spec.size_law)
    if [len(graph) for graph in graphs] != sizes.tolist():
        raise RuntimeError("guidance changed the sizes of molecules: rewards do not compare")
