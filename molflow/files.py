"""The names of the files in a run folder: one place, light enough for ``--help``."""

RECORD = "run.json"
CHECKPOINT = "last.ckpt"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
METRICS = "metrics.json"
PICTURE = "samples.png"
LOSS = "loss.png"
