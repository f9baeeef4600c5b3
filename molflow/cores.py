"""Several batches are made at once on a CPU, each on cores of its own.

Two batches on one core each are made faster than one after the other on two cores. Operations on a
batch that fits the caches are too short to be shared out.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

import torch

if hasattr(os, "register_at_fork"):
    # Of torch's threads a forked process has none, and would wait for them for ever.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))

FEWEST = 32
"""A batch of so many examples is worth a core of its own."""

T = TypeVar("T")


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let torch compute on so many cores for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def interleaved(works: Sequence[Iterator[T]], cores: int) -> Generator[T, None, None]:
    """Give all that ``works`` give, each in its own order; on several threads where that is faster.

    An error in one of them is raised here and ends the others, and so does ``close``.

    Args:
        works: the streams.
        cores: of the machine.
    """
    threads = min(cores, len(works))
    if threads < 2:
        yield from chain.from_iterable(works)
        return
    given: SimpleQueue[T | Future[None]] = SimpleQueue()
    stopped, pool = Event(), ThreadPoolExecutor(threads)

    def run(work: Iterator[T]) -> None:
        # Both are of this thread alone.
        torch.set_num_threads(max(1, cores // threads))
        with torch.inference_mode():
            for item in work:
                if stopped.is_set():
                    return
                given.put(item)

    # New threads begin with the number that was set last, by whichever thread.
    with on_cores(torch.get_num_threads()):
        try:
            for work in works:
                pool.submit(run, work).add_done_callback(given.put)
            left = len(works)
            while left:
                item = given.get()
                if isinstance(item, Future):
                    item.result()
                    left -= 1
                else:
                    yield item
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def even(n: int, most: int, cores: int) -> int:
    """Size batches so that all cores are busy to the end, and equal as far as FEWEST lets them be.

    Args:
        n: examples in all.
        most: examples of a batch at most.
        cores: of the machine.
    """
    rounds = -(-n // (most * cores))
    return min(most, max(FEWEST, -(-n // (rounds * cores))))
