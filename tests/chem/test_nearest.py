"""The known atom type that a new one starts from."""

from __future__ import annotations

import pytest

from molflow.chem.nearest import nearest_atom, valence

ZINC = (
    "C-",
    "C",
    "N-",
    "N",
    "N+",
    "O-",
    "O",
    "O+",
    "F",
    "P",
    "P+",
    "S-",
    "S",
    "S+",
    "Cl",
    "Br",
    "I",
)


@pytest.mark.parametrize(
    ("new", "nearest"),
    [
        ("I+", "I"),  # the same element
        ("C+", "C-"),  # the same element: a lone C+ has three hydrogens, as C- has
        ("Si", "C"),  # the same group
        ("Se", "S"),  # the same group: nearer than O in number
        ("Se+", "S+"),
        ("As", "P"),
        ("B", "N"),  # no known element of its group: three bonds
        ("B-", "C"),  # four bonds
        ("Na+", "F"),  # none takes up no hydrogen: fewest, then the nearest charge and number
    ],
)
def test_a_new_type_starts_from_the_nearest_known_one(new: str, nearest: str) -> None:
    assert nearest_atom(new, ZINC) == nearest


def test_the_only_known_type_is_the_nearest() -> None:
    assert nearest_atom("Br", ("C",)) == "C"


def test_the_first_of_equals_is_taken() -> None:
    assert nearest_atom("N", ("N+", "N-", "N+")) == "N+"
    assert [valence(name) for name in ("N+", "N", "N-")] == [4, 3, 2]
