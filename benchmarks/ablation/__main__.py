"""The objective that makes the best map in equal time: ``python -m benchmarks.ablation``.

Every run trains one network for the same wall time, one after the other, as a process of
molflow.train. Its weights at four checkpoints are sampled at 1, 2 and 4 network evaluations, the
last ones at 50 too. A run is kept when it is finished and goes on where it was stopped.

The program prints the expected time before the runs, or instead of them with ``plan``. ``render``
makes the table and the plot again, and ``merge`` takes in the results of another machine.

Run it on a quiet machine: the clock decides. Or measure there how many steps each objective makes
in a minute, and give them as ``pace``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ablation.plan import (
    EARLY,
    Run,
    Setup,
    command,
    lineage,
    parse_run,
    read_pace,
    schedule,
    shared_arguments,
)
from benchmarks.ablation.report import render
from benchmarks.ablation.results import Results, measure_run, read_results
from benchmarks.ablation.training import state, train
from benchmarks.common.arguments import help_text, read, several
from benchmarks.common.outputs import README, RESULTS
from molflow.config import wants_help
from molflow.config.key import COUNT, POSITIVE, WRITE, expanded, key
from molflow.console import require_writable, run_program, table
from molflow.errors import InputError


@dataclass(frozen=True)
class AblationConfig:
    """Train the objectives for equal wall time and compare their maps.

    The first argument may be a command; without one, everything runs:

        plan     list the runs and their expected time
        render   table and plot of the results that are there
        merge    take in the results of other=<file>
    """

    runs: str = key(
        "", "names, separated by commas, such as psd,csd-random,psd-stages-seed1; empty is all"
    )
    minutes: float = key(20.0, "of training for every run", within=POSITIVE)
    n: int = key(10_000, "molecules a sample", within=COUNT)
    pace: str = key(
        "", "steps a minute such as vfm=310,psd=230, to count instead of minutes beside other work"
    )
    train: str = key("dataset=qm9", "arguments of molflow.train that all runs share")
    folder: str = key("runs/ablation", "of the run folders", required=True, path=WRITE)
    out: str = key("", "folder of the results; empty is benchmarks/results", path=WRITE)
    readme: str = key("", "file with the table; empty is benchmarks/README.md", path=WRITE)
    other: str = key("", "for merge: results of other machines, separated by commas")
    force: bool = key(False, "measure FCD on fewer than 1,000 molecules too")

    @property
    def results(self) -> Path:
        """The file with the results."""
        return (Path(self.out) if self.out else RESULTS) / "ablation.json"

    @property
    def setup(self) -> Setup:
        """The common part of all runs."""
        shared = shared_arguments(self.train)
        pace = read_pace(self.pace)
        return Setup(self.minutes, self.n, shared, Path(self.folder), self.force, pace)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that results must share to stand beside each other."""
        from molflow.sampling.walk import usual_times

        times = {str(steps): list(usual_times(steps)) for steps in EARLY}
        given = {"minutes": self.minutes, "n": self.n, "train": self.train, "pace": self.pace}
        return {**given, "times": times}


def main(words: list[str]) -> None:
    """Run one of COMMANDS; without a name of one, the ablation."""
    if wants_help(words):
        print(help_text("ablation [plan | render | merge]", AblationConfig))
        return
    name = words[0] if words and words[0] in COMMANDS else "run"
    COMMANDS[name](read(AblationConfig, words[words[:1] == [name] :]))


def run_all(config: AblationConfig) -> None:
    """Make the runs that are missing, each written when it is measured; then table and plot."""
    results, setup = begin(config), config.setup
    require_writable(config.results.parent)
    show_plan(config)
    failed: list[str] = []
    while missing := [
        run for run in wanted(config, results)[0] if run.name not in {*results.runs, *failed}
    ]:
        run = missing[0]
        print(f"{run.name}, one of {len(missing)} to do", flush=True)
        if not all(train(one, setup) for one in lineage(run)):
            failed.append(run.name)
            continue
        results = results.with_run(run.name, measure_run(run, setup))
        results.write(config.results)
    if results.runs:
        render_results(config)
    if failed:
        raise InputError(f"{', '.join(failed)}: training ended with an error, see above")


def begin(config: AblationConfig) -> Results:
    """The results that are there, or none yet; InputError where they are of other settings."""
    from molflow.metrics.distribution import FEWEST

    if config.n < FEWEST and not config.force:
        least = f"FCD needs at least {FEWEST:,} molecules"
        raise InputError(f"n={config.n}: {least}; force=true measures fewer")
    nothing = Results(config.settings, {})
    wanted(config, nothing)
    if not config.results.exists():
        return nothing
    results = read_results(config.results)
    results.require_same(nothing, str(config.results))
    return results


def wanted(config: AblationConfig, results: Results) -> tuple[list[Run], list[str]]:
    """The runs to make, as far as the results decide them, and a word for each of the others."""
    if config.runs:
        return [parse_run(name) for name in several("runs", config.runs)], []
    return schedule(results.scores())


def show_plan(config: AblationConfig) -> None:
    """Show every run with its state, the minutes that it still takes, and the command behind it."""
    setup, results = config.setup, begin(config)
    runs, later = wanted(config, results)
    rows: list[tuple[str, str, float, float]] = []
    missing = [run for run in runs if run.name not in results.runs]
    trainings = list(dict.fromkeys(one for run in missing for one in lineage(run)))
    rows += [(run.name, "measured", 0.0, 0.0) for run in runs if run not in missing]
    for run in trainings:
        now = state(run, setup)
        trains = 0.0 if now == "trained" else setup.minutes * run.share
        measures = setup.measuring_minutes() if run in missing else 0.0
        rows.append((run.name, now, trains, measures))
    for word in later:
        # The first of two stages is trained once for both.
        share = 0.75 if word.endswith("two stages") else 1.0
        rows.append((word, "named by results", setup.minutes * share, setup.measuring_minutes()))
    table("ablation", ("run", "state", "training (min)", "measuring (min)"), rows)
    hours = sum(trains + measures for *_, trains, measures in rows) / 60
    print(f"expected: {hours:.1f} hours on two CPU cores; what is finished is kept")
    for run in trainings:
        print(f"  {command(setup.arguments(run))}")
    sys.stdout.flush()


def render_results(config: AblationConfig) -> None:
    """Write the section of the README and the picture beside the results."""
    readme = Path(config.readme) if config.readme else README
    picture = config.results.with_suffix(".png")
    render(read_results(config.results), readme, picture)
    print(f"written: {config.results}, {picture}, {readme}")


def merge(config: AblationConfig) -> None:
    """Take in the runs of other results. InputError where one is there with other numbers."""
    results = None if not config.results.exists() else read_results(config.results)
    for name in several("other", config.other):
        other = read_results(Path(expanded(name, "other")))
        results = other if results is None else results.merged(other, name)
    assert results is not None
    results.write(config.results)
    render_results(config)


COMMANDS = {"run": run_all, "plan": show_plan, "render": render_results, "merge": merge}


if __name__ == "__main__":
    run_program(main)
