"""Constraints as states: what is held, what is allowed, and whether a molecule has it.

Every constraint is exact by construction. A scaffold's atoms and the pairs among them are given
variables of the state, clean at every time, as the parts that training shows; so are atoms of the
elements that are counted, and the pairs of scaffold atoms that may not grow with new atoms, as
"none". Classes that no other atom may have are ruled out of the posterior (``flow.restriction``).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem

from molflow.chem.constraints import Plan, is_forbidden
from molflow.chem.scaffold import Bools
from molflow.chem.vocabulary import strip_charges
from molflow.errors import InputError
from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, Ints, pair_count, pair_endpoints
from molflow.graph.state import clean_state


def conditioned(law: NDArray[np.float64], plan: Plan) -> NDArray[np.float64]:
    """The law of sizes (max_atoms + 1,) given that the plan allows the size; sums to 1.

    InputError where the law makes no such size; a fixed number of atoms is taken as it is.
    """
    smallest, largest = plan.sizes
    sizes = np.arange(len(law))
    if plan.constraint.atoms is not None:
        return (sizes == smallest).astype(np.float64)
    kept = np.where((sizes >= smallest) & (sizes <= largest), law, 0.0)
    if kept.sum() <= 0:
        raise InputError(
            f"constraints: {smallest} to {largest} atoms, sizes that this model was not trained "
            "on; atoms=<number> asks for one all the same"
        )
    return np.asarray(kept / kept.sum())


def held_state(plan: Plan, sizes: Ints, priority: NDArray[np.float64]) -> State:
    """What sampling holds: a state whose given variables are one-hot at their class.

    sizes: (B,), within plan.sizes. priority: (B, N), N >= every size, distinct random numbers in
    each row: the counted atoms are the free ones of highest priority. The values of free variables
    are meaningless: noise goes there.
    """
    n, k = priority.shape[1], len(plan.scaffold)
    positions = np.arange(n)
    atoms, held = np.zeros((len(sizes), n), np.int64), np.zeros((len(sizes), n), np.bool_)
    atoms[:, :k], held[:, :k] = plan.scaffold.graph.atoms, True
    free = (positions >= k) & (positions < sizes[:, None])
    chosen = np.where(free, -priority, np.inf).argsort(1, kind="stable")[:, : len(plan.drawn)]
    np.put_along_axis(atoms, chosen, np.broadcast_to(plan.drawn, chosen.shape), 1)
    np.put_along_axis(held, chosen, True, 1)
    pairs, held_pairs = (np.broadcast_to(x, (len(sizes), len(x))) for x in _pairs(plan, n))
    state = clean_state(
        torch.from_numpy(atoms),
        torch.from_numpy(pairs.copy()),
        torch.from_numpy(sizes),
        (len(plan.vocabulary.atoms), len(plan.vocabulary.bonds)),
    )
    return state.hold(
        {"atoms": torch.from_numpy(held), "pairs": torch.from_numpy(held_pairs.copy())}
    )


def allowed_classes(plan: Plan) -> Fields:
    """What ``flow.restriction.restricted`` needs: the classes (A,) of the free atoms."""
    return {"atoms": torch.from_numpy(plan.allowed)}


def _pairs(plan: Plan, n: int) -> tuple[Ints, Bools]:
    """Classes (P,) and whether they are held (P,), of the pairs of n atoms."""
    k = len(plan.scaffold)
    low, high = pair_endpoints(n)
    classes = np.zeros(len(low), np.int64)
    held = (low < k) & (high >= k)
    held[held] = ~plan.scaffold.grows[low[held]]
    classes[: pair_count(k)], held[: pair_count(k)] = plan.scaffold.graph.pairs, plan.scaffold.fixed
    return classes, held


def kept(graph: Graph, plan: Plan) -> bool:
    """Whether a graph, sampled by the plan or not, has every held variable, count and size."""
    k, (smallest, largest) = len(plan.scaffold), plan.sizes
    if not smallest <= len(graph) <= largest:
        return False
    pairs, held = _pairs(plan, len(graph))
    names = [plan.vocabulary.atoms[a] for a in graph.atoms.tolist()]
    elements = Counter(map(strip_charges, names))
    return (
        np.array_equal(graph.atoms[:k], plan.scaffold.graph.atoms)
        and np.array_equal(graph.pairs[held], pairs[held])
        and all(elements[name] == count for name, count in plan.constraint.elements.items())
        and not any(is_forbidden(name, plan.constraint) for name in names)
    )


def substructure_kept(mol: Chem.Mol, plan: Plan) -> bool:
    """Whether a sanitised molecule has the scaffold somewhere, as RDKit matches substructures.

    Stricter than ``kept`` in one way: where growth makes a part aromatic, or no longer aromatic,
    that was not so in the scaffold, the bonds are kept and yet do not match.
    """
    return plan.scaffold.mol is None or mol.HasSubstructMatch(plan.scaffold.mol)
