"""Arguments of benchmarks that are places on disk take a home folder for ``~``."""

from __future__ import annotations

from importlib import import_module

import pytest

pytest.importorskip("benchmarks", reason="the folder benchmarks is not here")

from benchmarks.common.arguments import read
from molflow.config.key import keys

PLACES = {
    "ablation": ("AblationConfig", {"folder", "out", "readme"}),
    "generation": ("GenerationConfig", {"checkpoint", "out"}),
    "goal_directed": ("GoalConfig", {"checkpoint", "dataset", "out"}),
    "guidance": ("GuidanceConfig", {"checkpoint", "out", "readme"}),
    "leaderboard": ("LeaderboardConfig", {"results", "readme"}),
    "series": ("SeriesConfig", {"checkpoint", "path", "runs", "out"}),
    "speed": ("SpeedConfig", {"checkpoint", "out"}),
    "structure": ("StructureConfig", {"samples", "reference", "out"}),
    "text": ("TextConfig", {"checkpoint", "out"}),
}


@pytest.mark.parametrize("benchmark", PLACES)
def test_the_home_folder_stands_for_a_tilde_in_every_place(benchmark, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    name, places = PLACES[benchmark]
    schema = getattr(import_module(f"benchmarks.{benchmark}.__main__"), name)
    assert {key for key, entry in keys(schema).items() if entry.path} == places
    needed = [f"{key}=x" for key, entry in keys(schema).items() if entry.required]
    for place in places:
        config = read(schema, [*needed, f"{place}=~/a b"])
        assert getattr(config, place) == str(tmp_path / "a b")
