"""Names a user may choose among, apart from what reads the data: asking for them costs nothing."""

from __future__ import annotations

from molflow.errors import InputError

QM9_SPLITS = ("digress", "edm", "random")
DATASET_SPLITS = {
    "qm9": QM9_SPLITS,
    "zinc250k": ("random",),
    "moses": ("standard",),
    "guacamol": ("standard",),
    "smiles_file": ("random",),
    "qm9_smiles": QM9_SPLITS,
    "smiles_tokens": ("random",),
    "text": ("standard",),
    "text8": ("standard",),
}
"""The splits of each data set."""
DATASETS = tuple(DATASET_SPLITS)
SPLIT_NAMES = tuple(dict.fromkeys(name for names in DATASET_SPLITS.values() for name in names))
OWN_MOLECULES = ("smiles_file", "smiles_tokens")
NEEDS_A_FILE = (*OWN_MOLECULES, "text")
FROM_A_FILE = (*NEEDS_A_FILE, "zinc250k", "text8")
"""Data sets whose file `dataset.path` may name."""
OF_SMILES = ("qm9_smiles", "smiles_tokens")
OF_TOKENS = (*OF_SMILES, "text", "text8")
"""Data sets of strings, not graphs."""
REFERENCES = tuple(name for name in DATASETS if name not in ("smiles_file", *OF_TOKENS))
"""Data sets that molecules are evaluated against."""
VOCABULARIES = ("charged", "stripped")


def require_name(key: str, name: str, names: tuple[str, ...]) -> None:
    """Raise InputError with the choices where `name` is none of them.

    Args:
        key: of the configuration, for the message.
        name: the value.
        names: the choices.
    """
    if name not in names:
        raise InputError(f"{key}={name!r}: one of {', '.join(names)}")


def require_split(dataset: str, split: str) -> None:
    """Raise InputError with the choices where the data set has no split of that name."""
    names = DATASET_SPLITS[dataset]
    if split not in names:
        raise InputError(f"dataset.split={split!r}: dataset={dataset} has only {', '.join(names)}")
