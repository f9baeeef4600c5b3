"""The words of an evaluation: its table, its definitions and its record."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molflow.config import EvaluateConfig, to_plain
from molflow.console import ESCAPED, atomic_write, table, written
from molflow.evaluation.comparison import Reference, Subject
from molflow.evaluation.numbers import Evaluation
from molflow.evaluation.sources import Source
from molflow.metrics.intervals import Estimate
from molflow.metrics.suites import SUITES

PACKAGES = ("molflow", "torch", "numpy", "scipy", "rdkit")
SHOWN = 8
"""The most reasons in the table."""
PROTOCOL = {
    "attempts": "every row of the file or molecule of the model is one; none is left out",
    "identity": "canonical SMILES without stereo, isotopes, atom maps and hydrogens that valence "
    "implies, of samples and reference alike; of several fragments the largest, in the suites of "
    "MOSES and GuacaMol the whole",
    "validity": "nothing is repaired before it is counted",
    "intervals": "95 %: Wilson's for shares (an approximation for those of distinct molecules), "
    "bootstrapped for means over molecules, none for the others",
}


@dataclass(frozen=True, eq=False)
class Verdict:
    """An evaluation with all that it is of."""

    config: EvaluateConfig
    source: Source
    subject: Subject
    reference: Reference
    evaluation: Evaluation


def print_definitions(suite: str) -> None:
    """Print one line for each number."""
    for key, metric in SUITES[suite].items():
        better = f" ({metric.better} is better)" if metric.better else ""
        print(f"{key}: {metric.doc}{better}")


def print_verdict(verdict: Verdict) -> None:
    """Print the numbers with their intervals, failures by reason, and why some are nan."""
    config, evaluation, n = verdict.config, verdict.evaluation, len(verdict.subject)
    title = f"{n:,} attempts of {verdict.source.name} against {verdict.reference.name}"
    columns = ["metric", "value", "95 %"] + (["definition"] if config.explain else [])
    rows = [
        [key, one.value, interval(one)]
        + ([SUITES[config.suite][key].doc] if config.explain else [])
        for key, one in evaluation.numbers.items()
    ]
    table(f"{title}, suite {config.suite}", columns, rows)
    if not config.explain:
        print(f"definitions: python -m molflow.evaluate explain suite={config.suite}")
    for line in compared(verdict):
        print(line)
    reasons = verdict.source.attempts.reasons
    if reasons:
        failed = f"{reasons.total():,} attempts are not strictly valid, by reason"
        table(failed, ("reason", "attempts"), reasons.most_common(SHOWN))
    for obstacle in evaluation.obstacles:
        print(f"note: {obstacle}")
    print(f"results: {config.out}")


def compared(verdict: Verdict) -> list[str]:
    """Lines on both sides of the comparison: the attempts, each split, and those left out."""
    reference, subject = verdict.reference, verdict.subject
    lines = [
        f"compared: {len(subject.whole):,} molecules of {len(subject.checked):,} attempts of "
        f"{verdict.source.name}, {len(set(subject.whole)):,} distinct"
    ]
    for split, smiles in reference.splits.items():
        place = reference.files.get(split, reference.name)
        lines.append(
            f"with {split}: {len(smiles):,} molecules of {place}, {len(set(smiles)):,} distinct"
        )
    for place, reasons in reference.left_out.items():
        if reasons:
            counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
            lines.append(f"left out of {place}: {counts}")
    for place, count in reference.stereo.items():
        if count:
            lines.append(f"stereochemistry of {count:,} molecules of {place} is not compared")
    return lines


def interval(estimate: Estimate) -> str:
    """ "0.912 to 0.934", or nothing."""
    if math.isnan(estimate.low):
        return ""
    return f"{written(estimate.low)} to {written(estimate.high)}"


def write_record(path: Path, verdict: Verdict, arguments: list[str]) -> None:
    """Write metrics.json; null is undefined.

    Args:
        path: of the file.
        verdict: the evaluation.
        arguments: of the command line.
    """
    from importlib.metadata import version

    numbers = verdict.evaluation.numbers
    content: dict[str, Any] = {
        "metrics": {key: _number(one.value) for key, one in numbers.items()},
        "intervals": {
            key: [one.low, one.high] for key, one in numbers.items() if not math.isnan(one.low)
        },
        "n": len(verdict.subject),
        "counts": dict(verdict.evaluation.counts),
        "reasons": dict(verdict.source.attempts.reasons.most_common()),
        "samples": dict(verdict.source.about),
        "reference": verdict.reference.describe(),
        "protocol": {"suite": verdict.config.suite, **PROTOCOL},
        "notes": list(verdict.evaluation.obstacles),
        "versions": {name: version(name) for name in PACKAGES},
        "arguments": arguments,
        "config": to_plain(verdict.config),
    }
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", "utf-8", errors=ESCAPED)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
