"""The keys of ``molflow.check``."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.config.key import COUNT, READ, SEEDS, WRITE, Range, key


@dataclass(frozen=True)
class CheckConfig:
    """Measure the health of a model's flow map."""

    checkpoint: str = key("", "a run folder or a file of weights", required=True, path=READ)
    n: int = key(256, "molecules, of the validation split where it is found", within=COUNT)
    seed: int = key(0, "of the choice of molecules and the noise", within=SEEDS)
    out: str = key("check", "folder of the results", required=True, path=WRITE)
    take_over: bool = key(
        False, "take the folder of a run that ended on another machine without leaving it"
    )
    grid: int = key(8, "intervals of the grid of times", within=COUNT)
    substeps: int = key(8, "Euler steps of the walk per interval", within=Range(2))
    batch_size: int = key(256, "molecules at once", within=COUNT)
