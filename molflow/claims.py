"""A folder of results belongs to one program at a time, also where machines share a disk.

The claim is a file that only one program can create. A program that was killed leaves it behind. On
the same machine the next one sees that and goes on. From another machine nobody can see it, and
``take_over=true`` says so.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from molflow.console import unwritable
from molflow.errors import InputError
from molflow.files import CLAIM

UNFINISHED = re.compile(r"\.[0-9a-f]{8}(-.+)?")
"""Names of files that are being written (``console.atomic_write``, ``require_writable``)."""


@dataclass(frozen=True)
class Claim:
    """A program that works in a folder.

    Attributes:
        program: its name.
        host: the name of its machine.
        process: its number there.
        since: the time when it came.
        machine: tells the machine from others of its name; empty where the system does not.
        started: tells the process from others of its number; empty where the system does not.
    """

    program: str
    host: str
    process: int
    since: str
    machine: str = ""
    started: str = ""

    def __str__(self) -> str:
        return f"molflow.{self.program} (process {self.process} on {self.host}, since {self.since})"

    @property
    def alive(self) -> bool | None:
        """Whether the process still runs; None on another machine, where nobody can tell."""
        if (self.host, self.machine) != (socket.gethostname(), _machine()):
            return None
        if os.name != "posix":
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return self.started == _started(self.process)


def _machine() -> str:
    """This start of this system, and which of its processes are seen here."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(process: int) -> str:
    """When a process began, in ticks of the system."""
    try:
        # The name in brackets may hold spaces; 20 fields follow up to the start.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@contextmanager
def claimed(folder: Path, program: str, take_over: bool = False) -> Iterator[None]:
    """Makes the folder and holds it for a program as long as the block runs.

    Args:
        folder: where the program writes.
        program: its name, such as "train".
        take_over: take the claim of a program that may still run on another machine.

    Raises:
        InputError: another program works there, or the folder cannot be written.
    """
    new, process = not folder.exists(), os.getpid()
    since = datetime.now().isoformat(" ", "seconds")
    mine = Claim(program, socket.gethostname(), process, since, _machine(), _started(process))
    _take(folder / CLAIM, mine, take_over)
    try:
        yield
    finally:
        if _read(folder / CLAIM) == mine:
            (folder / CLAIM).unlink(missing_ok=True)
        if new:
            with suppress(OSError):  # Something is there, as it should be.
                folder.rmdir()


def _take(path: Path, mine: Claim, take_over: bool) -> None:
    other = None
    while not _created(path, mine):
        other = _read(path)
        if other is not None:
            _require_ended(path.parent, other, take_over)
            _set_aside(path, other)
    if other is not None:
        sweep(path.parent)


def sweep(folder: Path) -> None:
    """Removes what a program that was killed had not yet given its name."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and not path.name.endswith(CLAIM):
            path.unlink(missing_ok=True)


def _created(path: Path, mine: Claim) -> bool:
    """False where there is a claim already: of all that try, one creates the file."""
    written = _aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(asdict(mine)))
        try:
            os.link(written, path)  # Whole from its first moment, and never over another.
        except FileExistsError:
            return False
        except OSError:  # A file system without links.
            with path.open("x") as file:
                file.write(written.read_text())
    except FileExistsError:
        return False
    except OSError as error:
        raise unwritable(path.parent, error) from error
    finally:
        with suppress(OSError):  # It was never written, where there is no folder.
            written.unlink(missing_ok=True)
    return True


def _aside(path: Path) -> Path:
    return path.with_name(f".{token_hex(4)}-{path.name}")


def _read(path: Path) -> Claim | None:
    """The claim; None where it has gone. One that says nothing is nobody's that can be seen."""
    try:
        return Claim(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Claim("?", "an unknown machine", 0, "an unknown time")


def _require_ended(folder: Path, other: Claim, take_over: bool) -> None:
    if other.alive:
        raise InputError(
            f"out={folder}: {other} works there; wait for it, or choose another folder"
        )
    if other.alive is None and not take_over:
        raise InputError(
            f"out={folder}: {other} works there, as far as can be seen from here; if it has ended, "
            "take_over=true goes on"
        )
    print(f"warning: out={folder}: {other} ended without leaving it; taken over", file=sys.stderr)


def _set_aside(path: Path, other: Claim) -> None:
    """Removes a claim, unless somebody else was faster and it is another one by now."""
    aside = _aside(path)
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _read(aside) != other:
            aside.rename(path)
        aside.unlink(missing_ok=True)
