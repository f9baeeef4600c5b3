"""List the released models: ``molflow models``.

A row is read from the model's config.json: its kind, sizes and elements. The section ``card`` there
says how to sample from it and what that gives; the model's README.md has all its numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molflow.config import wants_help
from molflow.console import run_program, table
from molflow.errors import InputError
from molflow.files import CONFIG, WEIGHTS
from molflow.model.place import PRETRAINED

COLUMNS = ("checkpoint", "makes", "elements", "recommended", "which gives", "MB")
THINGS = {
    "graph": ("molecules", "atoms"),
    "smiles": ("SMILES", "tokens"),
    "selfies": ("SELFIES", "tokens"),
    "characters": ("texts", "characters"),
}
"""What a model makes and what that consists of, by the scheme of its vocabulary."""


@dataclass(frozen=True)
class Released:
    """A model that comes with the package.

    Attributes:
        name: for ``checkpoint=``.
        makes: the kind of thing, and its sizes.
        elements: of graphs and SMILES; none of others.
        recommended: arguments of ``molflow sample``, empty where there is no card.
        measures: numbers of such a sampling by their names in the README.
        size: bytes of the weights.
    """

    name: str
    makes: str
    elements: tuple[str, ...]
    recommended: str
    measures: Mapping[str, str]
    size: int

    def row(self) -> tuple[str, ...]:
        """Give the cells under COLUMNS."""
        measures = ", ".join(f"{name} {value}" for name, value in self.measures.items())
        elements, size = " ".join(self.elements), f"{self.size / 1e6:.1f}"
        return self.name, self.makes, elements, self.recommended, measures, size


def main(arguments: list[str]) -> None:
    """Print the table of released models. InputError for any argument but ``--help``."""
    if wants_help(arguments):
        print("molflow models\n\nList the released models: what they make, and how to sample.")
        return
    if arguments:
        raise InputError(f"models: takes no arguments, and {arguments[0]!r} is one")
    table("Released models", COLUMNS, [one.row() for one in released()])
    print(f"all numbers: {PRETRAINED}/<checkpoint>/README.md")


def released() -> list[Released]:
    """Read the models that come with the package, by name."""
    return [read(folder) for folder in sorted(PRETRAINED.iterdir())]


def read(folder: Path) -> Released:
    """Read what the folder of a released model tells."""
    plain = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    vocabulary, law = plain["vocabulary"], plain["size_law"]
    things, parts = THINGS[vocabulary.get("scheme", "graph")]
    sizes = [size for size, probability in enumerate(law) if probability > 0]
    ends = dict.fromkeys((sizes[0], sizes[-1]))
    card = plain.get("card", {"sample": "", "measures": {}})
    return Released(
        folder.name,
        f"{things} of {' to '.join(map(str, ends))} {parts}",
        elements_of(vocabulary),
        card["sample"],
        card["measures"],
        (folder / WEIGHTS).stat().st_size,
    )


def elements_of(vocabulary: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the elements of atom types, or of the symbols of SMILES, without charges."""
    written = vocabulary.get("atoms", [])
    if vocabulary.get("scheme") == "smiles":
        written = vocabulary["symbols"]
    found = (re.match(r"\[?([A-Za-z][a-z]?)", one) for one in written)
    return tuple(dict.fromkeys(one[1].capitalize() for one in found if one))


if __name__ == "__main__":
    run_program(main)
