"""Lines of a page that stand for something kept elsewhere, put in when the site is built.

    <!-- code: molflow/flow/flow_map.py transport -->    the function or class of that name
    <!-- table: benchmarks/README.md leaderboard -->     what benchmarks.leaderboard wrote there
    <!-- keys: train -->                                 the keys of molflow.train

A name that is not there stops the build. Pictures of benchmarks/results/ become files of the site.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PICTURES = "benchmarks/results"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of docs/ and the pictures that benchmarks drew."""
    for path in sorted((ROOT / PICTURES).glob("*.png")):
        files.append(File.generated(config, f"{PICTURES}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with everything that it includes."""
    markdown = markdown.replace(f"](../../{PICTURES}/", f"](../{PICTURES}/")
    markdown = re.sub(r"^<!-- code: (\S+) (\S+) -->$", _code, markdown, flags=re.M)
    markdown = re.sub(r"^<!-- table: (\S+) (\S+) -->$", _table, markdown, flags=re.M)
    return re.sub(r"^<!-- keys: (\S+) -->$", _keys, markdown, flags=re.M)


def source_of(path: Path, name: str) -> str:
    """The lines of a function or class at the top level of a module, its docstring included."""
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise PluginError(f"{path}: has no {name}")


def section_of(path: Path, name: str) -> str:
    """The text that the program of that name wrote between its markers."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name}: written by .*? -->\n(.*)<!-- {name}: end -->", text, re.S)
    if found is None:
        raise PluginError(f"{path}: has no section {name}")
    return found[1]


def _code(match: re.Match[str]) -> str:
    path, name = match.groups()
    return f'```python title="{path}"\n{source_of(ROOT / path, name)}\n```'


def _table(match: re.Match[str]) -> str:
    path, name = match.groups()
    text = section_of(ROOT / path, name)
    text = text.replace("](results/", f"](../{PICTURES}/").replace(
        "<details>", "<details markdown>"
    )
    return re.sub(r"^###", "##", text, flags=re.M)


def _keys(match: re.Match[str]) -> str:
    from molflow.config import PROGRAMS
    from molflow.config.key import keys

    rows = ["| key | default | meaning | allowed |", "|---|---|---|---|"]
    for name, key in keys(PROGRAMS[match[1]]).items():
        default = "null" if key.default is None else str(key.default)
        default = default.lower() if isinstance(key.default, bool) else default
        allowed = key.allowed.replace("|", "\\|")
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {key.doc} | {allowed} |")
    return "\n".join(rows)
