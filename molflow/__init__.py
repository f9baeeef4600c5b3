"""Molecules from noise by variational flow matching and flow maps on the simplex."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molflow.chem.constraints import Constraint as Constraint
    from molflow.generator import load as load
    from molflow.guidance.steer import guide as guide
    from molflow.optimization.run import optimize as optimize

__version__ = "0.1.0"


PUBLIC = {
    "load": "molflow.generator",
    "guide": "molflow.guidance.steer",
    "Constraint": "molflow.chem.constraints",
    "optimize": "molflow.optimize",
}


def __getattr__(name: str) -> Any:
    """`molflow.load` and the like, imported when first asked for: importing molflow stays free of
    torch."""
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'molflow' has no attribute {name!r}")
