"""Programs that are functions in Python too, such as ``molflow.train(...)``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Let a module, once it is imported, be called as a function.

    Args:
        module: its name in ``sys.modules``.
        function: that it stands for.
    """

    class Function(ModuleType):
        """A module with a function of the same name."""

        def __call__(self, *arguments: Any, **named: Any) -> Any:
            return function(*arguments, **named)

    sys.modules[module].__class__ = Function
