"""What a wheel and a source archive carry, and that the wheel works away from the repository."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODEL = ("model.safetensors", "config.json", "README.md")
CONFIGS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.yaml"))


def build(target: str, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_carries_configurations_data_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"molflow/{name}" for name in CONFIGS} <= names
    for model in ("qm9", "qm9_smiles", "text"):
        assert {f"molflow/pretrained/{model}/{name}" for name in MODEL} <= names
    assert {"molflow/data/qm9.csv.gz", "molflow/py.typed", "molflow/__init__.py"} <= names


def test_the_wheel_carries_nothing_outside_its_package(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"molflow"}


def test_the_wheel_finds_its_configurations_from_any_folder(wheel, tmp_path):
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    code = (
        "from molflow.config import load_config; from molflow.config.recipes import configs_folder;"
        "print(configs_folder()); print(load_config('train', ['dataset=qm9']).dataset.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(place / "molflow" / "configs"), "qm9"]


def test_the_source_archive_carries_what_a_wheel_is_made_of(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling builds the archive")
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*CONFIGS, "data/qm9.csv.gz", "molflow/__init__.py", "pyproject.toml"} <= names
    assert {
        "data/make_qm9.py",
        "data/make_enwiki.py",
        "data/wheels.py",
        "docs/samples.png",
        "mkdocs.yml",
        "CITATION.cff",
        "SECURITY.md",
        ".github/workflows/test.yml",
    } <= names
