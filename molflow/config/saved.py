"""A configuration as a file of plain keys, written beside results and read by ``config=``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from molflow.config.key import WRITE, Key, expanded, keys, unknown_key
from molflow.config.recipes import FILE, configs_folder, groups, shown
from molflow.console import atomic_write
from molflow.datasets.names import REFERENCES
from molflow.errors import InputError
from molflow.files import SETTINGS, is_place

OF_THE_FOLDER = ("resume", "take_over")
"""Keys about a folder that is there already: they are not saved."""


def write_config(folder: Path, config: Any) -> None:
    """Write config.yaml: every key of a program, places as absolute paths.

    Args:
        folder: of the results.
        config: of the program, whose keys are those of its command line.
    """
    import yaml

    plain = {
        name: _anywhere(entry, reduce(getattr, name.split("."), config))
        for name, entry in keys(type(config)).items()
        if name not in OF_THE_FOLDER
    }
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    if yaml.safe_load(text) != plain:
        # Line ends of other alphabets come back as spaces, unless they are escaped.
        text = yaml.safe_dump(plain, sort_keys=False)
    with atomic_write(folder / SETTINGS) as path:
        path.write_text(text, encoding="utf-8")


def _anywhere(entry: Key, value: Any) -> Any:
    """Give the value so that it holds from any folder."""
    if not value or entry.kind is not str:
        return value
    if entry.name == "guidance.score":
        path, _, function = value.rpartition(":")
        return f"{Path(expanded(path, entry.name)).absolute()}:{function}"
    return anchored(entry, value) if entry.path else value


def anchored(entry: Key, value: str) -> str:
    """Give the place that a key names as an absolute path.

    Names stay as they are: those of released models and data sets, and files that are missing.

    Args:
        entry: with a path.
        value: of the key, not empty.
    """
    place = expanded(value, entry.name)
    path = Path(place)
    if entry.path == WRITE:
        return str(path.absolute())
    named = entry.name == "reference" and value in REFERENCES
    named |= entry.name == "checkpoint" and not is_place(place)
    return str(path.absolute()) if path.exists() and not named else value


def with_file(program: str, schema: type, overrides: Sequence[str]) -> list[str]:
    """Put the keys of the file of ``config=`` in front of the others, which win.

    A recipe such as ``guidance=search`` wins over the keys that it sets, and one that sets none
    over its section.

    Args:
        program: its name.
        schema: its keys.
        overrides: ``key=value`` of a command line.

    Raises:
        InputError: the file cannot be read, or has other than plain values of known keys.
    """
    files = [one for one in overrides if one.partition("=")[0] == FILE.name]
    others = [one for one in overrides if one not in files]
    place = files[-1].partition("=")[2] if files else ""
    if not place:
        return others
    path = Path(expanded(place, FILE.name))
    known, recipes = keys(schema), groups(program)
    replaced: set[str] = set()
    for one in others:
        name, _, value = one.partition("=")
        if name in recipes and value in recipes[name][1]:
            replaced |= _keys_of(name, value, list(known))
    read = _read(path)
    for name in read:
        if name not in known:
            raise InputError(f"{path}: {unknown_key(name, list(known))}")
    return [
        *(_override(path, known[name], v) for name, v in read.items() if name not in replaced),
        *others,
    ]


def _keys_of(group: str, name: str, known: list[str]) -> set[str]:
    """Give the keys that a file of configs/ sets, all of its section where it sets none."""
    import yaml

    section = {key for key in known if key.startswith(f"{group}.")}
    if not section:
        raise InputError(f"{group}={name}: a recipe of all keys, as config= is: one of them")
    text = (configs_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")
    return {f"{group}.{key}" for key in yaml.safe_load(text)} or section


def _read(path: Path) -> dict[str, Any]:
    """Read name -> value from a YAML file that is one mapping."""
    import yaml

    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"config={str(path)!r}: {why}") from None
    if not isinstance(plain, dict):
        raise InputError(f"config={str(path)!r}: lines of the form key: value are needed")
    return {str(name): value for name, value in plain.items()}


def _override(path: Path, entry: Key, value: Any) -> str:
    """Write a key of the file as a command line has it."""
    if entry.kind is float and isinstance(value, str):
        # YAML takes 2e-3, as the recipes have it, for a text.
        value = _number(value)
    if value is None and entry.is_text:
        return f"{entry.name}="
    try:
        value = entry.read(value)
    except InputError as error:
        quoted = "; quote it" if entry.is_text and value != "" else ""
        raise InputError(f"{path}: {error}{quoted}") from None
    return f"{entry.name}={value if entry.kind is str else shown(value)}"


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
