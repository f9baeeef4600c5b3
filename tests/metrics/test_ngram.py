"""The n-gram model, against counts and fractions worked out by hand."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molflow.metrics.ngram import NGram

A, B, C = 0, 1, 2


def ids(text: str) -> np.ndarray:
    return np.array(["abc".index(letter) for letter in text], np.int64)


def probabilities(model: NGram, text: str) -> list[float]:
    """P of every character of one text, given those before it."""
    return (2 ** model.log2_probabilities([ids(text)])).tolist()


@pytest.fixture(scope="module")
def bigrams() -> NGram:
    """Of "aabab": n(a) = 3, n(b) = 2, T = 2; aa 1, ab 2, ba 1."""
    return NGram.fit([ids("aabab")], 2, 3)


def test_the_empty_context_shares_with_the_uniform_law(bigrams: NGram) -> None:
    # (n(c) + T / K) / (n + T) with n = 5, T = 2, K = 3.
    assert probabilities(bigrams, "a") == pytest.approx([(3 + 2 / 3) / 7])
    assert probabilities(bigrams, "b") == pytest.approx([(2 + 2 / 3) / 7])
    assert probabilities(bigrams, "c") == pytest.approx([(2 / 3) / 7])


def test_a_context_shares_with_what_the_shorter_one_says(bigrams: NGram) -> None:
    # After a: n = 3 (aa, ab, ab), T = 2. After b: n = 1 (ba; the last b is followed by nothing).
    a, b, c = (3 + 2 / 3) / 7, (2 + 2 / 3) / 7, (2 / 3) / 7
    assert probabilities(bigrams, "aa")[1] == pytest.approx((1 + 2 * a) / 5)
    assert probabilities(bigrams, "ab")[1] == pytest.approx((2 + 2 * b) / 5)
    assert probabilities(bigrams, "ac")[1] == pytest.approx((0 + 2 * c) / 5)
    assert probabilities(bigrams, "ba")[1] == pytest.approx((1 + 1 * a) / 2)


def test_a_context_that_never_occurred_says_what_the_shorter_one_says(bigrams: NGram) -> None:
    assert probabilities(bigrams, "cb")[1] == pytest.approx((2 + 2 / 3) / 7)


def test_a_context_known_in_part_falls_back_to_that_part() -> None:
    # Trigrams of "aabab": ca is unknown, a is known.
    model = NGram.fit([ids("aabab")], 3, 3)
    assert probabilities(model, "cab")[2] == pytest.approx((2 + 2 * (2 + 2 / 3) / 7) / 5)


def test_no_ngram_spans_two_sequences() -> None:
    # "ab" and "ca" know ab and ca; were they one text, b would be followed by c.
    model = NGram.fit([ids("ab"), ids("ca")], 2, 3)
    # n = 4, T = 3: P(c) = (1 + 3/3) / 7.
    assert probabilities(model, "bc")[1] == pytest.approx(2 / 7)
    scored = model.log2_probabilities([ids("b"), ids("c")])
    assert 2 ** scored[1] == pytest.approx(2 / 7)


@given(
    text=st.text("abc", min_size=4, max_size=60),
    context=st.text("abc", max_size=5),
    order=st.integers(1, 4),
)
def test_the_probabilities_of_all_symbols_sum_to_one(text: str, context: str, order: int) -> None:
    model = NGram.fit([ids(text)], order, 3)
    assert sum(probabilities(model, context + c)[-1] for c in "abc") == pytest.approx(1, abs=1e-12)


def test_bits_are_the_mean_over_all_symbols_of_all_sequences(bigrams: NGram) -> None:
    a, b = (3 + 2 / 3) / 7, (2 + 2 / 3) / 7
    bits = -(math.log2(a) + math.log2((2 + 2 * b) / 5) + math.log2(b)) / 3
    assert bigrams.bits_per_character([ids("ab"), ids("b")]) == pytest.approx(bits)
    assert bigrams.perplexity([ids("ab"), ids("b")]) == pytest.approx(2**bits)


def test_a_uniform_text_has_the_number_of_classes_as_perplexity() -> None:
    # n(c) = 10 each, n = 40, T = K = 4: (10 + 1) / 44 = 1 / 4.
    model = NGram.fit([np.arange(40) % 4], 1, 4)
    assert model.perplexity([np.array([3, 0, 1, 2])]) == pytest.approx(4)


def test_the_bits_of_nothing_are_not_defined(bigrams: NGram) -> None:
    assert math.isnan(bigrams.bits_per_character([]))
    assert math.isnan(bigrams.perplexity([ids("")]))


def test_a_longer_memory_expects_a_periodic_text_better() -> None:
    # Within abb, the symbol before does not tell which b it is; the two before do.
    text = ids("abb" * 200)
    bits = [NGram.fit([text], order, 3).bits_per_character([text]) for order in (1, 2, 3)]
    assert bits[0] > 0.9 > bits[1] > 0.6 > 0.05 > bits[2]


def test_samples_follow_the_law() -> None:
    model, n = NGram.fit([ids("aabab")], 2, 3), 40_000
    made = model.sample(n, 2, np.random.default_rng(0))
    assert made.shape == (n, 2)
    for first in "abc":
        for second in "abc":
            one, two = probabilities(model, first + second)
            share = np.mean(
                (made[:, 0] == "abc".index(first)) & (made[:, 1] == "abc".index(second))
            )
            # Five standard deviations of a share of n draws.
            assert share == pytest.approx(one * two, abs=5 * math.sqrt(one * two / n))


def test_samples_remember_as_far_as_the_order_reaches() -> None:
    # T = 1 of n(h) = 200 or so: once in 200 steps a draw comes from the shorter context.
    made = NGram.fit([ids("abb" * 200)], 3, 3).sample(500, 9, np.random.default_rng(1))
    texts = ["".join("abc"[i] for i in row[3:]) for row in made]
    assert np.mean([text in "abb" * 4 for text in texts]) > 0.9


def test_the_same_generator_draws_the_same_text(bigrams: NGram) -> None:
    first, second = (bigrams.sample(5, 20, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != bigrams.sample(5, 20, np.random.default_rng(4)).tolist()


def test_three_million_symbols_are_counted_within_seconds() -> None:
    text = np.random.default_rng(0).integers(27, size=3_000_000)
    start = time.process_time()
    NGram.fit([text], 6, 27)
    assert time.process_time() - start < 15


@pytest.mark.parametrize(
    ("sequences", "order", "classes", "message"),
    [
        ([ids("ab")], 3, 3, "no sequence of at least 3 symbols"),
        ([], 1, 3, "no sequence of at least 1"),
        ([ids("abc")], 2, 2, "classes 0 to 2, expected 0 to 1"),
        ([np.array([-1, 0])], 2, 2, "classes -1 to 0, expected 0 to 1"),
        ([ids("abc")], 0, 3, "order 0 over 3 classes"),
        ([ids("abc" * 9)], 14, 27, "order 14 over 27 classes"),
    ],
)
def test_impossible_models_are_refused(sequences, order, classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        NGram.fit(sequences, order, classes)
