"""Training batches as clean states: which molecules, in which order, with which part given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from molflow.chem.molecule import build, canonical_smiles
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.streams import GraphStream, TokenStream, padding
from molflow.datasets.text import TextDataset, windows
from molflow.datasets.tokens import TokenDataset, tokenised
from molflow.flow.state import State
from molflow.graph.graph import Graph, pair_endpoints, pair_index
from molflow.graph.state import to_graphs
from molflow.sequence.state import to_tokens

SMILES = ["O", "CC", "CCO", "N#CO", "CCCC", "CCCN", "OCCO", "C=CC", "CC#N", "COC", "NCCF", "CF"]


@pytest.fixture(scope="module")
def dataset() -> MoleculeDataset:
    """Twelve molecules of at most four atoms; the first eleven to train on."""
    packed = pack("test", list(enumerate(SMILES)), Recipe("smiles", True, None, False))[0]
    splits = {"train": np.arange(11), "valid": np.array([11]), "test": np.array([], int)}
    return MoleculeDataset("test", packed, splits, Path("dropped.csv"))


def molecules(dataset: MoleculeDataset, x: State) -> list[str]:
    """The canonical SMILES of the likeliest classes."""
    found = []
    for graph in to_graphs(x):
        molecule = build(graph, dataset.vocabulary)
        molecule.UpdatePropertyCache()
        found.append(canonical_smiles(molecule))
    return found


def equal(x: State, y: State) -> bool:
    """Whether two states agree in values and masks."""
    return all(
        torch.equal(getattr(x, part)[name], getattr(y, part)[name])
        for part in ("values", "exists", "given")
        for name in x.values
    )


def test_a_batch_is_padded_to_the_largest_molecule_of_the_data(dataset: MoleculeDataset) -> None:
    x_1 = GraphStream(dataset, batch_size=3, seed=0).batch(0, 0, 1)
    assert x_1.values["atoms"].shape == (3, 4, 4)  # C N O F
    assert x_1.values["pairs"].shape == (3, 6, 4)  # none, single, double, triple
    sizes = x_1.exists["atoms"].sum(1)
    assert x_1.values["atoms"].sum((1, 2)).tolist() == sizes.tolist()
    assert x_1.values["pairs"].sum((1, 2)).tolist() == (sizes * (sizes - 1) // 2).tolist()


def test_states_are_the_molecules_at_the_indices_with_nothing_given(
    dataset: MoleculeDataset,
) -> None:
    stream = GraphStream(dataset, batch_size=3, seed=0, shown=0.9)
    x_1 = stream.states(np.array([11, 0, 3]))
    assert molecules(dataset, x_1) == ["CF", "O", "N#CO"]
    assert not any(mask.any() for mask in x_1.given.values())


@pytest.mark.parametrize("shown", [0.0, 0.7])
def test_a_batch_is_the_same_whenever_it_is_asked_for(
    dataset: MoleculeDataset, shown: float
) -> None:
    stream = GraphStream(dataset, 3, seed=2, shown=shown)
    first = stream.batch(5, 1, 2)
    stream.batch(6, 0, 2)
    assert equal(first, GraphStream(dataset, 3, seed=2, shown=shown).batch(5, 1, 2))


@pytest.mark.parametrize("other", [(1, 4, 0, 1), (0, 5, 0, 1)])
def test_batches_change_with_seed_and_step(
    dataset: MoleculeDataset, other: tuple[int, int, int, int]
) -> None:
    seed, step, rank, world = other
    first = molecules(dataset, GraphStream(dataset, 5, seed=0).batch(4, 0, 1))
    assert molecules(dataset, GraphStream(dataset, 5, seed).batch(step, rank, world)) != first


@pytest.mark.parametrize("shown", [0.0, 0.7])
@pytest.mark.parametrize("step", [0, 3])
def test_the_ranks_divide_the_batch_of_one_process(
    dataset: MoleculeDataset, shown: float, step: int
) -> None:
    stream = GraphStream(dataset, 3, seed=0, shown=shown)
    parts = [molecules(dataset, stream.batch(step, rank, 3)) for rank in range(3)]
    whole = molecules(dataset, GraphStream(dataset, 9, seed=0).batch(step, 0, 1))
    assert [smiles for part in parts for smiles in part] == whole
    assert len(set(whole)) == 9


@pytest.mark.parametrize("shown", [0.0, 0.7])
def test_every_molecule_comes_with_what_is_known_of_it(
    dataset: MoleculeDataset, shown: float
) -> None:
    context = np.array([[len(one), np.nan] for one in dataset.packed.smiles], np.float32)
    stream = GraphStream(dataset, 5, 0, shown, context)
    for x_1 in (stream.batch(3, 1, 2), stream.states(np.array([11, 0, 3]))):
        # Shown parts renumber atoms; the molecule and its canonical SMILES stay.
        lengths = [len(smiles) for smiles in molecules(dataset, x_1)]
        assert x_1.context[:, 0].tolist() == lengths
        assert x_1.context[:, 1].isnan().all()


def test_nothing_is_known_by_default(dataset: MoleculeDataset) -> None:
    assert GraphStream(dataset, 5, 0).batch(0, 0, 1).context is None


def test_only_training_molecules_come(dataset: MoleculeDataset) -> None:
    stream = GraphStream(dataset, 5, seed=0)
    seen = {smiles for step in range(20) for smiles in molecules(dataset, stream.batch(step, 0, 1))}
    assert seen == set(dataset.smiles("train"))


@pytest.fixture
def alike() -> MoleculeDataset:
    """Four thousand times the same molecule, so that batches differ by their shown parts alone."""
    packed = pack("test", [(0, "CCOCC")], Recipe("smiles", True, None, False))[0]
    packed = packed.take(np.zeros(4000, np.int64))
    splits = {"train": np.arange(4000), "valid": np.array([], int), "test": np.array([], int)}
    return MoleculeDataset("test", packed, splits, Path("dropped.csv"))


@pytest.mark.parametrize("other", [(1, 4, 0), (0, 5, 0), (0, 4, 1)])
def test_the_shown_parts_change_with_seed_step_and_rank(
    alike: MoleculeDataset, other: tuple[int, int, int]
) -> None:
    seed, step, rank = other
    first = GraphStream(alike, 50, seed=0, shown=0.9).batch(4, 0, 2)
    second = GraphStream(alike, 50, seed, shown=0.9).batch(step, rank, 2)
    assert not torch.equal(first.given["atoms"], second.given["atoms"])


def test_a_share_of_the_examples_shows_something(alike: MoleculeDataset) -> None:
    given = GraphStream(alike, 4000, seed=0, shown=0.3).batch(0, 0, 1).given["atoms"]
    # Four standard deviations of a count with probability 0.3.
    assert abs(int(given.any(1).sum()) - 1200) < 4 * (4000 * 0.3 * 0.7) ** 0.5
    assert not given.all(1).any()


def test_what_is_given_is_known_to_be_right(dataset: MoleculeDataset) -> None:
    stream, seen = GraphStream(dataset, 11, seed=0, shown=0.999), set()
    for step in range(5):
        x_1 = stream.batch(step, 0, 1)
        for graph, atoms, pairs in zip(
            to_graphs(x_1), x_1.given["atoms"], x_1.given["pairs"], strict=True
        ):
            k = int(atoms.sum())
            seen.add((len(graph), k))
            ends = zip(*pair_endpoints(4), pairs.tolist(), strict=True)
            bonded = {
                p for p, (i, j, given) in enumerate(ends) if given and graph_bond(graph, i, j)
            }
            # A given bond joins given atoms: what is closed has no bond outside.
            assert all(atoms[i] and atoms[j] for i, j in map(pair_ends, bonded))
    assert {(1, 0), (4, 1), (4, 2), (4, 3)} <= seen
    assert all(k < n for n, k in seen)


def pair_ends(p: int) -> tuple[int, int]:
    low, high = pair_endpoints(4)
    return int(low[p]), int(high[p])


def graph_bond(graph: Graph, i: int, j: int) -> bool:
    return max(i, j) < len(graph) and graph.pairs[pair_index(i, j)] > 0


def test_showing_a_part_renumbers_the_atoms_of_the_same_molecules(dataset: MoleculeDataset) -> None:
    plain = GraphStream(dataset, 11, seed=0).batch(2, 0, 1)
    shown = GraphStream(dataset, 11, seed=0, shown=0.9).batch(2, 0, 1)
    assert molecules(dataset, shown) == molecules(dataset, plain)
    assert not torch.equal(shown.values["atoms"], plain.values["atoms"])


@pytest.fixture(scope="module")
def mixed() -> MoleculeDataset:
    """A hundred chains of 1 to 40 atoms, the larger half of them of nearly one size."""
    sizes = [*range(1, 41), *[38, 39, 40] * 20]
    packed = pack("test", [(n, "C" * n) for n in sizes], Recipe("smiles", True, None, False))[0]
    splits = {"train": np.arange(100), "valid": np.array([0]), "test": np.array([], int)}
    return MoleculeDataset("test", packed, splits, Path("dropped.csv"))


@pytest.mark.parametrize("shown", [0.0, 0.5])
def test_molecules_of_many_sizes_are_padded_to_a_few(mixed: MoleculeDataset, shown: float) -> None:
    stream = GraphStream(mixed, 5, seed=0, shown=shown)
    shapes, seen = set(), []
    for step in range(20):
        x_1 = stream.batch(step, 0, 1)
        atoms = x_1.values["atoms"].shape[1]
        assert x_1.values["pairs"].shape[1] == atoms * (atoms - 1) // 2
        shapes.add(atoms)
        seen += [len(graph) for graph in to_graphs(x_1)]
    assert 1 < len(shapes) <= 4
    assert max(shapes) == 40
    assert sorted(seen) == sorted(mixed.packed.sizes.tolist())


def test_all_ranks_of_a_step_have_one_shape(mixed: MoleculeDataset) -> None:
    stream = GraphStream(mixed, 5, seed=0)
    for step in range(10):
        first, second = (stream.batch(step, rank, 2) for rank in range(2))
        assert first.values["pairs"].shape == second.values["pairs"].shape


def test_states_are_padded_to_the_largest_molecule_of_all(mixed: MoleculeDataset) -> None:
    x_1 = GraphStream(mixed, 5, seed=0).states(np.array([0, 1]))
    assert x_1.values["atoms"].shape[1] == 40


def test_padding_is_the_share_of_variables_that_do_not_exist(dataset: MoleculeDataset) -> None:
    # All eleven in every batch, padded to 4 atoms and 6 pairs: one of one atom, one of two, five
    # of three, four of four are 34 atoms of 44 and 0 + 1 + 5 * 3 + 4 * 6 = 40 pairs of 66.
    assert padding(GraphStream(dataset, 11, seed=0)) == {
        "atoms": pytest.approx(10 / 44),
        "pairs": pytest.approx(26 / 66),
    }


def test_windows_of_a_text_need_no_padding(text: TextDataset) -> None:
    assert padding(TokenStream(text, 5, seed=0)) == {"tokens": 0}


def test_strings_of_many_lengths_are_padded_to_a_few(mixed: MoleculeDataset) -> None:
    # A chain of n carbons is n tokens.
    strings = tokenised("test", mixed)
    stream = TokenStream(strings, 5, seed=0)
    batches = [stream.batch(step, 0, 1) for step in range(20)]
    assert 1 < len({x_1.values["tokens"].shape[1] for x_1 in batches}) <= 4
    seen = [len(text) for x_1 in batches for text in said(strings, x_1)]
    assert sorted(seen) == sorted(mixed.packed.sizes.tolist())


@pytest.fixture(scope="module")
def smiles(dataset: MoleculeDataset) -> TokenDataset:
    """The same twelve molecules as tokens: from O to CC#N, 1 to 4 long."""
    return tokenised("test", dataset)


@pytest.fixture(scope="module")
def text() -> TextDataset:
    """Windows of seven characters, of a text in which any seven say where they stand."""
    return windows("abc", "abc.txt", "".join(f"{i:03}." for i in range(300)), 7)


@pytest.fixture(params=["smiles", "text"])
def strings(request: pytest.FixtureRequest) -> TokenDataset:
    return request.getfixturevalue(request.param)


def said(data: TokenDataset, x: State) -> list[str]:
    """The texts of the likeliest classes."""
    return [data.vocabulary.decode(ids) for ids in to_tokens(x)]


def test_strings_are_the_texts_at_the_indices_with_nothing_given(smiles: TokenDataset) -> None:
    stream = TokenStream(smiles, batch_size=3, seed=0, shown=0.9)
    x_1 = stream.states(np.array([11, 0, 3]))
    assert said(smiles, x_1) == ["CF", "O", "N#CO"]
    assert x_1.values["tokens"].shape == (3, 4, 6)  # # = C F N O
    assert not x_1.given["tokens"].any()
    assert stream.sizes(np.array([11, 0, 3])).tolist() == [2, 1, 4]
    assert stream.states(np.array([11, 0]), 2).values["tokens"].shape == (2, 2, 6)


def test_a_window_of_a_text_is_a_string_of_that_length(text: TextDataset) -> None:
    x_1 = TokenStream(text, 5, seed=0).batch(0, 0, 1)
    assert x_1.values["tokens"].sum((1, 2)).tolist() == [7] * 5
    assert all(one in text.text("train") for one in said(text, x_1))
    # The second window of the text, which is 000.001.002.003. and so on.
    assert said(text, TokenStream(text, 5, seed=0).states(np.array([1]))) == [".002.00"]


@pytest.mark.parametrize("shown", [0.0, 0.7])
def test_a_batch_of_strings_is_the_same_whenever_it_is_asked_for(
    strings: TokenDataset, shown: float
) -> None:
    stream = TokenStream(strings, 3, seed=2, shown=shown)
    first = stream.batch(5, 1, 2)
    stream.batch(6, 0, 2)
    assert equal(first, TokenStream(strings, 3, seed=2, shown=shown).batch(5, 1, 2))


@pytest.mark.parametrize("other", [(1, 4), (0, 5)])
def test_batches_of_strings_change_with_seed_and_step(
    strings: TokenDataset, other: tuple[int, int]
) -> None:
    seed, step = other
    first = said(strings, TokenStream(strings, 5, seed=0).batch(4, 0, 1))
    assert said(strings, TokenStream(strings, 5, seed).batch(step, 0, 1)) != first


@pytest.mark.parametrize("shown", [0.0, 0.7])
def test_the_ranks_divide_the_strings_of_one_process(strings: TokenDataset, shown: float) -> None:
    stream = TokenStream(strings, 3, seed=0, shown=shown)
    parts = [said(strings, stream.batch(3, rank, 3)) for rank in range(3)]
    whole = said(strings, TokenStream(strings, 9, seed=0).batch(3, 0, 1))
    assert [one for part in parts for one in part] == whole
    assert len(set(whole)) == 9


@pytest.mark.parametrize("other", [(1, 4, 0), (0, 5, 0), (0, 4, 1)])
def test_the_shown_tokens_change_with_seed_step_and_rank(
    text: TextDataset, other: tuple[int, int, int]
) -> None:
    seed, step, rank = other
    first = TokenStream(text, 50, seed=0, shown=0.9).batch(4, 0, 2).given["tokens"]
    second = TokenStream(text, 50, seed, shown=0.9).batch(step, rank, 2).given["tokens"]
    assert not torch.equal(first, second)


def test_shown_tokens_change_no_string_and_leave_one_free(text: TextDataset) -> None:
    plain = TokenStream(text, 400, seed=0).batch(0, 0, 1)
    x_1 = TokenStream(text, 400, seed=0, shown=0.3).batch(0, 0, 1)
    assert torch.equal(x_1.values["tokens"], plain.values["tokens"])
    given = x_1.given["tokens"].sum(1)
    assert given.max() == 6
    # Four standard deviations of a count of 400 with probability 0.3.
    assert abs((given > 0).sum().item() - 120) < 4 * (400 * 0.3 * 0.7) ** 0.5
