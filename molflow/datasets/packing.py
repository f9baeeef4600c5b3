"""From rows of SMILES to a packed data set, and what had to be left out and why.

Each molecule is read once, chunk by chunk in two processes. A chunk is packed over a vocabulary of
its own; the vocabulary of the whole is what occurs in the molecules that were kept.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context

import numpy as np
from rdkit import Chem

from molflow.chem.molecule import (
    Unusable,
    Vocabulary,
    atom_names,
    canonical_order,
    canonical_smiles,
    read_smiles,
    to_graph,
)
from molflow.chem.vocabulary import ATOM_NAME
from molflow.console import progress
from molflow.datasets.store import CLASS_LIMIT, Packed, concatenate
from molflow.errors import InputError
from molflow.graph.graph import Graph

LARGEST = 256
"""Atoms of the largest molecule that is kept where nobody asks for more.

Every batch is padded to the largest molecule, and its pairs grow with the square: 256 atoms have
32,640 of them.
"""

CHUNK = 1_000
PROCESSES = 2
SHOWN = 60
MISSING = {"nan", "na", "n/a", "null", "none"}

Row = tuple[int, str]


@dataclass(frozen=True)
class Drop:
    """A molecule that is left out: its row in the source (or its id there), its text and why."""

    row: int
    smiles: str
    reason: str


@dataclass(frozen=True)
class Recipe:
    """What becomes of the rows of a source.

    column: where the SMILES stand. charged: formal charges belong to the atom classes. max_atoms:
    larger molecules are left out; None, where the source is known, for no limit. distinct: a
    molecule that came before, by its canonical SMILES, is left out.
    """

    column: str
    charged: bool
    max_atoms: int | None
    distinct: bool


def pack(
    source: str, rows: Iterable[Row], recipe: Recipe, total: int | None = None
) -> tuple[Packed, list[Drop]]:
    """The usable molecules of `rows` in their order, and the others.

    Atoms are stored in the order in which the canonical SMILES writes them. InputError if no
    molecule is usable, or if they have more atom classes than int8 can count.
    """
    results = _each(partial(_pack_chunk, source=source, recipe=recipe), _chunks(rows))
    count = None if total is None else -(-total // CHUNK)
    results = progress(results, "reading molecules", total=count, unit="k molecules")
    parts, lists, names = [], [], set[str]()
    for part, drops in results:
        names.update(part.vocabulary.atoms if len(part) else ())
        _require_countable(source, len(names))
        parts.append(part)
        lists.append(drops)
    drops = list(chain.from_iterable(lists))
    if not any(len(part) for part in parts):
        raise InputError(f"{source}: no usable molecule{_summary(drops)}")
    packed = concatenate(parts)
    if recipe.distinct:
        packed, repeated = _distinct(packed)
        drops = sorted([*drops, *repeated], key=lambda drop: drop.row)
    return replace(packed, dropped=dict(Counter(drop.reason for drop in drops))), drops


def _require_countable(source: str, classes: int) -> None:
    if classes > CLASS_LIMIT:
        raise InputError(
            f"{source}: {classes} atom classes (element and charge) or more, where {CLASS_LIMIT} "
            "is the limit; dataset.vocabulary=stripped has none for charges"
        )


def _summary(drops: list[Drop]) -> str:
    if not drops:
        return ": it has no rows"
    text = drops[0].smiles[:SHOWN]
    reasons = Counter(drop.reason for drop in drops).most_common(5)
    counts = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    return f" in {len(drops)} rows: {counts}; the first is row {drops[0].row}: {text!r}"


def _distinct(packed: Packed) -> tuple[Packed, list[Drop]]:
    """The first of equal molecules, and the others as drops."""
    seen: set[str] = set()
    kept: list[int] = []
    drops = []
    for i, smiles in enumerate(packed.smiles):
        if smiles in seen:
            drops.append(Drop(int(packed.ids[i]), smiles, "duplicate"))
        else:
            seen.add(smiles)
            kept.append(i)
    return (packed.take(np.array(kept)) if drops else packed), drops


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


Result = tuple[Packed, list[Drop]]


def _each(function: Callable[[list[Row]], Result], chunks: Iterator[list[Row]]) -> Iterator[Result]:
    """`function` of every chunk, in order; in this process alone where there are few."""
    first = list(islice(chunks, 3))
    if len(first) < 3:
        yield from map(function, first)
        return
    # Forked workers need no importable main program (notebooks, scripts without a guard).
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(PROCESSES, context, _leave_interrupts) as pool:
        for chunk in chain(first, chunks):
            waiting.append(pool.submit(function, chunk))
            if len(waiting) > 2 * PROCESSES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _leave_interrupts() -> None:
    """Ctrl-C is for the parent, which then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pack_chunk(rows: list[Row], source: str, recipe: Recipe) -> Result:
    """The molecules of a chunk over the vocabulary of their atoms. InputError if that is large."""
    drops: list[Drop] = []
    read: list[tuple[Row, Chem.Mol]] = []
    for row in rows:
        try:
            read.append((row, canonical_order(_molecule(row[1], recipe.max_atoms))))
        except Unusable as error:
            drops.append(Drop(*row, error.reason))
    # A charge of two digits has no name; to_graph then refuses that molecule alone.
    names = {name for _, mol in read for name in atom_names(mol) if ATOM_NAME.fullmatch(name)}
    vocabulary = Vocabulary.infer(names or {"C"}, recipe.charged)
    kept: list[tuple[int, Graph, str]] = []
    for row, mol in read:
        try:
            kept.append((row[0], to_graph(mol, vocabulary), canonical_smiles(mol)))
        except Unusable as error:
            drops.append(Drop(*row, error.reason))
    return _packed(source, kept, vocabulary), sorted(drops, key=lambda drop: drop.row)


def _molecule(text: str, max_atoms: int | None) -> Chem.Mol:
    if not text:
        raise Unusable("empty cell")
    if text.lower() in MISSING:
        raise Unusable("missing value")
    mol = read_smiles(text)
    if max_atoms is not None and mol.GetNumAtoms() > max_atoms:
        raise Unusable(f"more than {max_atoms} atoms")
    return mol


def _packed(source: str, kept: list[tuple[int, Graph, str]], vocabulary: Vocabulary) -> Packed:
    """The molecules that were kept, over the part of `vocabulary` that occurs in them."""
    graphs = [graph for _, graph, _ in kept]
    nothing = [np.zeros(0, np.int8)]
    classes = np.concatenate(nothing + [graph.atoms for graph in graphs])
    occurring = np.unique(classes)
    _require_countable(source, len(occurring))
    names = tuple(vocabulary.atoms[a] for a in occurring)
    return Packed(
        vocabulary=replace(vocabulary, atoms=names) if names else vocabulary,
        sizes=np.array([len(graph) for graph in graphs], dtype=np.int16),
        atoms=np.searchsorted(occurring, classes).astype(np.int8),
        pairs=np.concatenate(nothing + [graph.pairs.astype(np.int8) for graph in graphs]),
        ids=np.array([number for number, _, _ in kept], dtype=np.int64),
        text="\n".join([smiles for _, _, smiles in kept]).encode("ascii"),
        dropped={},
    )
