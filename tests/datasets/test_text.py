"""Windows of a text, and what is said of files that are none."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from molflow.datasets import text as module
from molflow.datasets.text import TextDataset, load, load_text8
from molflow.errors import InputError

WIKIPEDIA = Path(__file__).parents[3] / "shared" / "data" / "text8like_enwiki.txt.gz"
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def error_of(path: Path, length: int = 4) -> str:
    with pytest.raises(InputError) as error:
        load(path, length)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def dataset(tmp_path: Path) -> TextDataset:
    """208 characters: 188 to train, 10 and 10 held out, windows of 4."""
    return load(write(tmp_path / "abc.txt", ALPHABET * 8), 4)


def test_the_splits_are_nine_tenths_and_twice_half_of_one(dataset: TextDataset) -> None:
    # 208 / 20 = 10.4.
    assert dataset.bounds == {"train": (0, 188), "valid": (188, 198), "test": (198, 208)}
    # 188 = 7 * 26 + 6.
    assert dataset.text("valid") == "ghijklmnop"
    assert dataset.text("test") == "qrstuvwxyz"
    assert dataset.text("train") == (ALPHABET * 8)[:188]


def test_the_windows_of_a_split_lie_one_behind_the_other(dataset: TextDataset) -> None:
    assert dataset.texts("valid") == ["ghij", "klmn"]
    assert dataset.texts("test") == ["qrst", "uvwx"]
    assert "".join(dataset.texts("train")) == (ALPHABET * 8)[:188]


def test_the_packed_sequences_of_a_split_are_its_windows(dataset: TextDataset) -> None:
    for split, part in dataset.splits.items():
        said = [dataset.vocabulary.decode(dataset.packed.sequence(i)) for i in part]
        assert said == dataset.texts(split)
    assert dataset.packed.rows[dataset.splits["test"]].tolist() == [198, 202]


def test_all_windows_have_one_length(dataset: TextDataset) -> None:
    assert dataset.max_size == 4
    assert dataset.size_law().tolist() == [0, 0, 0, 0, 1]


def test_the_vocabulary_is_what_occurs_sorted(dataset: TextDataset) -> None:
    assert dataset.vocabulary.symbols == tuple(ALPHABET)
    assert (dataset.vocabulary.scheme, dataset.vocabulary.end) == ("characters", False)
    assert dataset.ids("valid").tolist() == list(range(6, 16))


def test_text_is_not_molecules(dataset: TextDataset) -> None:
    with pytest.raises(InputError, match="abc has no molecules"):
        dataset.smiles("train")


def test_a_batch_is_windows_of_the_training_text_from_anywhere(tmp_path: Path) -> None:
    # No character occurs twice, so the first of a window tells where it begins.
    text = "".join(chr(200 + i) for i in range(200))
    made = load(write(tmp_path / "a.txt", text), 10)
    batch = made.batches(3_000, seed=0)(0, 0, 1)
    assert batch.tokens.shape == (3_000, 10)
    assert (np.diff(batch.tokens) == 1).all()
    assert set(batch.lengths.tolist()) == {10}
    # 180 characters to train on: windows begin at 0 to 170, and no other place.
    assert set(batch.tokens[:, 0].tolist()) == set(range(171))


def test_the_ranks_share_the_batch_of_one_process(dataset: TextDataset) -> None:
    parts = [dataset.batches(3, 1)(5, rank, 2).tokens for rank in (0, 1)]
    assert np.concatenate(parts).tolist() == dataset.batches(6, 1)(5, 0, 1).tokens.tolist()


def test_a_batch_is_a_function_of_seed_and_step(dataset: TextDataset) -> None:
    wanted = dataset.batches(8, 1)(5, 0, 1).tokens.tolist()
    dataset.batches(8, 1)(6, 0, 1)
    assert dataset.batches(8, 1)(5, 0, 1).tokens.tolist() == wanted
    assert dataset.batches(8, 1)(6, 0, 1).tokens.tolist() != wanted
    assert dataset.batches(8, 2)(5, 0, 1).tokens.tolist() != wanted


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"step": -1}, {"rank": 1}, {"rank": -1}])
def test_impossible_batches_are_refused(dataset: TextDataset, wrong: dict[str, int]) -> None:
    numbers = {"batch_size": 2, "step": 0, "rank": 0, **wrong}
    batches = dataset.batches(numbers["batch_size"], 0)
    with pytest.raises(ValueError, match="="):
        batches(numbers["step"], numbers["rank"], 1)


def test_a_packed_file_is_the_same_text(tmp_path: Path, dataset: TextDataset) -> None:
    path = tmp_path / "packed.txt.gz"
    path.write_bytes(gzip.compress((ALPHABET * 8).encode()))
    made = load(path, 4)
    assert made.name == "packed"
    assert made.text("train") == dataset.text("train")


def test_line_endings_and_a_byte_order_mark_are_one_way(tmp_path: Path) -> None:
    path = tmp_path / "dos.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"ab\r\ncd\r\n" * 20)
    made = load(path, 2)
    assert made.vocabulary.symbols == ("\n", "a", "b", "c", "d")
    assert made.text("train") == "ab\ncd\n" * 18


def test_letters_beyond_ascii_are_characters_like_any_other(tmp_path: Path) -> None:
    made = load(write(tmp_path / "a.txt", "naïve 😀" * 20), 3)
    assert made.vocabulary.symbols == (" ", "a", "e", "n", "v", "ï", "😀")
    assert made.text("test") == "naïve 😀"


def test_without_a_path_the_key_is_named() -> None:
    with pytest.raises(InputError, match=r"dataset.path is not given: a file in plain text"):
        load(None)


def test_an_empty_text_is_refused(tmp_path: Path) -> None:
    assert error_of(write(tmp_path / "a.txt", "")) == f"{tmp_path}/a.txt: the text is empty"


def test_a_text_without_a_window_to_hold_out_is_refused(tmp_path: Path) -> None:
    # 79 / 20 = 3.95; 80 / 20 = 4.
    path = write(tmp_path / "a.txt", "ab " * 26 + "a")
    assert error_of(path).startswith(f"{path}: 79 characters are too few for windows of 4: a 20th")
    assert load(write(path, "ab " * 26 + "ab"), 4).texts("test") == ["b ab"]


def test_a_binary_file_is_named_with_the_place_of_its_first_nul(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one\ntwo\0three" * 99)
    assert error_of(path) == f"{path}: line 2, column 4: a NUL, so not a text"


def test_a_text_beyond_what_is_held_in_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHARACTER_LIMIT", 1_000)
    path = tmp_path / "a.txt"
    path.write_text("abcd " * 200)
    assert load(path, length=8).packed.ids.size == 1_000
    path.write_text("abcd " * 200 + "e")
    assert error_of(path) == f"{path}: more than 1,000 characters, the most that are read"


def test_a_file_in_another_encoding_is_named_with_the_place_of_its_first_wrong_byte(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("ï\n".encode() * 99 + b"na\xefve" * 9)
    assert error_of(path) == f"{path}: line 100, column 3: not UTF-8 text"


@pytest.mark.parametrize("name", ["absent.txt", "folder", "cut.txt.gz", "plain.txt.gz"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"abcdef" * 99)[:-9])
    (tmp_path / "plain.txt.gz").write_bytes(b"abcdef" * 99)
    assert error_of(tmp_path / name).startswith(f"cannot read '{tmp_path / name}': ")


def test_too_many_different_characters_are_counted_and_the_first_rare_one_named(
    tmp_path: Path,
) -> None:
    # Twice 512 characters in lines of two; behind them, once each, two more.
    usual = [chr(0x4E00 + i) for i in range(512 - 1)]
    lines = "\n".join("".join(usual[i : i + 2]) for i in range(0, len(usual), 2)) + "\n"
    path = write(tmp_path / "a.txt", 2 * lines + "一é一ü" + lines)
    # 256 lines, twice; then the second character of the line 513.
    assert error_of(path) == (
        f"{path}: 514 different characters, at most 512; the first of the rarer ones is 'é' in "
        "line 513, column 2"
    )
    assert load(write(path, 9 * lines), 4).vocabulary.classes == 512


@pytest.fixture
def small_text8(monkeypatch: pytest.MonkeyPatch) -> str:
    """A text that passes for text8 where that has 2,700 characters."""
    monkeypatch.setattr(module, "TEXT8_LENGTH", 2_700)
    return (" " + ALPHABET) * 100


def test_text8_is_read_from_its_archive(tmp_path: Path, small_text8: str) -> None:
    path = tmp_path / "text8.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text8", small_text8)
    made = load_text8(path, length=64)
    assert made.name == "text8"
    assert made.text("train") + made.text("valid") + made.text("test") == small_text8
    assert made.vocabulary.classes == 27


def test_text8_is_read_unpacked(tmp_path: Path, small_text8: str) -> None:
    assert load_text8(write(tmp_path / "text8", small_text8)).name == "text8"


def test_text8_is_looked_for_where_downloads_are_kept(
    tmp_path: Path, small_text8: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(url: str, digest: str, target: Path) -> Path:
        asked.append((url, digest, target))
        return write(tmp_path / "text8", small_text8)

    monkeypatch.setattr(module, "fetch", fetch)
    load_text8(cache=tmp_path)
    (url, digest, target), *_ = asked
    assert (url, digest[:15]) == ("http://mattmahoney.net/dc/text8.zip", "sha256:a6640522")
    assert (target.name, tmp_path in target.parents) == ("text8.zip", True)


def test_a_text_that_is_not_text8_is_refused(tmp_path: Path, small_text8: str) -> None:
    path = write(tmp_path / "text8", small_text8[:-1])
    with pytest.raises(InputError, match=r"text8: 2,699 characters; text8 has 2,700$"):
        load_text8(path)
    with pytest.raises(InputError, match="line 1, column 2700: '0'; text8 has a-z and space"):
        load_text8(write(path, small_text8[:-1] + "0"))


def test_an_archive_without_text8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text8.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "text")
    with pytest.raises(InputError, match=r"text8.zip: not text8.zip"):
        load_text8(path)


@pytest.mark.skipif(not WIKIPEDIA.exists(), reason="text8like_enwiki.txt.gz is not beside us")
def test_wikipedia_in_27_symbols_is_cut_into_windows() -> None:
    made = load(WIKIPEDIA)
    # 3,037,027 characters: a 20th is 151,851, which holds 1,186 windows of 128.
    assert made.vocabulary.symbols == tuple(" " + ALPHABET)
    assert [len(made.text(split)) for split in made.bounds] == [2_733_325, 151_851, 151_851]
    assert [len(made.texts(split)) for split in ("valid", "test")] == [1_186, 1_186]
    assert made.text("train").startswith(" anarchism is a political philosophy")
