"""One command for all programs: ``molflow sample checkpoint=qm9``, or ``python -m molflow``."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

import molflow
from molflow.commands import COMMANDS
from molflow.console import run_program
from molflow.errors import InputError

OF_THE_DEMO = ("molflow.demo", "gradio")
"""Modules that the demo is made of."""


def main(arguments: list[str]) -> None:
    """Run the command that the first argument names on the others."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(help_text())
    elif name == "--version":
        print(f"molflow {molflow.__version__}")
    elif name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"unknown command {name!r}: {hint}one of {', '.join(COMMANDS)}")
    else:
        call(name, rest)


def call(name: str, arguments: list[str]) -> None:
    """Run a command of COMMANDS. InputError where what the demo needs is not installed."""
    try:
        import_module(f"molflow.{name}").main(arguments)
    except ModuleNotFoundError as error:
        if name != "demo" or error.name not in OF_THE_DEMO:
            raise
        raise InputError(
            f"demo: {error.name} is not installed; pip install 'molflow[demo]' brings it"
        ) from None


def help_text() -> str:
    """Usage and a line for each command."""
    return "\n".join(
        [
            "molflow COMMAND [key=value ...]",
            "",
            molflow.__doc__ or "",
            "",
            "Commands:",
            *(f"  {name:<12} {doc}" for name, doc in COMMANDS.items()),
            "",
            "molflow COMMAND --help lists its keys, molflow --version tells the version.",
        ]
    )


def run() -> NoReturn:
    """Run the command line and leave with its exit code."""
    run_program(main)


if __name__ == "__main__":
    run()
