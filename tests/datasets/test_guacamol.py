"""GuacaMol's three files are fetched, checked and split as its authors split them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from molflow.datasets import guacamol
from molflow.errors import InputError

FILES = {
    "train": b"CCO\nC[N+](C)(C)C\nCC1\n",
    "valid": b"c1ccccc1\n",
    "test": b"C[C@H](F)Cl\nCCCCCCC\n",
}
Place = Callable[..., Path]


@pytest.fixture
def place(
    server: tuple[str, Path],
    md5: Callable[[bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Place:
    """Serves these files in the place of the official ones; the folder of the cache."""

    def serve(files: dict[str, bytes] = FILES) -> Path:
        address, folder = server
        for name, content in files.items():
            (folder / name).write_bytes(content)
        monkeypatch.setattr(guacamol, "URL", address)
        digests = {name: (name, md5(content)) for name, content in files.items()}
        monkeypatch.setattr(guacamol, "FILES", digests)
        monkeypatch.setattr(guacamol, "ROWS", {"train": 3, "valid": 1, "test": 2})
        return tmp_path / "cache"

    return serve


def test_the_splits_are_the_three_files(place: Place) -> None:
    dataset = guacamol.load(place())
    assert dataset.smiles("train") == ["CCO", "C[N+](C)(C)C"]
    assert dataset.smiles("valid") == ["c1ccccc1"]
    assert dataset.smiles("test") == ["CC(F)Cl", "CCCCCCC"]
    assert dataset.vocabulary.atoms == ("C", "N+", "O", "F", "Cl")


def test_what_is_left_out_is_listed_by_its_row_through_the_files(place: Place) -> None:
    dataset = guacamol.load(place(), max_atoms=6)
    assert dataset.dropped == {"does not parse": 1, "more than 6 atoms": 1}
    with dataset.report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [["3", "CC1", "does not parse"], ["6", "CCCCCCC", "more than 6 atoms"]]


def test_a_later_start_needs_no_network(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = place()
    first = guacamol.load(cache)
    monkeypatch.setattr(guacamol, "URL", "http://127.0.0.1:1/")
    again = guacamol.load(cache)
    assert again.smiles("test") == first.smiles("test")


def test_another_test_file_is_another_data_set(place: Place, tmp_path: Path) -> None:
    first = guacamol.load(place())
    for file in (tmp_path / "cache" / "downloads").iterdir():
        file.unlink()
    other = guacamol.load(place({**FILES, "test": b"CCC\nCC\n"}))
    assert other.smiles("test") == ["CCC", "CC"]
    assert other.report.parent != first.report.parent


def test_a_file_with_another_number_of_rows_is_refused(place: Place) -> None:
    cache = place({**FILES, "valid": b"C\nCC\n"})
    with pytest.raises(InputError, match=r"guacamol_v1_valid.smi: 2 rows, 1 expected"):
        guacamol.load(cache)


def test_the_official_sizes_add_up() -> None:
    # Brown et al. 2019: 1,591,378 molecules, 80 % / 5 % / 15 %.
    assert sum(guacamol.ROWS.values()) == 1_591_378
    assert [round(n / 1_591_378, 2) for n in guacamol.ROWS.values()] == [0.8, 0.05, 0.15]
