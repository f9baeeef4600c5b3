"""Programs say and write this way: progress, tables, one-line errors, files never half-written."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from io import TextIOWrapper
from operator import length_hint
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from molflow.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

QUIET_SECONDS = 2.0
BAR_SECONDS = 0.1
LINE_SECONDS = 30.0
ESCAPED = "backslashreplace"
"""Files and streams escape what they cannot write: names of files may be any bytes."""
SHOWN = 1_000
"""Characters of an error that are shown."""


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


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to stdout; numbers to the right, floats to four digits, text as it is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    class _Table(Console):
        def on_broken_pipe(self) -> None:
            raise

    grid = Table()
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        grid.add_column(Text(name), justify="right" if numeric else "left")
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))
    # A pipe or a file has no width: the lines stay whole there.
    console = _Table(width=None if sys.stdout.isatty() else 10_000)
    console.print(Text(title, style="bold"))
    console.print(grid)


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return written(value)


def written(number: float, digits: int = 4) -> str:
    """Write a number for people: 1,150, 0.0312 and 4.6e-05, never 1.15e+03.

    Args:
        number: any; whole ones are written in full up to a billion.
        digits: significant ones of all others; below 0.001 there are two.
    """
    if not math.isfinite(number):
        return str(number)
    if number == round(number) and abs(number) < 1e9:
        return f"{number:,.0f}"
    if abs(number) < 1e-3:
        return f"{number:.2g}"
    decimals = digits - 1 - math.floor(math.log10(abs(number)))
    if decimals > 0:
        return f"{round(number, decimals):,.{decimals}f}".rstrip("0").rstrip(".")
    return f"{round(number, decimals):,.0f}"


def for_json(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Put null for nan, which JSON does not know."""
    return {name: None if math.isnan(x) else x for name, x in numbers.items()}


def run_program(main: Callable[[list[str]], None]) -> NoReturn:
    """Run `main` on the command line's arguments and leave with its exit code.

    Each of these is one line on stderr:

    - A user's mistake (InputError): code 2.
    - More than fits into memory: code 2.
    - A file or a disk that cannot be used: code 2.
    - Ctrl-C: code 130.
    - A reader that left (`| head`): code 141.
    """
    # Read when torch loads: idle threads that spin slow down every other process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    degrade(sys.stdout, sys.stderr)
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except InputError as error:
        print(error_line(str(error)), file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(error_line(f"not enough memory: {str(error) or 'ask for less'}"), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Else the interpreter fails once more on its way out, over the rest in stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("output closed", file=sys.stderr)
        sys.exit(141)
    except OSError as error:
        if error.strerror is None:
            raise
        place = "" if error.filename is None else f"{error.filename!r}: "
        print(error_line(f"{place}{error.strerror}"), file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def error_line(message: str) -> str:
    """Write a mistake on one line of at most SHOWN characters, unprintable ones as escapes."""
    kept = message if len(message) <= SHOWN else f"{message[:SHOWN]}…"
    escaped = (c if c.isprintable() else ascii(c)[1:-1] for c in kept)
    return f"error: {''.join(escaped)}"


def degrade(*streams: object) -> None:
    """Let streams write escapes for letters that they cannot show, so that none stops a program."""
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def require_writable(folder: Path) -> None:
    """Make the folder and try it, before hours are spent on results that belong there.

    Raises:
        InputError: no file can be written.
    """
    probe = folder / f".{token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` (same ending), renamed to `path` if the block succeeds.

    The folder is made where it lacks. After an error nothing is left behind and an older `path`
    stays as it was.

    Raises:
        InputError: the place cannot be written.
    """
    temporary = path.with_name(f".{token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield temporary
        try:
            temporary.replace(path)
        except OSError as error:
            raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> InputError:
    """Make the error of a place where nothing can be written."""
    return InputError(f"cannot write {str(path)!r}: {error.strerror or error}")
