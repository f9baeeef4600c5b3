"""Programs say and write this way: tables, one-line errors, files never half-written."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from secrets import token_hex
from typing import NoReturn

from molflow.errors import InputError

ESCAPED = "backslashreplace"
"""Files and streams escape what they cannot write: names of files may be any bytes."""
SHOWN = 1_000
"""Characters of an error that are shown."""


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
