"""Fingerprints, internal diversity and nearest similarity, against numbers worked out by hand."""

import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.DataStructs import BulkTanimotoSimilarity, ExplicitBitVect

from molflow.metrics import similarity
from molflow.metrics.similarity import (
    Nearness,
    chosen,
    fingerprints,
    index_references,
    internal_diversity,
    internal_diversity_by_molecule,
    nearest_similarities,
    nearest_similarity,
    nearness,
)

SMILES = ["CCO", "c1ccccc1O", "CC(=O)NC", "C1CC1C#N", "OC(=O)c1ccccc1", "N"]


def bits(*positions: int, length: int = 2048) -> ExplicitBitVect:
    vector = ExplicitBitVect(length)
    vector.SetBitsFromList(list(positions))
    return vector


A, B, C = bits(0, 1), bits(1, 2), bits(0, 1, 2, 3)
"""Tanimoto: A and B 1/3, A and C 1/2, B and C 1/2."""


def test_fingerprints_have_2048_bits_and_radius_2():
    # The atoms of benzene are alike, so each radius from 0 sets one bit.
    (benzene,) = fingerprints([Chem.MolFromSmiles("c1ccccc1")])
    assert benzene.GetNumBits() == 2048
    assert benzene.GetNumOnBits() == 3


def test_fingerprints_know_no_chirality():
    left, right = fingerprints(Chem.MolFromSmiles(s) for s in ("C[C@H](N)O", "C[C@@H](N)O"))
    assert left == right


def test_internal_diversity_is_over_all_ordered_pairs_each_molecule_with_itself():
    # 3 pairs with itself and twice 1/3 + 1/2 + 1/2, over 9.
    assert internal_diversity([A, B, C]) == pytest.approx(1 - (3 + 2 * 4 / 3) / 9)


def test_a_higher_power_takes_the_root_of_the_mean_power() -> None:
    # 3 pairs with itself and twice 1/9 + 1/4 + 1/4, over 9: 38 / 81.
    assert internal_diversity([A, B, C], 2) == pytest.approx(1 - math.sqrt(38) / 9)


def test_by_molecule_each_takes_its_own_root() -> None:
    # Mean squares: of A and of B (1 + 1/9 + 1/4) / 3 = 49 / 108, of C (1 + 1/4 + 1/4) / 3 = 1 / 2.
    roots = 2 * 7 / math.sqrt(108) + math.sqrt(1 / 2)
    assert internal_diversity_by_molecule([A, B, C], 2) == pytest.approx(1 - roots / 3)
    one = internal_diversity([A, B, C])
    assert internal_diversity_by_molecule([A, B, C]) == pytest.approx(one)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("diversity", [internal_diversity, internal_diversity_by_molecule])
def test_the_order_of_molecules_changes_no_diversity(diversity, p) -> None:
    prints = fingerprints(map(Chem.MolFromSmiles, SMILES))
    assert diversity(prints[::-1], p) == pytest.approx(diversity(prints, p), abs=1e-15)
    assert diversity([A, A], p) == 0
    assert math.isnan(diversity([], p))


def test_a_molecule_that_comes_twice_counts_twice():
    assert internal_diversity([A, A, B]) == pytest.approx(1 - (3 + 2 * (1 + 2 / 3)) / 9)


def test_what_is_all_alike_has_no_diversity():
    assert internal_diversity([A, A, A]) == 0
    assert internal_diversity([A]) == 0


def test_the_diversity_of_no_molecule_is_not_defined():
    assert math.isnan(internal_diversity([]))


def nearest(prints: list[ExplicitBitVect], references: list[ExplicitBitVect]) -> list[float]:
    return nearest_similarity(prints, index_references(references))


def test_the_nearest_similarity_is_the_largest_over_the_references():
    assert nearest([A, B], [C, bits(0), bits(7)]) == [0.5, 0.5]
    assert nearest([A], [bits(7), A, C]) == [1]
    assert nearest([A, bits(2047)], [bits(7), bits(1, 9)]) == [pytest.approx(1 / 3), 0]


def test_every_similarity_is_that_of_rdkit():
    prints = fingerprints(map(Chem.MolFromSmiles, SMILES))
    index = index_references(prints)
    for one in prints:
        assert index.similarities(one).tolist() == BulkTanimotoSimilarity(one, prints)


def test_without_references_no_molecule_has_a_nearest_one():
    assert [math.isnan(x) for x in nearest([A, B], [])] == [True, True]


def test_fingerprints_of_any_length_are_compared() -> None:
    prints = [bits(0, 1023, length=1024), bits(1023, length=1024)]
    assert nearest_similarities(prints, prints[1:]).tolist() == [0.5, 1]
    assert fingerprints([Chem.MolFromSmiles("C")], 1024)[0].GetNumBits() == 1024


@pytest.mark.parametrize("block", [1, 2, 100])
def test_references_are_looked_through_in_blocks_of_any_size(block, monkeypatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK", block)
    prints = fingerprints(map(Chem.MolFromSmiles, SMILES))
    naive = [max(BulkTanimotoSimilarity(one, prints[2:])) for one in prints]
    assert nearest_similarities(prints, prints[2:]).tolist() == naive
    assert np.isnan(nearest_similarities(prints, [])).all()


def test_nearness_is_the_mean_quantiles_and_the_share_of_those_alike() -> None:
    # 21 values in steps of 0.05: the quantiles at 5, 50 and 95 % are the 2nd, 11th and 20th.
    found = nearness(np.linspace(0, 1, 21))
    assert found == Nearness(*map(pytest.approx, (0.5, 0.05, 0.5, 0.95, 1 / 21)))
    assert all(math.isnan(value) for value in vars(nearness(np.array([]))).values())


def test_the_molecules_that_are_chosen_are_always_the_same_and_distinct():
    smiles = [str(i) for i in range(100)]
    some = chosen(smiles, 10)
    assert some == chosen(smiles, 10)
    assert len(set(some)) == 10
    assert some == sorted(some, key=int)
    assert chosen(smiles, 100) == smiles
