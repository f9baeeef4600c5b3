"""The results of benchmarks.guidance as one plain value, written and read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.guidance.rows import (
    at_one_evaluation,
    best,
    claims,
    keeping_vu,
    looks_to_reach,
    rows,
)
from benchmarks.guidance.tasks import REFERENCE
from molflow.errors import InputError

if TYPE_CHECKING:
    from benchmarks.guidance.plan import GuidedCell
    from molflow.generator import Generator

FORMAT = 1
PROTOCOL = {
    "reward": "mean score of the distinct strictly valid molecules, and its standard error",
    "strict_valid": "the whole molecule sanitises unrepaired and is connected / attempts",
    "vu": "distinct strictly valid / attempts",
    "unique": "distinct strictly valid / strictly valid",
    "diversity": "1 - mean Tanimoto similarity of all pairs of these, Morgan 2, 2,048 bits",
    "distance": "mean |value - target| of these; null where a task has no target",
    "met": "share of these within the interval asked for",
    "looks": "molecules that were judged / molecules wanted",
    "calls": "molecules that were scored / molecules wanted: each distinct valid one once",
    "evaluations": "of the network / molecules wanted, backward passes included",
    "reference": REFERENCE,
}


def record(
    settings: Mapping[str, Any],
    objectives: Mapping[str, str],
    generator: Generator,
    cells: Sequence[GuidedCell],
    numbers: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """The numbers with all that is needed to understand them and to make them again.

    Args:
        settings: of the run, without the places of files.
        objectives: task -> objective as text.
        generator: the model.
        cells: that were measured.
        numbers: of the cells.
    """
    from benchmarks.common.measuring import provenance

    found = rows(cells, numbers)
    made = claims(found)
    budgets = sorted({claim["budget"] for claim in made})
    return {
        "format": FORMAT,
        "config": dict(settings),
        **provenance(generator),
        "protocol": PROTOCOL,
        "objectives": dict(objectives),
        "rows": found,
        "best": best(found),
        "claims": made,
        "claims_keeping_vu": claims(keeping_vu(found)),
        "one_evaluation": {budget: at_one_evaluation(found, budget) for budget in budgets},
        "looks_to_reach": looks_to_reach(found),
        "cells": [asdict(cell) | dict(got) for cell, got in zip(cells, numbers, strict=True)],
    }


def read_result(path: Path) -> dict[str, Any]:
    """Read the file of a run, nan for null. InputError where it is another."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["format"] != FORMAT:
            raise ValueError(f"format is {result['format']}")
        for row in result["rows"]:
            row.update({name: math.nan for name, value in row.items() if value is None})
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the results of this benchmark ({error!r})") from None
    return result
