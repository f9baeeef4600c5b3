"""The arguments of a benchmark: ``key=value`` against a schema, as the programs take them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from molflow.config.key import Key, Range, from_plain, keys, unknown_key
from molflow.errors import InputError

T = TypeVar("T")


def read(schema: type[T], arguments: Sequence[str]) -> T:
    """The configuration that the arguments describe; InputError names a mistake and the choices."""
    known = keys(schema)
    values = {name: entry.default for name, entry in known.items()}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise InputError(f"{argument!r}: an argument is key=value; --help lists the keys")
        if name not in known:
            raise unknown_key(name, list(known))
        values[name] = _value(known[name], value)
    return from_plain(schema, values)


def _value(entry: Key, text: str) -> Any:
    """Text as it stands, a number, true, false or null as JSON has it; the schema judges it."""
    if entry.is_text or entry.choices:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def several(name: str, text: str) -> list[str]:
    """The distinct parts of a text with commas, in order; InputError where there is none."""
    parts = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if "" in parts:
        raise InputError(f"{name}={text!r}: values separated by commas are needed")
    return parts


def count(name: str, text: str) -> int:
    """A number of at least 1; InputError for anything else."""
    if not (text.isascii() and text.isdigit() and int(text) in Range(1, 10_000)):
        raise InputError(f"{name}={text!r}: integers from 1 to 10,000, separated by commas")
    return int(text)


def help_text(program: str, schema: type) -> str:
    """Usage and keys with defaults, documentation and allowed values."""
    lines = [f"python -m benchmarks.{program} [key=value ...]", "", schema.__doc__ or ""]
    lines += ["", "Keys (key=value):"]
    for name, entry in keys(schema).items():
        default = str(entry.default).lower() if entry.kind is bool else entry.default
        lines.append(f"  {f'{name}={default}':<28} {entry.doc}  [{entry.allowed}]")
    return "\n".join(lines)
