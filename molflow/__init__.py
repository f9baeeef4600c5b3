"""Molecules from noise by variational flow matching and flow maps on the simplex."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molflow.generator import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`molflow.load`, imported when first asked for: importing molflow stays free of torch."""
    if name == "load":
        from molflow.generator import load

        return load
    raise AttributeError(f"module 'molflow' has no attribute {name!r}")
