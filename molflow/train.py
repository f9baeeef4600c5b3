"""Train a generator: ``python -m molflow.train dataset=qm9``."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.config import TrainConfig, help_text, load_config, to_plain, wants_help
from molflow.console import atomic_write, run_program, table
from molflow.errors import InputError

if TYPE_CHECKING:
    from molflow.callbacks import Trial
    from molflow.datasets.loaders import MoleculeDataset
    from molflow.module import FlowModule

RUN = "run.json"
CHECKPOINT = "last.ckpt"
HELD_OUT = 2048
LAST_SAMPLE = 1000
LAST_STEPS = 50


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
        if is_main_process() and (Path(config.out) / CHECKPOINT).exists():
            raise InputError(
                f"out={config.out}: holds a run already; resume={config.out} continues it, "
                "or choose another folder"
            )
        return config, arguments
    record = Path(config.resume) / RUN
    if not record.is_file() or not record.with_name(CHECKPOINT).is_file():
        raise InputError(f"resume={config.resume}: not a run folder with {RUN} and {CHECKPOINT}")
    try:
        before = [str(argument) for argument in json.loads(record.read_text())["arguments"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{record}: not the record of a run ({error!r})") from None
    kept = [a for a in before if a.split("=")[0] not in ("out", "resume")]
    return replace(load_config("train", [*kept, *arguments]), out=config.resume), kept + arguments


def train(config: TrainConfig, arguments: list[str]) -> None:
    """Prepares the data, trains, and says what was reached and how to sample from it."""
    import pytorch_lightning as pl

    from molflow.build import build_dataset, build_module, build_network, build_spec, load_parent
    from molflow.callbacks import Trial
    from molflow.streams import GraphStream
    from molflow.trainer import checkpoint_to_resume, fit, make_trainer, wants_compilation

    dataset = build_dataset(config.dataset)
    stream = GraphStream(dataset, config.trainer.batch_size, config.seed, config.flow.shown)
    spec = build_spec(config, dataset)
    pl.seed_everything(config.seed, verbose=False)
    net = build_network(spec)
    if config.checkpoint is not None and config.resume is None:
        load_parent(config.checkpoint, net, spec)
    module = build_module(config, net, stream)
    checkpoint = checkpoint_to_resume(config, module)
    trial = Trial(
        spec,
        stream.states(dataset.splits["valid"][:HELD_OUT]),
        frozenset(dataset.smiles("train")),
        Path(config.out),
        config.trainer.sample_every,
    )
    if wants_compilation(config.trainer):
        net.compile(dynamic=False)
    trainer = make_trainer(config, trial)
    if is_main_process():
        write_record(config, arguments, dataset)
        introduce(config, dataset, sum(p.numel() for p in net.parameters()))
    fit(trainer, module, checkpoint)
    if trainer.is_global_zero:
        conclude(config, module, trial)


def is_main_process() -> bool:
    """False in the processes that a distributed run starts beside the first."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def write_record(config: TrainConfig, arguments: list[str], dataset: MoleculeDataset) -> None:
    """run.json: arguments, configuration, what was left out of the data, versions."""
    from importlib.metadata import version

    packages = ("molflow", "torch", "rdkit", "pytorch-lightning")
    content = {
        "arguments": arguments,
        "config": to_plain(config),
        "dropped": dict(dataset.dropped),
        "versions": {name: version(name) for name in packages},
    }
    with atomic_write(Path(config.out) / RUN) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


def introduce(config: TrainConfig, dataset: MoleculeDataset, parameters: int) -> None:
    """What is about to be trained, on what."""
    from molflow.trainer import wants_bf16, wants_compilation

    counts = ", ".join(f"{len(indices):,} {name}" for name, indices in dataset.splits.items())
    print(f"data:    {dataset.name}: {counts}")
    if dataset.dropped:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in dataset.dropped.items())
        print(f"left out: {reasons}; listed in {dataset.report}")
    print(f"atoms:   {' '.join(dataset.vocabulary.atoms)}; at most {dataset.max_atoms}")
    precision = "bf16" if wants_bf16(config.trainer) else "fp32"
    compiled = wants_compilation(config.trainer)
    note = ", compiled (the first step takes a minute)" if compiled else ""
    print(f"network: {parameters:,} parameters, {config.dataset.order} order, {precision}{note}")
    print(f"folder:  {config.out}", flush=True)


def conclude(config: TrainConfig, module: FlowModule, trial: Trial) -> None:
    """The loss plot, a last sample, the table, and the command to go on with."""
    from molflow.generator import Generator
    from molflow.pictures import draw_molecules, draw_run, read_logs
    from molflow.trainer import close_loggers

    folder = Path(config.out)
    close_loggers(module.loggers)
    with atomic_write(folder / "loss.png") as path:
        draw_run(read_logs(folder), path)
    net = module.average.module.eval()
    made = Generator(net, trial.spec).sample(LAST_SAMPLE, LAST_STEPS, seed=config.seed)
    with atomic_write(folder / "samples.png") as path:
        draw_molecules(made[:24], path)
    metrics = made.metrics(trial.training)
    content = {"n": LAST_SAMPLE, "steps": LAST_STEPS, "method": "euler", "metrics": metrics}
    with atomic_write(folder / "metrics.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"after {module.global_step:,} steps in {module.minutes():.1f} minutes:")
    table(
        f"{LAST_SAMPLE:,} molecules, {LAST_STEPS} Euler steps",
        ("metric", "share"),
        [*metrics.items()],
    )
    print(f"look at:  {folder / 'samples.png'} {folder / 'loss.png'}")
    print(f"sample:   python -m molflow.sample checkpoint={folder} n=1000 steps={LAST_STEPS}")
    if module.progress < 1:
        print(f"continue: python -m molflow.train resume={folder}")


if __name__ == "__main__":
    run_program(main)
