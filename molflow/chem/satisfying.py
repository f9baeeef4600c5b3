"""A test of whether any molecule satisfies a constraint, however its atoms are numbered.

``chem.holding`` holds the variables by position; here the scaffold is looked for.
"""

from __future__ import annotations

from collections import Counter

from rdkit import Chem

from molflow.chem.constraints import Plan, is_forbidden
from molflow.chem.smiles import atom_names
from molflow.chem.vocabulary import strip_charges

MOST = 64
"""Places of the scaffold that are tried, at most."""


def place_of_scaffold(mol: Chem.Mol, plan: Plan) -> tuple[int, ...] | None:
    """The atoms of a molecule that are the scaffold's, in its order; () where the plan has no
    scaffold.

    A molecule satisfies the plan where sizes, counts and bans hold and the scaffold is there. Its
    bonds to the rest start only where it may grow.

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
    place = {atom: k for k, atom in enumerate(match)}
    for k, atom in enumerate(match):
        for neighbour in mol.GetAtomWithIdx(atom).GetNeighbors():
            other = place.get(neighbour.GetIdx())
            if other is None:
                if not scaffold.grows[k]:
                    return False
                continue
            bond = whole.GetBondBetweenAtoms(k, other)
            linked = scaffold.fragments[k] != scaffold.fragments[other]
            if bond is None and not (linked and scaffold.grows[k] and scaffold.grows[other]):
                return False
    return True
