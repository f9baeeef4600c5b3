"""A data set over the classes of a model says what it said before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molflow.chem.molecule import build, canonical_smiles
from molflow.chem.vocabulary import Vocabulary
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.recoding import recoded
from molflow.datasets.text import windows
from molflow.datasets.tokens import tokenised
from molflow.sequence.vocabulary import TokenVocabulary

SMILES = ["CO", "CCN", "N#CO", "CCF", "OCCO"]


@pytest.fixture
def molecules() -> MoleculeDataset:
    packed = pack("test", list(enumerate(SMILES)), Recipe("smiles", True, None, False))[0]
    splits = {"train": np.arange(4), "valid": np.array([4]), "test": np.array([], np.int64)}
    return MoleculeDataset("test", packed, splits, Path("dropped.csv"))


def test_graphs_over_other_classes_are_the_same_molecules(molecules: MoleculeDataset) -> None:
    vocabulary = Vocabulary(("F", "B", "O", "N", "C"))
    found = recoded(molecules, vocabulary)
    assert isinstance(found, MoleculeDataset)
    assert found.vocabulary == vocabulary
    assert found.packed.atoms.dtype == np.int8
    for k, smiles in enumerate(molecules.packed.smiles):
        mol = build(found.packed.graph(k), vocabulary)
        mol.UpdatePropertyCache()
        assert canonical_smiles(mol) == smiles


@pytest.mark.parametrize("end", [False, True])
def test_strings_over_other_classes_say_the_same(molecules: MoleculeDataset, end: bool) -> None:
    tokens = tokenised("test", molecules, "smiles", end)
    vocabulary = TokenVocabulary(("O", "#", "B", "F", "C", "N"), "smiles", end)
    found = recoded(tokens, vocabulary)
    assert found.vocabulary == vocabulary
    assert found.texts("train") == tokens.texts("train")  # type: ignore[union-attr]
    assert not np.array_equal(found.packed.ids, tokens.packed.ids)


def test_a_text_over_other_classes_says_the_same() -> None:
    text = windows("test", "a text", "ab ba " * 20, 4)
    found = recoded(text, TokenVocabulary(("b", " ", "x", "a"), "characters"))
    assert found.text("train") == text.text("train")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "vocabulary",
    [
        Vocabulary(("C", "N", "O")),  # no F
        Vocabulary(("C", "N", "O", "F"), charged=False),
        TokenVocabulary(("C", "N", "O", "F", "#"), "smiles"),
    ],
)
def test_what_does_not_fit_stays_as_it_is(
    molecules: MoleculeDataset, vocabulary: Vocabulary | TokenVocabulary
) -> None:
    assert recoded(molecules, vocabulary) is molecules


@pytest.mark.parametrize(
    "vocabulary",
    [
        TokenVocabulary(("C", "N", "O"), "smiles"),  # no F, no #
        TokenVocabulary(("C", "N", "O", "F", "#"), "smiles", end=True),
        TokenVocabulary(("C", "N", "O", "F", "#"), "characters"),
    ],
)
def test_strings_that_do_not_fit_stay_as_they_are(
    molecules: MoleculeDataset, vocabulary: TokenVocabulary
) -> None:
    tokens = tokenised("test", molecules)
    assert recoded(tokens, vocabulary) is tokens
