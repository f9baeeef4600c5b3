"""The health of a flow map: ``python -m molflow.check checkpoint=<run folder> out=<folder>``.

Prints, and writes as check.json and check.png, what ``molflow.flow.health`` measures, and what that
says: over a grid of times whether two jumps equal one and whether a jump ends where the flow
does, both beside plain Euler steps; whether the map is sure of the endpoint; a bound on the
likelihood of the validation molecules; and three identities of the network in float64, on noise of
every size: the slope on the diagonal, padding, permutation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from molflow.claims import claimed
from molflow.config import CheckConfig, help_text, load_config, to_plain, wants_help, write_config
from molflow.console import atomic_write, require_writable, run_program, table, written
from molflow.errors import InputError
from molflow.files import SETTINGS
from molflow.health.findings import (
    Finding,
    fields_and_times,
    judge,
    judge_identities,
    judge_likelihood,
    no_better,
)
from molflow.model.place import find_model
from molflow.progress import announced

if TYPE_CHECKING:
    from molflow.flow.health import Key
    from molflow.generator import Generator

RECORD, PICTURE = "check.json", "check.png"
PACKAGES = ("molflow", "torch", "numpy")
MEASURES = {
    "semigroup": "|X_ut(X_su(x_s)) - X_st(x_s)|, u = (s+t)/2",
    "semigroup_euler": "the same for Euler steps",
    "flow": "|X_st(x_s) - end of the walk|",
    "flow_euler": "the same for one Euler step",
    "flow_floor": "|end of the walk - end of a walk of half as many steps|",
    "changed": "share of variables of other class in X_s1 than in the walk; any: of examples",
    "entropy": "of mu_st(x_s), in nats",
}
NORM = "Euclidean over classes, mean over variables and examples; different classes are 1.414 apart"


@dataclass(frozen=True)
class Checkup:
    """What a check found. source: what the states x_s were made from."""

    config: CheckConfig
    source: str
    means: Mapping[Key, float]
    findings: Sequence[Finding]


def main(arguments: list[str]) -> None:
    """Checks once, from the command line's ``key=value`` arguments."""
    if wants_help(arguments):
        print(help_text("check"))
        return
    config = load_config("check", arguments)
    find_model(config.checkpoint)
    with claimed(Path(config.out), "check", config.take_over):
        check(config, arguments)


def check(config: CheckConfig, arguments: list[str]) -> None:
    """Loads the model, measures, writes ``config.out`` and prints what was found."""
    with announced("loading torch and the model"):
        from molflow.health.drawing import draw_health
        from molflow.health.probes import find_data, identities, likelihood, measure_flow_map
        from molflow.loading import load

    generator, folder = load(config.checkpoint), Path(config.out)
    require_room(folder)
    data, source = find_data(generator.spec)
    if data is None:
        source += f"; x_s are {config.n:,} of the model's own samples at s by the Euler walk"
    else:
        config = replace(config, n=min(config.n, len(data.splits["valid"])))
        source = f"x_s are {config.n:,} noised {source}"
    means = measure_flow_map(config, generator, data)
    findings = list(judge(means))
    if data is not None and generator.spec.loss == "cross_entropy":
        bits = likelihood(config, generator, data)
        findings += judge_likelihood(bits, generator.spec.modality.classes)
    findings += judge_identities(identities(generator, config.seed))
    checkup = Checkup(config, source, means, findings)
    # Gone first, written last: a folder with the record is a finished one.
    (folder / RECORD).unlink(missing_ok=True)
    with atomic_write(folder / PICTURE) as path:
        draw_health(means, path)
    write_config(folder, config)
    write_record(folder, checkup, arguments, generator)
    report(checkup)


def require_room(folder: Path) -> None:
    """InputError where the results cannot go, found before the measuring."""
    require_writable(folder)
    for name in (RECORD, PICTURE, SETTINGS):
        if (folder / name).is_dir():
            raise InputError(f"out={folder}: {name} is a folder there, a file of that name is due")


def write_record(
    folder: Path, checkup: Checkup, arguments: list[str], generator: Generator
) -> None:
    """check.json: every mean as a row of measure, field, s, t; null is undefined."""
    from importlib.metadata import version

    content = {
        "arguments": arguments,
        "config": to_plain(checkup.config),
        "versions": {name: version(name) for name in PACKAGES},
        "checkpoint": {
            "path": str(find_model(checkup.config.checkpoint).resolve()),
            "sha256": generator.fingerprint,
        },
        "device": str(generator.device),
        "states": checkup.source,
        "norm": NORM,
        "measures": MEASURES,
        "summary": [{**vars(one), "value": _number(one.value)} for one in checkup.findings],
        "means": [
            {"measure": measure, "field": field, "s": s, "t": t, "mean": _number(mean)}
            for (measure, field, s, t), mean in checkup.means.items()
        ],
    }
    with atomic_write(folder / RECORD) as path:
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def report(checkup: Checkup) -> None:
    """Prints the grids, the endpoint from every s, the summary and where the results are."""
    config, means = checkup.config, checkup.means
    print(f"{checkup.source}, seed {config.seed}")
    print(f"errors: {NORM}; 0 is exact")
    print(f"walk: {config.substeps} Euler steps in each interval of the grid")
    for measure in ("semigroup", "flow"):
        for field in fields_and_times(means)[0]:
            _grid(means, measure, field)
    print("* no better than Euler steps: there the map adds nothing to the diagonal")
    _endpoints(means)
    print("good: mu_s1 is sure, near 0, and little is changed from the walk; mu_ss may stay broad")
    rows = [(o.question, _shown(o.value), o.against, o.verdict) for o in checkup.findings]
    table("Summary", ("question", "value", "held against", "verdict"), rows)
    print("good: at most half of what it is held against, or within the walk's own error;")
    print("fair: less than what it is held against; bad: no less")
    print("bits a variable: of the diagonal as a diffusion, sizes given; 0 knows everything")
    print("holds or broken: identities of the code, in float64; broken means a fault, not training")
    print(f"results: {config.out}")


def _grid(means: Mapping[Key, float], measure: str, field: str) -> None:
    _, times = fields_and_times(means)

    def cell(s: float, t: float) -> str:
        if t <= s:
            return ""
        mark = "*" if no_better(means, measure, field, s, t) else ""
        return f"{means[measure, field, s, t]:.3f}{mark}"

    rows = [[f"s={s:.3g}", *(cell(s, t) for t in times[1:])] for s in times[:-1]]
    table(f"{field}: {MEASURES[measure]}", ("", *(f"t={t:.3g}" for t in times[1:])), rows)


def _endpoints(means: Mapping[Key, float]) -> None:
    """From every s to 1: entropies, and which classes one jump gives otherwise than the walk."""
    fields, times = fields_and_times(means)
    columns = ["s", *(f"{mu} {field}" for mu in ("mu_s1", "mu_ss") for field in fields)]
    columns += [f"changed {field}" for field in (*fields, "any")]
    rows = [
        [
            s,
            *(means["entropy", field, s, 1.0] for field in fields),
            *(means["entropy", field, s, s] for field in fields),
            *(means["changed", field, s, 1.0] for field in (*fields, "any")),
        ]
        for s in times[:-1]
    ]
    table("Entropy of mu in nats, and the share to which X_s1 gives another class", columns, rows)


def _shown(value: float | None) -> str:
    return "" if value is None else written(value, 3)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


if __name__ == "__main__":
    run_program(main)
