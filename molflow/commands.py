"""The commands of ``molflow``: each is a module with a function ``main(arguments)``."""

from molflow.config import PROGRAMS

COMMANDS = {name: schema.__doc__ or "" for name, schema in PROGRAMS.items()} | {
    "models": "List the released models.",
    "demo": "Open a page in the browser that makes molecules.",
    "completion": "Print a script for bash or zsh that completes commands, keys and values.",
}
"""A line on every command."""
