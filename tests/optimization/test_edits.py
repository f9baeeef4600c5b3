"""Edits and crossovers give molecules, of parts of their parents."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from molflow.optimization.crossing import chain_crossover, ring_crossover
from molflow.optimization.edits import (
    EDITS,
    append_atom,
    change_order,
    close_ring,
    delete_atom,
    editable,
    finished,
    insert_atom,
    open_ring,
    replace_atom,
)

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"


def made(edit, smiles, tries=40):
    """What the edit makes of a molecule, with several random numbers."""
    results = (
        finished(edit(editable(smiles), np.random.default_rng(seed)), 40) for seed in range(tries)
    )
    return {one for one in results if one is not None}


def atoms(smiles):
    return Chem.MolFromSmiles(smiles).GetNumAtoms()


@pytest.mark.parametrize(
    ("edit", "change"),
    [(append_atom, 1), (insert_atom, 1), (delete_atom, -1), (replace_atom, 0), (change_order, 0)],
)
def test_an_edit_changes_the_number_of_atoms_by_one_or_none(edit, change):
    found = made(edit, ALBUTEROL)
    assert len(found) > 3
    assert {atoms(one) - atoms(ALBUTEROL) for one in found} == {change}


def test_the_edits_of_a_small_molecule_are_those_on_paper():
    assert made(open_ring, "C1CCC1") == {"CCCC"}
    assert made(close_ring, "CCCCC", 200) == {"C1CCCC1", "CC1CCC1", "CCC1CC1", "CC1CC1C"}
    assert made(delete_atom, "CCO") == {"CC", "CO"}
    assert made(insert_atom, "CC") == {"CCC", "CNC", "COC", "CSC"}
    assert made(change_order, "CC") == {"C=C", "C#C"}


def test_every_edit_is_drawn_with_a_share_of_one_in_all():
    assert sum(share for _, share in EDITS) == pytest.approx(1)


@pytest.mark.parametrize(
    "smiles", ["OO", "C1CC#CCC1", "C1CCCCCCC1", "C1=CC1", "C1CC=C=CC1", "C", "CC.CC", "CN(C)(C)C"]
)
def test_what_no_chemist_would_make_is_refused(smiles):
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    assert finished(mol, 40) is None


def test_a_child_of_too_many_atoms_is_refused():
    assert finished(editable("CCCC"), 4) == "CCCC"
    assert finished(editable("CCCC"), 3) is None


def test_a_crossover_at_chains_joins_a_part_of_each():
    seeds = range(100)
    children = {
        finished(chain_crossover(editable("CCN"), editable("OF"), np.random.default_rng(s)), 40)
        for s in seeds
    }
    assert children == {"CO", "CF", "CCO", "CCF", "NCO", "NCF", "NO", "NF"}


def test_a_crossover_at_rings_closes_a_ring_of_both():
    children = {
        finished(
            ring_crossover(editable("C1CCCCC1"), editable("O1CCOCC1"), np.random.default_rng(s)), 40
        )
        for s in range(40)
    }
    rings = [Chem.MolFromSmiles(one) for one in children if one is not None]
    assert len(rings) > 3
    assert {mol.GetRingInfo().NumRings() for mol in rings} == {1}
    assert any({"C", "O"} == {a.GetSymbol() for a in mol.GetAtoms()} for mol in rings)
