"""The entries of the leaderboard: one JSON file for each published method and data set, checked.

The schema is below and, in words, in results/SCHEMA.md. Numbers of molflow itself are read out of
the results of benchmarks.generation. They are an entry of the same kind, never typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from molflow.config.key import COUNT, Range, from_plain, key, keys, section
from molflow.errors import InputError

DATASETS = ("qm9", "zinc250k", "moses", "guacamol", "lm1b")
VALIDITIES = {
    "strict": "the whole molecule sanitises unrepaired and is connected",
    "plain": "it sanitises; of a disconnected one the largest fragment counts on",
    "relaxed": "plain, after +1 charges on N, O and S one bond over valence",
    "valence-only": "RDKit's valence test alone",
    "corrected": "after bond orders were lowered until it passes",
    "unstated": "the source does not say",
    "none": "nothing to be valid",
}
KINDS = ("computed", "paper", "quoted")
ARXIV = re.compile(r"\d{4}\.\d{4,5}")
PERCENT, DISTANCE = Range(0, 100), Range(0)


@dataclass(frozen=True)
class Source:
    """The source of the figures."""

    kind: str = key("", "computed here, from the method's own paper, or quoted", choices=KINDS)
    paper: str = key("", "title of the method's paper, or the program that computed", required=True)
    arxiv: str = key("", "its number there, empty where there is none")
    where: str = key("", "the table or file that the figures were read from", required=True)


@dataclass(frozen=True)
class Protocol:
    """The way in which the figures were measured."""

    validity: str = key("", "what `valid` means", choices=tuple(VALIDITIES))
    n: int | None = key(None, "molecules made, null where the source does not say", within=COUNT)
    stereo: str = key("unstated", "what references keep of stereochemistry", required=True)
    differences: str = key("", "in what else this differs from ours", required=True)


@dataclass(frozen=True)
class About:
    """The common part of the rows of a file."""

    method: str = key("", "its name in the table", required=True)
    dataset: str = key("", "what it was trained on", choices=DATASETS)
    split: str = key("", "of the data, or unstated", required=True)
    source: Source = section(Source, "where the figures come from")
    protocol: Protocol = section(Protocol, "how they were measured")


@dataclass(frozen=True)
class Row:
    """The figures at one number of network evaluations; null where there is none."""

    nfe: int | None = key(None, "network evaluations a molecule, null for no network", within=COUNT)
    valid: float | None = key(None, "percent of attempts, by protocol.validity", within=PERCENT)
    strict: float | None = key(None, "percent of attempts, valid and connected", within=PERCENT)
    unique: float | None = key(None, "distinct in percent of the valid", within=PERCENT)
    vun: float | None = key(
        None, "percent of attempts, distinct, valid and not in training", within=PERCENT
    )
    fcd_all_test: float | None = key(
        None, "Fréchet ChemNet distance of all valid against the test set", within=DISTANCE
    )
    fcd_unique_validation: float | None = key(
        None, "of the distinct valid against the validation set", within=DISTANCE
    )
    fcd_score: float | None = key(
        None, "GuacaMol's score 100 exp(-0.2 FCD), not a distance", within=PERCENT
    )
    nspdk: float | None = key(None, "maximum mean discrepancy of NSPDK", within=DISTANCE)
    scaffolds: float | None = key(None, "cosine of scaffold counts, in percent", within=PERCENT)
    filters: float | None = key(None, "percent that pass MOSES's filters", within=PERCENT)
    novel: float | None = key(None, "distinct outside training / distinct, %", within=PERCENT)
    kl: float | None = key(None, "GuacaMol's KL score, in percent", within=PERCENT)
    perplexity: float | None = key(None, "of generated text under a judge", within=DISTANCE)
    entropy: float | None = key(None, "of generated text, beside any perplexity", within=DISTANCE)


FIGURES = tuple(field.name for field in fields(Row) if field.name != "nfe")


@dataclass(frozen=True)
class Entry:
    """One file: a method on a data set."""

    about: About
    rows: tuple[Row, ...]

    def to_plain(self) -> dict[str, Any]:
        """The content of a file of the schema. Figures that are not there are left out."""
        rows = [
            {k: v for k, v in asdict(row).items() if v is not None or k == "nfe"}
            for row in self.rows
        ]
        return asdict(self.about) | {"rows": rows}


def read_entry(path: Path) -> Entry:
    """The entry in a file. InputError names the file and the key that is wrong."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: no JSON: {error}") from error
    try:
        return from_values(values)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def from_values(values: Any) -> Entry:
    """The entry that the content of a file describes; InputError names the key that is wrong."""
    if not isinstance(values, Mapping):
        raise InputError(f"{values!r}: named values are needed")
    rows = values.get("rows")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise InputError(f"rows={rows!r}: a list of at least one row is needed")
    about = from_plain(About, _complete({k: v for k, v in values.items() if k != "rows"}))
    source = about.source
    if source.arxiv and not ARXIV.fullmatch(source.arxiv):
        raise InputError(f"source.arxiv={source.arxiv!r}: such as 2410.04263, or empty")
    return Entry(about, _rows(rows, about))


def _complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """With the default of every key that is absent, so that those without one are asked for."""
    full = dict(values)
    for name, entry in keys(About).items():
        part, _, last = name.rpartition(".")
        if not part:
            full.setdefault(last, entry.default)
        elif isinstance(full.setdefault(part, {}), Mapping):
            full[part] = {**full[part], last: full[part].get(last, entry.default)}
    return full


def _rows(rows: Sequence[Any], about: About) -> tuple[Row, ...]:
    found: list[Row] = []
    for index, values in enumerate(rows):
        try:
            row = from_plain(Row, values)
            if all(getattr(row, name) is None for name in FIGURES):
                raise InputError(f"no figure: at least one of {', '.join(FIGURES)}")
            if row.valid is not None and about.protocol.validity == "none":
                raise InputError(f"valid={row.valid}: protocol.validity is 'none'")
            if row.perplexity is not None and row.entropy is None:
                raise InputError(f"perplexity={row.perplexity}: says nothing without entropy")
            if row.nfe in [other.nfe for other in found]:
                raise InputError(f"nfe={row.nfe}: comes twice")
        except InputError as error:
            raise InputError(f"rows[{index}]: {error}") from error
        found.append(row)
    return tuple(found)


def read_entries(folder: Path) -> list[Entry]:
    """The entries of all files leaderboard-*.json in a folder.

    InputError where two say the same.
    """
    entries: dict[tuple[str, str], Entry] = {}
    for path in sorted(folder.glob("leaderboard-*.json")):
        entry = read_entry(path)
        name = entry.about.dataset, entry.about.method
        if name in entries:
            raise InputError(f"{path.name}: method={name[1]!r} on {name[0]} is in another file too")
        entries[name] = entry
    return list(entries.values())
