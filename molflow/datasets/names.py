"""Names a user may choose among, apart from what reads the data: asking for them costs nothing."""

from __future__ import annotations

from molflow.errors import InputError

QM9_SPLITS = ("digress", "edm", "random")
VOCABULARIES = ("charged", "stripped")


def require_name(key: str, name: str, names: tuple[str, ...]) -> None:
    """InputError with the choices where `name` is none of them."""
    if name not in names:
        raise InputError(f"{key}={name!r}: one of {', '.join(names)}")
