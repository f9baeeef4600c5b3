"""Whole libraries are evaluated: folders of several samplings, Parquet, more rows than are kept."""

from pathlib import Path

import pytest

from molflow import evaluate
from molflow.datasets.columns import Columns
from molflow.errors import InputError
from molflow.evaluation.sources import files_of, from_file
from molflow.saving import write_csv, write_parquet

MADE = ["CCO", "CC", "", "CCN", "CCO", "C.C", "CCC", "CN(C)(C)C", "CCO", "CCF"]
REFERENCE = ["CC", "CCN", "CO"]


@pytest.fixture(autouse=True)
def _letters(letters_for_chemnet) -> None:
    """Numbers of letters in place of ChemNet's."""


def columns(smiles: list[str]) -> dict[str, list[str]]:
    return {"smiles": smiles, "as_made": smiles}


def table(path: Path, smiles: list[str]) -> Path:
    """samples.csv of a sampling that made these."""
    content = columns(smiles)
    write_csv(path, list(content), zip(*content.values(), strict=True))
    return path


@pytest.fixture
def whole(tmp_path) -> dict[str, float]:
    """The numbers of all in one file."""
    return evaluate(table(tmp_path / "whole.csv", MADE), REFERENCE).metrics


def numbers(path: Path) -> dict[str, float]:
    return evaluate(path, REFERENCE).metrics


def same(found: dict[str, float], expected: dict[str, float]) -> bool:
    return found == pytest.approx(expected, nan_ok=True, rel=1e-12)


@pytest.mark.parametrize("names", [("samples.csv",) * 2, ("samples.csv.gz", "samples.csv")])
def test_a_folder_is_measured_as_all_its_samplings_together(tmp_path, whole, names):
    library = tmp_path / "library"
    table(library / "one" / names[0], MADE[:4])
    table(library / "two" / names[1], MADE[4:])
    assert same(numbers(library), whole)


def test_parquet_files_are_measured_as_their_rows(tmp_path, whole):
    pytest.importorskip("pyarrow")
    for first in (0, 4):
        rows = MADE[first : first + 4] if first == 0 else MADE[first:]
        write_parquet(tmp_path / "a" / "samples" / f"part-{first:03}.parquet", columns(rows))
    assert same(numbers(tmp_path / "a"), whole)
    write_parquet(tmp_path / "mine.parquet", {"smiles": [*MADE[:2], None, *MADE[3:]]})
    assert numbers(tmp_path / "mine.parquet")["strict_valid"] == whole["strict_valid"]


def test_a_sampling_that_has_not_ended_is_refused(tmp_path):
    table(tmp_path / "one" / "samples.csv", MADE)
    (tmp_path / "two" / "parts").mkdir(parents=True)
    (tmp_path / "two" / "parts" / "plan.json").touch()
    with pytest.raises(InputError, match="two' has not ended"):
        files_of(tmp_path)


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a folder without samples\.csv, samples\.csv\.gz or "):
        files_of(tmp_path)


def keep_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four attempts are kept, and three are counted at once."""
    monkeypatch.setattr("molflow.evaluation.samples_file.MOST", 4)
    monkeypatch.setattr("molflow.evaluation.samples_file.COUNTED", 3)


def test_the_first_attempts_alone_are_kept_and_it_is_said(tmp_path, monkeypatch):
    keep_four(monkeypatch)
    path = table(tmp_path / "mine.csv", MADE)
    source = from_file(path, Columns(), None, lambda failure: None)
    assert len(source.attempts.checked) == 4
    assert source.about["attempts"] == 10
    found = evaluate(path, REFERENCE)
    assert any("among the first 4 of 10 attempts" in line for line in found.obstacles)


def test_shares_are_of_all_attempts_however_few_are_kept(tmp_path, whole, monkeypatch):
    keep_four(monkeypatch)
    found = numbers(table(tmp_path / "mine.csv", MADE))
    counted = ("strict_valid", "plain_valid", "relaxed_valid", "valence_valid", "unique", "novel")
    names = (*counted, "vu", "vun")
    assert {name: found[name] for name in names} == {name: whole[name] for name in names}
