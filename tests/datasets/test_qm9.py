"""QM9 is what the literature calls QM9, split as the literature splits it."""

import gzip
import hashlib
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from molflow.datasets import qm9
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.store import cache_folder
from molflow.errors import InputError


def test_nothing_of_qm9_is_left_out(qm9_digress: MoleculeDataset) -> None:
    assert len(qm9_digress.packed) == 130_831
    assert qm9_digress.dropped == {}
    assert len(set(qm9_digress.packed.smiles)) == 130_744


def test_the_vocabulary_is_what_occurs(qm9_digress: MoleculeDataset) -> None:
    vocabulary = qm9_digress.vocabulary
    assert vocabulary.atoms == ("C-", "C", "N-", "N", "N+", "O-", "O", "F")
    assert vocabulary.bonds == ("none", "single", "double", "triple")


def test_pair_classes_have_the_known_shares(qm9_digress: MoleculeDataset) -> None:
    shares = np.bincount(qm9_digress.packed.pairs) / len(qm9_digress.packed.pairs)
    assert shares.round(4).tolist() == [0.7264, 0.2348, 0.0306, 0.0081]


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ("digress", [97_734, 20_042, 13_055]),
        ("edm", [100_000, 17_748, 13_083]),
        ("random", [100_000, 17_748, 13_083]),
    ],
)
def test_a_split_has_its_sizes_and_covers_every_molecule_once(
    qm9_digress: MoleculeDataset, split: str, sizes: list[int]
) -> None:
    parts = qm9.load(cache_folder(), split).splits
    assert [len(parts[name]) for name in ("train", "valid", "test")] == sizes
    everything = np.sort(np.concatenate(list(parts.values())))
    assert everything.tolist() == list(range(len(qm9_digress.packed)))


def test_digress_shuffles_as_pandas_does() -> None:
    # pandas 3.1: DataFrame(range(1, 133886)).sample(frac=1, random_state=42)
    parts = qm9.split_ids("digress", np.arange(1, 4))
    assert [len(part) for part in parts.values()] == [100_000, 20_497, 13_388]
    assert parts["train"][:6].tolist() == [3116, 117880, 23434, 61956, 98812, 9898]
    assert parts["valid"][0] == 110088
    assert parts["test"][-3:].tolist() == [103695, 131933, 121959]


def test_edm_permutes_the_characterised_with_seed_0(qm9_digress: MoleculeDataset) -> None:
    # numpy.random.seed(0); ids[numpy.random.permutation(130831)]
    parts = qm9.split_ids("edm", qm9_digress.packed.ids)
    assert parts["train"][:5].tolist() == [133161, 70467, 8226, 26624, 20504]
    assert parts["valid"][0] == 70434
    assert parts["test"][-1] == 69951


def test_positions_point_at_the_molecules_of_the_split(qm9_digress: MoleculeDataset) -> None:
    ids = qm9_digress.packed.ids[qm9_digress.splits["train"]]
    assert ids[:6].tolist() == [3116, 117880, 23434, 61956, 98812, 9898]


def test_the_random_split_follows_its_seed() -> None:
    ids = np.arange(1, 130_832)
    first, again, other = (qm9.split_ids("random", ids, seed)["test"] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.slow
def test_stripped_charges_leave_four_elements_and_the_same_molecules(
    qm9_digress: MoleculeDataset,
) -> None:
    stripped = qm9.load(cache_folder(), vocabulary="stripped")
    assert stripped.vocabulary.atoms == ("C", "N", "O", "F")
    assert not stripped.vocabulary.charged
    assert stripped.packed.pairs.tolist() == qm9_digress.packed.pairs.tolist()
    # Counted as letters in the SMILES of the file.
    counts = Counter(stripped.packed.atoms.tolist())
    assert [counts[i] for i in range(4)] == [831925, 132498, 183265, 3036]


@pytest.mark.slow
@pytest.mark.parametrize(("split", "first"), [("digress", 3116), ("edm", 133161)])
def test_larger_molecules_are_taken_out_of_their_splits(split: str, first: int) -> None:
    small = qm9.load(cache_folder(), split, max_atoms=8)
    whole = qm9.load(cache_folder(), split)
    assert small.max_atoms == 8
    assert small.dropped == {"more than 8 atoms": len(whole.packed) - len(small.packed)}
    for name, part in small.splits.items():
        ids = whole.packed.ids[whole.splits[name]]
        kept = ids[whole.packed.sizes[whole.splits[name]] <= 8]
        assert small.packed.ids[part].tolist() == kept.tolist()
    assert whole.packed.ids[whole.splits["train"][0]] == first


def test_a_later_start_takes_less_than_two_seconds(qm9_digress: MoleculeDataset) -> None:
    start = time.monotonic()
    again = qm9.load(cache_folder())
    assert len(again.smiles("train")) == 97_734
    assert time.monotonic() - start < 2


def test_the_readme_names_the_hash_of_the_file() -> None:
    file = qm9.data_file()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    readme = Path(__file__).parents[2] / "data" / "README.md"
    assert digest in readme.read_text(encoding="utf-8")


def test_the_file_has_the_promised_columns() -> None:
    with gzip.open(qm9.data_file(), "rt", encoding="utf-8") as file:
        assert file.readline() == "gdb_id,smiles,mu,alpha,homo,lumo,gap\n"
        assert file.readline() == "1,C,0.,13.21,-0.3877,0.1171,0.5048\n"


def test_unknown_names_are_answered_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset.split='scaffold': one of digress, edm, random"):
        qm9.load(tmp_path, split="scaffold")
    with pytest.raises(InputError, match=r"dataset.vocabulary='x': one of charged, stripped"):
        qm9.load(tmp_path, vocabulary="x")


def replaced(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    monkeypatch.setattr(qm9, "data_file", lambda: path)


def test_a_file_with_too_few_rows_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = gzip.compress(b"gdb_id,smiles\n1,C\n2,N\n", mtime=0)
    replaced(monkeypatch, tmp_path / "qm9.csv.gz", content)
    with pytest.raises(InputError, match="2 rows, 130831 expected"):
        qm9.load(tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "cannot read"),
        (gzip.compress(b"gdb_id,smiles\n" + b"1,C\n" * 999, mtime=0)[:-20], "cannot read"),
        (gzip.compress(b"smiles\nC\n", mtime=0), "not QM9 as molflow carries it"),
        (gzip.compress(b"gdb_id,smiles\none,C\n", mtime=0), "not QM9 as molflow carries it"),
    ],
    ids=["no gzip", "cut off", "no ids", "no number"],
)
def test_another_file_in_its_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, message: str
) -> None:
    replaced(monkeypatch, tmp_path / "qm9.csv.gz", content)
    with pytest.raises(InputError, match=message):
        qm9.load(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("**/packed.npz"))
