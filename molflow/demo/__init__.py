"""A local page to play with: ``python -m molflow.demo``.

The page fetches nothing from the network, reports to nobody, and runs no code of a visitor.
"""

from __future__ import annotations

from importlib.util import find_spec

from molflow.config import help_text, load_config, wants_help
from molflow.errors import InputError
from molflow.model.place import find_model
from molflow.progress import announced

__all__ = ["main"]

NEEDED = "the page needs gradio (the extra demo); pip install 'gradio>=6'"


def main(arguments: list[str]) -> None:
    """Serve the page until Ctrl-C, by the command line's ``key=value`` arguments.

    Raises:
        InputError: a key, the model or the address makes no sense, or Gradio is not installed.
    """
    if wants_help(arguments):
        print(help_text("demo"))
        return
    config = load_config("demo", arguments)
    if config.checkpoint is not None:
        find_model(config.checkpoint)
    if find_spec("gradio") is None:
        raise InputError(NEEDED)
    with announced("loading torch and Gradio"):
        from molflow.demo.serving import serve

    serve(config)
