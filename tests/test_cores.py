"""Batches side by side: everything arrives, in the order of each, and an error ends them all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molflow.cores import FEWEST, even, interleaved


def counting(name: int, length: int) -> Iterator[tuple[int, int]]:
    yield from ((name, k) for k in range(length))


@pytest.mark.parametrize("cores", [1, 2, 5])
@pytest.mark.parametrize("lengths", [[], [3], [4, 0, 2, 7]])
def test_all_arrives_and_each_keeps_its_order(lengths: list[int], cores: int) -> None:
    works = [counting(name, length) for name, length in enumerate(lengths)]
    found = list(interleaved(works, cores))
    for name, length in enumerate(lengths):
        assert [k for who, k in found if who == name] == list(range(length))
    assert len(found) == sum(lengths)


def where() -> Iterator[tuple[int, int, bool]]:
    yield threading.get_ident(), torch.get_num_threads(), torch.is_inference_mode_enabled()


def test_each_thread_computes_on_its_share_of_the_cores() -> None:
    before = torch.get_num_threads()
    found = list(interleaved([where() for _ in range(2)], cores=6))
    assert [(threads, inference) for _, threads, inference in found] == [(3, True)] * 2
    assert threading.get_ident() not in {thread for thread, _, _ in found}
    assert torch.get_num_threads() == before
    fresh: list[int] = []
    thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert fresh == [before]


def test_one_batch_or_one_core_stays_in_this_thread() -> None:
    for works, cores in (([where()], 4), ([where(), where()], 1)):
        assert {thread for thread, _, _ in interleaved(works, cores)} == {threading.get_ident()}


def endless() -> Iterator[int]:
    while True:
        yield 1


def test_an_error_is_raised_and_ends_the_others() -> None:
    def failing() -> Iterator[int]:
        yield 0
        raise ValueError("no")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no"):
        list(interleaved([failing(), endless(), endless()], cores=2))
    assert threading.active_count() == before


def test_one_who_stops_listening_ends_all() -> None:
    before = threading.active_count()
    listened = interleaved([endless(), endless(), endless()], cores=2)
    assert next(listened) == 1
    listened.close()
    assert threading.active_count() == before


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(1, 16))
def test_batches_are_even_and_keep_all_cores_busy(n: int, most: int, cores: int) -> None:
    size = even(n, most, cores)
    assert min(most, FEWEST) <= size <= most
    rounds = -(-n // (most * cores))
    assert -(-n // (size * cores)) == rounds  # as few as the largest size needs
    if size > FEWEST:  # and one less for each would be too few
        assert (size - 1) * cores * rounds < n


FORKED = """
import os, sys, torch, molflow.cores
torch.set_num_threads(2)
product = torch.ones(700, 700) @ torch.ones(700, 700)
child = os.fork()
if child == 0:
    again = torch.ones(700, 700) @ torch.ones(700, 700)
    os._exit(torch.get_num_threads() if bool((again == product).all()) else 9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_process_forked_after_computing_on_two_threads_computes_on_one():
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
