"""Two processes work on chunks of a stream, in order."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

PROCESSES = 2
ALONE = 2
"""Up to so many chunks are not worth a process."""


def in_chunks(
    function: Callable[[list[Item]], Result], items: Iterable[Item], size: int
) -> Iterator[Result]:
    """Apply ``function`` to every ``size`` items, in their order; the last chunk may be shorter.

    At most a few chunks are read ahead. ``function`` and its results must pickle.

    Args:
        function: of a chunk.
        items: the stream.
        size: of a chunk.
    """
    chunks = _chunks(iter(items), size)
    first = list(islice(chunks, ALONE + 1))
    if len(first) <= ALONE:
        yield from map(function, first)
        return
    # Forked workers need no importable main program (notebooks, scripts without a guard).
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(PROCESSES, context, _leave_interrupts) as pool:
        for chunk in chain(first, chunks):
            waiting.append(pool.submit(function, chunk))
            if len(waiting) > 2 * PROCESSES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the parent, which then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
