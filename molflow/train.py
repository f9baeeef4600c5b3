"""Train a generator: ``python -m molflow.train dataset=qm9``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.config import TrainConfig, help_text, load_config, to_plain, wants_help
from molflow.console import atomic_write, run_program, table
from molflow.errors import InputError

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from molflow.build import GraphStream
    from molflow.checkpoint import ModelSpec
    from molflow.datasets.loaders import MoleculeDataset
    from molflow.module import FlowModule
    from molflow.training import Trial

RUN = "run.json"
HELD_OUT = 2048


def main(arguments: list[str]) -> None:
    """Runs one training, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("train"))
        return
    config, arguments = configure(arguments)
    train(config, arguments)


def configure(arguments: list[str]) -> tuple[TrainConfig, list[str]]:
    """The configuration, and all arguments behind it: those of a resumed run come first."""
    config = load_config("train", arguments)
    if config.resume is None:
        if (Path(config.out) / "last.ckpt").exists() and "LOCAL_RANK" not in os.environ:
            raise InputError(
                f"out={config.out}: holds a run already; resume={config.out} continues it, "
                "or choose another folder"
            )
        return config, arguments
    folder = Path(config.resume)
    if not (folder / RUN).is_file() or not (folder / "last.ckpt").is_file():
        raise InputError(f"resume={folder}: not a run folder with {RUN} and last.ckpt")
    try:
        before = json.loads((folder / RUN).read_text())["arguments"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / RUN}: not the record of a run ({error!r})") from None
    kept = [a for a in before if not a.startswith(("out=", "resume="))]
    combined = [*kept, *arguments]
    return replace(load_config("train", combined), out=str(folder)), combined


def train(config: TrainConfig, arguments: list[str]) -> None:
    """Prepares the data, trains, and says what was reached and how to sample from it."""
    import warnings

    import pytorch_lightning as pl

    from molflow.build import GraphStream, build_dataset, build_module, build_network, build_spec

    warnings.filterwarnings("ignore", module="pytorch_lightning")
    dataset = build_dataset(config.dataset)
    stream = GraphStream(dataset, config.trainer.batch_size, config.seed)
    spec = build_spec(config, dataset)
    pl.seed_everything(config.seed, verbose=False)
    net = build_network(spec)
    module = build_module(config, net, stream)
    if wants_compilation(config):
        net.compile(dynamic=False)
    folder = Path(config.out)
    record(config, arguments, spec, dataset)
    trial = make_trial(config, spec, dataset, stream)
    trainer = make_trainer(config, spec, trial)
    checkpoint = str(folder / "last.ckpt") if config.resume else None
    fit(trainer, module, checkpoint)
    if trainer.is_global_zero:
        conclude(config, module, trial)


def fit(trainer: pl.Trainer, module: FlowModule, checkpoint: str | None) -> None:
    """Trains; a checkpoint of another network or a broken one is the user's mistake."""
    import pickle

    try:
        trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except (EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{checkpoint}: truncated or not a checkpoint ({error})") from None
    except RuntimeError as error:
        if checkpoint is None or "PytorchStreamReader" not in str(error) + "":
            if checkpoint is None or "size mismatch" not in str(error):
                raise
        line = str(error).splitlines()[-1].strip()
        raise InputError(f"{checkpoint}: does not fit this configuration: {line}") from None


def make_trainer(config: TrainConfig, spec: ModelSpec, trial: Trial) -> pl.Trainer:
    """Lightning's trainer with our callbacks, on the hardware that ``config`` names."""
    import pytorch_lightning as pl

    from molflow.training import Checkpoints, Progress

    settings = config.trainer
    callbacks = [
        Progress(settings.batch_size),
        trial,
        Checkpoints(Path(config.out), spec, settings.checkpoint_minutes),
    ]
    return pl.Trainer(
        max_steps=settings.steps,
        max_epochs=-1,
        accumulate_grad_batches=settings.accumulate,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy=settings.strategy,
        precision="bf16-mixed" if wants_bf16(config) else "32-true",
        logger=make_logger(config),
        callbacks=callbacks,
        log_every_n_steps=20,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def make_logger(config: TrainConfig) -> Any:
    """CSV in the run folder, or wandb, which also gets the configuration and pictures."""
    from pytorch_lightning.loggers import CSVLogger, WandbLogger

    folder = Path(config.out)
    part = len(list(folder.glob("logs/*/metrics.csv")))
    csv = CSVLogger(folder, name="logs", version=str(part), flush_logs_every_n_steps=100)
    if config.logger.name == "csv":
        return csv
    wandb = WandbLogger(
        project=config.logger.project,
        offline=config.logger.offline,
        save_dir=folder,
        config=to_plain(config),
    )
    return [csv, wandb]


def make_trial(
    config: TrainConfig, spec: ModelSpec, dataset: MoleculeDataset, stream: GraphStream
) -> Trial:
    """The trial on the first held-out molecules and against the training set's SMILES."""
    from molflow.training import Trial

    return Trial(
        spec,
        stream.states(dataset.splits["valid"][:HELD_OUT]),
        frozenset(dataset.smiles("train")),
        Path(config.out),
        config.trainer.sample_every,
    )


def wants_bf16(config: TrainConfig) -> bool:
    """bf16 where asked, or where ``auto`` finds hardware on which it is faster."""
    import torch

    if config.trainer.precision != "auto":
        return config.trainer.precision == "bf16"
    if torch.cuda.is_available() and config.trainer.accelerator != "cpu":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def wants_compilation(config: TrainConfig) -> bool:
    """Where asked, or where ``auto`` finds a compiler and a run long enough to repay a minute."""
    import shutil

    if config.trainer.compile != "auto":
        return config.trainer.compile == "always"
    compiler = any(shutil.which(name) for name in ("g++", "clang++", os.environ.get("CXX", "g++")))
    return compiler and config.trainer.steps >= 3000


def record(
    config: TrainConfig, arguments: list[str], spec: ModelSpec, dataset: MoleculeDataset
) -> None:
    """Writes what this run is: arguments, configuration, vocabulary, what was left out, versions."""
    from importlib.metadata import version

    if "LOCAL_RANK" in os.environ:
        return
    packages = ("molflow", "torch", "rdkit", "pytorch-lightning")
    content = {
        "arguments": arguments,
        "config": to_plain(config),
        "model": spec.to_dict(),
        "dropped": dict(dataset.dropped),
        "versions": {name: version(name) for name in packages},
    }
    with atomic_write(Path(config.out) / RUN) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


def conclude(config: TrainConfig, module: FlowModule, trial: Trial) -> None:
    """The loss plot, a last sample, the table, and the command to go on with."""
    from molflow.generator import Generator
    from molflow.pictures import draw_molecules, draw_run, read_logs

    folder = Path(config.out)
    for logger in module.loggers:
        logger.finalize("success")
    with atomic_write(folder / "loss.png") as path:
        draw_run(read_logs(folder), path)
    made = Generator(module.average.module.eval(), trial.spec).sample(1000, 50, seed=config.seed)
    with atomic_write(folder / "samples.png") as path:
        draw_molecules(made.checked[:24], path)
    rows = [(name, value) for name, value in made.metrics(trial.training).items()]
    with atomic_write(folder / "metrics.json") as path:
        path.write_text(json.dumps({"n": 1000, "steps": 50, "metrics": dict(rows)}, indent=1) + "\n")
    title = f"1,000 molecules, 50 Euler steps, after {module.global_step} steps in {module.minutes():.1f} min"
    table(title, ("metric", "share"), rows)
    print(f"pictures: {folder}/samples.png {folder}/loss.png")
    print(f"sample:   {Path(sys.executable).name} -m molflow.sample checkpoint={folder} n=1000 steps=50")
    if module.progress() < 1:
        print(f"continue: {Path(sys.executable).name} -m molflow.train resume={folder}")


if __name__ == "__main__":
    run_program(main)
