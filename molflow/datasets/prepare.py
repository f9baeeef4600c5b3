"""A data set prepared once and kept: its packed molecules, and a list of those left out."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from molflow.console import atomic_write
from molflow.datasets.molecule_file import Row
from molflow.datasets.packing import Drop, Recipe, pack
from molflow.datasets.store import FORMAT, Packed, cache_folder, named_cache, obstacle_in
from molflow.errors import InputError

BLOCK = 1 << 20


def prepare_files(
    name: str,
    sources: Sequence[Path],
    cache: Path | None,
    rows: Callable[[], Iterable[tuple[int, str] | Row]],
    recipe: Recipe,
    total: int | None = None,
) -> tuple[Packed, Path]:
    """The packed molecules of some files, from the cache where they lie ready.

    In the cache their folder is called by `name` and by the content of the sources, the recipe and
    RDKit's version. A damaged file in it is made anew.

    The folder in the cache is called by ``name`` and by what decides the molecules: the content of
    the sources, compressed or not, the recipe and RDKit's version. Names, places and times of the
    sources are no part of it. A damaged file is made anew.

    Args:
        name: of the data set.
        sources: the files.
        cache: the folder of prepared data, by default `cache_folder()`.
        rows: reads the sources.
        recipe: how rows become molecules.
        total: the expected number of rows, for progress.

    Returns:
        The molecules, and the path of `dropped.csv`, which lists those left out: row, smiles,
            reason.

    Raises:
        InputError: a source cannot be read, the cache not written, or nothing is usable.
    """
    key = f"{name}-{_key(sources, recipe)}"
    for root in [cache] if cache else [named_cache(), cache_folder()]:
        target, report = root / key / "packed.npz", root / key / "dropped.csv"
        try:
            return Packed.load(target), report
        except (OSError, ValueError):
            continue
    if (obstacle := obstacle_in(root)) is not None:
        raise InputError(f"dataset.cache={str(root)!r}: cannot write there, {obstacle}")
    packed, drops = pack(", ".join(map(str, sources)), rows(), recipe, total)
    _write_drops(report, drops)
    packed.save(target)
    return packed, report


def _key(sources: Sequence[Path], recipe: Recipe) -> str:
    facts = [*map(_content, sources), asdict(recipe), version("rdkit"), FORMAT]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _content(source: Path) -> str:
    opened = gzip.open if source.name.lower().endswith(".gz") else open
    digest = hashlib.sha256()
    try:
        with opened(source, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {str(source)!r}: {reason}") from error
    return digest.hexdigest()


def _write_drops(path: Path, drops: list[Drop]) -> None:
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "smiles", "reason"])
        writer.writerows([drop.row, drop.smiles, drop.reason] for drop in drops)
