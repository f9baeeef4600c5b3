"""The columns of a table of molecules: which one has the SMILES, which one the split."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from molflow.errors import InputError

USUAL = ("smiles", "canonical_smiles")
"""Names of the column of SMILES in lower case, where nobody names another."""


NAMES_SHOWN = 20


class Columns(NamedTuple):
    """Columns of a table by name; smiles=None is the one with a usual name."""

    smiles: str | None = None
    split: str | None = None


ANY_COLUMNS = Columns()


def column_of(path: Path, header: list[str], name: str | None = None) -> int:
    """The position of the one column of a name, in any case where none has it exactly.

    Args:
        path: the file, for errors.
        header: the names of its columns.
        name: the column; without it, any of USUAL.

    Raises:
        InputError: there is no such column, or several.
    """
    names = [cell.strip() for cell in header]
    found = [i for i, cell in enumerate(names) if cell == name]
    if not found:
        wanted = USUAL if name is None else (name.lower(),)
        found = [i for i, cell in enumerate(names) if cell.lower() in wanted]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(repr(names[i]) for i in found)
        raise InputError(f"{path}: {len(found)} columns could be meant, {several}: name one")
    shown = ", ".join(repr(cell[:NAMES_SHOWN]) for cell in names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    wanted_names = f"{' or '.join(map(repr, USUAL))}" if name is None else repr(name)
    raise InputError(f"{path}: no column {wanted_names}; row 1 names {shown or 'none'}{more}")
