"""MOSES is read from inside its wheel: nothing imported, nothing unpickled."""

import csv
import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from molflow.datasets import moses
from molflow.errors import InputError

FOLDER = "moses/dataset/data/"
TRAIN = ["C" * n for n in range(1, 13)]
FILES = {
    "train": ["SMILES", *TRAIN],
    "test": ["SMILES", "CCO", "CC1", "C[C@H](F)Cl"],
    "test_scaffolds": ["SMILES", "C1CC1", "C1CC1C"],
}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Places a wheel of these files by hand in the cache, whose folder is given back."""
    monkeypatch.setattr(moses, "ROWS", {"train": 12, "test": 3, "test_scaffolds": 2})
    monkeypatch.setattr(moses, "VALID", 4)

    def make(files: dict[str, list[str]]) -> Path:
        wheel = tmp_path / "cache" / "downloads" / "molsets-0.3.1-py3-none-any.whl"
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("moses/__init__.py", "raise SystemExit('imported')\n")
            archive.writestr(FOLDER + "test_stats.npz", b"a pickle that is not read")
            for name, lines in files.items():
                content = "".join(f"{line}\n" for line in lines).encode()
                archive.writestr(f"{FOLDER}{name}.csv.gz", gzip.compress(content, mtime=0))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        monkeypatch.setattr(moses, "DIGEST", f"sha256:{digest}")
        return tmp_path / "cache"

    return make


def test_the_test_sets_are_those_of_the_authors(place) -> None:  # type: ignore[no-untyped-def]
    dataset = moses.load(place(FILES))
    assert dataset.smiles("test") == ["CCO", "CC(F)Cl"]
    assert dataset.smiles("test_scaffolds") == ["C1CC1", "CC1CC1"]
    assert dataset.name == "moses"


def test_valid_is_a_part_of_the_training_file_that_is_not_trained_on(
    place,  # type: ignore[no-untyped-def]
) -> None:
    dataset = moses.load(place(FILES))
    train, valid = dataset.smiles("train"), dataset.smiles("valid")
    assert (len(train), len(valid)) == (8, 4)
    assert sorted([*train, *valid], key=len) == TRAIN
    again = moses.load(place(FILES))
    assert again.smiles("valid") == valid


def test_what_is_left_out_is_listed_by_its_row_through_the_files(
    place,  # type: ignore[no-untyped-def]
) -> None:
    dataset = moses.load(place(FILES))
    # Row 2 of test, behind 12 rows of train.
    with dataset.report.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [["14", "CC1", "does not parse"]]
    assert dataset.dropped == {"does not parse": 1}
    assert dataset.report.parent.name.startswith("moses-")


def test_a_limit_takes_larger_molecules_out_and_moves_no_other(
    place,  # type: ignore[no-untyped-def]
) -> None:
    whole, small = moses.load(place(FILES)), moses.load(place(FILES), max_atoms=3)
    assert small.max_atoms == 3
    for name in ("train", "valid"):
        assert small.smiles(name) == [s for s in whole.smiles(name) if len(s) <= 3]
    assert small.smiles("test_scaffolds") == ["C1CC1"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, "test": FILES["test"][:3]}, r"test\.csv\.gz: 2 rows, 3 expected"),
        ({"train": FILES["train"]}, r"test\.csv\.gz is not as expected: KeyError"),
        ({**FILES, "train": ["smiles", *TRAIN]}, r"train\.csv\.gz is not as expected: KeyError"),
    ],
)
def test_a_wheel_with_another_content_is_refused(
    place,  # type: ignore[no-untyped-def]
    files: dict[str, list[str]],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        moses.load(place(files))


def test_a_file_in_its_place_that_is_another_is_refused(
    place,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = place(FILES)
    monkeypatch.setattr(moses, "DIGEST", "sha256:00")
    with pytest.raises(InputError, match=r"sha256 [0-9a-f]{64}, expected 00; delete it"):
        moses.load(cache)
