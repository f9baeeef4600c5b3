"""The configuration: defaults, overrides, text as it stands, and mistakes named in one line."""

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molflow.config import (
    PROGRAMS,
    DatasetConfig,
    SampleConfig,
    TrainConfig,
    help_text,
    load_config,
    to_plain,
    wants_help,
)
from molflow.config.key import from_plain, keys
from molflow.config.recipes import groups
from molflow.datasets.names import NEEDS_A_FILE
from molflow.errors import InputError

pytestmark = pytest.mark.usefixtures("composed_once")

TEXT_KEYS = [
    "out",
    "resume",
    "checkpoint",
    "dataset.smiles_column",
    "dataset.split_column",
    "dataset.cache",
    "model.condition",
    "logger.project",
]


def error_of(program: str, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        load_config(program, list(overrides))
    return str(caught.value)


def value_of(config: object, name: str) -> object:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def test_without_overrides_the_schema_defaults_hold():
    assert load_config("train", []) == replace(TrainConfig(), out="runs/qm9")


def test_an_override_changes_its_key_alone():
    config = load_config("train", ["trainer.steps=7"])
    default = load_config("train", [])
    assert config == replace(default, trainer=replace(default.trainer, steps=7))


def test_null_unsets_an_optional_number():
    assert load_config("sample", ["checkpoint=a", "atoms=9", "atoms=null"]).atoms is None


def test_an_integer_is_read_as_a_number_where_a_number_is_needed():
    assert load_config("train", ["flow.prior_scale=1"]).flow.prior_scale == 1.0


def test_the_last_of_two_overrides_of_a_key_wins():
    assert load_config("train", ["seed=1", "seed=2"]).seed == 2


def test_a_group_file_sets_its_values():
    trainer = load_config("train", ["trainer=ddp"]).trainer
    assert (trainer.devices, trainer.strategy) == (2, "ddp")


def test_an_override_beats_its_group_file_in_any_order():
    assert load_config("train", ["trainer.devices=3", "trainer=ddp"]).trainer.devices == 3


def test_an_override_beats_the_experiment():
    assert load_config("train", ["trainer.steps=5", "experiment=qm9"]).trainer.steps == 5


@pytest.mark.parametrize(
    "override",
    [f"{name}={file}" for name, (_, files) in groups("train").items() for file in files],
)
def test_every_group_file_composes(override):
    needs = [f"dataset={name}" for name in NEEDS_A_FILE]
    needed = ["dataset.path=x.csv"] if override in needs else []
    load_config("train", [override, *needed])


def test_the_run_folder_is_named_after_the_dataset():
    config = load_config("train", ["dataset=smiles_file", "dataset.path=x.csv"])
    assert config.out == "runs/smiles_file"


def test_a_resumed_run_stays_in_its_folder():
    assert load_config("train", ["resume=runs/a"]).out == "runs/a"


WORDS = [name for name in TEXT_KEYS if not keys(TrainConfig)[name].path]
"""Texts that name no place: ``~`` is a home folder in those."""


@given(name=st.sampled_from(WORDS), text=st.text(min_size=1))
@settings(max_examples=40, deadline=None)
def test_a_text_is_taken_as_it_stands(name, text):
    of_a_file = ["dataset=smiles_file", "dataset.path=x"] if name == "dataset.split_column" else []
    assert value_of(load_config("train", [*of_a_file, f"{name}={text}"]), name) == text


@pytest.mark.parametrize(
    "text",
    [
        "a=b",
        "[x],{y}",
        "${oc.env:HOME}",
        "${",
        "'q\"",
        "a b",
        " a ",
        "null",
        "1",
        "é→\\",
        "C#N.[nH]",
    ],
)
def test_a_text_reaches_neither_grammar_nor_interpolation(text):
    assert load_config("sample", [f"checkpoint={text}"]).checkpoint == text


def test_an_empty_optional_text_is_null():
    assert load_config("train", ["resume="]).resume is None


def test_every_key_of_type_str_without_choices_is_text():
    texts = {name for name, key in keys(TrainConfig).items() if key.is_text}
    assert texts == {*TEXT_KEYS, "dataset.path"}


def test_a_misspelt_key_is_answered_with_the_key_meant():
    message = error_of("train", "trainer.stesp=1")
    assert message.startswith("unknown key 'trainer.stesp': did you mean trainer.steps")


def test_a_key_without_its_section_is_answered_with_the_full_name():
    assert "did you mean trainer.steps?" in error_of("train", "steps=1")


def test_a_misspelt_group_is_answered_with_the_group_meant():
    assert error_of("train", "datset=qm9").startswith(
        "unknown key 'datset': did you mean dataset? known: dataset, model, flow"
    )


def test_a_misspelt_group_file_is_answered_with_the_files():
    assert error_of("train", "dataset=qm8") == (
        "dataset='qm8': one of guacamol, moses, qm9, qm9_smiles, smiles_file, smiles_tokens, text, "
        "text8, zinc250k"
    )


def test_a_misspelt_value_is_answered_with_the_choices():
    assert error_of("train", "flow.loss=ms") == "flow.loss='ms': one of cross_entropy, mse"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "'seed': an override is key=value; --help lists the keys"),
        ("trainer.steps=abc", "trainer.steps='abc': an integer is needed"),
        ("trainer.steps=1.5", "trainer.steps=1.5: an integer is needed"),
        ("trainer.steps=true", "trainer.steps=True: an integer is needed"),
        ("trainer.steps=null", "trainer.steps=None: an integer is needed"),
        ("trainer.steps=0", "trainer.steps=0: must be at least 1"),
        ("trainer.steps=[1]", "trainer.steps=[1]: an integer is needed"),
        ("trainer.learning_rate=nan", "trainer.learning_rate=nan: a finite number is needed"),
        ("trainer.learning_rate=-1", "trainer.learning_rate=-1.0: must be more than 0"),
        ("trainer.max_minutes=x", "trainer.max_minutes='x': a number or null is needed"),
        ("trainer.ema_decay=1", "trainer.ema_decay=1.0: must be at least 0 and less than 1"),
        ("logger.offline=maybe", "logger.offline='maybe': true or false is needed"),
        ("seed=1,2", "'seed=1,2': one value is needed"),
        ("model.heads=7", "model.width=128: must be a multiple of model.heads=7"),
        ("dataset=smiles_file", "dataset.path: dataset=smiles_file needs a file"),
        ("flow.pairs=ends", "flow.pairs=ends: only with flow.distill=psd"),
        (
            "dataset.end_token=true",
            "dataset.end_token: only with dataset=qm9_smiles or smiles_tokens",
        ),
        (
            "dataset.path=x",
            (
                "dataset.path='x': only with dataset=smiles_file or smiles_tokens or text or "
                "zinc250k or text8"
            ),
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(override, message):
    assert error_of("train", override) == message


@pytest.mark.parametrize("override", ["seed=[1", "seed=${nothing}", "seed=a'b", "+seed=1"])
def test_what_hydra_does_not_understand_is_one_line_with_the_override(override):
    message = error_of("train", override)
    assert override.partition("=")[2] in message or override.partition("=")[0] in message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["n", "steps", "batch_size", "atoms"])
@pytest.mark.parametrize("value", ["0", "-3"])
def test_sampling_nothing_is_refused(key, value):
    message = error_of("sample", "checkpoint=a", f"{key}={value}")
    assert message == f"{key}={value}: must be at least 1"


def test_a_checkpoint_is_required():
    assert error_of("sample") == "checkpoint: needs a value, a run folder or a file of weights"


def test_own_molecules_have_only_the_random_split():
    message = error_of("train", "dataset=smiles_file", "dataset.path=x", "dataset.split=edm")
    assert message == "dataset.split='edm': dataset=smiles_file has only random"


@pytest.mark.parametrize("config", [TrainConfig(), SampleConfig(checkpoint="a=${b}")])
def test_plain_values_read_back_as_the_same_configuration(config):
    assert from_plain(type(config), to_plain(config)) == config


def test_plain_values_with_an_unknown_key_are_refused():
    with pytest.raises(InputError, match=r"unknown key 'dataset\.nme': did you mean dataset\.name"):
        from_plain(TrainConfig, {"dataset": {"nme": "qm9"}})


def test_plain_values_of_the_wrong_shape_are_refused():
    with pytest.raises(InputError, match="dataset='qm9': named values are needed"):
        from_plain(TrainConfig, {"dataset": "qm9"})


def test_plain_values_may_leave_out_defaults():
    config = from_plain(TrainConfig, {"dataset": {"max_atoms": 20}})
    assert config == replace(TrainConfig(), dataset=DatasetConfig(max_atoms=20))


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_help_names_every_key_with_its_default(program):
    text = help_text(program)
    assert all(f"  {name}=" in text for name in keys(PROGRAMS[program]))


def test_help_shows_values_as_one_types_them():
    text = help_text("train")
    assert "  seed=0  " in text
    assert "  logger.offline=false  " in text
    assert "  resume=null  " in text


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_asked_for_by_its_flag(flag):
    assert wants_help(["seed=1", flag])
    assert not wants_help(["out=--help"])


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from molflow.config import help_text; help_text('train');"
        "print([m for m in ('torch', 'hydra', 'omegaconf', 'rdkit', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("program", "argument"),
    [
        ("sample", "n=1000000001"),
        ("sample", f"steps={10**40}"),
        ("optimize", "workers=1000000001"),
        ("evaluate", f"n={2**63}"),
        ("train", f"trainer.warmup={10**20}"),
        ("check", f"substeps={10**12}"),
    ],
)
def test_no_machine_counts_beyond_a_billion(program, argument):
    needed = ["checkpoint=x"] if program in ("sample", "check") else []
    with pytest.raises(InputError, match=r"must be at most 1,000,000,000"):
        load_config(program, [*needed, argument])


def test_a_number_of_too_many_digits_is_one_line():
    with pytest.raises(InputError, match=r"^'n=1111.*not understood, Exceeds the limit"):
        load_config("sample", ["checkpoint=x", "n=" + "1" * 5_000])


def test_brackets_without_end_are_one_line():
    with pytest.raises(InputError, match=r"^'n=\[\[.*not understood"):
        load_config("sample", ["checkpoint=x", "n=" + "[" * 2_000 + "]" * 2_000])
