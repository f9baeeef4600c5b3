"""One row of benchmarks.text: its texts, its numbers, and those that are known already."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.common.measuring import WalkOptions, facts_of_walk, known
from molflow.build import dataset_of
from molflow.datasets.text import TextDataset
from molflow.errors import InputError
from molflow.generator import Generator
from molflow.metrics.ngram import NGram
from molflow.metrics.text import FITTED, TextReference, measure_text
from molflow.progress import progress
from molflow.sampling.methods import METHODS

FORMAT = 1
EXAMPLES = 3
WINDOWS = {"held_out": ("valid", "test"), "training": ("train",)}
"""Rows of real text, and the splits that they are drawn from."""

SAMPLERS = {"unigram": 1, "bigram": 2, "5-gram": 5}
"""Rows of n-gram models of the training text, and their order."""


@dataclass(frozen=True)
class Row:
    """One measurement: a method of sampling, or an anchor with 0 steps."""

    method: str
    steps: int = 0


@dataclass(frozen=True)
class Bench:
    """The common conditions of all rows.

    Attributes:
        generator: the model.
        data: its text.
        n: texts a row.
        seed: that draws them.
        options: of the walks.
    """

    generator: Generator
    data: TextDataset
    n: int
    seed: int
    options: WalkOptions

    def texts(self, row: Row, n: int) -> list[str]:
        """n texts of one row; of windows and of a model the first of those of a larger n."""
        if row.method in WINDOWS:
            return self.windows(row.method, n)
        if row.method in SAMPLERS:
            return self.ngrams(SAMPLERS[row.method], n)
        walk = self.options.walk(self.generator, row.method, row.steps)
        return self.generator.follow(walk, self.generator.crowd(range(n), self.seed)).texts

    def windows(self, name: str, n: int) -> list[str]:
        """n windows of real text in random order, none twice."""
        texts = [text for split in WINDOWS[name] for text in self.data.texts(split)]
        order = np.random.default_rng(self.seed).permutation(len(texts))
        return [texts[i] for i in order[:n]]

    def ngrams(self, order: int, n: int) -> list[str]:
        """n texts of the model of so many symbols in a row of the training text."""
        vocabulary = self.data.vocabulary
        model = NGram.fit([self.data.ids("train")[:FITTED]], order, vocabulary.classes)
        made = model.sample(n, self.data.length, np.random.default_rng(self.seed))
        return [vocabulary.decode(ids) for ids in made]

    def facts(self, reference: TextReference) -> dict[str, Any]:
        """All that the numbers of an anchor depend on."""
        return {
            "benchmark": "text",
            "format": FORMAT,
            "molflow": version("molflow"),
            "n": self.n,
            "seed": self.seed,
            "length": self.data.length,
            "order": reference.ngram.order,
            "symbols": self.data.vocabulary.symbols,
            "text": sha256(self.data.packed.ids.tobytes()).hexdigest(),
        }


def text_of(generator: Generator, n: int) -> TextDataset:
    """The text that a model was trained on. InputError where it is none, or has no n windows."""
    data = dataset_of(generator.spec)
    if not isinstance(data, TextDataset):
        raise InputError(f"{data.name}: this benchmark is of models of text")
    for name, splits in WINDOWS.items():
        present = sum(len(data.splits[split]) for split in splits)
        if n > present:
            raise InputError(f"n={n}: {data.name} has {present} windows of {name} text")
    return data


def measure_rows(rows: list[Row], bench: Bench) -> list[dict[str, Any]]:
    """Every row with its evaluations, its numbers, and its first texts."""
    data = bench.data
    reference = TextReference.of(data.text("train"), data.ids("train"), data.vocabulary)
    about = bench.facts(reference)
    made = []
    for row in progress(rows, "benchmark", len(rows), "rows"):
        fact = about | {"row": [row.method, row.steps]}
        if row.steps:
            walk = bench.options.walk(bench.generator, row.method, row.steps)
            fact |= facts_of_walk(bench.generator, walk)
        numbers = known(fact, partial(_numbers, row, bench, reference))
        evaluations = METHODS[row.method].evaluations(row.steps) if row.steps else 0
        start = {"method": row.method, "steps": row.steps, "evaluations": evaluations}
        examples = bench.texts(row, min(EXAMPLES, bench.n))
        made.append({**start, **numbers, "examples": examples})
    return made


def _numbers(row: Row, bench: Bench, reference: TextReference) -> dict[str, float]:
    return measure_text(bench.texts(row, bench.n), reference)
