"""MOSES's metrics against the expectations of its own tests, and against sums done by hand."""

import math
from collections import Counter
from importlib.util import find_spec

import pytest
from rdkit import Chem, rdBase
from rdkit.Chem import QED, AllChem, Crippen, Descriptors

from molflow.chem.smiles import canonical_smiles
from molflow.metrics import chemnet
from molflow.metrics.distribution import Statistics, frechet_distance
from molflow.metrics.filters import passes_filters
from molflow.metrics.moses import (
    cosine,
    fragments,
    internal_diversity,
    moses_fingerprints,
    nearest_similarities,
    scaffold,
    snn,
    unique_at,
    wasserstein,
)

TEST = ["Oc1ccccc1-c1cccc2cnccc12", "COc1cccc(NC(=O)Cc2coc3ccc(OC)cc23)c1"]
MADE = [
    "CNC",
    "Oc1ccccc1-c1cccc2cnccc12",
    "INVALID",
    "CCCP",
    "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1",
    "Cc1nc(NCc2ccccc2)no1-c1ccccc1",
]
"""The example of tests/test_metrics.py of https://github.com/molecularsets/moses, whose expected
values stand below; the third and the last are no molecules."""


def read(smiles: list[str]) -> list[Chem.Mol]:
    with rdBase.BlockLogs():
        return [mol for mol in map(Chem.MolFromSmiles, smiles) if mol is not None]


def counted(mols: list[Chem.Mol], words) -> Counter[str]:
    return sum((Counter(words(mol)) for mol in mols), Counter())


def scaffolds(mol: Chem.Mol) -> list[str]:
    found = scaffold(mol)
    return [] if found is None else [found]


@pytest.fixture(scope="module")
def made() -> list[Chem.Mol]:
    return read(MADE)


@pytest.fixture(scope="module")
def test() -> list[Chem.Mol]:
    return read(TEST)


def test_four_of_six_molecules_of_the_example_are_valid_and_the_first_three_differ(made) -> None:
    assert len(made) / len(MADE) == 2 / 3
    assert unique_at([Chem.MolToSmiles(mol) for mol in made], 3) == 1.0


def test_snn_of_the_example_is_what_moses_expects(made, test) -> None:
    found = snn(moses_fingerprints(made), moses_fingerprints(test))
    assert found == pytest.approx(0.3152585653588176, rel=1e-6)


def test_frag_of_the_example_is_what_moses_expects(made, test) -> None:
    assert cosine(counted(made, fragments), counted(test, fragments)) == pytest.approx(0.3)


def test_scaf_of_the_example_is_what_moses_expects(made, test) -> None:
    assert cosine(counted(made, scaffolds), counted(test, scaffolds)) == pytest.approx(0.5)


def test_internal_diversity_of_the_example_is_what_moses_expects(made) -> None:
    found = internal_diversity(moses_fingerprints(made))
    assert found == pytest.approx(0.7189187309761661, rel=1e-6)


def test_filters_of_the_example_are_what_moses_expects(made) -> None:
    assert sum(map(passes_filters, made)) / len(made) == 0.75


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (Crippen.MolLogP, 1.63229),
        (QED.qed, 0.20370891752648637),
        (Descriptors.MolWt, 106.87),
    ],
)
def test_distances_of_properties_of_the_example_are_what_moses_expects(
    made, test, compute, expected
) -> None:
    values = [[compute(mol) for mol in mols] for mols in (made, test)]
    assert wasserstein(*values) == pytest.approx(expected, rel=1e-5)


@pytest.mark.skipif(find_spec("fcd") is None, reason="the package fcd is not here")
def test_the_fcd_of_the_example_is_what_moses_expects(made) -> None:
    a, b = (
        Statistics.of(chemnet.activations(smiles))
        for smiles in ([Chem.MolToSmiles(mol) for mol in made], TEST)
    )
    assert frechet_distance(a, b) == pytest.approx(52.58371754126664, rel=1e-5)


def test_fingerprints_are_those_of_the_function_that_moses_calls(made) -> None:
    with rdBase.BlockLogs():
        theirs = [AllChem.GetMorganFingerprintAsBitVect(mol, 2, nBits=1024) for mol in made]
    assert moses_fingerprints(made) == theirs


def test_the_order_of_molecules_changes_nothing(made, test) -> None:
    prints, references = moses_fingerprints(made), moses_fingerprints(test)
    turned = snn(prints[::-1], references[::-1])
    assert turned == pytest.approx(snn(prints, references), abs=1e-15)
    assert counted(made[::-1], fragments) == counted(made, fragments)
    assert wasserstein([3.0, 1.0, 2.0], [0.0, 5.0]) == wasserstein([1.0, 2.0, 3.0], [5.0, 0.0])


def test_a_set_against_itself_is_as_near_as_can_be(made) -> None:
    prints, counts = moses_fingerprints(made), counted(made, fragments)
    assert snn(prints, prints) == 1
    assert cosine(counts, counts) == pytest.approx(1, abs=1e-15)
    assert wasserstein([1.0, 2.0], [2.0, 1.0]) == 0


def test_of_no_molecules_nothing_is_defined(made) -> None:
    prints = moses_fingerprints(made)
    undefined = [snn([], prints), snn(prints, []), cosine({}, {"C": 1}), cosine({"C": 1}, {})]
    undefined += [wasserstein([], [1.0]), wasserstein([1.0], []), unique_at([], 10)]
    assert all(math.isnan(value) for value in undefined)
    assert nearest_similarities([], prints).shape == (0,)


def test_a_fragment_counts_as_often_as_it_occurs() -> None:
    # BRICS cuts both bonds between a benzene ring and an ether's oxygen.
    found = fragments(Chem.MolFromSmiles("c1ccccc1Oc1ccccc1"))
    assert found == {"[16*]c1ccccc1": 2, "[3*]O[3*]": 1}


def test_what_brics_does_not_cut_is_its_own_fragment() -> None:
    assert fragments(Chem.MolFromSmiles("C1CCCCC1")) == {"C1CCCCC1": 1}


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCc1ccc2ccccc2c1", "c1ccc2ccccc2c1"),
        ("c1ccccc1CCC1CC1C", "c1ccc(CCC2CC2)cc1"),
        ("O=C1CCc2ccccc21", "O=C1CCc2ccccc21"),
        ("CCc1ccccc1", None),
        ("CCO", None),
    ],
)
def test_a_scaffold_has_two_rings_what_links_them_and_no_tails(smiles, expected) -> None:
    found = scaffold(Chem.MolFromSmiles(smiles))
    assert found == (expected and canonical_smiles(Chem.MolFromSmiles(expected)))


def test_the_cosine_is_taken_over_the_names_of_both() -> None:
    # (1 * 2 + 2 * 0 + 0 * 1) / (sqrt(1 + 4) sqrt(4 + 1))
    assert cosine({"C": 1, "N": 2}, {"C": 2, "O": 1}) == pytest.approx(2 / 5)
    assert cosine({"C": 3}, {"N": 5}) == 0


def test_counts_of_millions_do_not_overflow() -> None:
    assert cosine({"C": 2_000_000_000}, {"C": 7, "N": 24}) == pytest.approx(7 / 25)


def test_the_wasserstein_distance_is_the_area_between_the_distribution_functions() -> None:
    # F_a = 1 from 0 on; F_b = 1/3 from 0, 2/3 from 1, 1 from 4: area 2/3 * 1 + 1/3 * 3.
    assert wasserstein([0.0, 0.0], [0.0, 1.0, 4.0]) == pytest.approx(2 / 3 + 1)


def test_the_wasserstein_distance_of_what_is_not_known_is_not_known() -> None:
    assert math.isnan(wasserstein([1.0, math.nan], [1.0]))


def test_uniqueness_looks_at_the_first_k_or_at_all_there_are() -> None:
    smiles = ["C", "N", "C", "O"]
    assert unique_at(smiles, 2) == 1
    assert unique_at(smiles, 3) == 2 / 3
    assert unique_at(smiles, 100) == 3 / 4
