"""The four validities, uniqueness and novelty, and their denominators."""

import gzip
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.chem.molecule import Checked, Vocabulary, check, check_many
from molflow.graph.graph import Graph, pair_count, pair_index
from molflow.metrics.validity import (
    from_checked,
    is_relaxed_valid,
    is_valence_valid,
    measure_graphs,
)

RELEASED = Path(__file__).parents[3] / "shared" / "data" / "digress_qm9_graphs.txt.gz"
BONDS = ("none", "single", "double", "triple", "aromatic")
CNOF = Vocabulary(("C", "N", "O", "F"), BONDS)


def graph(atoms: list[int], bonds: dict[tuple[int, int], int]) -> Graph:
    pairs = np.zeros(pair_count(len(atoms)), dtype=np.int8)
    for (i, j), kind in bonds.items():
        pairs[pair_index(i, j)] = kind
    return Graph(np.array(atoms, dtype=np.int8), pairs)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """One to seven atoms, sparse bonds of every class."""
    n = draw(st.integers(1, 7))
    atoms = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    bonds = draw(st.dictionaries(st.integers(0, max(pair_count(n) - 1, 0)), st.integers(1, 4)))
    pairs = np.zeros(pair_count(n), dtype=np.int8)
    for pair, kind in bonds.items():
        pairs[pair : pair + 1] = kind
    return Graph(np.array(atoms, dtype=np.int8), pairs)


def measured(graphs: list[Graph], training: set[str] | None) -> dict[str, float]:
    return measure_graphs(graphs, check_many(graphs, CNOF), CNOF, training)


ETHANOL = graph([0, 0, 2], {(0, 1): 1, (1, 2): 1})
ETHANOL_AND_WATER = graph([2, 0, 0, 2], {(1, 2): 1, (2, 3): 1})
AMMONIUM = graph([1, 0, 0, 0, 0], {(0, 1): 1, (0, 2): 1, (0, 3): 1, (0, 4): 1})
AROMATIC_PAIR = graph([0, 0], {(0, 1): 4})
FIVE_BONDS = graph([0, 3, 3, 3, 3, 3], {(0, j): 1 for j in range(1, 6)})
NITRO = graph([0, 1, 2, 2], {(0, 1): 1, (1, 2): 2, (1, 3): 2})
EMPTY = graph([], {})


@pytest.mark.parametrize(
    ("made", "strict", "plain", "relaxed", "valence"),
    [
        pytest.param(ETHANOL, 1, 1, 1, 1, id="a molecule"),
        pytest.param(ETHANOL_AND_WATER, 0, 1, 1, 1, id="two fragments"),
        pytest.param(AMMONIUM, 0, 0, 1, 0, id="nitrogen one over"),
        pytest.param(AROMATIC_PAIR, 0, 0, 0, 1, id="not kekulisable"),
        pytest.param(FIVE_BONDS, 0, 0, 0, 0, id="carbon one over"),
        pytest.param(NITRO, 1, 1, 0, 0, id="pentavalent nitro, which RDKit cleans up"),
        pytest.param(EMPTY, 0, 0, 0, 0, id="no atom"),
    ],
)
def test_one_graph_shows_the_four_validities_apart(
    made: Graph, strict: int, plain: int, relaxed: int, valence: int
) -> None:
    numbers = measured([made], None)
    assert numbers["strict_valid"] == strict
    assert numbers["plain_valid"] == plain
    assert numbers["relaxed_valid"] == relaxed
    assert numbers["valence_valid"] == valence


def test_every_fraction_has_its_own_denominator() -> None:
    made = [ETHANOL] * 3 + [ETHANOL_AND_WATER, graph([1], {}), AMMONIUM, FIVE_BONDS, EMPTY]
    assert measured(made, {"CCO"}) == {
        "strict_valid": 4 / 8,
        "plain_valid": 5 / 8,
        "relaxed_valid": 6 / 8,
        "valence_valid": 5 / 8,
        "unique": 2 / 5,
        "novel": 1 / 2,
        "vu": 2 / 8,
        "vun": 1 / 8,
    }


def test_the_largest_fragment_counts_for_uniqueness_and_not_for_vu() -> None:
    numbers = measured([ETHANOL_AND_WATER], set())
    assert (numbers["unique"], numbers["novel"]) == (1, 1)
    assert (numbers["vu"], numbers["vun"]) == (0, 0)


def test_without_a_training_set_novelty_is_undefined() -> None:
    numbers = measured([ETHANOL], None)
    assert isnan(numbers["novel"])
    assert isnan(numbers["vun"])
    assert numbers["vu"] == 1


def test_without_a_valid_molecule_uniqueness_and_novelty_are_undefined() -> None:
    numbers = measured([FIVE_BONDS], set())
    assert isnan(numbers["unique"])
    assert isnan(numbers["novel"])
    assert (numbers["vu"], numbers["vun"]) == (0, 0)


def test_without_attempts_everything_is_undefined() -> None:
    assert measured([], set()) == pytest.approx(
        dict.fromkeys(
            (
                *("strict_valid", "plain_valid", "relaxed_valid", "valence_valid"),
                *("unique", "novel", "vu", "vun"),
            ),
            nan,
        ),
        nan_ok=True,
    )


def test_checked_attempts_give_the_same_numbers_as_their_graphs() -> None:
    made = [ETHANOL, ETHANOL_AND_WATER, AMMONIUM]
    cheap = from_checked([check(one, CNOF) for one in made], {"CCO"})
    full = measured(made, {"CCO"})
    assert cheap == {key: full[key] for key in cheap}


def test_a_charged_atom_gets_no_second_charge() -> None:
    charged = Vocabulary(("C", "N", "O", "F", "N+"))
    made = graph([4, 0, 0, 0], {(0, 1): 2, (0, 2): 1, (0, 3): 1})
    over = graph([4, 0, 0, 0], {(0, 1): 2, (0, 2): 2, (0, 3): 1})
    assert is_relaxed_valid(made, charged)
    assert not is_relaxed_valid(over, charged)


@settings(deadline=None)
@given(graphs())
def test_what_passes_the_valence_test_is_plain_valid_if_and_only_if_relaxed_valid(
    made: Graph,
) -> None:
    if is_valence_valid(made, CNOF):
        assert is_relaxed_valid(made, CNOF) == (check(made, CNOF).mol is not None)


def released() -> list[Graph]:
    """The 10,000 graphs: blocks N=n, X: atom classes, E: n rows of bond classes."""
    with gzip.open(RELEASED, "rt") as file:
        blocks = file.read().split("N=")[1:]
    made = []
    for block in blocks:
        lines = block.splitlines()
        n = int(lines[0])
        square = np.array([line.split() for line in lines[4 : 4 + n]], dtype=np.int8)
        made.append(
            Graph(np.array(lines[2].split(), dtype=np.int8), square[np.tril_indices(n, -1)])
        )
    return made


@pytest.mark.skipif(not RELEASED.exists(), reason="the graphs released by DiGress are not here")
def test_the_graphs_released_by_digress_give_the_known_numbers() -> None:
    numbers = measured(released(), None)
    percent = {key: round(100 * value, 2) for key, value in numbers.items() if not isnan(value)}
    assert percent == {
        "strict_valid": 98.93,
        "plain_valid": 99.21,
        "relaxed_valid": 99.38,
        "valence_valid": 99.30,
        "unique": 96.88,
        "vu": 95.85,
    }


def test_an_attempt_made_twice_is_distinct_once() -> None:
    attempt = Checked(smiles="CCO", largest="CCO", mol=None, fragments=1, reason=None)
    assert from_checked([attempt, attempt], set()) == {
        "strict_valid": 1,
        "plain_valid": 1,
        "unique": 1 / 2,
        "novel": 1,
        "vu": 1 / 2,
        "vun": 1 / 2,
    }
