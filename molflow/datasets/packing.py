"""From rows of SMILES to a packed data set and a list of the rows that are left out.

Each molecule is read once, chunk by chunk in two processes. A chunk is packed over a vocabulary of
its own and forgotten once it is added to the whole. The vocabulary of the whole holds the atoms of
the molecules that were kept. So the memory needed is that of the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

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
from molflow.chem.smiles import MISSING, has_stereo, parse_record, read_sdf_record, writes_stereo
from molflow.chem.vocabulary import ATOM_NAME
from molflow.datasets.growing import Growing
from molflow.datasets.molecule_file import Row, shortened
from molflow.datasets.store import CLASS_LIMIT, Packed
from molflow.errors import InputError
from molflow.graph.graph import Graph
from molflow.processes import in_chunks
from molflow.progress import progress

LARGEST = 256
"""The most atoms of a molecule that is kept where nobody asks for more.

Every batch is padded to the largest molecule, and its pairs grow with the square: 256 atoms have
32,640 of them.
"""

CHUNK = 1_000
SHOWN = 60
LARGER = "more than "
"""A large molecule is left out for a reason that begins so."""


@dataclass(frozen=True)
class Drop:
    """A molecule that is left out: its row in the source (or its id there), its text and the
    reason.
    """

    row: int
    smiles: str
    reason: str


Result = tuple[Packed, list[Drop]]


@dataclass(frozen=True)
class Recipe:
    """The treatment of the rows of a source.

    Attributes:
        layout: where the SMILES stand in the source, in words.
        charged: whether formal charges belong to the atom classes.
        max_atoms: larger molecules are left out; None, where the source is known, for no limit.
        distinct: whether a molecule that came before, by its canonical SMILES, is left out.
        records: whether rows are records of an SDF, not SMILES.
    """

    layout: str
    charged: bool
    max_atoms: int | None
    distinct: bool
    records: bool = False


def pack(
    source: str, rows: Iterable[tuple[int, str] | Row], recipe: Recipe, total: int | None = None
) -> Result:
    """Pack the usable molecules of `rows` in their order, and list the others.

    Atoms are stored in the order in which the canonical SMILES writes them.

    Args:
        source: the name of the source in errors.
        rows: numbers and texts.
        recipe: how they are treated.
        total: the expected number of rows, for progress.

    Raises:
        InputError: no molecule is usable, or they have more atom classes than int8 can count.
    """
    stream = (Row(*row) for row in rows)
    results = in_chunks(partial(_pack_chunk, source=source, recipe=recipe), stream, CHUNK)
    count = None if total is None else -(-total // CHUNK)
    results = progress(results, "reading molecules", total=count, unit="k molecules")
    whole, drops, seen, stereo = Growing(recipe.charged), list[Drop](), set[str](), 0
    for part, dropped in results:
        stereo += part.stereo
        if len(part):
            _require_countable(source, len({*whole.names, *part.vocabulary.atoms}))
        if recipe.distinct:
            part, repeated = _distinct(part, seen)
            dropped = sorted([*dropped, *repeated], key=lambda drop: drop.row)
        whole.add(part)
        drops += dropped
    if not len(whole):
        raise InputError(f"{source}: no usable molecule{_summary(drops)}")
    reasons = dict(Counter(drop.reason for drop in drops))
    return replace(whole.packed(), dropped=reasons, stereo=stereo), drops


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
    larger = any(reason.startswith(LARGER) for reason, _ in reasons)
    advice = "; dataset.max_atoms=<number> keeps larger ones" if larger else ""
    return f" in {len(drops)} rows: {counts}; the first is row {drops[0].row}: {text!r}{advice}"


def _distinct(packed: Packed, seen: set[str]) -> Result:
    """The molecules that are not in `seen`, which grows by them, and the others as drops."""
    kept: list[int] = []
    drops = []
    for i, smiles in enumerate(packed.smiles):
        if smiles in seen:
            drops.append(Drop(int(packed.ids[i]), smiles, "duplicate"))
        else:
            seen.add(smiles)
            kept.append(i)
    return (packed.take(np.array(kept, np.int64)) if drops else packed), drops


def _pack_chunk(rows: list[Row], source: str, recipe: Recipe) -> Result:
    """The molecules of a chunk over the vocabulary of their atoms. InputError if that is large."""
    drops: list[Drop] = []
    read: list[tuple[Row, Chem.Mol]] = []
    for row in rows:
        try:
            read.append((row, canonical_order(_molecule(row, recipe))))
        except Unusable as error:
            drops.append(Drop(row.number, shortened(row.text), error.reason))
    # A charge of two digits has no name; to_graph then refuses that molecule alone.
    names = {name for _, mol in read for name in atom_names(mol) if ATOM_NAME.fullmatch(name)}
    vocabulary = Vocabulary.infer(names or {"C"}, recipe.charged)
    kept: list[tuple[int, Graph, str]] = []
    stereo = 0
    for row, mol in read:
        try:
            kept.append((row.number, to_graph(mol, vocabulary), canonical_smiles(mol)))
            stereo += _has_stereo(row.text, recipe)
        except Unusable as error:
            drops.append(Drop(row.number, shortened(row.text), error.reason))
    packed = replace(_packed(source, kept, vocabulary), stereo=stereo)
    return packed, sorted(drops, key=lambda drop: drop.row)


def _molecule(row: Row, recipe: Recipe) -> Chem.Mol:
    if row.reason is not None:
        raise Unusable(row.reason)
    if not row.text.strip():
        raise Unusable("empty cell")
    if row.text.lower() in MISSING:
        raise Unusable("missing value")
    mol = read_sdf_record(row.text) if recipe.records else read_smiles(row.text)
    if recipe.max_atoms is not None and mol.GetNumAtoms() > recipe.max_atoms:
        raise Unusable(f"{LARGER}{recipe.max_atoms} atoms")
    return mol


def _has_stereo(text: str, recipe: Recipe) -> bool:
    return has_stereo(parse_record(text)) if recipe.records else writes_stereo(text)


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
