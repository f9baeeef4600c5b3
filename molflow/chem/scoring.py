"""Scorers give molecules a score: an objective, or a function in a file of the user.

`score=path.py:function` names any `def score(mol) -> float`, where a model makes molecules, and
`def score(text) -> float`, where it writes texts. A user's code runs in no other way, and in a
process of its own. A molecule on which it raises, hangs, dies or returns no finite number has that
as its error, and the run goes on. Its output goes to stderr.

The first call has a limit of its own: imports and models are often left to it.
"""

from __future__ import annotations

import base64
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from rdkit import Chem

import molflow
from molflow.chem.aggregation import Scored
from molflow.chem.functions import MAX_FAILURES, Own
from molflow.chem.score_worker import MOLECULE, TEXT
from molflow.errors import InputError

Subject = Chem.Mol | str
SECONDS, START_SECONDS = 10.0, 120.0
"""Limits, the first for one molecule.

The second is for the file to load, and for its first molecule: it may read a model.
"""
SILENT = 3
"""So many processes may end without a single answer, before no other is started."""


@runtime_checkable
class Scorer(Protocol):
    """The common face of Objective and ScoreFile; `contextlib.closing` ends a scorer."""

    @property
    def names(self) -> tuple[str, ...]:
        """The components' names."""

    def score_many(self, subjects: Sequence[Any]) -> list[Scored]:
        """Score sanitised molecules, or texts, in order. It never raises for one of them."""

    def describe(self) -> str:
        """Describe the score for people."""

    def close(self) -> None:
        """Free what the scorer holds."""


class _Died(Exception):
    """The worker gave no answer; it was ended. The text says why."""


class _Worker:
    """One process that holds the user's function and answers lines of JSON, one per molecule."""

    def __init__(self, path: Path, function: str, seconds: float) -> None:
        """Starts the process. InputError where the function cannot be loaded in so long."""
        self.answered = False
        root = str(Path(molflow.__file__).parents[1])
        code = (
            f"import sys; sys.path.append({root!r}); "
            "from molflow.chem.score_worker import serve; serve(*sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(path), function],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            answer = self._answer(seconds)
        except _Died as error:
            raise InputError(f"score: {path}: loading it {error}") from None
        if answer["error"] is not None:
            self.end()
            raise InputError(f"score: {path}: {answer['error']}")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.answers.put(line)
        self.answers.put(b"")

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            line = self.answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            raise _Died(f"took more than {seconds:g} s") from None
        if not line:
            self.end()
            raise _Died(f"ended its process (exit code {self.process.returncode})")
        return json.loads(line)

    def ask(self, subject: Subject, seconds: float) -> tuple[float, str | None]:
        """The score, or nan and the error. _Died where the process had to be ended."""
        assert self.process.stdin is not None
        # A process that has died takes nothing: the missing answer says how it ended.
        with suppress(OSError):
            kind, content = (
                (TEXT, subject.encode())
                if isinstance(subject, str)
                else (MOLECULE, subject.ToBinary())
            )
            self.process.stdin.write(kind + base64.b64encode(content) + b"\n")
            self.process.stdin.flush()
        answer = self._answer(seconds)
        self.answered = True
        if answer["error"] is not None:
            return math.nan, answer["error"]
        return answer["value"], None

    def end(self) -> None:
        """Ends the process and those that it started."""
        assert self.process.stdin is not None
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            self.process.stdin.close()


class ScoreFile(Own):
    """The function of a user's file as a scorer with one component, named after the function.

    Usable as a context manager.
    """

    def __init__(
        self,
        path: Path,
        function: str,
        timeout: float = SECONDS,
        start: float = START_SECONDS,
        max_failures: int | None = MAX_FAILURES,
    ) -> None:
        """Start a process that holds the function.

        Args:
            path: a .py file.
            function: its name there.
            timeout: seconds per molecule.
            start: seconds for the file to load, and for the first molecule.
            max_failures: see ``functions.Own``.

        Raises:
            InputError: an argument is out of its range, or the function cannot be loaded.
        """
        for name, seconds in (("timeout", timeout), ("start", start)):
            if not seconds > 0:
                raise InputError(f"{name}={seconds}: must be more than 0 seconds")
        _require_file(path)
        super().__init__(function, max_failures=max_failures)
        self.path, self.timeout, self.start = path.resolve(), timeout, start
        self.first: float | None = None
        self.silent = 0
        self.worker: _Worker | None = _Worker(self.path, self.name, self.start)

    def describe(self) -> str:
        return f"{self.name} of {self.path.name}"

    def score(self, subject: Subject) -> Scored:
        """Score one molecule or text by the user's function.

        A process that had to end is started anew.

        Raises:
            InputError: it cannot be started, or SILENT processes ended before there was any answer.
        """
        if self.worker is None:
            self.worker = _Worker(self.path, self.name, self.start)
        began = time.monotonic()
        fresh = not self.worker.answered
        try:
            value, error = self.worker.ask(subject, self._patience())
        except _Died as reason:
            self.worker = None
            self._count_silent(str(reason))
            return self.scored(math.nan, str(reason))
        if fresh:
            self.first = max(self.first or 0.0, time.monotonic() - began)
        return self.scored(value, error)

    def _patience(self) -> float:
        """Seconds for the next answer. The first of a process may take as much longer as the first
        of an earlier one took."""
        assert self.worker is not None
        if self.worker.answered:
            return self.timeout
        return self.start if self.first is None else self.timeout + self.first

    def _count_silent(self, reason: str) -> None:
        if self.first is None:
            self.silent += 1
        if self.silent >= SILENT and self.max_failures is not None:
            raise InputError(
                f"score: {self.path}: {self.name}: {self.silent} processes ended before their "
                f"first answer, the last: {reason}"
            )

    def score_many(self, subjects: Sequence[Subject]) -> list[Scored]:
        """`score` of every molecule or text, in order."""
        return [self.score(subject) for subject in subjects]

    def close(self) -> None:
        """End the process. A later score starts it anew."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def __enter__(self) -> ScoreFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_score(
    text: str,
    timeout: float = SECONDS,
    start: float = START_SECONDS,
    max_failures: int | None = MAX_FAILURES,
) -> ScoreFile:
    """Open the scorer of a text "path.py:function".

    Args:
        text: the file and the function.
        timeout, start, max_failures: see ``ScoreFile``.

    Raises:
        InputError: the text or the file is wrong.
    """
    return ScoreFile(*read_score(text), timeout, start, max_failures)


def read_score(text: str) -> tuple[Path, str]:
    """The file and the function of a text "path.py:function".

    The content of the file is not looked at.

    Raises:
        InputError: the text has another form, or there is no such file.
    """
    path, colon, function = text.strip().rpartition(":")
    if not colon or not path or not function.isidentifier():
        raise InputError(f"score={text!r}: expected path.py:function")
    try:
        file = Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"score={text!r}: {error}") from None
    _require_file(file)
    return file, function


def _require_file(path: Path) -> None:
    try:
        found = path.is_file()
    except (OSError, ValueError):  # No file has such a name, or nobody may look there.
        found = False
    if not found:
        raise InputError(f"score: {str(path)!r} is no file")
    if path.suffix != ".py":
        raise InputError(f"score: {str(path)!r}: a .py file is needed")
