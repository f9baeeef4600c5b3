"""The record of a training run, and whether the data are still those of its beginning."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.config import TrainConfig, to_plain, write_config
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.files import CHECKPOINT, RECORD
from molflow.plugins import packages

if TYPE_CHECKING:
    from molflow.build import Dataset

PACKAGES = ("molflow", "torch", "rdkit", "pytorch-lightning")


def read_record(folder: str) -> dict[str, Any]:
    """Read run.json of the run in ``folder``. InputError where there is none, or it is damaged."""
    path = Path(folder) / RECORD
    if not path.is_file() or not path.with_name(CHECKPOINT).is_file():
        raise InputError(f"resume={folder}: not a run folder with {RECORD} and {CHECKPOINT}")
    try:
        record = json.loads(path.read_text())
        return {**record, "arguments": [str(argument) for argument in record["arguments"]]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not the record of a run ({error!r})") from None


def require_same_data(folder: str, dataset: Dataset) -> None:
    """Raise InputError where the examples are not those that the run in ``folder`` began with.

    The record of an older run names its prepared data alone, and is not compared.
    """
    from molflow.datasets.content import content_of

    record = read_record(folder)
    before, now = record.get("data"), content_of(dataset)
    if isinstance(before, dict) and before.get("sha256") != now:
        rdkits = record.get("versions", {}).get("rdkit"), version("rdkit")
        by = "" if rdkits[0] == rdkits[1] else f" (RDKit {rdkits[0]} then, {rdkits[1]} now)"
        raise InputError(
            f"resume={folder}: began on other data: {before.get('name')} was "
            f"{str(before.get('sha256'))[:12]}, {dataset.name} is {now[:12]} now{by}"
        )


def write_record(config: TrainConfig, arguments: list[str], dataset: Dataset) -> None:
    """Write config.yaml, and run.json: arguments, configuration, molecules left out, versions.

    Args:
        config: of the run.
        arguments: of its command line.
        dataset: its data.
    """
    from molflow.datasets.content import content_of

    content = {
        "arguments": arguments,
        "config": to_plain(config),
        "data": {"name": dataset.name, "sha256": content_of(dataset)},
        "dropped": dict(dataset.dropped),
        "versions": {name: version(name) for name in PACKAGES} | packages(),
    }
    write_config(Path(config.out), config)
    with atomic_write(Path(config.out) / RECORD) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
