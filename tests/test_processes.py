"""Chunks come back in order, and are not read ahead without bound."""

import os
from collections.abc import Iterator

import pytest

from molflow.processes import in_chunks


def doubled(chunk: list[int]) -> list[int]:
    return [2 * x for x in chunk]


def where(chunk: list[int]) -> int:
    return os.getpid()


def refuse(chunk: list[int]) -> int:
    if 5 in chunk:
        raise ValueError("no fives")
    return 0


@pytest.mark.parametrize("n", [0, 1, 4, 20])
def test_results_come_in_the_order_of_the_chunks(n):
    parts = list(in_chunks(doubled, range(n), 3))
    assert [x for part in parts for x in part] == [2 * x for x in range(n)]
    assert [len(part) for part in parts] == [3] * (n // 3) + [n % 3] * (n % 3 > 0)


def test_few_chunks_stay_in_this_process_and_many_leave_it():
    assert set(in_chunks(where, range(2), 1)) == {os.getpid()}
    assert os.getpid() not in set(in_chunks(where, range(5), 1))


def test_a_stream_is_read_a_few_chunks_ahead_alone():
    read: list[int] = []

    def stream() -> Iterator[int]:
        for x in range(100):
            read.append(x)
            yield x

    results = in_chunks(doubled, stream(), 1)
    next(results)
    assert len(read) < 10
    results.close()


def test_an_error_of_a_chunk_is_the_caller_s():
    with pytest.raises(ValueError, match="no fives"):
        list(in_chunks(refuse, range(20), 2))
