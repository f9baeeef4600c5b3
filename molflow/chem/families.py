"""Properties that depend on a text, such as the similarity to a molecule; properties by name."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache, partial

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from molflow.chem.fingerprints import SIMILARITIES, tanimoto
from molflow.chem.properties import PROPERTIES, Property, Shared
from molflow.chem.smiles import LONGEST, Unusable, canonical_smiles, read_smiles
from molflow.errors import InputError
from molflow.plugins import Table

FORMULA_PART = re.compile(r"([A-Z][a-z]?|\*)(\d*)")
"""An element, or atoms that are none, and how many."""
MOST = 1000
"""Atoms of one element in a formula that is asked for."""


def similarity(smiles: str, name: str = "similarity") -> Property:
    """Tanimoto similarity to a reference, in [0, 1].

    Args:
        smiles: the reference.
        name: one of SIMILARITIES, which chooses the fingerprint.

    Raises:
        InputError: the reference is no molecule.
    """
    try:
        reference = read_smiles(smiles)
    except Unusable as error:
        raise InputError(f"{name}({smiles}): the SMILES {error.reason}") from None
    make = SIMILARITIES[name]
    compute = Shared(make, partial(tanimoto, make(reference)))
    full = f"{name}({canonical_smiles(reference)})"
    doc = "Tanimoto similarity to the molecule"
    return Property(full, doc, "", 0, 1, compute, limits=(0, 1))


def smarts(pattern: str) -> Property:
    """1 where the molecule holds the SMARTS, else 0. InputError where it does not parse."""
    with rdBase.BlockLogs():
        try:
            query = Chem.MolFromSmarts(pattern) if len(pattern) <= LONGEST else None
        except UnicodeEncodeError:
            query = None
    if query is None or query.GetNumAtoms() == 0:
        raise InputError(f"smarts({pattern}): the SMARTS does not parse")

    def compute(mol: Chem.Mol) -> float:
        return mol.HasSubstructMatch(query)

    name = f"smarts({pattern})"
    return Property(name, "presence of the substructure", "", 0, 1, compute, limits=(0, 1))


def element_counts(mol: Chem.Mol) -> Mapping[str, int]:
    """Atoms by element, isotopes together; hydrogens count, whether written or not."""
    formula = rdMolDescriptors.CalcMolFormula(mol)
    return {symbol: int(count or 1) for symbol, count in FORMULA_PART.findall(formula)}


def element(symbol: str) -> Property:
    """The number of atoms of an element, such as F. InputError where no element has the symbol."""
    if symbol not in _elements():
        raise InputError(f"element({symbol}): no element has this symbol")
    compute = Shared(element_counts, lambda counts: counts.get(symbol, 0))
    most = (0.0, math.inf)
    return Property(f"element({symbol})", f"atoms of {symbol}", "", 0, 5, compute, most, count=True)


@cache
def _elements() -> frozenset[str]:
    table = Chem.GetPeriodicTable()
    return frozenset(table.GetElementSymbol(number) for number in range(1, 119))


def isomer(formula: str) -> Property:
    """Nearness of a molecule's formula to one such as C9H10N2O2PF2Cl, in [0, 1]; 1 of isomers
    alone.

    It is a geometric mean (GuacaMol, Brown et al., J. Chem. Inf. Model. 2019, 59, 1096). With n
    atoms present and m wanted, its factors are exp(-(n - m)^2 / 2) for each of the formula's
    elements and exp(-((n - m) / 2)^2 / 2) for all atoms together. Hydrogens count.

    Raises:
        InputError: the formula cannot be read.
    """
    wanted = read_formula(formula)
    total = sum(wanted.values())

    def read(counts: Mapping[str, int]) -> float:
        off = sum((counts.get(symbol, 0) - m) ** 2 for symbol, m in wanted.items())
        off_total = (sum(counts.values()) - total) / 2
        return math.exp(-(off + off_total**2) / 2 / (len(wanted) + 1))

    compute = Shared(element_counts, read)
    doc = "nearness to the formula"
    return Property(f"isomer({formula})", doc, "", 0, 1, compute, limits=(0, 1))


def read_formula(text: str) -> dict[str, int]:
    """Atoms by element of a formula such as C2H6O.

    Raises:
        InputError: the text is no formula, an element is unknown or comes twice, or its number is
            not in 1 to MOST. The message names which.
    """
    parts = FORMULA_PART.findall(text)
    if not parts or "".join(symbol + count for symbol, count in parts) != text:
        raise InputError(f"isomer({text}): expected elements and numbers, as in C9H10N2O2PF2Cl")
    for symbol, times in Counter(symbol for symbol, _ in parts).items():
        if symbol not in _elements():
            raise InputError(f"isomer({text}): no element has the symbol {symbol}")
        if times > 1:
            raise InputError(f"isomer({text}): {symbol} comes twice")
    for symbol, count in parts:
        if count and (len(count) > 4 or not 1 <= int(count) <= MOST):
            raise InputError(f"isomer({text}): {symbol}{count}: 1 to {MOST} atoms of an element")
    return {symbol: int(count or 1) for symbol, count in parts}


FAMILIES = Table[Callable[[str], Property]](
    "families",
    {
        **{name: partial(similarity, name=name) for name in SIMILARITIES},
        "smarts": smarts,
        "isomer": isomer,
        "element": element,
    },
)
EXAMPLES = {
    **{name: f"{name}(c1ccccc1O)" for name in SIMILARITIES},
    "smarts": "smarts([#7])",
    "isomer": "isomer(C2H6O)",
    "element": "element(F)",
}


def find_property(text: str) -> Property:
    """The property of a name such as "qed" or "similarity(CCO)"; upper and lower case are one.

    Raises:
        InputError: there is none, and the message names those that there are; or its argument is
            wrong.
    """
    match = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    name, argument = (match[1].lower(), match[2]) if match else (text, None)
    if name in FAMILIES:
        if argument is None or not argument.strip():
            raise InputError(f"property {text!r}: needs an argument, as in {_example(name)}")
        return FAMILIES[name](argument.strip())
    if name in PROPERTIES:
        if argument is not None:
            raise InputError(f"property {text!r}: {name} takes no argument")
        return PROPERTIES[name]
    near = get_close_matches(name, [*PROPERTIES, *FAMILIES], n=1)
    hint = f"did you mean {near[0]}? Known: " if near else "one of "
    known = ", ".join([*PROPERTIES, *map(_example, FAMILIES)])
    raise InputError(f"property {text!r}: {hint}{known}")


def _example(family: str) -> str:
    return EXAMPLES.get(family, f"{family}(...)")
