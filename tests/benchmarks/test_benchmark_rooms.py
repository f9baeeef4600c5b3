"""What the folders of benchmarks may import of each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("benchmarks", reason="the folder benchmarks is not here")

ROOT = Path(__file__).parents[2] / "benchmarks"
SHARED = "common"


def foreign_rooms(root: Path) -> list[str]:
    """Imports of another folder of benchmarks than the module's own and SHARED."""
    found = []
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for package, *rest in (name.split(".") for name in names):
                if package == root.name and (rest or ["itself"])[0] not in (room, SHARED):
                    found.append(f"{path.relative_to(root)} imports {'.'.join([package, *rest])}")
    return found


def test_benchmarks_share_what_is_common_and_nothing_else():
    assert (ROOT / SHARED).is_dir()
    assert foreign_rooms(ROOT) == []


def test_an_import_of_another_benchmark_is_found(tmp_path):
    room = tmp_path / "benchmarks" / "common"
    room.mkdir(parents=True)
    (room / "a.py").write_text("from benchmarks.common.b import c\nimport benchmarks.text.rows\n")
    (room / "b.py").write_text("def f():\n    from benchmarks import text\n")
    assert foreign_rooms(tmp_path / "benchmarks") == [
        "common/a.py imports benchmarks.text.rows",
        "common/b.py imports benchmarks",
    ]
