"""The files that a benchmark writes: numbers as JSON, and their picture beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from molflow.console import atomic_write, require_writable
from molflow.errors import InputError

T = TypeVar("T", bound=Any)

BENCHMARKS = Path(__file__).parents[1]
RESULTS, README = BENCHMARKS / "results", BENCHMARKS / "README.md"


def named(config: T) -> T:
    """The configuration of a benchmark, whose ``name`` is by default that of the checkpoint's
    folder.
    """
    from molflow.model.place import find_model

    return replace(config, name=config.name or find_model(config.checkpoint).resolve().name)


def place(kind: str, name: str, out: str) -> Path:
    """The JSON file ``kind``-``name`` in the folder ``out``, by default that of the results.

    Raises:
        InputError: the name is none, or nothing can be written there.
    """
    if Path(name).name != name:
        raise InputError(f"name={name!r}: the name of a file, without folders")
    folder = Path(out) if out else RESULTS
    require_writable(folder)
    return folder / f"{kind}-{name}.json"


def write(target: Path, result: dict[str, Any], draw: Callable[[Path], None]) -> None:
    """Write the result, and with ``draw`` the PNG of the same name; say where they are."""
    text = json.dumps(plain(result), indent=1, allow_nan=False, ensure_ascii=False)
    picture = target.with_suffix(".png")
    with atomic_write(target) as path:
        path.write_text(f"{text}\n", encoding="utf-8")
    with atomic_write(picture) as path:
        draw(path)
    print(f"written: {target}, {picture}")


def plain(value: Any) -> Any:
    """The same for JSON, which has no nan: null in its place."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
