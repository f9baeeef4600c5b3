"""The process in which a user's scoring function runs: molecules in, lines of JSON out.

Every answer is {"value": number or null, "error": text or null}; the first tells how loading went.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import math
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from rdkit import Chem

Function = Callable[[Any], Any]
MOLECULE, TEXT = b"M", b"T"
"""The first byte of a line says what the rest is in base64: a molecule's ToBinary, or UTF-8."""


def serve(path: str, function: str) -> None:
    """Load the function, then answer every line until stdin ends.

    Args:
        path: of the user's file.
        function: its name there.
    """
    # The user's code gets stderr to print to and nothing to read from: the pipes are ours.
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def answer(value: float | None, error: str | None) -> None:
        print(json.dumps({"value": value, "error": error}), file=answers)

    try:
        score = _load(Path(path), function)
    except (Exception, SystemExit) as error:
        return answer(None, reason(error, path))
    answer(None, None)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(questions, lines), daemon=True).start()
    while True:
        subject = _subject(lines.get())
        try:
            answer(number(score(subject)), None)
        except (Exception, SystemExit) as error:
            answer(None, reason(error, path))


def _subject(line: bytes) -> Chem.Mol | str:
    content = base64.b64decode(line[1:])
    if line[:1] == TEXT:
        return content.decode()
    # RDKit's stubs know no bytes here.
    return Chem.Mol(content)  # type: ignore[call-overload]


def _read(questions: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    """Passes the lines on and ends the process with stdin, even while the function hangs."""
    for line in questions:
        lines.put(line)
    os._exit(0)


class Plain(Exception):
    """An error whose text says it all."""


def _load(path: Path, name: str) -> Function:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if function is None:
        own = [key for key, value in vars(module).items() if _is_own(value, module.__name__)]
        raise Plain(f"no function {name!r}, only {', '.join(own) or 'none at all'}")
    if not callable(function):
        raise Plain(f"{name!r} is no function")
    return function


def _is_own(value: object, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module


def number(result: Any) -> float:
    """The result as a finite float.

    Numbers are those of Python, NumPy and torch, and arrays and tensors of one element, as
    ``predict`` returns them. A text is none.

    Raises:
        Plain: the result is no finite number.
    """
    kind = type(result).__name__
    if hasattr(result, "item"):
        try:
            result = result.item()
        except (ValueError, RuntimeError):
            raise Plain(f"returned {kind} of several numbers, where one is needed") from None
    if not hasattr(result, "__float__"):
        raise Plain(f"returned {kind}, not a number")
    value = float(result)
    if not math.isfinite(value):
        raise Plain(f"returned {value}")
    return value


def reason(error: BaseException, path: str) -> str:
    """Describe an error in one line: its kind, its message and the last line of the user's file in
    it.
    """
    if isinstance(error, Plain):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    place = f" (line {lines[-1]})" if lines else ""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300] + place
