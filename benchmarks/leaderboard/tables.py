"""The leaderboard in Markdown: a table for each data set, and differences of protocols below it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.common.tables import grid
from benchmarks.leaderboard.entries import DATASETS, FIGURES, VALIDITIES, About, Entry, Row

TITLES = {
    "qm9": "QM9, without hydrogens",
    "zinc250k": "ZINC250k",
    "moses": "MOSES",
    "guacamol": "GuacaMol",
    "lm1b": "LM1B text",
}
HEADS = {
    "valid": "valid (%)",
    "strict": "valid and connected (%)",
    "unique": "unique (%)",
    "vun": "VUN (%)",
    "fcd_all_test": "FCD, all against test",
    "fcd_unique_validation": "FCD, unique against validation",
    "fcd_score": "FCD score",
    "nspdk": "NSPDK",
    "scaffolds": "scaffolds (%)",
    "filters": "filters (%)",
    "novel": "novel (%)",
    "kl": "KL score (%)",
    "perplexity": "perplexity",
    "entropy": "entropy",
}
DASH = "–"
SMALLER = ("fcd_all_test", "fcd_unique_validation", "perplexity")
LARGER = ("fcd_score", "valid", "unique")
INTRODUCTION = (
    "Rows are sorted by network evaluations a molecule (NFE), then by FCD and validity. **Figures "
    "of other definitions do not compare.** The definition of valid stands beside it, FCD has two "
    "columns, and the notes below each table say what else differs. Rows without an NFE stand "
    "first: no network made them, or it is unstated or varies. Bold rows were computed here: "
    "{files}. Others' figures are as published, and `results/SCHEMA.md` gives the form of their "
    "files."
)

Line = tuple[About, Row]


def lines_of(entries: Sequence[Entry], dataset: str) -> list[Line]:
    """The rows of a data set, by evaluations, then quality."""
    found = [(e.about, row) for e in entries if e.about.dataset == dataset for row in e.rows]
    return sorted(found, key=lambda line: (line[1].nfe or 0, *_quality(line[1])))


def _quality(row: Row) -> tuple[float, ...]:
    """Smaller is better, absent is worst: the distance that is there first, then the shares."""
    known = [value for name in SMALLER if (value := getattr(row, name)) is not None]
    shares = [getattr(row, name) for name in LARGER]
    return min(known, default=math.inf), *(math.inf if x is None else -x for x in shares)


def number(value: float | None, computed: bool) -> str:
    """A computed one to four digits, a published one as it was published; a dash for none."""
    if value is None:
        return DASH
    return f"{value:.4g}" if computed else str(value)


def table(lines: Sequence[Line]) -> list[str]:
    """The Markdown table, with the columns that any line has a figure for."""
    present = [f for f in FIGURES if any(getattr(row, f) is not None for _, row in lines)]
    heads = [HEADS[name] for name in present]
    if "valid" in present:
        heads.insert(present.index("valid") + 1, "definition")
    rows = []
    for about, row in lines:
        computed = about.source.kind == "computed"
        cells = [number(getattr(row, name), computed) for name in present]
        if "valid" in present:
            cells.insert(present.index("valid") + 1, about.protocol.validity)
        method = f"**{about.method}**" if computed else about.method
        nfe = DASH if row.nfe is None else str(row.nfe)
        rows.append([method, nfe, *cells, source(about)])
    return grid(["method", "NFE", *heads, "source"], rows)


def source(about: About) -> str:
    """Such as "paper [2410.04263](...)"; the table that was read stands in the notes."""
    paper = about.source.arxiv
    link = f" [{paper}](https://arxiv.org/abs/{paper})" if paper else ""
    return f"{about.source.kind}{link}"


def notes(entries: Sequence[Entry], dataset: str) -> list[str]:
    """One item for each method: its source, the number of molecules, the differences."""
    items = []
    for about in (e.about for e in entries if e.about.dataset == dataset):
        if about.source.kind == "computed":
            continue
        protocol = about.protocol
        n = "number of molecules unstated" if protocol.n is None else f"{protocol.n:,} molecules"
        items.append(
            f"- {about.method} ({about.source.kind}, {about.source.where}): {n}; split "
            f"{about.split}; stereo {protocol.stereo}; {protocol.differences}."
        )
    return items


def section(entries: Sequence[Entry], picture: str) -> str:
    """The text between the markers. picture: where it lies, seen from the README."""
    computed = [e.about.source.where for e in entries if e.about.source.kind == "computed"]
    files = ", ".join(f"`{name}`" for name in dict.fromkeys(computed)) or "no file yet"
    lines = [INTRODUCTION.format(files=files), ""]
    lines += ["Of all attempts `valid` counts those of which this holds:", ""]
    used = {e.about.protocol.validity for e in entries} - {"none"}
    lines += [f"- {name}: {words}" for name, words in VALIDITIES.items() if name in used]
    lines += ["", f"![Validity and FCD against network evaluations]({picture})", ""]
    lines += ["100 % valid has no place on the axis of the picture and is left out of it."]
    for dataset in DATASETS:
        if found := lines_of(entries, dataset):
            lines += ["", f"### {TITLES[dataset]}", "", *table(found), ""]
            lines += ["<details><summary>Sources and protocols</summary>", ""]
            lines += [*notes(entries, dataset), "", "</details>"]
    return "\n".join(lines)
