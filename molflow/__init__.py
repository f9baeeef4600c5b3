"""Molecules from noise by variational flow matching and flow maps on the simplex."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molflow.chem.constraints import Constraint as Constraint
    from molflow.enough import Enough as Enough
    from molflow.estimator import MolflowGenerator as MolflowGenerator
    from molflow.evaluation.run import evaluate as evaluate
    from molflow.guidance.steer import guide as guide
    from molflow.loading import load as load
    from molflow.optimization.run import optimize as optimize
    from molflow.samples import Samples as Samples
    from molflow.sampling.walk import Route as Route
    from molflow.train import train as train

__version__ = "0.2.0"

PUBLIC = {
    "load": "molflow.loading",
    "guide": "molflow.guidance.steer",
    "Constraint": "molflow.chem.constraints",
    "Enough": "molflow.enough",
    "Route": "molflow.sampling.walk",
    "Samples": "molflow.samples",
    "MolflowGenerator": "molflow.estimator",
}
PROGRAMS = ("train", "optimize", "evaluate")
"""Modules that are functions too."""
__all__ = [
    *("Constraint", "Enough", "MolflowGenerator", "Route", "Samples"),
    *("evaluate", "guide", "load", "optimize", "train"),
]


def __getattr__(name: str) -> Any:
    """`molflow.load` and the like, imported when first asked for: importing molflow stays free of
    torch."""
    if name in PROGRAMS:
        return import_module(f"molflow.{name}")
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    raise AttributeError(f"module 'molflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names that there are to use."""
    return [*__all__, "__version__"]
