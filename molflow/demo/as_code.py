"""The same run as a command and as Python, to be copied."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import reduce
from typing import Any

from molflow.config import SampleConfig
from molflow.config.key import keys
from molflow.config.recipes import shown
from molflow.guidance.steer import OPTIONS
from molflow.model.conditions import parse_condition
from molflow.sampling.walk import AUTO, read_noise_scale

ALWAYS = ("checkpoint", "n", "steps", "seed")
"""Keys that a command names even where they have their usual value."""
GUIDANCE = "guidance.method"
WIDTH = 88
"""Columns after which a command goes on in another line."""


def settings(config: SampleConfig) -> dict[str, Any]:
    """Give the keys of a sampling that differ from the usual, and ALWAYS."""
    found = {}
    for name, key in keys(SampleConfig).items():
        value = reduce(getattr, name.split("."), config)
        if name in ALWAYS or value != key.default:
            found[name] = value
    return found


def command(config: SampleConfig) -> str:
    """Write the command line that samples the same molecules, to be pasted into a shell."""
    words = [
        shlex.quote(f"{'guidance' if name == GUIDANCE else name}={shown(value)}")
        for name, value in settings(config).items()
    ]
    lines = ["python -m molflow.sample"]
    for word in words:
        if len(lines[-1]) + len(word) + 3 > WIDTH:
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)


def python(config: SampleConfig) -> str:
    """Write the Python that samples the same molecules as ``samples``."""
    lines = [f"    {config.n},", f"    {_steps(config)},"]
    if not _routed(config) and config.method != AUTO:
        lines.append(f"    method={_quoted(config.method)},")
    lines.append(f"    seed={config.seed},")
    if config.scaffold is not None:
        marks = "" if config.marks == SampleConfig.marks else f", marks={_quoted(config.marks)}"
        constraint = f"molflow.Constraint(scaffold={_quoted(config.scaffold)}{marks})"
        lines.append(f"    constraint={constraint},")
    if config.guidance.objective is not None:
        lines.append(f"    guide={_guide(config)},")
    condition = parse_condition(config.guidance.condition)
    if condition is not None:
        lines.append(f"    condition={_mapping(condition)},")
        if config.guidance.weight != 1:
            lines.append(f"    weight={config.guidance.weight!r},")
    return "\n".join(
        (
            "import molflow",
            "",
            f"model = molflow.load({_quoted(config.checkpoint)})",
            "samples = model.sample(",
            *lines,
            ")",
            'samples.save("samples")',
        )
    )


def _routed(config: SampleConfig) -> bool:
    return config.noise_scale != SampleConfig.noise_scale


def _steps(config: SampleConfig) -> str:
    if not _routed(config):
        return f"steps={config.steps}"
    scale = read_noise_scale(config.noise_scale)
    method = "" if config.method == AUTO else f", {_quoted(config.method)}"
    told = _mapping(scale) if isinstance(scale, Mapping) else repr(scale)
    return f"molflow.Route({config.steps}{method}, noise_scale={told})"


def _guide(config: SampleConfig) -> str:
    given = {name: getattr(config.guidance, name) for name in OPTIONS}
    options = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
    objective = config.guidance.objective or ""
    return f"molflow.guide({_quoted(config.guidance.method)}, {_quoted(objective)}{options})"


def _quoted(text: str) -> str:
    """Write a text as Python does, in the quotes of this project."""
    return json.dumps(text, ensure_ascii=False)


def _mapping(values: Mapping[str, float]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: {value!r}" for name, value in values.items()) + "}"
