"""A model for others: weights, configuration and a model card in a folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from molflow.console import atomic_write, written
from molflow.errors import InputError
from molflow.files import CARD, CHECKPOINT
from molflow.metrics.suites import METRICS
from molflow.model.checkpoint import require_fit, save_model
from molflow.model.model import Model
from molflow.model.network import build_network
from molflow.model.spec import ModelSpec

LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class Measured:
    """Numbers of samples for a model card.

    Attributes:
        caption: how many samples, and how they were made.
        numbers: name -> value; those that are nan are left out.
    """

    caption: str
    numbers: Mapping[str, float]


def release(
    model: Model, folder: Path, place: str, license: str | None, measured: Measured | None
) -> None:
    """Write model.safetensors, config.json and README.md, the model card.

    Args:
        model: with the usual network, as ``molflow.load`` makes no other.
        folder: made where it lacks; a model there is replaced, its card too.
        place: that ``molflow.load`` will be given.
        license: of the weights, None if none is named.
        measured: numbers for the card.

    Raises:
        InputError: the folder holds a run or cannot be written, or the network is the user's own.
    """
    if (folder / CHECKPOINT).exists():
        raise InputError(f"folder={folder}: holds a run ({CHECKPOINT}); choose another folder")
    save_model(folder, model.net, model.spec)
    require_fit(folder, model.spec, build_network)
    with atomic_write(folder / CARD) as path:
        path.write_text(model_card(model, place, license, measured), encoding="utf-8")


def require_license(license: str | None) -> None:
    """InputError where it is no identifier."""
    if license is not None and not LICENSE.fullmatch(license):
        raise InputError(f"license={license!r}: an identifier such as mit or cc-by-4.0 is needed")


def published(spec: ModelSpec) -> ModelSpec:
    """The same without folders of this machine: of files and of a parent the name is left."""
    dataset = {name: value for name, value in spec.dataset.items() if name != "cache"}
    if dataset.get("path"):
        dataset["path"] = Path(dataset["path"]).name
    parent = dict(spec.parent)
    if Path(str(parent.get("checkpoint"))).is_absolute():
        parent["checkpoint"] = Path(parent["checkpoint"]).name
    return replace(spec, dataset=dataset, parent=parent)


def model_card(model: Model, place: str, license: str | None, measured: Measured | None) -> str:
    """The text of a README.md: metadata in front, the model, how to sample, its numbers."""
    title = Path(place).name
    rows = [f"| {name} | {value} |" for name, value in _described(model).items()]
    use = f'import molflow\n\nsamples = molflow.load("{place}").sample(1000)'
    parts = [
        _front_matter(model.spec, license),
        f"# {title}",
        f"A model of molflow, which makes {model.spec.modality.things} from noise.",
        "\n".join(["| | |", "|---|---|", *rows]),
        f"```python\n{use}\n```",
    ]
    if measured is not None:
        parts += ["## Numbers", *_numbers(measured)]
    return "\n\n".join(parts) + "\n"


def _front_matter(spec: ModelSpec, license: str | None) -> str:
    """Metadata that a hub reads."""
    tags = ["flow-matching", *(["flow-map"] if spec.flow_map else []), spec.modality.things]
    licensed = [] if license is None else [f"license: {license}"]
    tagged = [f"- {tag}" for tag in tags]
    return "\n".join(["---", "library_name: molflow", *licensed, "tags:", *tagged, "---"])


def _described(model: Model) -> dict[str, str]:
    """Name -> cell, of what is known of a model."""
    spec, parameters = model.spec, sum(p.numel() for p in model.net.parameters())
    kind = "strings" if spec.pair_width is None else "graphs"
    found = {
        "makes": f"{spec.modality.things} of {spec.modality.describe(spec.max_size)}",
        "network": f"transformer of {kind}, {parameters:,} parameters",
        "training data": str(spec.dataset.get("name", "unknown")),
        "learned": "a flow map" if spec.flow_map else "a flow",
        "condition": ", ".join(one.name for one in spec.condition),
        "started from": str(spec.parent.get("checkpoint") or ""),
    }
    return {name: cell.replace("|", "\\|") for name, cell in found.items() if cell}


def _numbers(measured: Measured) -> list[str]:
    """A caption, and a table of names, values and definitions."""
    rows = [
        f"| {name} | {written(value)} | {METRICS[name].doc if name in METRICS else ''} |"
        for name, value in measured.numbers.items()
        if not math.isnan(value)
    ]
    head = ["| number | value | definition |", "|---|---|---|"]
    return [f"{measured.caption}.", "\n".join([*head, *rows])]
