"""Files in a run folder have these names, light enough for ``--help``."""

from pathlib import Path

RECORD = "run.json"
CHECKPOINT = "last.ckpt"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
SETTINGS = "config.yaml"
CARD = "README.md"
METRICS = "metrics.json"
PICTURE = "samples.png"
TEXTS = "samples.txt"
LOSS = "loss.png"
SNAPSHOTS = "snapshots"
CLAIM = "claim.json"
PARTS, PLAN = "parts", "plan.json"
"""A sampling that has not ended keeps its parts in this folder, and in it what was asked for."""
TABLES = "samples"
"""This folder holds the Parquet files of a sampling."""
CSV, SMI, SDF, GRID = "samples.csv", "samples.smi", "samples.sdf", "grid.png"
AS_MADE = "as_made"
"""This column of samples.csv has every attempt as it was made, molecule or not."""
MOLECULES, WRITINGS = "molecules", "texts"
"""Models make these, see ``modality.Modality.things``."""


def is_place(checkpoint: str) -> bool:
    """Tell whether a model is meant by its place on disk, and not by the name of a released one.

    A place has a slash, or is a file or a folder with a configuration. So a folder of other things
    does not hide the model that it is called like.
    """
    path = Path(checkpoint)
    return path.name != checkpoint or path.is_file() or (path / CONFIG).is_file()
