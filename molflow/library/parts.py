"""A sampling in parts: each is written whole or not at all, so that one that was killed goes on.

As long as it lasts, the folder ``parts`` beside the results holds a plan and the files of every
part. The plan is all that was asked for. The record of a part is written last: with it a part is
done. In the end the files of all parts, one behind the other, are those of the sampling. Parquet
files are results as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molflow.console import atomic_write
from molflow.errors import InputError
from molflow.files import CSV, PARTS, PLAN, RECORD, SDF, SMI, TABLES
from molflow.samples import Samples

GZIPPED = f"{CSV}.gz"
FORMATS = {"csv": (CSV, SMI, SDF), "csv.gz": (GZIPPED,), "parquet": ()}
"""Format -> files that are put together from those of the parts."""
DIGITS = 15
"""Of an index in the name of a file, so that names are in the order of the indices."""


@dataclass(frozen=True)
class Parts:
    """The parts of the sampling in a folder.

    Attributes:
        folder: of the results.
        format: of FORMATS.
        first: index of the first attempt of the sampling.
    """

    folder: Path
    format: str
    first: int

    @property
    def place(self) -> Path:
        """Where they lie."""
        return self.folder / PARTS

    def require_none(self) -> None:
        """InputError where parts of an unfinished sampling, or files of the user, lie there.

        A single part is soon made again.
        """
        if not self.place.exists():
            return
        if not (self.place / PLAN).is_file():
            raise InputError(f"out={self.folder}: {PARTS} is there and of no sampling; move it")
        records = read_records(self.place)
        attempts = sum(one["attempts"] for one in records)
        if len(records) > 1:
            raise InputError(
                f"out={self.folder}: holds {attempts:,} attempts of a sampling that has not ended; "
                f"resume={self.folder} goes on with it, or choose another folder"
            )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Removes the parts where the block ends well, or fails before one of them is done."""
        try:
            yield
        except BaseException:
            if not self.done():
                self.clear()
            raise
        self.clear()

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Writes the plan, behind which nothing of an earlier sampling is left."""
        self.clear()
        for path in self.folder.joinpath(TABLES).glob("part-*.parquet"):
            (self.folder / RECORD).unlink(missing_ok=True)
            path.unlink()
        with atomic_write(self.place / PLAN) as path:
            path.write_text(json.dumps(plan, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def done(self) -> list[dict[str, Any]]:
        """The records of the parts that are done, one behind the other from the first on."""
        found, following = [], self.first
        for record in read_records(self.place):
            if record["first"] != following or not self._whole(record):
                break
            found.append(record)
            following += record["attempts"]
        return found

    def _whole(self, record: Mapping[str, Any]) -> bool:
        files = [path for path in self._files(record["first"]) if path.is_file()]
        return [path.stat().st_size for path in files] == record["bytes"]

    def _files(self, first: int) -> list[Path]:
        if self.format == "parquet":
            return [self.folder / TABLES / f"part-{first:0{DIGITS}}.parquet"]
        return [self.place / f"{first:0{DIGITS}}-{name}" for name in FORMATS[self.format]]

    def write(self, samples: Samples, before: int = 0) -> list[Path]:
        """Writes the rows of a part.

        Args:
            samples: its attempts.
            before: molecules that earlier parts have written.

        Returns:
            The files.
        """
        paths = self._files(samples.index[0])
        for path in paths:
            samples.write(path, samples.index[0] == self.first, before)
        return paths

    def add(
        self,
        samples: Samples,
        before: int,
        record: Mapping[str, Any],
        traces: Mapping[str, NDArray[Any]],
    ) -> None:
        """Writes a part.

        Args:
            samples: its attempts.
            before: molecules that earlier parts have written.
            record: what is to be known of it, for JSON.
            traces: arrays that are to be known too.
        """
        first = samples.index[0]
        sizes = [path.stat().st_size for path in self.write(samples, before)]
        with atomic_write(self._trace(first)) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **traces)
        whole = {"first": first, "attempts": len(samples), "bytes": sizes, **record}
        with atomic_write(self.place / f"{first:0{DIGITS}}.json") as path:
            path.write_text(json.dumps(whole, ensure_ascii=False) + "\n", "utf-8")

    def traces(self, first: int) -> dict[str, NDArray[Any]]:
        """The arrays of the part that begins with this index."""
        with np.load(self._trace(first), allow_pickle=False) as file:
            return dict(file)

    def _trace(self, first: int) -> Path:
        return self.place / f"{first:0{DIGITS}}.npz"

    def finish(self) -> None:
        """Puts the files of the sampling together, and removes those of other formats."""
        # Gone first, written last: a folder with the record is a finished one.
        (self.folder / RECORD).unlink(missing_ok=True)
        wanted = FORMATS[self.format]
        for name in {name for names in FORMATS.values() for name in names} - set(wanted):
            (self.folder / name).unlink(missing_ok=True)
        firsts = [record["first"] for record in self.done()] or [self.first]
        for place, name in enumerate(wanted):
            with atomic_write(self.folder / name) as path, path.open("wb") as whole:
                for first in firsts:
                    with self._files(first)[place].open("rb") as part:
                        shutil.copyfileobj(part, whole, 2**20)

    def clear(self) -> None:
        """Removes what is needed only as long as the sampling lasts."""
        if self.place.exists():
            shutil.rmtree(self.place)


def read_records(place: Path) -> list[dict[str, Any]]:
    """The records in a folder of parts, by their first index."""
    paths = sorted(path for path in place.glob("*.json") if path.name != PLAN)
    return [json.loads(path.read_text("utf-8")) for path in paths]


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the plan of the unfinished sampling in a folder; InputError where there is none."""
    try:
        return dict(json.loads((folder / PARTS / PLAN).read_text("utf-8")))
    except FileNotFoundError:
        ended = (folder / RECORD).is_file()
        why = "that sampling has ended" if ended else "no sampling has begun there"
        raise InputError(f"resume={folder}: {why}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"resume={folder}: cannot read {PARTS}/{PLAN}: {error}") from None
