"""Train a generator: ``python -m molflow.train dataset=qm9``."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from molflow.claims import claimed
from molflow.config import TrainConfig, help_text, load_config, wants_help
from molflow.config.key import WRITE, expanded, keys
from molflow.console import announced, atomic_write, run_program
from molflow.early import require_training
from molflow.errors import InputError
from molflow.files import CHECKPOINT, LOSS, is_place
from molflow.functional import make_callable
from molflow.training.record import read_record, require_same_data, write_record

if TYPE_CHECKING:
    from torch import nn

    from molflow.build import Dataset
    from molflow.datasets.streams import GraphStream, TokenStream
    from molflow.flow.joint_loss import Loss
    from molflow.generator import Generator
    from molflow.modality import Known
    from molflow.model.checkpoint import ModelSpec
    from molflow.training.callbacks import Trial
    from molflow.training.module import FlowModule
    from molflow.training.setup import Parts

OWN_FOLDER = ("out", "resume", "take_over")
RANKS = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "RANK", "SLURM_PROCID")
"""Variables in which Lightning, torchrun and SLURM number processes; the first is 0 in all."""
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


def configure(arguments: list[str]) -> tuple[TrainConfig, list[str]]:
    """The configuration, and all arguments behind it: those of a resumed run come first."""
    arguments = [anchored(argument) for argument in arguments]
    own = {key_of(a): a.partition("=")[2] for a in arguments if key_of(a) in OWN_FOLDER}
    if not own.get("resume"):
        arguments = with_parent(arguments)
        config = load_config("train", arguments)
        require_training(config)
        return config, arguments
    resume = own["resume"]
    if own.get("out", resume) not in ("", resume):
        raise InputError(f"out={own['out']}: resume={resume} goes on in its own folder")
    kept = [a for a in read_record(resume)["arguments"] if key_of(a) not in OWN_FOLDER]
    combined = [*kept, *(a for a in arguments if key_of(a) not in ("out", "resume"))]
    resumed = load_config("train", combined)
    return replace(resumed, out=resume, resume=resume), combined


def require_new(config: TrainConfig) -> None:
    """InputError where a run would begin in the folder of another."""
    if config.resume is None and (Path(config.out) / CHECKPOINT).exists():
        raise InputError(
            f"out={config.out}: holds a run already; {quote(f'resume={config.out}')} continues "
            "it, or choose another folder"
        )


def with_parent(arguments: list[str]) -> list[str]:
    """The same, behind what the model that the run starts from says where the user does not.

    They are read together alone: a setting of the user may need one of the model.
    """
    checkpoints = [a.partition("=")[2] for a in arguments if key_of(a) == "checkpoint"]
    if not checkpoints or not checkpoints[-1]:
        return arguments
    from molflow.model.checkpoint import read_spec
    from molflow.model.place import find_model
    from molflow.training.fine_tuning import inherited

    there, usual = inherited(arguments, read_spec(find_model(checkpoints[-1])))
    if is_main_process():
        print(f"as in {checkpoints[-1]}, where you say nothing: {' '.join(there) or 'no key'}")
        if usual:
            print(f"as suits few molecules: {' '.join(usual)}")
    return [*there, *usual, *arguments]


def key_of(argument: str) -> str:
    """What stands before the first ``=``."""
    return argument.split("=", 1)[0]


def anchored(argument: str) -> str:
    """The argument with a path made absolute, so that it holds from any folder.

    A name that is no path here (a file that is missing, a released model) stays as it is.
    """
    name, _, value = argument.partition("=")
    known = keys(TrainConfig).get(name)
    if known is None or not known.path or not value:
        return argument
    path = Path(expanded(value, name))
    if name in OWN_FOLDER:
        return f"{name}={path}"
    meant = path.exists() and (name != "checkpoint" or is_place(str(path)))
    return f"{name}={path.absolute()}" if meant or known.path == WRITE else argument


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
    from molflow.training.setup import Parts

    own, arguments = Parts(net, loss), command_of(data, out, options)
    config, arguments = configure(arguments)
    with claimed(Path(config.out), "train", config.take_over):
        require_new(config)
        trained = carry_out(config, arguments, own)
    assert trained is not None
    module, spec = trained
    return Generator(module.average.module.eval(), spec)


make_callable(__name__, train)


def carry_out(
    config: TrainConfig, arguments: list[str], own: Parts | None = None
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
        checkpoint_to_resume,
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
        resumed = checkpoint_to_resume(Path(config.resume), spec, module)
        stopped = resumed.stale >= (config.trainer.patience or math.inf)
        if stopped or module.optimisation.progress(resumed.step, resumed.minutes) >= 1:
            say_finished(config.resume, resumed.step, resumed.minutes, stopped)
            return None
        checkpoint = resumed.path
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
    """What to do with a run that has nothing left to do, by its length or by early stopping."""
    print(f"{folder}: finished already, {step:,} steps in {minutes:.1f} minutes")
    print(f"sample:   python -m molflow.sample {quote(f'checkpoint={folder}')} n=1000")
    longer = "trainer.patience" if stopped else "trainer.steps and trainer.max_minutes"
    print(f"a larger {longer} would let it go on")


def is_main_process() -> bool:
    """False in the processes that a distributed run starts beside the first, on any machine."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def conclude(config: TrainConfig, module: FlowModule, trial: Trial) -> None:
    """The loss plot; then the last trial, where asked for, and the command to go on with.

    A run that was stopped by a signal ends as KeyboardInterrupt, with the command to continue.
    """
    from molflow.generator import Generator
    from molflow.pictures import draw_run, read_logs
    from molflow.training.trainer import close_loggers
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
