"""Made text is compared with real text by its words, its characters and its variety.

No number says anything alone. A text of one common word over and over has every word in the
vocabulary and a low perplexity; noise has a high entropy. So `measure_text` gives all of them. The
same numbers of held-out text, of training text and of n-gram samplers belong beside them. Nothing
is repaired before it is counted; undefined is nan.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import log2, nan

import numpy as np
from numpy.typing import NDArray

from molflow.metrics.ngram import NGram
from molflow.progress import progress
from molflow.sequence.vocabulary import TokenVocabulary

ORDER = 6
"""The n-gram model has this order, the best on 3 million characters of English in 27 symbols."""

FITTED = 10_000_000
"""The n-gram model is fitted to at most so many characters of the training text."""

DISTINCT = (4, 8)
"""Character n-grams of these lengths are counted: about a word, and more than one."""

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class TextReference:
    """Texts are measured against this: the words and the n-gram model of a training text."""

    words: frozenset[str]
    ngram: NGram
    vocabulary: TokenVocabulary

    @classmethod
    def of(
        cls, text: str, ids: NDArray[np.integer], vocabulary: TokenVocabulary, order: int = ORDER
    ) -> TextReference:
        """Read all words of a training text, and the n-grams of its first FITTED characters.

        Args:
            text: the training text.
            ids: its classes, (len(text),).
            vocabulary: of the classes.
            order: of the n-gram model.

        Raises:
            ValueError: the text is shorter than ``order``.
        """
        ngram = NGram.fit([ids[:FITTED]], order, vocabulary.classes)
        return cls(known_words(text), ngram, vocabulary)


def known_words(text: str) -> frozenset[str]:
    """Collect the different words of a text: runs of letters, digits and underscores, case kept."""
    found = progress(WORD.finditer(text), "reading words", unit="words")
    return frozenset(match.group() for match in found)


def _inner(text: str) -> list[str]:
    """Take the words of a text but the first and the last: windows cut words."""
    return WORD.findall(text)[1:-1]


def words_in_vocabulary(texts: Iterable[str], vocabulary: Collection[str]) -> float:
    """Words that ``vocabulary`` has / words, over all texts, each as often as it occurs.

    A word is a run of letters, digits and underscores. The first and the last word of every text
    are dropped, whole or not, because a window cuts them. The result is nan where no word is left.
    """
    words = [word for text in texts for word in _inner(text)]
    return sum(word in vocabulary for word in words) / len(words) if words else nan


def unigram_entropy(texts: Iterable[str]) -> float:
    """Mean over texts of -sum_c p_c log2 p_c, in bits, p_c the share of character c in that text.

    It is at most log2 of the number of symbols, and 0 for one character over and over. An empty
    text has none and is not in the mean. The result is nan where all are empty.
    """
    entropies = [_entropy(text) for text in texts if text]
    return sum(entropies) / len(entropies) if entropies else nan


def _entropy(text: str) -> float:
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(p * log2(p) for p in shares)


def distinct_ngrams(texts: Iterable[str], n: int) -> float:
    """Different runs of n characters / all such runs, over all texts together; nan without any.

    It falls with the number of texts, so only equal numbers of equally long texts compare.
    """
    runs = [text[i : i + n] for text in texts for i in range(len(text) - n + 1)]
    return len(set(runs)) / len(runs) if runs else nan


def measure_text(texts: Sequence[str], reference: TextReference) -> dict[str, float]:
    """Measure texts, which consist of the reference's symbols, by all numbers.

    - texts, words: how many there are, and how many words are judged.
    - words_in_vocabulary: the share that the reference's text has, see `words_in_vocabulary`.
    - bits_per_character: mean of -log2 P over all characters under the reference's n-gram model,
      each text from its own beginning.
    - perplexity: 2^bits_per_character.
    - entropy: see `unigram_entropy`, in bits.
    - distinct_4, distinct_8: see `distinct_ngrams`.

    Args:
        texts: the texts.
        reference: of the training text.
    """
    ids = [reference.vocabulary.encode(text) for text in texts]
    bits = reference.ngram.bits_per_character(ids)
    return {
        "texts": len(texts),
        "words": sum(len(_inner(text)) for text in texts),
        "words_in_vocabulary": words_in_vocabulary(texts, reference.words),
        "bits_per_character": bits,
        "perplexity": 2**bits,
        **variety(texts),
    }


def variety(texts: Sequence[str]) -> dict[str, float]:
    """Measure the numbers of `measure_text` without a reference: entropy and distinct n-grams."""
    return {
        "entropy": unigram_entropy(texts),
        **{f"distinct_{n}": distinct_ngrams(texts, n) for n in DISTINCT},
    }
