"""A molecule is described once, by RDKit's own values, and what is kept is what was computed."""

from math import isnan

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from molflow.errors import InputError
from molflow.metrics import describing
from molflow.metrics.describing import FEATURES, FeaturedMolecules, describe, mean_nspdk
from molflow.metrics.moses import moses_fingerprints
from molflow.metrics.nspdk import mean_features

SMILES = ["CCO", "c1ccccc1", "CCO", "c1ccc2ccccc2c1", "CC(=O)Nc1ccccc1"]


def test_each_distinct_molecule_is_asked_once(monkeypatch):
    asked = []

    def compute(mol: Chem.Mol) -> float:
        asked.append(Chem.MolToSmiles(mol))
        return 1.0

    monkeypatch.setitem(FEATURES, "weight", describing.Feature(compute))
    describe(SMILES, ["weight"])
    assert sorted(asked) == sorted(set(SMILES))


def test_numbers_stand_by_their_molecule_as_often_as_it_occurs():
    population = FeaturedMolecules(SMILES, describe(SMILES, ["weight"]))
    expected = [Descriptors.MolWt(Chem.MolFromSmiles(one)) for one in SMILES]
    assert population.array("weight").tolist() == expected


def test_fingerprints_come_back_bit_by_bit():
    population = FeaturedMolecules(SMILES, describe(SMILES, ["moses_print"]))
    expected = moses_fingerprints(map(Chem.MolFromSmiles, SMILES))
    found = [list(one.GetOnBits()) for one in population.prints("moses_print")]
    assert found == [list(one.GetOnBits()) for one in expected]


def test_words_are_counted_as_often_as_their_molecules_occur():
    smiles = ["c1ccc2ccccc2c1"] * 2 + ["C1CC2CCC1C2", "CCO"]
    population = FeaturedMolecules(smiles, describe(smiles, ["scaffold"]))
    # Two naphthalenes, one norbornane; ethanol has no scaffold of two rings.
    assert population.counts("scaffold") == {"c1ccc2ccccc2c1": 2, "C1CC2CCC1C2": 1}


def test_a_fragment_that_occurs_twice_in_a_molecule_counts_twice():
    # CCOCC: BRICS cuts both bonds of the ether, which leaves two ethyl groups and an oxygen.
    population = FeaturedMolecules(["CCOCC"], describe(["CCOCC"], ["fragments"]))
    assert sorted(population.counts("fragments").values()) == [1, 2]


def test_what_rdkit_fails_on_is_nan_and_ends_nothing(monkeypatch):
    def compute(mol: Chem.Mol) -> float:
        if mol.GetNumAtoms() == 3:
            raise RuntimeError("no")
        return 1.0

    monkeypatch.setitem(FEATURES, "weight", describing.Feature(compute))
    values = FeaturedMolecules(SMILES, describe(SMILES, ["weight"])).array("weight")
    assert [isnan(x) for x in values] == [True, False, True, False, False]


def test_a_model_that_is_not_installed_is_said_and_nothing_is_kept(tmp_path, monkeypatch):
    def compute(mol: Chem.Mol) -> float:
        raise InputError("no model")

    monkeypatch.setitem(FEATURES, "sa", describing.Feature(compute))
    with pytest.raises(InputError, match="no model"):
        describe(SMILES, ["sa"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_is_not_read_back_is_nan_and_ends_nothing():
    values = FeaturedMolecules(["C1CC", "C"], describe(["C1CC", "C"], ["weight"])).array("weight")
    assert [isnan(x) for x in values] == [True, False]


@pytest.mark.parametrize("feature", ["weight", "print", "fragments", "scaffold", "guacamol"])
def test_what_is_kept_is_read_again_and_nothing_is_asked(tmp_path, monkeypatch, feature):
    made = describe(SMILES, [feature], tmp_path)
    monkeypatch.setattr(describing, "_asked", lambda *_: pytest.fail("asked again"))
    kept = describe(list(reversed(SMILES)), [feature], tmp_path)
    assert made.rows == kept.rows
    first, second = made.columns[feature], kept.columns[feature]
    assert type(first) is type(second)
    assert np.array_equal(first, second)


def test_other_molecules_and_damaged_files_are_asked_for_anew(tmp_path):
    describe(SMILES, ["weight"], tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert len(describe(SMILES, ["weight"], tmp_path).columns["weight"]) == 4
    assert len(describe(SMILES[:1], ["weight"], tmp_path).columns["weight"]) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_more_molecules_than_some_chunks_keep_their_order(monkeypatch):
    monkeypatch.setattr(describing, "CHUNK", 3)
    many = ["C" * (1 + i) for i in range(20)]
    weights = FeaturedMolecules(many, describe(many, ["weight"])).array("weight")
    assert (np.diff(weights) > 0).all()


def test_an_unknown_feature_is_named():
    with pytest.raises(ValueError, match="features \\['colour'\\]: known are logp"):
        describe(SMILES, ["colour"])


def test_the_mean_of_nspdk_s_features_counts_repetitions_and_is_kept(tmp_path):
    expected = mean_features([Chem.MolFromSmiles(one) for one in SMILES])
    for _ in range(2):
        assert np.allclose(mean_nspdk(SMILES, tmp_path), expected, atol=1e-15)
    assert len(list(tmp_path.iterdir())) == 1


def test_of_no_molecule_there_is_nothing_and_no_mean(tmp_path):
    assert describe([], ["weight", "scaffold"], tmp_path).rows == {}
    assert np.isnan(mean_nspdk([], tmp_path)).all()
    assert list(tmp_path.iterdir()) == []
