"""Numbers of molflow as entries of the leaderboard: the results of benchmarks.generation, read.

Figures are taken from the file as they stand and are never typed. Anchors that no model made (the
training molecules) have no number of network evaluations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.leaderboard.entries import DATASETS, Entry, from_values
from molflow.errors import InputError

PERCENTS = {"valid": "plain_valid", "strict": "strict_valid", "unique": "unique", "vun": "vun"}
DISTANCES = ("fcd_all_test", "fcd_unique_validation")
ANCHORS = {
    "training": "training molecules, none twice",
    "redraw": "training molecules, redrawn",
}
STEPS = {
    "flow_map": "flow map",
    "renoised": "flow map, renoised",
    "euler": "Euler steps",
    "euler_ancestral": "Euler steps, renoised",
}
OURS = "none: this is the protocol that the others are compared with"


def read_generation(path: Path) -> list[Entry]:
    """An entry for each method of sampling in a file of benchmarks.generation.

    There is none where the data are of no leaderboard.

    Raises:
        InputError: the file lacks something; the message names both.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        data = result["model"]["dataset"]
        if _molecules(data["name"]) not in DATASETS:
            return []
        result["rows"] = told_once(result["rows"])
        methods = dict.fromkeys(row["method"] for row in result["rows"])
        return [from_values(_values(path, result, method)) for method in methods]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}: no result of benchmarks.generation: {error!r}") from error
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def read_results(folder: Path) -> list[Entry]:
    """The entries of all files generation-*.json; anchors and methods of one name count once."""
    found: dict[tuple[str, str], Entry] = {}
    for path in sorted(folder.glob("generation-*.json")):
        for entry in read_generation(path):
            found.setdefault((entry.about.dataset, entry.about.method), entry)
    return list(found.values())


def _molecules(dataset: str) -> str:
    """The data set whose molecules it has: SMILES are those of the graphs."""
    return dataset.removesuffix("_smiles")


def _values(path: Path, result: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The content of an entry's file."""
    data = result["model"]["dataset"]
    name = ", ".join([f"molflow {_model(result)}", STEPS.get(method, method), *_unusual(result)])
    return {
        "method": ANCHORS.get(method, name),
        "dataset": _molecules(data["name"]),
        "split": data["split"],
        "source": {
            "kind": "computed",
            "paper": f"molflow {result['versions']['molflow']}, benchmarks.generation",
            "where": path.name,
        },
        "protocol": {
            "validity": "plain",
            "n": result["config"]["n"],
            "stereo": "stripped",
            "differences": OURS,
        },
        "rows": _rows([row for row in result["rows"] if row["method"] == method]),
    }


def _model(result: Mapping[str, Any]) -> str:
    """The name of a file's results, without the scale of their noise behind it (qm9-pairs=0.75)."""
    name, scale = (result["config"].get(key, "") for key in ("name", "noise_scale"))
    return str(name).removesuffix(f"-{scale}")


def _unusual(result: Mapping[str, Any]) -> list[str]:
    """The settings that the walks of a file had and those of others have not."""
    from molflow.sampling.walk import read_noise_scale

    scale = read_noise_scale(str(result["config"].get("noise_scale", 1)))
    times = result["config"].get("times")
    if isinstance(scale, dict):
        said = [f"noise of {name} scaled by {factor:g}" for name, factor in scale.items()]
    else:
        said = [f"noise scaled by {scale:g}"] if scale != 1 else []
    return said + ([f"stops {times}"] if times else [])


def told_once(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows without one step of a method that renews noise, where the same without noise is
    there.
    """
    from molflow.sampling.methods import METHODS

    known = {row["method"] for row in rows if row["steps"] == 1}
    twins = {name for name, way in METHODS.items() if way.without_noise in known}
    return [row for row in rows if row["steps"] != 1 or row["method"] not in twins]


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The means over the seeds; a method is called by its evaluations, which may exceed steps."""
    found = []
    for row in rows:
        mean = row["mean"]
        shares = {name: mean[ours] for name, ours in PERCENTS.items()}
        figures = {name: None if x is None else 100 * x for name, x in shares.items()}
        figures |= {name: mean[name] for name in DISTANCES}
        nfe = None if row["method"] in ANCHORS else round(mean["evaluations"])
        found.append({"nfe": nfe} | figures)
    return found
