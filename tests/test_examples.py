"""The notebooks of examples/: without outputs in git, and they run from start to end."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
CELL_SECONDS = 1800
"""Of one cell at most: long, for machines that do other things too."""


def with_outputs(notebook: dict[str, Any]) -> list[str]:
    """The ids of the cells that were run and still show it."""
    return [
        cell["id"]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None)
    ]


def test_there_are_five_notebooks():
    assert NAMES == [
        "flow_map_from_scratch",
        "grow_a_scaffold",
        "optimise",
        "sample_and_score",
        "your_own_smiles",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_carries_no_outputs(path):
    assert with_outputs(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("left", [{"outputs": [{}]}, {"execution_count": 3}])
def test_a_cell_that_was_run_is_found(left):
    cell = {"id": "a", "cell_type": "code", "outputs": [], "execution_count": None}
    prose = {"id": "b", "cell_type": "markdown"}
    assert with_outputs({"cells": [prose, cell]}) == []
    assert with_outputs({"cells": [prose, cell | left]}) == ["a"]


def test_the_page_of_examples_lists_every_notebook():
    page = (ROOT / "docs/guides/examples.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"`examples/(\w+)\.ipynb`", page))) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_shows_pictures_and_writes_only_below_a_temporary_folder(
    path, tmp_path, monkeypatch
):
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs notebooks: the extra examples")
    pytest.importorskip("ipykernel", reason="ipykernel runs notebooks: the extra examples")
    import nbformat

    here, cache = tmp_path / "here", tmp_path / "cache"
    here.mkdir()
    for name in ("TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("MOLFLOW_CACHE", str(cache))
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(here)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert list(here.iterdir()) == []
    assert not cache.exists()
