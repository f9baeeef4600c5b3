"""Our numbers beside the published ones: ``python -m benchmarks.leaderboard``.

It reads every leaderboard-*.json, a published method on a data set by results/SCHEMA.md, and every
generation-*.json, which benchmarks.generation measured here. It checks them, writes the tables into
a README, and draws quality against network evaluations into a PNG. Nothing is measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.arguments import help_text, read
from benchmarks.common.outputs import README, RESULTS
from molflow.config import wants_help
from molflow.config.key import WRITE, key
from molflow.console import atomic_write, run_program
from molflow.errors import InputError

RENDER = "render"


@dataclass(frozen=True)
class LeaderboardConfig:
    """Tables and a plot of all results, ours and published.

    The word ``render``, as other benchmarks have it, may stand first; there is no other command.
    """

    results: str = key(
        "", "folder of the JSON files and the PNG; empty is benchmarks/results", path=WRITE
    )
    readme: str = key("", "file with the tables; empty is benchmarks/README.md", path=WRITE)


def main(words: list[str]) -> None:
    """Render the leaderboard as the command line's ``key=value`` arguments ask for."""
    if wants_help(words):
        print(help_text("leaderboard [render]", LeaderboardConfig))
        return
    render(read(LeaderboardConfig, words[words[:1] == [RENDER] :]))


def render(config: LeaderboardConfig) -> None:
    """Write the section of the README, in the place of the old one or at the end, and the PNG.

    Raises:
        InputError: a file breaks the schema, or none is there. Nothing is written then.
    """
    from benchmarks.common.sections import write_section
    from benchmarks.leaderboard.curves import draw
    from benchmarks.leaderboard.entries import read_entries
    from benchmarks.leaderboard.ours import read_results
    from benchmarks.leaderboard.tables import section

    folder = Path(config.results) if config.results else RESULTS
    readme = Path(config.readme) if config.readme else README
    entries = read_entries(folder) + read_results(folder)
    if not entries:
        raise InputError(f"{folder}: no leaderboard-*.json and no generation-*.json")
    picture = folder / "leaderboard.png"
    with atomic_write(picture) as path:
        draw(entries, path)
    seen = Path(os.path.relpath(picture.resolve(), readme.resolve().parent)).as_posix()
    write_section(readme, "leaderboard", section(entries, seen))
    print(f"written: {readme}, {picture}")


if __name__ == "__main__":
    run_program(main)
