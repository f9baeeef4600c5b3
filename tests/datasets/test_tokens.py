"""Molecules as token sequences: what is packed, split, batched, and what is left out."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.datasets import smiles_file
from molflow.datasets import tokens as module
from molflow.datasets.loaders import MoleculeDataset, batch_indices
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.tokens import PackedTokens, TokenDataset, collate_tokens, tokenised
from molflow.errors import InputError

ROWS = [(3, "CCl"), (5, "N#CO"), (6, "[nH]1cccc1"), (9, "O"), (11, "BrCCBr")]
ZINC = Path(__file__).parents[3] / "shared" / "data" / "zinc250k.smi.gz"


def molecules(train: list[int], valid: list[int], test: list[int]) -> MoleculeDataset:
    packed = pack("test", ROWS, Recipe("smiles", True, None, False))[0]
    parts = {"train": train, "valid": valid, "test": test}
    splits = {name: np.array(part, np.int64) for name, part in parts.items()}
    return MoleculeDataset("few", packed, splits, Path("dropped.csv"))


@pytest.fixture(scope="module")
def dataset() -> TokenDataset:
    return tokenised("few_tokens", molecules([2, 0, 3], [1], [4]))


def test_a_chlorine_and_a_bracket_are_one_token(dataset: TokenDataset) -> None:
    # RDKit writes CCl, N#CO, c1cc[nH]c1, O, BrCCBr.
    assert dataset.packed.lengths.tolist() == [2, 4, 8 - 1, 1, 4]
    assert dataset.vocabulary.symbols == ("#", "1", "Br", "C", "Cl", "N", "O", "[nH]", "c")


def test_the_vocabulary_spends_no_class_on_an_end(dataset: TokenDataset) -> None:
    assert dataset.vocabulary.classes == 9
    assert not dataset.vocabulary.end


def test_a_split_says_its_molecules_in_its_order(dataset: TokenDataset) -> None:
    assert dataset.texts("train") == ["c1cc[nH]c1", "CCl", "O"]
    assert dataset.smiles("train") == ["c1cc[nH]c1", "CCl", "O"]
    assert dataset.smiles("test") == ["BrCCBr"]


def test_sequences_keep_the_row_of_their_source(dataset: TokenDataset) -> None:
    assert dataset.packed.rows.tolist() == [3, 5, 6, 9, 11]


def test_the_length_law_counts_training_sequences_alone(dataset: TokenDataset) -> None:
    # Training lengths 7, 2, 1.
    assert dataset.max_size == 7
    assert dataset.size_law() == pytest.approx([0, 1 / 3, 1 / 3, 0, 0, 0, 0, 1 / 3])


def test_the_length_law_reaches_to_the_longest_of_all_splits() -> None:
    law = tokenised("few", molecules([0, 3], [2], [1])).size_law()
    assert law.tolist() == [0, 0.5, 0.5, 0, 0, 0, 0, 0]


def test_molecules_in_no_split_are_not_there() -> None:
    few = tokenised("few", molecules([0], [3], [1]))
    assert few.packed.rows.tolist() == [3, 5, 9]
    assert few.texts("valid") == ["O"]
    assert few.vocabulary.symbols == ("#", "C", "Cl", "N", "O")


def test_an_end_fills_all_to_the_length_of_the_longest(dataset: TokenDataset) -> None:
    ended = tokenised("few", molecules([0, 3], [2], [1]), end=True)
    whole = tokenised("few", molecules([0, 3], [2], [1]))
    assert ended.vocabulary.symbols == whole.vocabulary.symbols
    assert ended.vocabulary.end_class == len(whole.vocabulary.symbols)
    longest = whole.packed.lengths.max()
    assert (ended.packed.lengths == longest).all()
    for i, length in enumerate(whole.packed.lengths):
        ids = ended.packed.sequence(i)
        assert ids[:length].tolist() == whole.packed.sequence(i).tolist()
        assert (ids[length:] == ended.vocabulary.end_class).all()
    assert ended.texts("train") == whole.texts("train")
    assert ended.size_law().tolist() == [0] * longest + [1]


def test_a_batch_holds_the_tokens_followed_by_zeros(dataset: TokenDataset) -> None:
    batch = collate_tokens(dataset.packed, np.array([1, 3, 1]), 5)
    # N 5, # 0, C 3, O 6.
    assert batch.tokens.tolist() == [[5, 0, 3, 6, 0], [6, 0, 0, 0, 0], [5, 0, 3, 6, 0]]
    assert batch.lengths.tolist() == [4, 1, 4]
    assert batch.tokens.dtype == batch.lengths.dtype == np.int64


def test_a_sequence_longer_than_the_padding_is_refused(dataset: TokenDataset) -> None:
    with pytest.raises(ValueError, match="4 tokens in a batch of at most 3"):
        collate_tokens(dataset.packed, np.array([3, 1]), 3)


def test_a_training_batch_takes_what_the_shuffled_epochs_say(dataset: TokenDataset) -> None:
    for step, rank in ((0, 0), (7, 1)):
        batch = dataset.batches(2, seed=5)(step, rank, 2)
        chosen = dataset.splits["train"][batch_indices(3, 2, 5, step, rank, 2)]
        assert batch.tokens.tolist() == collate_tokens(dataset.packed, chosen, 7).tokens.tolist()
        assert batch.lengths.tolist() == dataset.packed.lengths[chosen].tolist()


def test_an_epoch_shows_every_training_molecule_and_no_other(dataset: TokenDataset) -> None:
    seen = [dataset.batches(1, seed=0)(step, 0, 1).lengths.item() for step in range(3)]
    assert sorted(seen) == [1, 2, 7]


def test_what_was_left_out_of_the_molecules_stays_counted() -> None:
    few = molecules([0], [3], [1])
    packed = replace(few.packed, dropped={"duplicate": 2})
    made = tokenised("few", replace(few, packed=packed))
    assert made.dropped == {"duplicate": 2}
    assert made.report == Path("dropped.csv")


def canonical(smiles: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


def refuse_chlorine(smiles: str, scheme: str) -> list[str]:
    if "Cl" in smiles:
        raise ValueError("no SELFIES")
    return list(smiles)


def test_molecules_without_selfies_are_left_out_of_their_split_counted_and_listed(
    monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(module, "split", refuse_chlorine)
    monkeypatch.setattr(module, "_packed", lambda runs, numbers, rows, scheme: (rows.tolist(), 0))
    few = replace(molecules([0, 3], [0], [1]), report=tmp_path / "dropped.csv")
    few.report.write_text("row,smiles,reason\n1,?,unreadable\n")
    made = tokenised("few", few, "selfies")
    assert made.dropped == {"no selfies tokens": 1}
    assert made.report == tmp_path / "dropped-selfies.csv"
    assert made.report.read_text().splitlines() == [
        "row,smiles,reason",
        "1,?,unreadable",
        "3,CCl,no selfies tokens",
    ]
    assert made.packed == [5, 9]
    assert {name: part.tolist() for name, part in made.splits.items()} == {
        "train": [1],
        "valid": [],
        "test": [0],
    }


def test_selfies_say_the_same_molecules() -> None:
    made = tokenised("few", molecules([0, 1, 2, 3], [4], [1]), "selfies")
    assert {"[C]", "[Cl]", "[=Ring1]"} < set(made.vocabulary.symbols)
    assert [canonical(text) for text in made.texts("train")] == made.smiles("train")


def test_nothing_to_train_on_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(module, "split", refuse_chlorine)
    with pytest.raises(InputError, match="few: no molecule of the training split has selfies"):
        tokenised("few", molecules([0], [3], [1]), "selfies")


def test_selfies_without_their_package_are_refused(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(InputError, match="needs the package selfies"):
        tokenised("few", molecules([0], [3], [1]), "selfies")


def test_unknown_names_are_answered_with_the_choices(dataset: TokenDataset) -> None:
    with pytest.raises(InputError, match="scheme='words': one of smiles, selfies"):
        tokenised("few", molecules([0], [3], [1]), "words")
    with pytest.raises(InputError, match="split of few_tokens='all': one of train, valid, test"):
        dataset.texts("all")


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 starts up to 4 and 1 rows for 4 tokens"):
        PackedTokens(np.zeros(4, np.uint16), np.array([0, 2, 4]), np.array([1]))
    with pytest.raises(ValueError, match="2 starts up to 4 and 1 rows for 5 tokens"):
        PackedTokens(np.zeros(5, np.uint16), np.array([0, 4]), np.array([1]))


def test_tokens_of_qm9_are_its_canonical_smiles(qm9_digress: MoleculeDataset) -> None:
    made = tokenised("qm9_smiles", qm9_digress)
    assert len(made.packed) == 130_831
    assert made.texts("test") == made.smiles("test") == qm9_digress.smiles("test")
    assert made.packed.rows[made.splits["test"]].tolist() == (
        qm9_digress.packed.ids[qm9_digress.splits["test"]].tolist()
    )
    # The longest: nine heavy atoms with brackets, bonds, branches and ring closures.
    assert made.max_size == 22
    assert made.vocabulary.classes == 30


@pytest.mark.skipif(not ZINC.exists(), reason="zinc250k.smi.gz is not beside the checkout")
def test_the_first_molecules_of_zinc_go_to_tokens_and_back(tmp_path: Path) -> None:
    import gzip
    from itertools import islice

    with gzip.open(ZINC, "rt") as file:
        (tmp_path / "zinc.smi").write_text("".join(islice(file, 300)))
    read = smiles_file.load(tmp_path / "zinc.smi", tmp_path / "cache")
    made = tokenised("smiles_tokens", read)
    assert made.texts("train") == read.smiles("train")
    assert {"Cl", "[nH]"} <= set(made.vocabulary.symbols)
