"""Mistakes of a command line that show before anything heavy is imported: names, files, texts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.config import GuidanceConfig, SampleConfig, TrainConfig
from molflow.errors import InputError
from molflow.model.place import find_model

if TYPE_CHECKING:
    from molflow.enough import Enough


def require_sampling(config: SampleConfig) -> None:
    """InputError where the model, the score or the constraints of a sampling make no sense."""
    from molflow.chem.constraints import parse_constraint

    find_model(config.checkpoint)
    enough_of(config)
    if config.format == "parquet" and find_spec("pyarrow") is None:
        raise InputError("format=parquet: needs pyarrow; pip install pyarrow")
    parse_constraint(config.scaffold, config.elements, config.forbidden, marks=config.marks)
    require_score(config.guidance)


def enough_of(config: SampleConfig) -> Enough | None:
    """The molecules that have to pass, or None where attempts are asked for.

    InputError where the keys make no sense.
    """
    if config.until is None and config.keep is None:
        if config.max_attempts is not None:
            raise InputError(f"max_attempts={config.max_attempts}: only with until= or keep=")
        return None
    from molflow.enough import VALID, Enough

    until = VALID if config.until is None else config.until
    return Enough(config.n, until, config.keep, config.max_attempts)


def require_score(config: GuidanceConfig) -> None:
    """InputError where an objective cannot be read, or the file of a function is not there."""
    if config.objective is not None:
        from molflow.chem.objective import parse_objective

        parse_objective(config.objective, config.aggregation)
    if config.components is not None:
        from molflow.chem.objective import read_objective

        read_objective(Path(config.components))
    if config.score is not None:
        from molflow.chem.scoring import read_score

        read_score(config.score)


def require_training(config: TrainConfig) -> None:
    """InputError where the file of a training or the model that it starts from is not there."""
    if config.checkpoint is not None and config.resume is None:
        find_model(config.checkpoint)
    if config.dataset.path is not None:
        path = Path(config.dataset.path).expanduser()
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
