"""What is measured of made text, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from molflow.metrics.ngram import NGram
from molflow.metrics.text import (
    TextReference,
    distinct_ngrams,
    known_words,
    measure_text,
    unigram_entropy,
    words_in_vocabulary,
)
from molflow.sequence.vocabulary import TokenVocabulary

WORDS = frozenset({"the", "cat", "sat"})
LETTERS = TokenVocabulary((" ", "a", "c", "e", "h", "s", "t"), "characters")


def reference(text: str) -> TextReference:
    return TextReference.of(text, LETTERS.encode(text), LETTERS, order=2)


def test_the_first_and_the_last_word_are_not_judged():
    # Inner words: cat, sat; then cat, mat.
    assert words_in_vocabulary(["xx cat sat yy"], WORDS) == 1
    assert words_in_vocabulary(["xx cat sat yy", " the cat mat the"], WORDS) == 3 / 4


def test_a_word_counts_as_often_as_it_occurs():
    assert words_in_vocabulary(["a cat cat dog b"], WORDS) == 2 / 3


def test_case_and_marks_of_punctuation_part_words_as_they_do_in_the_vocabulary():
    assert known_words("The cat, sat.") == {"The", "cat", "sat"}
    assert words_in_vocabulary(["a cat, Cat! b"], WORDS) == 1 / 2


def test_the_words_of_a_training_text_include_its_first_and_last():
    assert known_words("the cat sat") == WORDS


def test_texts_without_inner_words_have_no_share():
    assert math.isnan(words_in_vocabulary([], WORDS))
    assert math.isnan(words_in_vocabulary(["", "cat", "the cat"], WORDS))


def test_the_entropy_is_that_of_the_characters_of_each_text():
    # aaab: -(3/4 log2 3/4 + 1/4 log2 1/4) = 2 - 3/4 log2 3; abcd: 2; aaaa: 0.
    assert unigram_entropy(["abcd"]) == 2
    assert unigram_entropy(["aaaa"]) == 0
    assert unigram_entropy(["aaab", "aaaa"]) == pytest.approx((2 - 0.75 * math.log2(3)) / 2)


def test_two_texts_of_one_character_each_have_no_entropy_together():
    # The entropy of "aabb" would be 1: it is the mean over texts that is wanted.
    assert unigram_entropy(["aa", "bb"]) == 0


def test_an_empty_text_has_no_entropy():
    assert unigram_entropy(["abcd", ""]) == 2
    assert math.isnan(unigram_entropy(["", ""]))


def test_distinct_ngrams_are_counted_over_all_texts():
    # ab ba ab | ba ab: 2 different of 5; abab has aba, bab and bab has bab: 2 of 3.
    assert distinct_ngrams(["abab", "bab"], 2) == 2 / 5
    assert distinct_ngrams(["abab", "bab"], 3) == 2 / 3


def test_texts_shorter_than_n_have_no_ngrams():
    assert math.isnan(distinct_ngrams(["ab", ""], 3))


def test_all_numbers_come_together():
    ref = reference("the cat sat the cat sat")
    texts = ["the cat sat", "a that cats e"]
    numbers = measure_text(texts, ref)
    assert list(numbers) == [
        *("texts", "words", "words_in_vocabulary", "bits_per_character", "perplexity"),
        *("entropy", "distinct_4", "distinct_8"),
    ]
    # Inner words: cat; that, cats. Eightgrams: 4 of the first, 6 of the second, none twice.
    assert (numbers["texts"], numbers["words"]) == (2, 3)
    assert numbers["words_in_vocabulary"] == 1 / 3
    assert numbers["distinct_8"] == 1
    bits = ref.ngram.bits_per_character([LETTERS.encode(text) for text in texts])
    assert numbers["bits_per_character"] == bits
    assert numbers["perplexity"] == 2**bits
    assert numbers["entropy"] == unigram_entropy(texts)
    assert numbers["distinct_4"] == distinct_ngrams(texts, 4)


def test_the_model_of_a_reference_is_that_of_its_training_text():
    text = "the cat sat"
    same = NGram.fit([LETTERS.encode(text)], 2, 7)
    probe = [LETTERS.encode("that")]
    assert reference(text).ngram.bits_per_character(probe) == same.bits_per_character(probe)


def test_one_common_word_over_and_over_shows_in_the_entropy_not_in_the_words():
    ref = reference("the cat sat " * 9)
    real, collapsed = measure_text(["cat the sat cat the"], ref), measure_text(["the " * 5], ref)
    assert real["words_in_vocabulary"] == collapsed["words_in_vocabulary"] == 1
    assert collapsed["entropy"] < 0.9 * real["entropy"]
    assert collapsed["distinct_4"] < real["distinct_4"]


def test_nothing_has_no_number():
    numbers = measure_text([], reference("the cat sat"))
    assert (numbers.pop("texts"), numbers.pop("words")) == (0, 0)
    assert np.isnan(list(numbers.values())).all()
