"""Searches without a model, and one with a small untrained one."""

from __future__ import annotations

import pytest

from molflow.chem.objective import Objective, parse_objective

START = ["CCO", "OCC", "c1ccccc1O", "NC(=O)c1ccccc1", "C1CC", "CC(N)C(=O)O", "CCOC(C)=O", "CCN"]


@pytest.fixture
def start() -> list[str]:
    """Eight strings, seven of them molecules, six of those distinct."""
    return list(START)


@pytest.fixture
def objective() -> Objective:
    return parse_objective("isomer(C7H8N2O2):max")
