"""Properties of a data set: those of RDKit, computed once, made anew where the file is damaged."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.properties import PROPERTIES
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.store import Packed
from molflow.datasets.values import property_values
from molflow.errors import InputError

SMILES = ["C", "CCO", "c1cc[nH]c1", "C[N+](=O)[O-]"]


def packed_of(smiles: list[str]) -> Packed:
    return pack("test", list(enumerate(smiles)), Recipe("smiles", True, None, False))[0]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the properties that are computed, one for each molecule."""
    asked: list[str] = []
    for name in ("qed", "logp"):
        before = PROPERTIES[name]

        def compute(mol: Chem.Mol, before=before) -> float:
            asked.append(before.name)
            return before.compute(mol)

        monkeypatch.setitem(PROPERTIES, name, replace(before, compute=compute))
    return asked


def test_values_are_those_of_rdkit_in_the_order_of_molecules_and_names(tmp_path: Path) -> None:
    found = property_values(packed_of(SMILES), tmp_path, ("logp", "qed"))
    assert found.shape == (4, 2)
    assert found.dtype == np.float32
    for row, one in zip(found, SMILES, strict=True):
        mol = Chem.MolFromSmiles(one)
        expected = [PROPERTIES[name].compute(mol) for name in ("logp", "qed")]
        assert row.tolist() == pytest.approx(expected, rel=1e-6)


def test_no_name_makes_no_column(tmp_path: Path) -> None:
    assert property_values(packed_of(SMILES), tmp_path, ()).shape == (4, 0)


def test_a_property_is_computed_once_and_then_read(tmp_path: Path, counted: list[str]) -> None:
    first = property_values(packed_of(SMILES), tmp_path, ("qed",))
    assert counted == ["qed"] * 4
    both = property_values(packed_of(SMILES), tmp_path, ("logp", "qed"))
    assert counted == ["qed"] * 4 + ["logp"] * 4
    assert np.array_equal(both[:, 1:], first)


def test_other_molecules_have_values_of_their_own(tmp_path: Path, counted: list[str]) -> None:
    property_values(packed_of(SMILES), tmp_path, ("qed",))
    property_values(packed_of(SMILES[::-1]), tmp_path, ("qed",))
    assert len(counted) == 8


@pytest.mark.parametrize("damage", ["truncated", "text", "shape", "kind"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, counted: list[str], damage: str) -> None:
    first = property_values(packed_of(SMILES), tmp_path, ("qed",))
    (path,) = tmp_path.iterdir()
    if damage == "truncated":
        os.truncate(path, 100)
    elif damage == "text":
        path.write_text("nothing")
    else:
        np.save(path, np.zeros(3, np.float32) if damage == "shape" else np.zeros(4, np.int64))
    again = property_values(packed_of(SMILES), tmp_path, ("qed",))
    assert np.array_equal(again, first)
    assert len(counted) == 8


@pytest.mark.parametrize("value", [None, float("inf"), ValueError("no")])
def test_a_value_that_is_no_number_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    def compute(mol: Chem.Mol) -> object:
        if mol.GetNumAtoms() > 1:
            return 2.0
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setitem(PROPERTIES, "qed", replace(PROPERTIES["qed"], compute=compute))
    found = property_values(packed_of(["C", "CC"]), tmp_path, ("qed",))[:, 0]
    assert np.isnan(found).tolist() == [True, False]


def test_a_property_that_this_rdkit_lacks_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(mol: Chem.Mol) -> float:
        raise InputError("lacks it")

    monkeypatch.setitem(PROPERTIES, "qed", replace(PROPERTIES["qed"], compute=compute))
    with pytest.raises(InputError, match="lacks it"):
        property_values(packed_of(["C"]), tmp_path, ("qed",))
    assert list(tmp_path.iterdir()) == []


def test_many_molecules_in_several_processes_come_in_order(tmp_path: Path) -> None:
    smiles = ["C" * (1 + i % 9) for i in range(3_500)]
    found = property_values(packed_of(smiles), tmp_path, ("atoms",))
    assert found[:, 0].tolist() == [1 + i % 9 for i in range(3_500)]
