"""ZINC250k is the authors' file, or the same molecules in another form; all is counted."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from molflow.datasets import zinc250k
from molflow.datasets.loaders import MoleculeDataset
from molflow.errors import InputError

# As in the official file, a cell may hold a line break after its SMILES.
OFFICIAL = b'smiles,logP\n"C[C@H](N)O\n",1\n"CC1\n",2\n"CC(N)O\n",3\n' + b"".join(
    b'"%s\n",4\n' % (b"C" * n) for n in range(1, 38)
)
LINES = [
    "C[C@H](N)O",
    "CC1",
    "CC(N)O",
    *("C" * n for n in range(1, 38)),
]
Server = tuple[str, Path]


@pytest.fixture(autouse=True)
def forty_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zinc250k, "ROWS", 40)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., MoleculeDataset]:
    def from_lines(lines: list[str] = LINES, **options: object) -> MoleculeDataset:
        path = tmp_path / "zinc250k.smi.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
        return zinc250k.load(path, tmp_path / "cache", **options)

    return from_lines


def test_the_official_file_is_downloaded_and_kept(
    server: Server,
    md5: Callable[[bytes], str],
    load: Callable[..., MoleculeDataset],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    address, folder = server
    (folder / "zinc.csv").write_bytes(OFFICIAL)
    monkeypatch.setattr(zinc250k, "URL", address + "zinc.csv")
    monkeypatch.setattr(zinc250k, "DIGEST", md5(OFFICIAL))
    dataset = zinc250k.load(cache=tmp_path / "cache")
    kept = tmp_path / "cache" / "downloads" / "250k_rndm_zinc_drugs_clean_3.csv"
    assert kept.read_bytes() == OFFICIAL
    assert dataset.packed.smiles[:3] == ["CC(N)O", "CC(N)O", "C"]
    # The same molecules under the same numbers as from a file of lines.
    again = load()
    assert again.packed.ids.tolist() == dataset.packed.ids.tolist()
    assert [again.smiles(name) for name in again.splits] == [
        dataset.smiles(name) for name in dataset.splits
    ]


def test_what_is_left_out_is_listed_by_its_row(load: Callable[..., MoleculeDataset]) -> None:
    dataset = load()
    assert dataset.dropped == {"does not parse": 1}
    with dataset.report.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "smiles", "reason"],
            ["2", "CC1", "does not parse"],
        ]
    assert dataset.report.parent.name.startswith("zinc250k-")


def test_molecules_that_differ_in_stereo_alone_are_both_kept(
    load: Callable[..., MoleculeDataset],
) -> None:
    assert load().packed.smiles.count("CC(N)O") == 2


def test_every_molecule_is_in_one_split(load: Callable[..., MoleculeDataset]) -> None:
    lines = ["C" * n for n in range(1, 41)]
    splits = load(lines).splits
    # A twentieth of 40 rows each for valid and test.
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 36,
        "valid": 2,
        "test": 2,
    }
    assert sorted(i for part in splits.values() for i in part.tolist()) == list(range(40))


def test_a_limit_takes_larger_molecules_out_of_their_splits_and_moves_no_other(
    load: Callable[..., MoleculeDataset],
) -> None:
    whole, small = load(), load(max_atoms=20)
    assert small.dropped == {"does not parse": 1, "more than 20 atoms": 17}
    for name in whole.splits:
        assert small.smiles(name) == [s for s in whole.smiles(name) if len(s) <= 20]


def test_the_split_follows_its_seed(load: Callable[..., MoleculeDataset]) -> None:
    assert load().smiles("test") == load().smiles("test") != load(seed=1).smiles("test")


def test_stripped_charges_leave_elements(load: Callable[..., MoleculeDataset]) -> None:
    lines = ["C[N+](=O)[O-]"] * 40
    assert load(lines).vocabulary.atoms == ("C", "N+", "O-", "O")
    assert load(lines, vocabulary="stripped").vocabulary.atoms == ("C", "N", "O")


def test_another_number_of_molecules_is_refused(load: Callable[..., MoleculeDataset]) -> None:
    with pytest.raises(InputError, match="39 molecules, 40 expected for dataset=zinc250k"):
        load(LINES[:39])


def test_an_unknown_vocabulary_is_answered_with_the_choices(
    load: Callable[..., MoleculeDataset],
) -> None:
    with pytest.raises(InputError, match=r"dataset.vocabulary='x': one of charged, stripped"):
        load(vocabulary="x")
