"""Constraints as states: held and allowed classes, and whether a molecule keeps them.

Every constraint is exact by construction. Training shows some parts of molecules clean at every
time, as given variables of the state. A walk is given held variables in the same way:

- the atoms of a scaffold, and the pairs among them;
- atoms of the elements that are counted;
- pairs of new atoms with atoms of the scaffold that may not grow, as "none";
- at each mark of a scaffold, a single bond to a new atom that random numbers choose.

Classes that no other atom may have are ruled out of the posterior (``flow.restriction``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem

from molflow.chem.constraints import ONCE, Plan, is_forbidden
from molflow.chem.scaffold import Bools
from molflow.chem.vocabulary import BONDS, strip_charges
from molflow.errors import InputError
from molflow.flow.state import Fields, State
from molflow.graph.graph import Graph, Ints, pair_count, pair_endpoints
from molflow.graph.state import clean_state

SINGLE = BONDS.index("single")
DIGITS = 2**26
"""This factor moves half of a random number's digits before the point: they choose the counted
atoms.
"""


def conditioned(law: NDArray[np.float64], plan: Plan) -> NDArray[np.float64]:
    """The law of sizes (max_atoms + 1,), given that the plan allows the size; it sums to 1.

    A fixed number of atoms is taken as it is.

    Args:
        law: (max_atoms + 1,), the law without a plan.
        plan: the constraint.

    Raises:
        InputError: the law makes no size that the plan allows.
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
    """The state that sampling holds: its given variables are one-hot at their class.

    The values of free variables are meaningless: noise goes there.

    Args:
        plan: the constraint.
        sizes: (B,), within plan.sizes.
        priority: (B, N), N >= every size, distinct random numbers in each row. The counted atoms
            are the free ones of highest priority. Its last digits choose the atoms at the marks.
    """
    n, k = priority.shape[1], len(plan.scaffold)
    positions = np.arange(n)
    atoms, held = np.zeros((len(sizes), n), np.int64), np.zeros((len(sizes), n), np.bool_)
    atoms[:, :k], held[:, :k] = plan.scaffold.graph.atoms, True
    free = (positions >= k) & (positions < sizes[:, None])
    chosen = np.where(free, -priority, np.inf).argsort(1, kind="stable")[:, : len(plan.drawn)]
    np.put_along_axis(atoms, chosen, np.broadcast_to(plan.drawn, chosen.shape), 1)
    np.put_along_axis(held, chosen, True, 1)
    inside, inside_held = _pairs(plan, n)
    pairs, held_pairs = np.tile(inside, (len(sizes), 1)), np.tile(inside_held, (len(sizes), 1))
    _bond_marks(plan, free, priority, pairs, held_pairs)
    state = clean_state(
        torch.from_numpy(atoms),
        torch.from_numpy(pairs),
        torch.from_numpy(sizes),
        (len(plan.vocabulary.atoms), len(plan.vocabulary.bonds)),
    )
    return state.hold({"atoms": torch.from_numpy(held), "pairs": torch.from_numpy(held_pairs)})


def _bond_marks(
    plan: Plan,
    free: Bools,
    priority: NDArray[np.float64],
    pairs: NDArray[Any],
    held: NDArray[Any],
) -> None:
    """Writes a single bond from every mark to a new atom into pairs (B, P) and held (B, P).

    Marks of one fragment bond to different atoms, chosen at random. Where there are fewer new atoms
    than marks, those of several fragments share one.
    """
    marks = plan.marks
    if not len(marks):
        return
    digits = np.where(free, priority * DIGITS % 1, np.inf)
    ends = digits.argsort(1, kind="stable")
    turns = np.arange(len(marks)) % free.sum(1)[:, None]
    ends = np.take_along_axis(ends, turns, 1)
    # Free atoms come after those of the scaffold.
    places = ends * (ends - 1) // 2 + marks
    np.put_along_axis(pairs, places, SINGLE, 1)
    np.put_along_axis(held, places, True, 1)


def allowed_classes(plan: Plan) -> Fields:
    """The classes (A,) of the free atoms, as ``flow.restriction.restricted`` needs them."""
    return {"atoms": torch.from_numpy(plan.allowed)}


def _pairs(plan: Plan, n: int) -> tuple[Ints, Bools]:
    """Classes (P,) and whether they are held (P,), of the pairs of n atoms."""
    k = len(plan.scaffold)
    low, high = pair_endpoints(n)
    classes = np.zeros(len(low), np.int64)
    held = (low < k) & (high >= k)
    held[held] = ~plan.scaffold.grows[low[held]]
    classes[: pair_count(k)], held[: pair_count(k)] = plan.scaffold.graph.pairs, plan.scaffold.fixed
    if plan.constraint.marks == ONCE and len(plan.marks):
        # All but the bonds of the marks, which differ from molecule to molecule.
        held[low < k] = True
    return classes, held


def decorated(graph: Graph, plan: Plan) -> bool:
    """Whether every mark has its bonds to new atoms, by ``constraints.MARKS``; true without marks.

    Where they are optional, every marked atom needs at least as many bonds as marks.
    """
    k, marks = len(plan.scaffold), plan.scaffold.marks
    low, high = pair_endpoints(len(graph))
    outside = (low < k) & (high >= k)
    bonds = np.bincount(low[outside], graph.pairs[outside] > 0, minlength=k)
    single = np.bincount(low[outside], graph.pairs[outside] == SINGLE, minlength=k)
    marked = marks > 0
    enough = bonds if not len(plan.marks) else single
    exact = plan.constraint.marks == ONCE and bool(len(plan.marks))
    return bool((enough >= marks)[marked].all()) and not (exact and (bonds != marks)[marked].any())


def kept(graph: Graph, plan: Plan) -> bool:
    """Whether a graph, sampled by the plan or not, has every held variable, count and size."""
    k, (smallest, largest) = len(plan.scaffold), plan.sizes
    if not smallest <= len(graph) <= largest:
        return False
    pairs, held = _pairs(plan, len(graph))
    if len(plan.marks):
        low, high = pair_endpoints(len(graph))
        held &= (high < k) | (low >= k) | ~plan.scaffold.grows[np.minimum(low, k - 1)]
    names = [plan.vocabulary.atoms[a] for a in graph.atoms.tolist()]
    elements = Counter(map(strip_charges, names))
    return (
        np.array_equal(graph.atoms[:k], plan.scaffold.graph.atoms)
        and np.array_equal(graph.pairs[held], pairs[held])
        and (not len(plan.marks) or decorated(graph, plan))
        and all(elements[name] == count for name, count in plan.constraint.elements.items())
        and not any(is_forbidden(name, plan.constraint) for name in names)
    )


def substructure_kept(mol: Chem.Mol, plan: Plan) -> bool:
    """Whether a sanitised molecule has the scaffold somewhere, as RDKit matches substructures.

    It is stricter than ``kept`` in one way. Growth may make a part of the scaffold aromatic, or no
    longer aromatic. Its bonds are kept then, and yet do not match.
    """
    return plan.scaffold.mol is None or mol.HasSubstructMatch(plan.scaffold.mol)
