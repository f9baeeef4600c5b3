"""Fingerprints of a training set are read once, whatever becomes of the file."""

import numpy as np
import pytest
from rdkit import Chem

from molflow.metrics.similarity import References, fingerprints, index_references
from molflow.report.references import remembered

SMILES = ["CCO", "CCN", "c1ccccc1"]


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Reads SMILES, and notes how often."""
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path))

    def read() -> References:
        read.times += 1
        return index_references(fingerprints(map(Chem.MolFromSmiles, SMILES)))

    read.times = 0
    return read


def test_a_second_time_is_read_from_the_cache_and_the_same(read):
    first, second = remembered(SMILES, read), remembered(SMILES, read)
    assert read.times == 1
    for name in ("sizes", "holders", "starts"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_other_molecules_are_read_anew(read):
    remembered(SMILES, read)
    remembered(SMILES[:2], read)
    assert read.times == 2


def test_a_damaged_file_is_written_anew(read, tmp_path):
    remembered(SMILES, read)
    (path,) = (tmp_path / "fingerprints").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    remembered(SMILES, read)
    remembered(SMILES, read)
    assert read.times == 2
