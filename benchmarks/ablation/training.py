"""A training of benchmarks.ablation: a process of molflow.train that can be stopped and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ablation.plan import Run, Setup, command
from molflow.errors import InputError
from molflow.files import CHECKPOINT, WEIGHTS


def state(run: Run, setup: Setup) -> str:
    """The state of a run: "trained", "half trained" or "to do"."""
    if not (setup.of(run) / CHECKPOINT).exists():
        return "to do"
    ended = (setup.snapshots(run)[-1] / WEIGHTS).exists()
    return "trained" if ended else "half trained"


def train(run: Run, setup: Setup) -> bool:
    """Train, or go on, and return whether it ended well.

    InputError where the folder has another run.
    """
    given, folder = setup.arguments(run), setup.of(run)
    if (folder / CHECKPOINT).exists():
        require_same_run(folder, given)
        given = [f"resume={folder}"]
    return state(run, setup) == "trained" or train_process(given) == 0


def require_same_run(folder: Path, given: Sequence[str]) -> None:
    """Raise InputError where the run in ``folder`` was started with other arguments."""
    from molflow.training.arguments import OWN_FOLDER, anchored, key_of
    from molflow.training.record import read_record

    there, here = (
        {anchored(a) for a in some if key_of(a) not in OWN_FOLDER}
        for some in (read_record(str(folder))["arguments"], given)
    )
    if there != here:
        differs = ", ".join(sorted(there ^ here))
        raise InputError(f"{folder}: holds another run ({differs}); choose another folder=")


def train_process(given: Sequence[str]) -> int:
    """Run ``python -m molflow.train`` and return its exit code.

    One signal to us is one signal to it: it saves, then KeyboardInterrupt is raised here.
    """
    print(f"  {command(given)}", flush=True)
    # Both, for a process that a shell starts in the background ignores SIGINT.
    stopping = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, signal.default_int_handler) for number in stopping}
    # In a session of its own, else Ctrl-C would reach it twice, and a second one ends it unsaved.
    process = subprocess.Popen(
        [sys.executable, "-m", "molflow.train", *given], start_new_session=True
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    if code in (130, -signal.SIGINT, -signal.SIGTERM):
        raise KeyboardInterrupt
    return code


def training_steps(folder: Path) -> int:
    """The number of optimizer steps that the run in ``folder`` made."""
    import torch

    saved = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    return int(saved["global_step"])
