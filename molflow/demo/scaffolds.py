"""A scaffold as the page shows it: its picture, where it grows, or what is wrong with it."""

from __future__ import annotations

from html import escape

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

from molflow.chem.constraints import OPTIONAL, Constraint, Plan
from molflow.chem.smiles import parse
from molflow.errors import InputError
from molflow.generator import Generator

SIZE = (300, 190)
GROWING = (0.55, 0.85, 0.6)


def scaffold_html(model: Generator, scaffold: str | None, marks: str) -> str:
    """Draw a scaffold with the atoms that may grow marked, above a line about its growth.

    Args:
        model: that is to keep it.
        scaffold: its SMILES, or None.
        marks: one of ``constraints.MARKS``.

    Returns:
        HTML; a mistake is told in it.
    """
    if scaffold is None:
        return "<p class=mf-note>No scaffold: every atom is new.</p>"
    try:
        plan = model.plan(constraint=Constraint(scaffold=scaffold, marks=marks))
    except InputError as error:
        return f"<p class=mf-error>{escape(str(error))}</p>"
    assert isinstance(plan, Plan)
    return f"<div class=mf-scaffold>{_svg(scaffold)}</div><p class=mf-note>{_growth(plan)}</p>"


def _growth(plan: Plan) -> str:
    count = int(plan.scaffold.marks.sum())
    if not count:
        where = "It has no mark <code>[*]</code>, so it may grow anywhere"
    else:
        how = {"once": "exactly one new bond each", OPTIONAL: "any number of bonds"}
        told = how.get(plan.constraint.marks, "at least one new bond each")
        where = f"It grows at {count} mark{'s' if count > 1 else ''}, {told}"
    low, high = plan.sizes
    return f"{where}; molecules have {low} to {high} heavy atoms."


def _svg(scaffold: str) -> str:
    """Draw what the user wrote; the growing atoms are green."""
    mol = parse(scaffold)
    assert mol is not None
    marks = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    grows = [neighbour.GetIdx() for atom in marks for neighbour in atom.GetNeighbors()]
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    canvas = rdMolDraw2D.MolDraw2DSVG(*SIZE)
    options = canvas.drawOptions()
    for name, value in {"dummiesAreAttachments": True, "fixedBondLength": 34}.items():
        setattr(options, name, value)
    options.setHighlightColour(GROWING)
    with rdBase.BlockLogs():
        canvas.DrawMolecule(Chem.Mol(mol), highlightAtoms=grows, highlightBonds=[])
    canvas.FinishDrawing()
    return canvas.GetDrawingText().partition("?>")[2]
