"""A test of whether any molecule satisfies a constraint, however its atoms are numbered.

``chem.holding`` holds the variables by position; here the scaffold is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rdkit import Chem

from molflow.chem.constraints import ONCE, Plan, is_forbidden
from molflow.chem.smiles import atom_names
from molflow.chem.vocabulary import strip_charges

MOST = 64
"""Places of the scaffold that are tried, at most."""


def place_of_scaffold(mol: Chem.Mol, plan: Plan) -> tuple[int, ...] | None:
    """The atoms of a molecule that are the scaffold's, in its order; () where the plan has no
    scaffold.

    A molecule satisfies the plan where sizes, counts and bans hold and the scaffold is there. Its
    bonds to the rest start only where it may grow, and its marks have theirs by
    ``constraints.MARKS``.

    Args:
        mol: a sanitised molecule.
        plan: the constraint.

    Returns:
        Indices of atoms, or None where the molecule does not satisfy the plan.
    """
    smallest, largest = plan.sizes
    if not smallest <= mol.GetNumAtoms() <= largest:
        return None
    names = atom_names(mol)
    elements = Counter(map(strip_charges, names))
    if any(elements[name] != count for name, count in plan.constraint.elements.items()):
        return None
    if any(is_forbidden(name, plan.constraint) for name in names):
        return None
    if plan.scaffold.mol is None:
        return ()
    matches = mol.GetSubstructMatches(plan.scaffold.mol, uniquify=False, maxMatches=MOST)
    return next((match for match in matches if _grows_as_allowed(mol, match, plan)), None)


def _grows_as_allowed(mol: Chem.Mol, match: tuple[int, ...], plan: Plan) -> bool:
    scaffold, whole = plan.scaffold, plan.scaffold.mol
    assert whole is not None
    place, exact = {atom: k for k, atom in enumerate(match)}, _exact(plan)
    for k, atom in enumerate(match):
        new: list[Chem.BondType] = []
        for bond in mol.GetAtomWithIdx(atom).GetBonds():
            other = place.get(bond.GetOtherAtomIdx(atom))
            if other is None:
                new.append(bond.GetBondType())
                continue
            linked = scaffold.fragments[k] != scaffold.fragments[other] and not exact
            free = linked and scaffold.grows[k] and scaffold.grows[other]
            if whole.GetBondBetweenAtoms(k, other) is None and not free:
                return False
        if not _bonds_as_marked(new, k, plan):
            return False
    return True


def _exact(plan: Plan) -> bool:
    """Whether the marks name all bonds of the scaffold to new atoms."""
    return plan.constraint.marks == ONCE and bool(len(plan.marks))


def _bonds_as_marked(new: Sequence[Chem.BondType], k: int, plan: Plan) -> bool:
    """Whether atom ``k`` of the scaffold may have these bonds to new atoms."""
    if not plan.scaffold.grows[k]:
        return not new
    if not len(plan.marks):
        return True
    marks = int(plan.scaffold.marks[k])
    single = new.count(Chem.BondType.SINGLE)
    return single >= marks and (not _exact(plan) or len(new) == marks)
