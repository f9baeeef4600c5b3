"""Train a generator: ``python -m molflow.train dataset=qm9``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from molflow.claims import claimed
from molflow.config import TrainConfig, help_text, wants_help
from molflow.console import atomic_write, run_program
from molflow.errors import InputError
from molflow.files import CHECKPOINT, LOSS
from molflow.functional import make_callable
from molflow.progress import announced
from molflow.training.arguments import configure, is_main_process
from molflow.training.record import require_same_data, write_record

if TYPE_CHECKING:
    from torch import nn

    from molflow.build import Dataset
    from molflow.datasets.streams import GraphStream, TokenStream
    from molflow.flow.joint_loss import Loss
    from molflow.generator import Generator
    from molflow.modality import Known
    from molflow.model.spec import ModelSpec
    from molflow.training.callbacks import Trial
    from molflow.training.module import FlowModule
    from molflow.training.setup import OwnParts

HELD_OUT = 2048
FEWEST_HELD_OUT = 256
LAST_STEPS = 50
FEW_STEPS = (1, 2, 4)


def main(arguments: list[str]) -> None:
    """Runs one training, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("train"))
        return
    config, arguments = configure(arguments)
    if not is_main_process():
        carry_out(config, arguments)
        return
    with claimed(Path(config.out), "train", config.take_over):
        require_new(config)
        carry_out(config, arguments)


def require_new(config: TrainConfig) -> None:
    """InputError where a run would begin in the folder of another."""
    if config.resume is None and (Path(config.out) / CHECKPOINT).exists():
        raise InputError(
            f"out={config.out}: holds a run already; {quote(f'resume={config.out}')} continues "
            "it, or choose another folder"
        )


def train(
    data: str | Path | Iterable[str],
    out: str | Path,
    *,
    net: Callable[[ModelSpec], nn.Module] | None = None,
    loss: Loss | None = None,
    **options: Any,
) -> Generator:
    """Trains a model, and gives it back to sample from.

    Args:
        data: SMILES, a file of them, or a data set by its name.
        out: the run folder.
        net: makes the network of a model, a module (x_s, s, t) -> logits, where the usual one is
            not wanted. ``molflow.load`` cannot read such a model.
        loss: (logits, x_1) -> field -> (B,), in place of that of ``flow.loss``.
        options: keys of ``python -m molflow.train``, as in ``**{"trainer.max_minutes": 5}``.

    Raises:
        InputError: an argument makes no sense, or the folder holds a run.
        KeyboardInterrupt: the run was stopped; ``python -m molflow.train resume=`` continues it.
    """
    from molflow.generator import Generator
    from molflow.training.asked import command_of
    from molflow.training.setup import OwnParts

    own, arguments = OwnParts(net, loss), command_of(data, out, options)
    config, arguments = configure(arguments)
    with claimed(Path(config.out), "train", config.take_over):
        require_new(config)
        trained = carry_out(config, arguments, own)
    assert trained is not None
    module, spec = trained
    return Generator(module.average.module.eval(), spec)


make_callable(__name__, train)


def carry_out(
    config: TrainConfig, arguments: list[str], own: OwnParts | None = None
) -> tuple[FlowModule, ModelSpec] | None:
    """Prepares the data, trains, and says what was reached and how to sample from it.

    Args:
        config: of the run.
        arguments: of the command line, for the record.
        own: a network or a loss of the caller's.

    Returns:
        What was trained; None where there was nothing left to do.
    """
    with announced("loading torch and Lightning"):
        import pytorch_lightning as pl

    from molflow.build import known_of
    from molflow.model.network import build_network
    from molflow.model.parents import load_parent
    from molflow.training.preparation import introduce, prepare
    from molflow.training.setup import build_module
    from molflow.training.trainer import (
        fit,
        make_trainer,
        processes,
        wants_compilation,
        workers_of,
    )

    devices = processes(config.trainer)
    sharing = devices * config.trainer.nodes
    prepared = prepare(config, config.trainer.batch_size // sharing)
    spec, dataset = prepared.spec, prepared.stream.dataset
    pl.seed_everything(config.seed, verbose=False)
    net = build_network(spec) if own is None or own.net is None else own.net(spec)
    if config.checkpoint is not None and config.resume is None:
        load_parent(config.checkpoint, net, spec)
    loss = None if own is None else own.loss
    module = build_module(config, net, prepared.batches, workers_of(config.trainer), loss)
    checkpoint = None
    if config.resume is not None:
        require_same_data(config.resume, dataset)
        checkpoint = left_off(config.resume, config.trainer.patience, spec, module)
        if checkpoint is None:
            return None
    known = known_of(dataset) if is_main_process() else frozenset()
    trial = make_trial(config, spec, dataset, prepared.stream, known)
    if wants_compilation(config.trainer, config.flow.distill):
        module.compile_networks()
    trainer = make_trainer(config, trial, devices)
    if is_main_process():
        write_record(config, arguments, dataset)
        introduce(config, prepared, sum(p.numel() for p in net.parameters()), sharing)
    fit(trainer, module, checkpoint)
    if trainer.is_global_zero:
        conclude(config, module, trial)
    return module, spec


def left_off(folder: str, patience: int | None, spec: ModelSpec, module: FlowModule) -> str | None:
    """The checkpoint at which a run goes on; None, and a word to the user, where it is finished.

    Args:
        folder: of the run that is resumed.
        patience: of ``trainer.patience``.
        spec: of the model that is trained.
        module: that trains it.
    """
    from molflow.training.trainer import checkpoint_to_resume

    resumed = checkpoint_to_resume(Path(folder), spec, module)
    stopped = resumed.stale >= (patience or math.inf)
    if stopped or module.optimisation.progress(resumed.step, resumed.minutes) >= 1:
        say_finished(folder, resumed.step, resumed.minutes, stopped)
        return None
    return resumed.path


def make_trial(
    config: TrainConfig,
    spec: ModelSpec,
    dataset: Dataset,
    stream: GraphStream | TokenStream,
    known: Known,
) -> Trial:
    """The trial on the first held-out examples and against what is known of the training set."""
    import numpy as np

    from molflow.training.callbacks import Trial

    held_out, size = dataset.splits["valid"][:HELD_OUT], config.trainer.batch_size
    if len(held_out) < FEWEST_HELD_OUT:
        # Few examples come again with other noise, so that their loss says more than of a draw.
        held_out = np.resize(held_out, FEWEST_HELD_OUT if len(held_out) else 0)
    batches = [stream.states(held_out[k : k + size]) for k in range(0, len(held_out), size)]
    settings = config.trainer
    whole = math.inf if settings.max_minutes is None else 60 * settings.max_minutes
    return Trial(
        spec,
        batches,
        known,
        Path(config.out),
        settings.sample_every if settings.trial_molecules else 0,
        settings.trial_molecules,
        settings.trial_share * whole,
    )


def say_finished(folder: str, step: int, minutes: float, stopped: bool) -> None:
    """Say how to go on with a run that ended, by its length or by early stopping."""
    print(f"{folder}: finished already, {step:,} steps in {minutes:.1f} minutes")
    print(f"sample:   python -m molflow.sample {quote(f'checkpoint={folder}')} n=1000")
    longer = "trainer.patience" if stopped else "trainer.steps and trainer.max_minutes"
    print(f"a larger {longer} would let it go on")


def conclude(config: TrainConfig, module: FlowModule, trial: Trial) -> None:
    """The loss plot; then the last trial, where asked for, and the command to go on with.

    A run that was stopped by a signal ends as KeyboardInterrupt, with the command to continue.
    """
    from molflow.generator import Generator
    from molflow.training.curves import draw_run, read_logs
    from molflow.training.loggers import close_loggers
    from molflow.training.trials import TimedSamples, last_trial

    folder = Path(config.out)
    close_loggers(module.loggers)
    with atomic_write(folder / LOSS) as path:
        draw_run(read_logs(folder), path)
    print(f"after {module.global_step:,} steps in {module.minutes():.1f} minutes:")
    if module.progress < 1:
        print(f"saved, continue: python -m molflow.train {quote(f'resume={folder}')}")
        raise KeyboardInterrupt
    counts = (*FEW_STEPS, LAST_STEPS) if trial.spec.flow_map else (LAST_STEPS,)
    if config.trainer.trial_molecules:
        net, seconds = module.average.module.eval(), 60 * module.minutes()
        generator = Generator(net, trial.spec)
        samples = TimedSamples(
            generator,
            counts,
            config.trainer.trial_molecules,
            config.trainer.trial_share * seconds,
            module.seed,
        )
        last_trial(samples, trial.training, folder)
    print(f"loss:     {folder / LOSS}")
    named = quote(f"checkpoint={folder}")
    print(f"sample:   python -m molflow.sample {named} n=1000 steps={counts[0]}")


if __name__ == "__main__":
    run_program(main)
