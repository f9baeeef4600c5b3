"""States of constraints: what is held is kept by any network at all, what is ruled out never is."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.chem.constraints import Constraint, Plan, parse_constraint, plan
from molflow.chem.holding import (
    allowed_classes,
    conditioned,
    decorated,
    held_state,
    kept,
    substructure_kept,
)
from molflow.chem.molecule import Vocabulary, canonical_order, read_smiles, to_graph
from molflow.chem.vocabulary import strip_charges
from molflow.errors import InputError
from molflow.flow.flow_map import euler_step, flow_map
from molflow.flow.interpolant import prior
from molflow.flow.restriction import restricted
from molflow.flow.samplers import heun_step, renoised, sample
from molflow.flow.state import State
from molflow.flow.times import time_steps
from molflow.graph.graph import Graph, pair_count, pair_index
from molflow.graph.state import to_graphs

QM9 = Vocabulary(("C-", "C", "N-", "N", "N+", "O-", "O", "F"))
LAW = np.array([0, 0, 0, 0, 0, 0, 0.1, 0.1, 0.2, 0.6])

CASES = {
    "benzene": Constraint("c1ccccc1"),
    "pyridine": Constraint("[*:1]c1ccncc1"),
    "linker": Constraint("[*:1]CO.[*:2]NC", atoms=7),
    "unmarked linker": Constraint("CO.NC"),
    "two marks": Constraint("[*:1]CCO[*:2]"),
    "two marks on an atom": Constraint("*C(*)O", elements={"N": 2}),
    "at least one bond": Constraint("[*:1]CCO[*:2]", marks="at_least_once"),
    "optional bonds": Constraint("[*:1]CCO[*:2]", marks="optional"),
    "nitro": Constraint("O=[N+]([O-])C[*:1]", forbidden=("F",)),
    "counts": Constraint(elements={"N": 2, "O": 1, "F": 0}),
    "everything": Constraint("[*:1]c1ccc[nH]1", None, {"N": 2, "O": 1}, ("F", "C-")),
}


@cache
def planned(name: str) -> Plan:
    return plan(CASES[name], QM9, 9)


def random_state(made: Plan, examples: int, seed: int) -> State:
    """What is held, for sizes all over the range of the plan."""
    random = np.random.default_rng(seed)
    sizes = random.integers(made.sizes[0], made.sizes[1] + 1, examples)
    return held_state(made, sizes, random.random((examples, int(sizes.max()))))


def noise(held: State, seed: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: value.shape for name, value in held.values.items()}
    drawn = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return prior(held, drawn, 0.5)


def wild(x: State, s: torch.Tensor, t: torch.Tensor) -> State:
    """A posterior of nothing in particular, sharp and dependent on everything."""
    return (20 * x.map(lambda v: torch.sin(40 * v)) * (1 + s + t)).softmax()


def graphs_of(made: Plan, steps: int, name: str, seed: int) -> list[Graph]:
    held = random_state(made, 60, seed)
    step = {
        "euler": euler_step,
        "flow_map": flow_map,
        "heun": heun_step,
        "renoised": renoised(noise(held, seed + 1), 1.0),
    }[name]
    mu = restricted(wild, allowed_classes(made))
    return to_graphs(sample(step, mu, noise(held, seed), time_steps(steps)))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("name", "steps"), [("euler", 1), ("euler", 5), ("flow_map", 2), ("heun", 3), ("renoised", 3)]
)
def test_whatever_the_network_says_the_constraint_holds(case, name, steps):
    made = planned(case)
    graphs = graphs_of(made, steps, name, seed=3)
    assert all(kept(graph, made) for graph in graphs)
    assert len({graph.atoms.tobytes() + graph.pairs.tobytes() for graph in graphs}) > 40


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_atoms_and_bonds_of_the_scaffold_are_in_every_graph(seed):
    expected = [1, 0, 2, 0, 0, 1, 0, 0, 0, 2, 2, 0, 0, 0, 1]
    for graph in graphs_of(planned("benzene"), 2, "euler", seed):
        assert [QM9.atoms[a] for a in graph.atoms[:6]] == ["C"] * 6
        assert graph.pairs[:15].tolist() == expected


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_counts_are_exact_and_forbidden_elements_never_appear(seed):
    for graph in graphs_of(planned("everything"), 2, "euler", seed):
        names = [QM9.atoms[a] for a in graph.atoms]
        elements = Counter(map(strip_charges, names))
        assert (elements["N"], elements["O"], elements["F"]) == (2, 1, 0)
        assert "C-" not in names


def test_without_the_held_variables_the_constraint_does_not_hold():
    made = planned("counts")
    held = random_state(made, 60, 3)
    loose = held.hold({name: torch.zeros_like(m) for name, m in held.given.items()})
    mu = restricted(wild, allowed_classes(made))
    graphs = to_graphs(sample(euler_step, mu, noise(loose, 3), time_steps(5)))
    assert not all(kept(graph, made) for graph in graphs)


def test_without_the_restriction_the_constraint_does_not_hold():
    held = random_state(planned("counts"), 60, 3)
    graphs = to_graphs(sample(euler_step, wild, noise(held, 3), time_steps(5)))
    assert not all(kept(graph, planned("counts")) for graph in graphs)


def test_a_scaffold_is_held_in_the_first_atoms():
    state = held_state(planned("pyridine"), np.array([7, 8]), np.zeros((2, 8)))
    assert state.given["atoms"].tolist() == [[True] * 6 + [False] * 2] * 2
    assert state.argmax()["atoms"][:, :6].tolist() == [[1, 1, 1, 3, 1, 1]] * 2
    assert state.given["pairs"][:, :15].all()


def test_new_atoms_bond_to_marked_atoms_alone():
    made = plan(Constraint("[*:1]c1ccncc1", marks="optional"), QM9, 9)
    state = held_state(made, np.array([8]), np.zeros((1, 8)))
    free = [(i, j) for j in range(8) for i in range(j) if state.free["pairs"][0, pair_index(i, j)]]
    assert free == [(0, 6), (0, 7), (6, 7)]
    closed = state.values["pairs"][0, pair_index(3, 6)]
    assert closed.tolist() == [1, 0, 0, 0]


def test_fragments_bond_to_each_other_at_their_marks_alone():
    made = plan(Constraint("[*:1]CO.[*:2]NC", atoms=7, marks="optional"), QM9, 9)
    state = held_state(made, np.array([7]), np.zeros((1, 7)))
    inside = [
        (i, j) for j in range(4) for i in range(j) if state.free["pairs"][0, pair_index(i, j)]
    ]
    assert [planned("linker").scaffold.grows.tolist(), inside] == [[True, False] * 2, [(0, 2)]]


def bonds_to_new_atoms(made: Plan, graph: Graph) -> list[list[int]]:
    """Of every atom of the scaffold: the classes of its bonds to new atoms."""
    k = len(made.scaffold)
    found = [[int(graph.pairs[pair_index(i, j)]) for j in range(k, len(graph))] for i in range(k)]
    return [[one for one in row if one] for row in found]


@pytest.mark.parametrize("case", ["two marks", "two marks on an atom", "pyridine", "linker"])
def test_every_mark_is_exactly_one_single_bond_to_a_new_atom(case):
    made = planned(case)
    for graph in graphs_of(made, 3, "renoised", seed=5):
        expected = [[1] * marks for marks in made.scaffold.marks.tolist()]
        assert bonds_to_new_atoms(made, graph) == expected


def test_a_mark_may_have_more_bonds_than_one_where_at_least_one_is_asked_for():
    made = planned("at least one bond")
    found = [bonds_to_new_atoms(made, graph) for graph in graphs_of(made, 3, "renoised", seed=5)]
    marked = [row for rows in found for row, n in zip(rows, made.scaffold.marks, strict=True) if n]
    assert all(1 in row for row in marked)
    assert any(len(row) > 1 for row in marked)


def test_marks_without_a_bond_are_told_where_they_are_optional():
    made = planned("optional bonds")
    graphs = graphs_of(made, 3, "renoised", seed=5)
    found = [bonds_to_new_atoms(made, graph) for graph in graphs]
    marks = made.scaffold.marks.tolist()
    met = [all(len(row) >= n for row, n in zip(rows, marks, strict=True)) for rows in found]
    assert [decorated(graph, made) for graph in graphs] == met
    assert {True, False} == set(met)


def test_the_atoms_at_the_marks_are_chosen_at_random_and_apart_from_the_counted_ones():
    made = plan(Constraint("[*:1]CO", elements={"N": 1}, atoms=6), QM9, 9)
    random = np.random.default_rng(0)
    state = held_state(made, np.full(4000, 6), random.random((4000, 6)))
    atoms, classes = state.argmax()["atoms"].numpy(), state.argmax()["pairs"].numpy()
    marked = int(np.flatnonzero(made.scaffold.marks)[0])
    bonded = np.stack([classes[:, pair_index(marked, j)] for j in range(2, 6)], 1)
    np.testing.assert_allclose(bonded.mean(0), 0.25, atol=0.03)
    counted = atoms[:, 2:] == QM9.atom_class["N"]
    np.testing.assert_allclose((bonded * counted).sum(1).mean(), 0.25, atol=0.03)


def test_marks_of_several_fragments_share_the_only_new_atom():
    made = plan(Constraint("[*:1]CO.[*:2]NC", atoms=5), QM9, 9)
    assert bonds_to_new_atoms(made, graphs_of(made, 2, "euler", seed=1)[0]).count([1]) == 2


def test_padding_is_not_held():
    state = held_state(planned("pyridine"), np.array([7]), np.zeros((1, 9)))
    assert state.given["atoms"].sum() == 6
    assert not state.given["pairs"][:, pair_count(7) :].any()


def test_counted_elements_are_at_the_free_atoms_of_highest_priority():
    made = plan(Constraint("CC", elements={"N": 1, "O": 1}), QM9, 9)
    priority = np.array([[0.9, 0.8, 0.1, 0.5, 0.3, 0.7], [0.9, 0.8, 0.6, 0.2, 0.4, 0.7]])
    state = held_state(made, np.array([6, 5]), priority)
    atoms, held = state.argmax()["atoms"], state.given["atoms"]
    assert [QM9.atoms[a] for a in atoms[0][held[0]]] == ["C", "C", "O", "N"]
    assert held.tolist() == [
        [True, True, False, True, False, True],
        [True, True, True, False, True, False],
    ]
    assert [QM9.atoms[a] for a in atoms[1][held[1]]] == ["C", "C", "N", "O"]


@given(seed=st.integers(0, 2**31))
def test_a_molecule_does_not_depend_on_its_batch(seed):
    random, made = np.random.default_rng(seed), planned("everything")
    sizes = random.integers(made.sizes[0], made.sizes[1] + 1, 4)
    priority = random.random((4, 9))
    together = held_state(made, sizes, priority)
    for b, n in enumerate(sizes.tolist()):
        alone = held_state(made, sizes[b : b + 1], priority[b : b + 1, :n])
        for name, width in {"atoms": n, "pairs": pair_count(n)}.items():
            assert torch.equal(together.given[name][b, :width], alone.given[name][0])
            assert torch.equal(together.values[name][b, :width], alone.values[name][0])


def test_the_law_of_sizes_keeps_its_proportions():
    law = conditioned(LAW, planned("benzene"))
    np.testing.assert_allclose(law, [0, 0, 0, 0, 0, 0, 0, 1 / 9, 2 / 9, 6 / 9])


def test_a_fixed_number_of_atoms_needs_no_law():
    made = plan(Constraint(atoms=4), QM9, 9)
    assert conditioned(LAW, made).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_sizes_that_the_law_never_makes_are_refused():
    made = plan(Constraint(elements={"C": 3}, forbidden=("N", "O", "F")), QM9, 9)
    with pytest.raises(InputError, match="3 to 3 atoms, sizes that this model was not trained on"):
        conditioned(LAW, made)


def grown(smiles: str) -> Graph:
    return to_graph(canonical_order(read_smiles(smiles)), QM9)


def relabelled(graph: Graph, order: list[int]) -> Graph:
    pairs = [
        graph.pairs[pair_index(order[i], order[j])] for j in range(len(graph)) for i in range(j)
    ]
    return Graph(graph.atoms[order], np.array(pairs))


def test_a_graph_that_was_not_sampled_is_judged_on_the_held_indices():
    made = plan(Constraint("[*:1]n1cccc1"), QM9, 9)
    methyl = grown("Cn1cccc1")
    assert kept(relabelled(methyl, [1, 2, 3, 4, 5, 0]), made)
    assert not kept(methyl, made)
    assert not kept(relabelled(grown("Cc1ccc[nH]1"), [5, 4, 3, 2, 1, 0]), made)


@pytest.mark.parametrize(("smiles", "expected"), [("CO", True), ("CN", False)])
def test_other_atoms_in_the_place_of_the_scaffold_are_not_kept(smiles, expected):
    assert kept(grown(smiles), plan(Constraint("CO", atoms=2), QM9, 9)) is expected


@pytest.mark.parametrize(
    ("constraint", "smiles", "expected"),
    [
        (Constraint(elements={"N": 1}), "CCN", True),
        (Constraint(elements={"N": 1}), "CC[NH3+]", True),
        (Constraint(elements={"N": 1}), "NCN", False),
        (Constraint(forbidden=("O",)), "CC[O-]", False),
        (Constraint(forbidden=("O-",)), "CCO", True),
        (Constraint(atoms=3), "CCO", True),
        (Constraint(atoms=3), "CO", False),
    ],
)
def test_counts_bans_and_sizes_are_judged(constraint, smiles, expected):
    assert kept(grown(smiles), plan(constraint, QM9, 9)) is expected


def test_growth_at_an_unmarked_atom_is_not_kept():
    made, ethanol = plan(Constraint("[*:1]CC"), QM9, 9), grown("CCO")
    assert kept(relabelled(ethanol, [1, 0, 2]), made)
    assert not kept(ethanol, made)


@pytest.mark.parametrize(
    ("scaffold", "smiles", "expected"),
    [
        ("c1ccncc1", "Cc1ccncc1", True),
        ("[*:1]c1ccncc1", "Cc1cccnc1", True),
        ("c1ccncc1", "Cc1ccccc1", False),
        ("C[N+](=O)[O-]", "CC[N+](=O)[O-]", True),
        ("CO.CN", "OCCN", True),
        (None, "C", True),
    ],
)
def test_the_scaffold_is_found_in_the_sanitised_molecule(scaffold, smiles, expected):
    made = plan(parse_constraint(scaffold), QM9, 9)
    assert substructure_kept(read_smiles(smiles), made) is expected
