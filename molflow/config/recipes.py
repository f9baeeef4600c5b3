"""The files of configs/ and the command line's overrides, composed by Hydra into plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from molflow.config.key import ANY, READ, Key, keys, sections, unknown_key
from molflow.errors import InputError

LED = {"guidance": "guidance.method"}
"""A group of files whose names are the choices of a key: a name of an installed package is too."""

FILE = Key(
    name="config",
    kind=str,
    optional=True,
    default=None,
    doc="a file of keys, such as config.yaml of earlier results; those beside it win",
    choices=(),
    within=ANY,
    required=False,
    path=READ,
    table="",
)
"""A key of every program that stands for others."""


def compose(program: str, schema: type, overrides: Sequence[str]) -> dict[str, Any]:
    """Nested plain values: the schema's defaults, the program's file, its groups, the overrides.

    Text values never reach Hydra's grammar or interpolation. A misspelt key or group, and a value
    that cannot be read, raise InputError; types and ranges are left to `from_plain`.
    """
    texts, others = _split(program, schema, overrides)
    values = _compose(program, schema, others)
    for name, value in texts.items():
        place, _, last = name.rpartition(".")
        (values[place] if place else values)[last] = value
    return values


def configs_folder() -> Path:
    """The folder of configuration files, in the installed package or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def groups(program: str) -> dict[str, tuple[str | None, list[str]]]:
    """For every group of files: the default name (None is no file) and all names, sorted."""
    import yaml

    text = (configs_folder() / f"{program}.yaml").read_text(encoding="utf-8")
    found = {}
    for entry in yaml.safe_load(text)["defaults"]:
        if isinstance(entry, dict):
            ((name, default),) = entry.items()
            files = sorted(path.stem for path in (configs_folder() / name).glob("*.yaml"))
            found[name] = (default, files)
    return found


def _split(
    program: str, schema: type, overrides: Sequence[str]
) -> tuple[dict[str, str | None], list[str]]:
    """Text values by key, and the overrides that go to Hydra; names and groups are checked."""
    known, choices = keys(schema), groups(program)
    texts: dict[str, str | None] = {}
    others: dict[str, str] = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals:
            raise InputError(f"{override!r}: an override is key=value; --help lists the keys")
        if name in choices and value in _added(name, known):
            others[LED[name]] = value
        elif name in choices:
            _check_group(name, value, *choices[name], *_added(name, known))
            others[name] = value
        elif name not in known:
            raise unknown_key(name, [*choices, *known])
        elif known[name].is_text:
            texts[name] = None if known[name].optional and not value else value
        else:
            others[name] = value
    no_file = [name for name in choices if others.get(name) == "null"]
    return texts, [f"{name}={value}" for name, value in others.items() if name not in no_file]


def _added(group: str, known: Mapping[str, Key]) -> tuple[str, ...]:
    """The names that installed packages add to a group of files."""
    led = known.get(LED.get(group, ""))
    return () if led is None else led.names[len(led.choices) :]


def _check_group(name: str, value: str, default: str | None, files: list[str], *added: str) -> None:
    if value not in files and not (value == "null" and default is None):
        raise InputError(f"{name}={value!r}: one of {', '.join((*files, *added))}")


def _compose(program: str, schema: type, overrides: list[str]) -> dict[str, Any]:
    """The values of schema, files and overrides together, by Hydra."""
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _check_grammar(overrides)
    ConfigStore.instance().store(name=f"{program}_schema", node=asdict(schema()))
    try:
        with hydra.initialize_config_dir(str(configs_folder()), version_base="1.3"):
            composed = hydra.compose(program, overrides)
        values = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(f"{' '.join(overrides)}: {_first_lines(error)}") from error
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def _check_grammar(overrides: list[str]) -> None:
    """One value per override, in Hydra's grammar."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for override in overrides:
        try:
            several = parser.parse_override(override).is_sweep_override()
        # Python's own bounds on digits and on brackets within brackets show as the other two.
        except (HydraException, ValueError, RecursionError) as error:
            raise InputError(f"{override!r}: not understood, {_first_lines(error)}") from error
        if several:
            raise InputError(f"{override!r}: one value is needed")


def _first_lines(error: Exception) -> str:
    """What Hydra and OmegaConf say of the mistake, without their links and internals."""
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(line for line in lines if line and "://" not in line and "_type=" not in line)


def help_text(program: str, schema: type) -> str:
    """Usage, groups and keys with defaults, documentation and what is allowed."""
    lines = [f"molflow {program} [key=value ...]", "", schema.__doc__ or ""]
    about, known = sections(schema), keys(schema)
    choices = groups(program)
    if choices:
        lines += ["", "Recipes (group=name):"]
    for name, (default, files) in choices.items():
        doc = about.get(name, "values across the groups")
        names = (*files, *_added(name, known))
        lines.append(_line(f"{name}={default or 'null'}", doc, " | ".join(names)))
    lines += ["", "Keys (key=value):"]
    for name, entry in {FILE.name: FILE, **known}.items():
        lines.append(_line(f"{name}={shown(entry.default)}", entry.doc, entry.allowed))
    return "\n".join(lines)


def _line(setting: str, doc: str, allowed: str) -> str:
    return f"  {setting:<32} {doc}  [{allowed}]"


def shown(value: Any) -> str:
    """A value as one would type it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
