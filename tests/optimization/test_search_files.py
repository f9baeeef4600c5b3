"""The record of a search reads back as it was, whatever its names are."""

from __future__ import annotations

from molflow.optimization.files import read_record, write_record


def test_a_record_holds_names_of_files_that_are_no_utf_8(tmp_path):
    config = {"out": "/tmp/\udcff", "objective": "logp:2±1"}
    write_record(tmp_path, {"config": config})
    assert read_record(tmp_path)["config"] == config
    assert "logp:2±1" in (tmp_path / "run.json").read_text(encoding="utf-8")
