"""A configuration key: its type, default, range, choices and one line of documentation.

A schema is a frozen dataclass whose fields are made by `key` (a value) or `section` (another such
dataclass). Everything else about a key is read from there: the help text, the checks, and whether
its value is text. A key of type `str` without choices is text and is taken as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from molflow.errors import InputError
from molflow.plugins import installed

T = TypeVar("T")

KINDS = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; `open` leaves out the ends that it names."""

    low: float = -math.inf
    high: float = math.inf
    open: str = ""

    def __contains__(self, value: object) -> bool:
        assert isinstance(value, int | float)
        above = self.low < value if "low" in self.open else self.low <= value
        below = value < self.high if "high" in self.open else value <= self.high
        return above and below

    def __str__(self) -> str:
        bounds = []
        if math.isfinite(self.low):
            bounds.append(f"{'more than' if 'low' in self.open else 'at least'} {self.low:g}")
        if math.isfinite(self.high):
            bounds.append(f"{'less than' if 'high' in self.open else 'at most'} {self.high:.10g}")
        return " and ".join(bounds)


LARGEST = 10**9
"""Integers that have no other bound end here: more is nothing that a machine can count to."""
READ, WRITE = "read", "write"
"""The two things that a program does at a place on disk that a key names."""
ANY = Range()
POSITIVE = Range(0, open="low")
COUNT = Range(1)
SEEDS = Range(0, 2**32 - 1)
INDICES = Range(0, 10**15 - 1)
NOT_NEGATIVE = Range(0)
FRACTION = Range(0, 1, open="high")
INSIDE = Range(0, 1, open="low high")


def key(
    default: Any,
    doc: str,
    choices: tuple[str, ...] = (),
    within: Range = ANY,
    required: bool = False,
    path: str = "",
    table: str = "",
) -> Any:
    """A value of the schema.

    Args:
        default: the value where nobody gives one.
        doc: one line of documentation.
        choices: all values that are allowed, of a text.
        within: the numbers that are allowed.
        required: whether a text must not be empty.
        path: READ or WRITE where a text is a place on disk, which may begin with ``~``.
        table: to which installed packages add choices (``molflow.plugins``).
    """
    extra = {"doc": doc, "choices": choices, "within": within, "required": required}
    return field(default=default, metadata={**extra, "path": path, "table": table})


def section(schema: type, doc: str) -> Any:
    """A part of the schema with its own keys; its alternatives are the files of configs/<name>/."""
    return field(default_factory=schema, metadata={"doc": doc})


@dataclass(frozen=True)
class Key:
    """One value of a schema, under its full name such as `trainer.steps`."""

    name: str
    kind: type
    optional: bool
    default: Any
    doc: str
    choices: tuple[str, ...]
    within: Range
    required: bool
    path: str
    table: str

    @property
    def names(self) -> tuple[str, ...]:
        """The choices, those of installed packages last."""
        added = installed(self.table) if self.table else ()
        return (*self.choices, *(name for name in added if name not in self.choices))

    @property
    def is_text(self) -> bool:
        return self.kind is str and not self.choices

    def read(self, value: Any) -> Any:
        """The value in the key's own type, or InputError naming key, value and what is allowed."""
        if value is None and self.optional:
            return None
        if self.choices:
            if value not in self.choices and value not in self.names:
                raise InputError(f"{self.name}={value!r}: one of {', '.join(self.names)}")
            return value
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            null = " or null" if self.optional else ""
            raise InputError(f"{self.name}={value!r}: {KINDS[self.kind]}{null} is needed")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{self.name}={value!r}: a finite number is needed")
        if self.kind in (int, float) and value not in self.within:
            raise InputError(f"{self.name}={value!r}: must be {self.within}")
        if type(value) is int and math.isinf(self.within.high) and value > LARGEST:
            raise InputError(f"{self.name}={value!r}: must be at most {LARGEST:,}")
        if self.required and value == "":
            raise InputError(f"{self.name}: needs a value, {self.doc}")
        return expanded(str(value), self.name) if self.path else value

    @property
    def allowed(self) -> str:
        """The choices, the range or the type, for the help text."""
        if self.choices:
            return " | ".join(self.names)
        parts = [{int: "integer", float: "number", bool: "true | false", str: "text"}[self.kind]]
        if self.within is not ANY:
            parts.append(str(self.within))
        if self.optional:
            parts.append("or null")
        return " ".join(parts)


def expanded(path: str, name: str) -> str:
    """The path with the home folder in place of ``~``.

    InputError where there is no such home, and for what no file system takes as a name.
    """
    parts = [len(part.encode("utf-8", "surrogatepass")) for part in path.split("/")]
    if "\0" in path or max(parts) > 255 or sum(parts) + len(parts) > 4096:
        raise InputError(f"{name}={path[:60]!r}: too long for the name of a file, or with a NUL")
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise InputError(f"{name}={path!r}: {error}") from None


def keys(schema: Any, prefix: str = "") -> dict[str, Key]:
    """Every key of the schema by full name, in the order of the fields."""
    found: dict[str, Key] = {}
    hints = get_type_hints(schema)
    for item in fields(schema):
        name, hint = prefix + item.name, hints[item.name]
        if is_dataclass(hint):
            found |= keys(hint, prefix=f"{name}.")
            continue
        kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
        found[name] = Key(
            name=name,
            kind=kinds[0],
            optional=NoneType in get_args(hint),
            default=item.default,
            **item.metadata,
        )
    return found


def sections(schema: Any) -> dict[str, str]:
    """The sections of the schema with their documentation."""
    hints = get_type_hints(schema)
    return {f.name: f.metadata["doc"] for f in fields(schema) if is_dataclass(hints[f.name])}


def from_plain(schema: type[T], values: Mapping[str, Any]) -> T:
    """The configuration that nested plain values describe, every key checked.

    Keys that are absent take their defaults; an unknown key or a value that its key does not allow
    raises InputError.
    """
    return _from_plain(schema, values, "", keys(schema))


def _from_plain(schema: type[T], values: Any, prefix: str, known: Mapping[str, Key]) -> T:
    if not isinstance(values, Mapping):
        raise InputError(f"{prefix[:-1] or 'configuration'}={values!r}: named values are needed")
    hints = get_type_hints(schema)
    arguments = {}
    for name, value in values.items():
        full = f"{prefix}{name}"
        if name not in hints:
            raise unknown_key(full, list(known))
        if is_dataclass(hints[name]):
            arguments[name] = _from_plain(hints[name], value, f"{full}.", known)
        else:
            arguments[name] = known[full].read(value)
    return schema(**arguments)


def unknown_key(name: str, known: list[str]) -> InputError:
    """The error for a misspelt key: what was probably meant, and the keys beside it."""
    last = [full.rpartition(".")[2] for full in known]
    alike = get_close_matches(name, known, n=2, cutoff=0.7)
    if not alike:
        endings = get_close_matches(name.rpartition(".")[2], last, n=2)
        alike = [full for full, ending in zip(known, last, strict=True) if ending in endings]
    place = name.rpartition(".")[0]
    beside = [full for full in known if full.rpartition(".")[0] == place]
    names = beside if beside and place else list(dict.fromkeys(k.partition(".")[0] for k in known))
    hint = f"did you mean {' or '.join(alike)}? " if alike else ""
    return InputError(f"unknown key {name!r}: {hint}known: {', '.join(names)}")


def numbers_by_name(key: str, text: str, example: str) -> dict[str, float]:
    """The values of a text such as qed=0.8,logp=1.5, which ``key`` had. InputError for another form
    than the ``example``'s."""
    found: dict[str, float] = {}
    for part in listed(text):
        name, _, number = (piece.strip().lower() for piece in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            raise InputError(f"{key}={text!r}: has the form {example}") from None
        if name in found:
            raise InputError(f"{key}={text!r}: {name} comes twice")
        found[name] = value
    return found


def listed(text: str) -> list[str]:
    """The texts between commas, those of a list in brackets too."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return [part.strip() for part in inner.split(",")] if inner.strip() else []
