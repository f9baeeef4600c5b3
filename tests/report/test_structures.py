"""Structures on a page: perceived by RDKit, written as whole numbers."""

from csv import DictReader
from importlib.resources import files

import pytest
from rdkit import Chem

from molflow.report.embedded import groups
from molflow.report.structures import structure


def written(smiles: str) -> tuple[dict | None, list]:
    mol = Chem.MolFromSmiles(smiles)
    kinds: dict = {}
    return structure(mol, [(k, 2 * k) for k in range(mol.GetNumAtoms())], kinds), list(kinds)


def test_a_structure_has_atoms_bonds_and_rings_of_rdkit_and_the_places_of_the_drawing():
    found, kinds = written("C[NH2+]C1CO1")
    assert kinds == [
        ("C", 6, 0, 3, 4, 0),
        ("N", 7, 1, 2, 4, 0),
        ("C", 6, 0, 1, 4, 0),
        ("C", 6, 0, 2, 4, 0),
        ("O", 8, 0, 0, 2, 0),
    ]
    assert found == {
        "atoms": [0, 1, 2, 3, 4],
        "bonds": [0, 1, 1, 1, 2, 1, 2, 3, 1, 3, 4, 1, 4, 2, 1],
        "points": [0, 0, 1, 2, 2, 4, 3, 6, 4, 8],
        "rings": [[2, 3, 4]],
    }


def test_aromatic_bonds_have_kekulised_orders_and_four_more():
    found, _ = written("c1ccccc1")
    assert sorted(found["bonds"][2::3]) == [5, 5, 5, 6, 6, 6]


@pytest.mark.parametrize("smiles", ["[NH3]->[Pt]", "C" * 1000, "C$C"])
def test_what_a_molfile_cannot_hold_has_no_structure(smiles):
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    mol.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(mol)
    assert structure(mol, [(0, 0)] * mol.GetNumAtoms(), {}) is None


def test_the_names_of_groups_are_distinct_in_any_case():
    names = [name.lower() for name, _ in groups()]
    assert len(set(names)) == len(names)


def test_every_group_is_in_its_example():
    rows = DictReader((files("molflow.report") / "groups.csv").read_text("utf-8").splitlines())
    absent = [
        row["name"]
        for row in rows
        if not Chem.MolFromSmiles(row["example"]).HasSubstructMatch(
            Chem.MolFromSmarts(row["smarts"])
        )
    ]
    assert absent == []


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("CC(=O)OC", "ether"),
        ("CC(=O)N", "amine"),
        ("CC(=O)O", "alcohol"),
        ("CC(=O)OC(C)=O", "ester"),
        ("NC(=O)N", "amide"),
        ("CC(=O)N", "ketone"),
        ("C[N+](C)(C)[O-]", "ammonium"),
        ("NC(=N)N", "amidine"),
        ("C1CC2CC1C2", "spiro atom"),
    ],
)
def test_a_group_is_not_found_in_a_neighbour_of_its_name(smiles, name):
    pattern = Chem.MolFromSmarts(dict(groups())[name])
    assert not Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern)
