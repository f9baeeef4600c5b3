"""Several batches at once on a CPU, each on cores of its own.

Two batches on one core each are made faster than one after the other on two cores: operations on a
batch that fits the caches are too short to be shared out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

import torch

FEWEST = 32
"""Examples of a batch worth a core of its own."""

T = TypeVar("T")


def interleaved(works: Sequence[Iterator[T]], cores: int) -> Iterator[T]:
    """What all of ``works`` give, each in its own order; on several threads where that is faster.

    An error in one of them is raised here and ends the others.
    """
    threads = min(cores, len(works))
    if threads < 2:
        yield from chain.from_iterable(works)
        return
    given: SimpleQueue[T | Future[None]] = SimpleQueue()
    stopped, before = Event(), torch.get_num_threads()

    def run(work: Iterator[T]) -> None:
        # Both are of this thread alone.
        torch.set_num_threads(max(1, cores // threads))
        with torch.inference_mode():
            for item in work:
                if stopped.is_set():
                    return
                given.put(item)

    with ThreadPoolExecutor(threads) as pool:
        left = len(works)
        for work in works:
            pool.submit(run, work).add_done_callback(given.put)
        try:
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
            # New threads would begin with the number that was set last.
            torch.set_num_threads(before)


def even(n: int, most: int, cores: int) -> int:
    """The size of equal batches, FEWEST to ``most``, that keep all cores busy to the end."""
    rounds = -(-n // (most * cores))
    return min(most, max(FEWEST, -(-n // (rounds * cores))))
