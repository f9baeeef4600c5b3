"""Windows of a text: any file in plain text, and text8.

The text is cut by characters into 90 % for training, then 5 % for validation and 5 % for testing. A
training batch holds windows that begin anywhere in its part. The windows of a split are those that
are measured: they lie one behind the other from its beginning. The vocabulary is the characters of
the file. text8 (Mahoney 2011, "About the test data") is 10^8 characters of English Wikipedia of
2006 in a-z and space, so cut into 90, 5 and 5 million, as the literature does.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molflow.datasets.download import download_folder, fetch
from molflow.datasets.loaders import SPLITS
from molflow.datasets.molecule_file import NOT_TEXT, open_text
from molflow.datasets.names import require_name
from molflow.datasets.store import starts
from molflow.datasets.tokens import PackedTokens, TokenBatch, TokenDataset
from molflow.errors import InputError
from molflow.progress import progress
from molflow.sequence.vocabulary import TokenVocabulary

LENGTH = 128
SYMBOL_LIMIT = 512
"""The most different characters: a state holds a number for each at every position."""

CHARACTER_LIMIT = 1_000_000_000
"""The most characters of a text: it is held in memory, a few bytes a character."""

PARTS = 20
"""Equal parts of a text: one for validation, one for testing, the others for training."""

CHUNK = 1_000_000

TEXT8_URL = "http://mattmahoney.net/dc/text8.zip"
TEXT8_DIGEST = "sha256:a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"
TEXT8_LENGTH = 100_000_000
TEXT8_SYMBOLS = frozenset(" abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class TextDataset(TokenDataset):
    """One text, and windows of it.

    Attributes:
        bounds: "train", "valid" and "test" to where each begins and ends in the ids of ``packed``.
        length: tokens of a window.
    """

    bounds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    length: int = LENGTH

    def batches(self, batch_size: int, seed: int) -> Callable[[int, int, int], TokenBatch]:
        """(step, rank, world) -> windows of the training text from anywhere, independent draws.

        The ranks of a step share the draws of one process.
        """
        begin, end = self.bounds["train"]

        def batch(step: int, rank: int, world: int) -> TokenBatch:
            if not 0 <= rank < world or step < 0 or batch_size < 1:
                raise ValueError(
                    f"batch_size={batch_size}, step={step}, rank={rank}, world={world}"
                )
            generator = np.random.default_rng([seed, step])
            offsets = generator.integers(begin, end - self.length + 1, size=batch_size * world)
            mine = offsets[rank * batch_size : (rank + 1) * batch_size]
            tokens = self.packed.ids[mine[:, None] + np.arange(self.length)].astype(np.int64)
            return TokenBatch(tokens, np.full(batch_size, self.length, np.int64))

        return batch

    def ids(self, split: str) -> NDArray[np.uint16]:
        """The classes of the whole text of a split."""
        require_name(f"split of {self.name}", split, tuple(self.bounds))
        begin, end = self.bounds[split]
        return self.packed.ids[begin:end]

    def text(self, split: str) -> str:
        """The whole text of a split."""
        return self._code_points[self.ids(split)].tobytes().decode("utf-32-le")

    def texts(self, split: str) -> list[str]:
        """The windows of a split, one behind the other, without the rest that fills none."""
        text, length = self.text(split), self.length
        return [text[i * length : (i + 1) * length] for i in range(len(text) // length)]

    @cached_property
    def _code_points(self) -> NDArray[np.uint32]:
        return np.array([ord(symbol) for symbol in self.vocabulary.symbols], "<u4")


def load(path: str | Path | None, length: int = LENGTH) -> TextDataset:
    """Windows of a file in UTF-8, plain or .gz; line endings count as one character.

    Args:
        path: the file.
        length: characters of a window.

    Raises:
        InputError: the file cannot be read or is binary, or the text is empty, too short or of too
            many different characters. The message names the file, and line and column where a
            character is at fault.
    """
    if path is None:
        raise InputError("dataset.path is not given: a file in plain text, .gz may follow")
    path = Path(path)
    return windows(path.name.split(".")[0], str(path), read(path), length)


def load_text8(
    path: str | Path | None = None, cache: Path | None = None, length: int = LENGTH
) -> TextDataset:
    """Windows of text8.

    Args:
        path: text8.zip, or text8 itself, plain or .gz; without it text8.zip is downloaded and kept.
        cache: the folder where it is kept, by default `cache_folder()`.
        length: characters of a window.

    Raises:
        InputError: the file cannot be had or read, or is another text.
    """
    if path is None:
        path = fetch(TEXT8_URL, TEXT8_DIGEST, download_folder(cache) / "text8.zip")
    path = Path(path)
    text = _unzip(path) if zipfile.is_zipfile(path) else read(path)
    if foreign := set(text) - TEXT8_SYMBOLS:
        at = min(map(text.index, foreign))
        raise InputError(f"{path}: {_place(text, at)}: {text[at]!r}; text8 has a-z and space alone")
    if len(text) != TEXT8_LENGTH:
        raise InputError(f"{path}: {len(text):,} characters; text8 has {TEXT8_LENGTH:,}")
    return windows("text8", str(path), text, length)


def read(path: Path) -> str:
    """The text of a file in UTF-8, plain or .gz; errors as of `load`."""
    with open_text(path) as stream:
        text = stream.read(CHARACTER_LIMIT + 1)
    if len(text) > CHARACTER_LIMIT:
        raise InputError(
            f"{path}: more than {CHARACTER_LIMIT:,} characters, the most that are read"
        )
    if wrong := NOT_TEXT.search(text):
        what = "a NUL, so not a text" if wrong.group() == "\0" else "not UTF-8 text"
        raise InputError(f"{path}: {_place(text, wrong.start())}: {what}")
    return text


def _unzip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read("text8").decode("ascii")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not text8.zip: {error}") from error


def windows(name: str, source: str, text: str, length: int) -> TextDataset:
    """Cut a text into windows.

    Args:
        name: of the data set.
        source: the name of the text in an InputError.
        text: the whole text.
        length: characters of a window.

    Raises:
        InputError: a split has no window, or the different characters are too many.
    """
    _require_long(source, text, length)
    symbols = _symbols(source, text)
    vocabulary = TokenVocabulary(symbols, "characters")
    held_out = len(text) // PARTS
    ends = [0, len(text) - 2 * held_out, len(text) - held_out, len(text)]
    bounds = {part: (ends[i], ends[i + 1]) for i, part in enumerate(SPLITS)}
    lengths, splits, count = [], {}, 0
    for part, (begin, end) in bounds.items():
        whole, rest = divmod(end - begin, length)
        splits[part] = np.arange(count, count + whole)
        lengths += [np.full(whole, length), np.full(int(rest > 0), rest)]
        count += whole + int(rest > 0)
    begins = starts(np.concatenate(lengths))
    packed = PackedTokens(_ids(text, symbols), begins, begins[:-1])
    return TextDataset(name, packed, splits, vocabulary, {}, bounds=bounds, length=length)


def _require_long(source: str, text: str, length: int) -> None:
    """InputError where a split has no window."""
    if not text:
        raise InputError(f"{source}: the text is empty")
    if len(text) // PARTS < length:
        raise InputError(
            f"{source}: {len(text):,} characters are too few for windows of {length}: "
            f"a {PARTS}th of them, for validation, must hold one"
        )


def _symbols(source: str, text: str) -> tuple[str, ...]:
    """The different characters, sorted; InputError where they are too many."""
    found = set(text)
    if len(found) > SYMBOL_LIMIT:
        usual = {symbol for symbol, _ in Counter(text).most_common(SYMBOL_LIMIT)}
        at = next(i for i, symbol in enumerate(text) if symbol not in usual)
        raise InputError(
            f"{source}: {len(found):,} different characters, at most {SYMBOL_LIMIT}; the first of "
            f"the rarer ones is {text[at]!r} in {_place(text, at)}"
        )
    return tuple(sorted(found))


def _ids(text: str, symbols: tuple[str, ...]) -> NDArray[np.uint16]:
    """The class of every character, (len(text),)."""
    table = np.zeros(ord(symbols[-1]) + 1, np.uint16)
    table[[ord(symbol) for symbol in symbols]] = np.arange(len(symbols))
    ids = np.empty(len(text), np.uint16)
    for begin in progress(range(0, len(text), CHUNK), "reading text", unit="M characters"):
        part = text[begin : begin + CHUNK].encode("utf-32-le")
        ids[begin : begin + CHUNK] = table[np.frombuffer(part, "<u4")]
    return ids


def _place(text: str, index: int) -> str:
    """Line and column of a character, both from 1."""
    line = text.count("\n", 0, index) + 1
    return f"line {line}, column {index - text.rfind(chr(10), 0, index)}"
