"""Text against network evaluations: ``python -m benchmarks.text checkpoint=<model>``.

Every method at every number of steps makes n texts. Beside them stand rows that no model made. They
are n windows of held-out text and of the training text, none twice. Others are n texts of samplers
that know one symbol, two, and five in a row of the training text. All are measured against the
words and the n-gram model of the training text. A row that is finished is kept and not made again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.common.arguments import count, help_text, read, several
from benchmarks.common.outputs import named, place, write
from molflow.config import NOISE, SEEDS, wants_help
from molflow.config.key import COUNT, READ, WRITE, Range, key
from molflow.console import run_program
from molflow.errors import InputError

if TYPE_CHECKING:
    from benchmarks.text.rows import Row

PROTOCOL = {
    "texts": "n texts of one length; held-out windows are those of validation and test together",
    "words_in_vocabulary": "words of the training text / words; the first and last of a text drop",
    "bits_per_character": "mean -log2 P under an n-gram model (interpolated Witten-Bell) of the "
    "training text, each text from its own beginning",
    "perplexity": "2^bits_per_character",
    "entropy": "mean over texts of the entropy of their characters, in bits",
    "entropy_ratio": "entropy / that of held-out text; far from 1, no perplexity counts",
    "distinct_4, distinct_8": "different runs of so many characters / all, over the n texts",
}


@dataclass(frozen=True)
class TextConfig:
    """Quality of texts against the number of network evaluations."""

    checkpoint: str = key("", "a run folder or a file of weights", required=True, path=READ)
    steps: str = key("1,2,4,8,16,64,256", "steps, separated by commas", required=True)
    methods: str = key("flow_map,euler", "names of methods, separated by commas", required=True)
    n: int = key(1_000, "texts a row", within=COUNT)
    seed: int = key(0, "of the texts", within=SEEDS)
    noise: float = key(NOISE, "of stochastic methods: 0 renews none, 1 all", within=Range(0, 1))
    noise_scale: str = key("1", "of the noise, as of molflow.sample", required=True)
    times: str = key("", "to stop at, as of molflow.sample; empty: where decisions fall")
    name: str = key("", "of the results; empty is the name of the model's folder")
    out: str = key("", "folder of the results; empty is benchmarks/results", path=WRITE)


def main(arguments: list[str]) -> None:
    """Measure the rows that the command line's ``key=value`` arguments ask for."""
    if wants_help(arguments):
        print(help_text("text", TextConfig))
        return
    benchmark(read(TextConfig, arguments))


def benchmark(config: TextConfig) -> None:
    """Measure every row that is not known yet, print the tables, write JSON and PNG."""
    from benchmarks.common.measuring import WalkOptions, provenance
    from benchmarks.text.curves import draw, show
    from benchmarks.text.rows import FORMAT, Bench, measure_rows, text_of
    from molflow.loading import load
    from molflow.sampling.walk import read_noise_scale

    config = named(config)
    planned, target = plan_rows(config), place("text", config.name, config.out)
    generator = load(config.checkpoint)
    options = WalkOptions(config.noise, read_noise_scale(config.noise_scale), config.times)
    options.require(generator, ((row.method, row.steps) for row in planned))
    bench = Bench(generator, text_of(generator, config.n), config.n, config.seed, options)
    rows = compared(measure_rows(planned, bench))
    result = {
        "format": FORMAT,
        "config": {k: v for k, v in asdict(config).items() if k not in ("checkpoint", "out")},
        **provenance(generator),
        "protocol": PROTOCOL,
        "rows": rows,
    }
    show(rows, config.n)
    write(target, result, partial(draw, rows, config.n))


def plan_rows(config: TextConfig) -> list[Row]:
    """The anchors, then every method at every number of steps."""
    from benchmarks.text.rows import SAMPLERS, WINDOWS, Row
    from molflow.sampling.methods import METHODS

    methods = several("methods", config.methods)
    for name in methods:
        if name not in METHODS:
            raise InputError(f"methods={name!r}: any of {', '.join(METHODS)}")
    steps = [count("steps", text) for text in several("steps", config.steps)]
    anchors = [Row(name) for name in (*WINDOWS, *SAMPLERS)]
    return anchors + [Row(name, k) for name in methods for k in steps]


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their entropy as a share of that of held-out text."""
    real = next(row["entropy"] for row in rows if row["method"] == "held_out")
    return [row | {"entropy_ratio": row["entropy"] / real if real else math.nan} for row in rows]


if __name__ == "__main__":
    run_program(main)
