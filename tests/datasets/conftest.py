"""What several tests of this folder need."""

import pytest

from molflow.datasets import qm9
from molflow.datasets.loaders import MoleculeDataset
from molflow.datasets.store import cache_folder


@pytest.fixture(scope="session")
def qm9_digress() -> MoleculeDataset:
    """All of QM9 on the default split, from the user's cache or, the first time, made there."""
    return qm9.load(cache_folder())
