"""A model in the manner of scikit-learn: ``MolflowGenerator().fit(smiles).sample(100)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from molflow.samples import Samples
from molflow.sampling.walk import require_positive
from molflow.train import train


class MolflowGenerator(BaseEstimator):
    """A generator that learns SMILES by ``molflow.train``.

    Args:
        checkpoint: the model to fine-tune, as ``molflow.load`` takes it; None trains a new one.
        minutes: of training at most; None leaves the end to ``trainer.steps``.
        steps: from noise to molecule in ``sample``.
        seed: of training and samples.
        options: other keys of ``python -m molflow.train``, as in {"trainer.batch_size": 64}.

    Attributes:
        generator_: the trained ``molflow.generator.Generator``. Its ``save`` keeps the model; the
            run folder is gone after ``fit``.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        minutes: float | None = 20,
        steps: int = 50,
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.checkpoint, self.minutes, self.steps = checkpoint, minutes, steps
        self.seed, self.options = seed, options

    def fit(self, smiles: str | Path | Iterable[str], y: None = None) -> MolflowGenerator:
        """Train on SMILES or a file of them; InputError says what is wrong. y: for pipelines."""
        require_positive(steps=self.steps)
        own = {"seed": self.seed, "trainer.max_minutes": self.minutes, "trainer.trial_molecules": 0}
        parent = {} if self.checkpoint is None else {"checkpoint": self.checkpoint}
        with TemporaryDirectory() as folder:
            options = {**own, **parent, **(self.options or {})}
            self.generator_ = train(smiles, Path(folder) / "run", **options)
        return self

    def sample(self, n: int = 1) -> Samples:
        """``n`` attempts, invalid ones included; ``.smiles`` and ``.valid`` are of them.

        InputError where n is less than 1, and scikit-learn's NotFittedError before ``fit``.
        """
        check_is_fitted(self, "generator_")
        return self.generator_.sample(n, self.steps, seed=self.seed)
