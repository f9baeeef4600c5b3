"""Progress is told on stderr: a bar, or a line now and then, and only where work takes long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from operator import length_hint
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from molflow.console import written

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

QUIET_SECONDS = 2.0
BAR_SECONDS = 0.1
LINE_SECONDS = 30.0


def progress(
    iterable: Iterable[T],
    description: str,
    total: int | None = None,
    unit: str = "it",
    weight: Callable[[T], float] = lambda item: 1.0,
) -> Iterator[T]:
    """Give the items of `iterable`, with a bar on stderr once it takes over 2 s.

    The bar shows rate and remaining time. Without a terminal there is at most one line every 30 s.
    The bar leaves with the loop, also when the loop ends early or by an error.

    Args:
        iterable: the items.
        description: in front of the bar.
        total: units in all; by default the length, if there is one.
        unit: its name.
        weight: how many units an item counts, such as the molecules of a batch.
    """
    total = total if total is not None else length_hint(iterable) or None
    with meter(description, total, unit) as advance:
        for item in iterable:
            yield item
            advance(weight(item))


@contextmanager
def meter(description: str, total: int | None, unit: str) -> Iterator[Callable[[float], None]]:
    """Show `progress` of work that is no loop: give a function of how many more units are done."""
    terminal = sys.stderr.isatty()
    report: _Report = (_Bar if terminal else _Lines)(description, total, unit)
    start = time.monotonic()
    due, done = start + (QUIET_SECONDS if terminal else LINE_SECONDS), 0.0

    def advance(units: float) -> None:
        nonlocal due, done
        done += units
        now = time.monotonic()
        if now >= due:
            report.show(done, now - start)
            due = now + report.interval

    try:
        yield advance
    finally:
        report.close()


class _Report(Protocol):
    interval: float

    def show(self, done: float, seconds: float) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """Progress where nobody watches is a line now and then."""

    interval = LINE_SECONDS

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit

    def show(self, done: float, seconds: float) -> None:
        of = f"/{self.total:,}" if self.total else ""
        rate = done / seconds
        speed = _speed(rate, self.unit)
        left = f", {(self.total - done) / rate:.0f} s left" if self.total else ""
        print(
            f"{self.description}: {done:,.0f}{of} {self.unit}, {speed}{left}",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        pass


class _Bar:
    """Progress on a terminal is rich's bar, imported only when there is something to show."""

    interval = BAR_SECONDS

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.bar: Any = None

    def show(self, done: float, seconds: float) -> None:
        if self.bar is None:
            self._open(seconds)
        self.bar.update(0, completed=round(done), speed=_speed(done / seconds, self.unit))

    def _open(self, seconds: float) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            console=terminal(),
            transient=True,
        )
        self.bar.add_task(self.description, total=self.total, speed="")
        self.bar.start()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()


def _speed(rate: float, unit: str) -> str:
    return f"{written(rate, 3)} {unit}/s"


@cache
def terminal() -> Console:
    """Give stderr as rich sees it: one for all, so that a part's bar stands below the whole's."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def announced(what: str) -> Iterator[None]:
    """Says ``what`` on stderr once the block takes over 2 s, such as "loading the model"."""
    told = threading.Timer(QUIET_SECONDS, print, (f"{what} ...",), {"file": sys.stderr})
    told.daemon = True
    told.start()
    try:
        yield
    finally:
        told.cancel()
