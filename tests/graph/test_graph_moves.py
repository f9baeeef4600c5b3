"""Drafts hold what training shows of parts: connected, first, closed where nothing was lost."""

from __future__ import annotations

import numpy as np

from molflow.graph.graph import Graph, pair_count, pair_index
from molflow.graph.moves import blank_draft, grown, part_of, to_state, whole


def path(n: int) -> Graph:
    """Atoms 0 to n - 1 of classes 0, 1, 2, 0, 1, ... in a row."""
    pairs = np.zeros(pair_count(n), np.int64)
    for i in range(n - 1):
        pairs[pair_index(i, i + 1)] = 1
    return Graph(np.arange(n) % 3, pairs)


def test_a_part_is_connected_and_of_the_wanted_size():
    for seed in range(20):
        atoms, kept = part_of(path(8), 4, np.random.default_rng(seed))
        ordered = np.sort(atoms)
        assert (np.diff(ordered) == 1).all()
        lost = {int(a) for a, k in zip(atoms, kept, strict=True) if not k}
        ends = {int(ordered[0])} - {0} | {int(ordered[-1])} - {7}
        assert lost == ends


def test_the_first_atoms_stay_first_and_are_part_of_every_part():
    for seed in range(20):
        atoms, _ = part_of(path(8), 4, np.random.default_rng(seed), first=2)
        assert atoms[:2].tolist() == [0, 1]
        assert sorted(atoms.tolist()) == [0, 1, 2, 3]


def test_a_grown_draft_begins_with_its_part_and_knows_nothing_of_the_rest():
    graph, chosen = path(5), np.array([2, 1])
    draft = grown([(graph, chosen, np.zeros(2, np.bool_))], 4, np.random.default_rng(0))
    assert draft.atoms.tolist() == [2, 1, 0, 0]
    assert draft.given_atoms.tolist() == [True, True, False, False]
    assert draft.pairs[pair_index(0, 1)] == 1
    assert np.flatnonzero(draft.given_pairs).tolist() == [pair_index(0, 1)]


def test_a_closed_atom_holds_all_its_pairs_as_none():
    graph, chosen, kept = path(5), np.array([0, 1]), np.array([True, False])
    drafts = [grown([(graph, chosen, kept)], 3, np.random.default_rng(seed)) for seed in range(20)]
    given = {tuple(np.flatnonzero(draft.given_pairs).tolist()) for draft in drafts}
    # Open: the pair of both atoms; closed: that of atom 0 with the new one too.
    assert given == {(0,), (0, pair_index(0, 2))}


def test_two_parts_are_linked_by_free_pairs():
    graph = path(3)
    part = (graph, np.array([0, 1]), np.zeros(2, np.bool_))
    draft = grown([part, part], 5, np.random.default_rng(0))
    assert draft.given_atoms.tolist() == [True] * 4 + [False]
    held = {pair_index(0, 1), pair_index(2, 3)}
    assert set(np.flatnonzero(draft.given_pairs).tolist()) == held


def test_drafts_of_several_sizes_become_one_state_with_their_context():
    told = blank_draft(2)
    drafts = [whole(path(3), 0.5), told.__class__(**{**vars(told), "context": (1.0, 2.0)})]
    x = to_state(drafts, (3, 2))
    assert x.exists["atoms"].tolist() == [[True] * 3, [True, True, False]]
    assert not x.given["atoms"].any()
    assert x.argmax()["atoms"][0].tolist() == [0, 1, 2]
    assert x.context is not None
    assert x.context[1].tolist() == [1.0, 2.0]
    assert x.context[0].isnan().all()
