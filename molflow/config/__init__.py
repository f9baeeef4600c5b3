"""The configuration of every program: a typed schema, composed by Hydra from files and overrides.

Defaults live in the schema; a file in configs/ holds only what differs from them.
"""

from molflow.config.checking import CheckConfig
from molflow.config.evaluating import EvaluateConfig
from molflow.config.key import SEEDS
from molflow.config.optimizing import MOVES, OptimizeConfig, ScoreConfig
from molflow.config.programs import (
    PROGRAMS,
    Config,
    help_text,
    load_config,
    to_plain,
    wants_help,
    with_file,
)
from molflow.config.sampling import NOISE, STEPS, GuidanceConfig, SampleConfig
from molflow.config.saved import write_config
from molflow.config.training import (
    DatasetConfig,
    FlowConfig,
    LoggerConfig,
    ModelConfig,
    TrainConfig,
    TrainerConfig,
)

__all__ = [
    "MOVES",
    "NOISE",
    "PROGRAMS",
    "SEEDS",
    "STEPS",
    "CheckConfig",
    "Config",
    "DatasetConfig",
    "EvaluateConfig",
    "FlowConfig",
    "GuidanceConfig",
    "LoggerConfig",
    "ModelConfig",
    "OptimizeConfig",
    "SampleConfig",
    "ScoreConfig",
    "TrainConfig",
    "TrainerConfig",
    "help_text",
    "load_config",
    "to_plain",
    "wants_help",
    "with_file",
    "write_config",
]
