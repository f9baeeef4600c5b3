"""The keys of ``molflow.evaluate``."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.config.key import COUNT, READ, SEEDS, WRITE, key
from molflow.config.sampling import STEPS


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure molecules, of anyone's file or of a model, against a data set."""

    samples: str | None = key(
        None,
        "the molecules: .csv, .tsv, .txt, .smi or .sdf (.gz may follow), .parquet, or a folder",
        path=READ,
    )
    smiles_column: str | None = key(
        None, "the column of a table; null is smiles or canonical_smiles"
    )
    checkpoint: str | None = key(None, "or the model that makes them", path=READ)
    n: int | None = key(
        None,
        "molecules to sample, null is 10,000; of a file the first ones, null is all",
        within=COUNT,
    )
    steps: int | None = key(None, "of the model, from noise to molecule; null is 50", within=COUNT)
    method: str = key(
        "auto",
        "the model's step, as for molflow.sample",
        choices=STEPS,
        table="steps",
    )
    seed: int = key(0, "of the model's sizes and noise", within=SEEDS)
    reference: str | None = key(
        None,
        "a data set, or a file, which is a training set; null is what the model learned from",
        path=READ,
    )
    reference_test: str | None = key(
        None, "a file that is the test set, beside a file of training", path=READ
    )
    split_column: str | None = key(
        None, "or the column of the reference file that says train, val or test"
    )
    reference_path: str | None = key(None, "where the file of reference=zinc250k lies", path=READ)
    reference_column: str | None = key(
        None, "the column of reference files; null is smiles or canonical_smiles"
    )
    suite: str = key("standard", "which numbers", choices=("standard", "moses", "guacamol", "full"))
    out: str = key("evaluation", "folder of the results", required=True, path=WRITE)
    take_over: bool = key(
        False, "take the folder of a run that ended on another machine without leaving it"
    )
    force: bool = key(False, "FCD of fewer than 1,000 molecules too")
    explain: bool = key(False, "also print each number's definition; alone: nothing else")
    report: bool = key(True, "also write report.html")
