"""A program's configuration from its command line, and its help text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, overload

from molflow.config import recipes, saved
from molflow.config.checking import CheckConfig
from molflow.config.evaluating import EvaluateConfig
from molflow.config.key import from_plain
from molflow.config.optimizing import OptimizeConfig
from molflow.config.sampling import SampleConfig
from molflow.config.training import TrainConfig, resolved

Config = TrainConfig | SampleConfig | CheckConfig | EvaluateConfig | OptimizeConfig
PROGRAMS: dict[str, type[Config]] = {
    "train": TrainConfig,
    "sample": SampleConfig,
    "check": CheckConfig,
    "evaluate": EvaluateConfig,
    "optimize": OptimizeConfig,
}


@overload
def load_config(program: Literal["train"], overrides: Sequence[str]) -> TrainConfig: ...


@overload
def load_config(program: Literal["sample"], overrides: Sequence[str]) -> SampleConfig: ...


@overload
def load_config(program: Literal["check"], overrides: Sequence[str]) -> CheckConfig: ...


@overload
def load_config(program: Literal["evaluate"], overrides: Sequence[str]) -> EvaluateConfig: ...


@overload
def load_config(program: Literal["optimize"], overrides: Sequence[str]) -> OptimizeConfig: ...


def load_config(program: str, overrides: Sequence[str]) -> Config:
    """The configuration of a program of PROGRAMS after `key=value` and `group=name` overrides.

    A text value is taken as it stands after the first `=` (empty is null where null is allowed);
    all others follow Hydra's grammar. ``config=`` names a file of keys. Every mistake raises
    InputError.
    """
    schema = PROGRAMS[program]
    given = with_file(program, overrides)
    config = from_plain(schema, recipes.compose(program, schema, given))
    return resolved(config) if isinstance(config, TrainConfig) else config


def with_file(program: str, overrides: Sequence[str]) -> list[str]:
    """The overrides with the keys of the file of ``config=`` in its place, before all others."""
    return saved.with_file(program, PROGRAMS[program], overrides)


def to_plain(config: Config) -> dict[str, Any]:
    """Nested dict of str, int, float, bool and None, ready for JSON; `from_plain` reads it back."""
    return asdict(config)


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for the help text."""
    return "-h" in arguments or "--help" in arguments


def help_text(program: str) -> str:
    """Usage, recipes and keys with defaults, documentation and what is allowed."""
    return recipes.help_text(program, PROGRAMS[program])
