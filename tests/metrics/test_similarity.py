"""Fingerprints, internal diversity and nearest similarity, against numbers worked out by hand."""

import math

import pytest
from rdkit import Chem
from rdkit.DataStructs import BulkTanimotoSimilarity, ExplicitBitVect

from molflow.metrics.similarity import (
    fingerprints,
    index_references,
    internal_diversity,
    nearest_similarity,
)


def bits(*positions: int) -> ExplicitBitVect:
    vector = ExplicitBitVect(2048)
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
    smiles = ["CCO", "c1ccccc1O", "CC(=O)NC", "C1CC1C#N", "OC(=O)c1ccccc1", "N"]
    prints = fingerprints(map(Chem.MolFromSmiles, smiles))
    index = index_references(prints)
    for one in prints:
        assert index.similarities(one).tolist() == BulkTanimotoSimilarity(one, prints)


def test_without_references_no_molecule_has_a_nearest_one():
    assert [math.isnan(x) for x in nearest([A, B], [])] == [True, True]
