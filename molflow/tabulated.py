"""Attempts as a table: one name for one number in files, on pages and in data frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molflow.chem.aggregation import Scored
from molflow.chem.constraints import Plan
from molflow.chem.describing import DESCRIBED, described
from molflow.chem.holding import substructure_kept
from molflow.chem.molecule import Checked
from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.files import AS_MADE, CSV, GRID, SDF, SMI
from molflow.guidance.guided import Steering
from molflow.guidance.scores import SCORE, desirability_of, has_score
from molflow.modality import Held, Thing
from molflow.model.spec import ModelSpec
from molflow.progress import progress
from molflow.saving import (
    PARQUET_ENDING,
    SDF_ENDING,
    SMI_ENDING,
    write_csv,
    write_parquet,
    write_sdf,
    write_smi,
)

if TYPE_CHECKING:
    import pandas


class Tabulated:
    """The facts of every attempt, and the columns in which they are written.

    The attributes are those of ``samples.Samples``.
    """

    things: list[Thing]
    checked: list[Checked]
    spec: ModelSpec
    plan: Held | None
    steering: Steering | None
    scored: Sequence[Scored | None] | None
    parts: tuple[str, ...]
    indices: Sequence[int] | None
    refused: Sequence[str | None] | None

    @property
    def index(self) -> Sequence[int]:
        """The index of every attempt among all of its seed."""
        return range(len(self.things)) if self.indices is None else self.indices

    @property
    def chosen(self) -> list[int]:
        """The places of the strictly valid ones that nothing else was held against."""
        refused = self.refused or [None] * len(self.checked)
        both = zip(self.checked, refused, strict=True)
        return [i for i, (one, why) in enumerate(both) if one.reason is None and why is None]

    @property
    def scores(self) -> list[float | None]:
        """The score of every attempt, None where there is none.

        Raises:
            InputError: they were sampled without a guide.
        """
        if self.scored is None:
            raise InputError("scores: sampled without a guide, nothing was scored")
        return [one.total if one is not None and has_score(one) else None for one in self.scored]

    @cached_property
    def properties(self) -> list[dict[str, float]]:
        """``chem.describing.DESCRIBED`` of every molecule that passes sanitisation; else empty."""
        known: dict[str, dict[str, float]] = {}
        for one in progress(self.checked, "properties", unit="molecules"):
            if one.mol is not None and one.smiles is not None and one.smiles not in known:
                known[one.smiles] = described(one.mol)
        return [{} if one.smiles is None else known.get(one.smiles, {}) for one in self.checked]

    @cached_property
    def kept(self) -> list[bool]:
        """Whether each has all that the constraints ask for."""
        plan, modality = self.plan, self.spec.modality
        return [plan is None or modality.kept(thing, plan) for thing in self.things]

    @cached_property
    def substructure(self) -> list[bool | None]:
        """Whether RDKit finds the scaffold in every attempt.

        None where the attempt is not sanitised, and where no scaffold is asked for.
        """
        plan = self.plan
        if not isinstance(plan, Plan) or plan.scaffold.mol is None:
            return [None] * len(self.things)
        return [
            None if one.mol is None else substructure_kept(one.mol, plan) for one in self.checked
        ]

    def table(self) -> dict[str, list[Any]]:
        """Column -> a cell of every attempt, None where there is nothing to say.

        Molecules have their properties and, guided, the score with the value and desirability of
        each component; the names are those of samples.csv and of the page.
        """
        molecular = self.spec.modality.molecular
        found: dict[str, list[Any]] = {"index": list(self.index)}
        if molecular:
            found["smiles"] = [one.smiles for one in self.checked]
            found["valid"] = [one.mol is not None for one in self.checked]
            for name in ("connected", "fragments", "reason"):
                found[name] = [getattr(one, name) for one in self.checked]
            if self.refused is not None:
                found["refused"] = list(self.refused)
        else:
            found["text"] = list(self.things)
        if self.plan is not None:
            found["kept"] = self.kept
            if molecular:
                found["substructure"] = self.substructure
        found |= self._score_columns()
        if molecular:
            for name in DESCRIBED:
                if name not in found:
                    found[name] = [_known(row.get(name)) for row in self.properties]
            found[AS_MADE] = [self.spec.modality.written(thing) for thing in self.things]
        return found

    def _score_columns(self) -> dict[str, list[Any]]:
        if self.scored is None:
            return {}
        found: dict[str, list[Any]] = {SCORE: self.scores}
        for k, part in enumerate(self.parts):
            found[part] = [None if s is None else _known(s.values[k]) for s in self.scored]
            wanted = [None if s is None else s.desirabilities[k] for s in self.scored]
            found[desirability_of(part)] = wanted
        found["error"] = [None if s is None else s.error for s in self.scored]
        if self.steering is not None and self.steering.claims is not None:
            found["surrogate"] = self.steering.claims[:, 0].tolist()
        return found

    def to_dataframe(self) -> pandas.DataFrame:
        """``table`` as a frame of pandas.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            needed = "pip install 'molflow[dataframe]'"
            raise InputError(f"to_dataframe: needs pandas: {needed}") from None
        return pandas.DataFrame(self.table())

    def save(self, folder: str | Path) -> None:
        """Write samples.csv; of molecules samples.smi, samples.sdf and grid.png, of texts the first
        ones to samples.txt.

        Args:
            folder: it is made where it lacks.

        Raises:
            InputError: it cannot be written.
        """
        from molflow.pictures import draw_molecules, show

        place = Path(folder).expanduser()
        if not self.spec.modality.molecular:
            columns = self.table()
            write_csv(place / CSV, list(columns), zip(*columns.values(), strict=True))
            show(self, place)
            return
        for name in (CSV, SMI, SDF):
            self.write(place / name)
        with atomic_write(place / GRID) as path:
            draw_molecules(self, path)

    def write(self, path: Path, header: bool = True, before: int = 0) -> None:
        """Write molecules: a table has every attempt, SMI and SDF have the ``chosen`` ones.

        Args:
            path: of the file, whose ending tells its format.
            header: whether a CSV begins with the names of its columns.
            before: records of earlier parts of the same SDF.

        Raises:
            InputError: it cannot be written.
        """
        if path.name.endswith((SMI_ENDING, SDF_ENDING)):
            molecules = [(self.index[i], self.checked[i]) for i in self.chosen]
            if path.name.endswith(SMI_ENDING):
                write_smi(path, molecules)
            else:
                scores = None if self.scored is None else self.scores
                chosen = None if scores is None else [scores[i] for i in self.chosen]
                write_sdf(path, molecules, chosen, before)
            return
        columns = self.table()
        if path.name.endswith(PARQUET_ENDING):
            write_parquet(path, columns)
        else:
            write_csv(path, list(columns) if header else None, zip(*columns.values(), strict=True))

    def _repr_html_(self) -> str:
        """A grid of the first molecules, or the first texts, for a notebook."""
        from molflow.pictures import grid_page

        return grid_page(self)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
