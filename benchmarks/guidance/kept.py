"""The facts that a cell of benchmarks.guidance depends on, and numbers that are known already."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.common.measuring import content, facts_of_walk
from benchmarks.common.outputs import plain
from benchmarks.guidance.plan import UNGUIDED, GuidedCell
from molflow.console import atomic_write
from molflow.datasets.store import cache_folder
from molflow.guidance.kinds import EvolutionarySearch
from molflow.guidance.steer import guide
from molflow.sampling.walk import Route

if TYPE_CHECKING:
    from molflow.generator import Generator
    from molflow.guidance.guides import Guide

FORMAT = 2

T = TypeVar("T")


@dataclass(frozen=True)
class Protocol:
    """The common conditions of all cells.

    Attributes:
        objectives: task -> objective as text.
        n: molecules a cell.
        walks: of each molecule that are made for best_of, at least as many as its largest budget.
        batch: particles at once. Like ``walks``, it changes nothing but the time.
    """

    objectives: dict[str, str]
    n: int
    walks: int = 1
    batch: int = 512


def guide_of(cell: GuidedCell, protocol: Protocol) -> Guide | None:
    """The guide of a cell; None for unguided."""
    if cell.method == UNGUIDED:
        return None
    return guide(
        cell.method,
        protocol.objectives[cell.task],
        particles=cell.settings.particles,
        draws=cell.settings.draws or None,
        strength=cell.strength,
        generations=cell.settings.generations if cell.method == EvolutionarySearch.name else None,
    )


def facts(cell: GuidedCell, protocol: Protocol, generator: Generator) -> dict[str, Any]:
    """All that the numbers of a cell depend on, and no more: neither batch nor device."""
    guide = guide_of(cell, protocol)
    way = None if guide is None else [cell.method, asdict(guide.guidance), guide.invalid]
    return {
        **common(cell, protocol, generator),
        "objective": protocol.objectives[cell.task],
        "settings": asdict(cell.settings),
        "guide": way,
    }


def walk_facts(cell: GuidedCell, protocol: Protocol, generator: Generator) -> dict[str, Any]:
    """All that the walks of unguided and best_of depend on."""
    return {**common(cell, protocol, generator), "walks": protocol.walks}


def common(cell: GuidedCell, protocol: Protocol, generator: Generator) -> dict[str, Any]:
    """The facts that the molecules of a cell depend on beside its guide."""
    return {
        "format": FORMAT,
        "walk": cell.walk,
        **facts_of_walk(generator, generator.walk(Route(cell.steps, cell.walk))),
        "seed": cell.seed,
        "n": protocol.n,
        "rdkit": version("rdkit"),
        "molflow": version("molflow"),
    }


def is_known(about: dict[str, Any]) -> bool:
    """Whether something is kept under ``about``."""
    return _read(about) is not None


def known(about: dict[str, Any], make: Callable[[], T]) -> T:
    """Numbers, or lists of texts, that are kept under ``about``; nan is kept as null.

    Where there is nothing, ``make`` makes them, and they are kept.
    """
    found = _read(about)
    if found is None:
        found = make()
        with atomic_write(_place(about)) as temporary:
            kept = plain({"about": about, "found": found})
            temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return found


def _place(about: dict[str, Any]) -> Path:
    return cache_folder() / "guidance" / f"{content(about)}.json"


def _read(about: dict[str, Any]) -> Any:
    try:
        found = json.loads(_place(about).read_text(encoding="utf-8"))["found"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if isinstance(found, dict):
        return {name: math.nan if value is None else value for name, value in found.items()}
    return found
