"""The documentation: it builds strictly, needs no network, and its commands and code run."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from molflow.config import load_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
LOADED = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=\"?(https?://[^\s\">]+)")


def fenced(page: Path, language: str) -> list[str]:
    """The code blocks of a page in that language, "" for none."""
    blocks = re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [text for named, text in blocks if named.partition(" ")[0] == language]


def commands() -> Iterator[list[str]]:
    """The words of every command `python -m ...` of every page."""
    for page in PAGES:
        for block in fenced(page, ""):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("python -m "):
                    yield shlex.split(line, comments=True)[2:]


COMMANDS = list({tuple(words): words for words in commands()}.values())
PROGRAMS = {
    f"molflow.{name}": name for name in ("train", "sample", "evaluate", "check", "optimize")
}
CONFIGURED = [words for words in COMMANDS if words[0] in PROGRAMS and "--help" not in words]


def test_the_pages_show_commands_of_every_program():
    assert PROGRAMS.keys() == {words[0] for words in CONFIGURED}


@pytest.mark.parametrize("module", sorted({words[0] for words in COMMANDS}))
def test_every_command_names_a_program_that_is_there(module):
    assert importlib.util.find_spec(module) is not None


@pytest.mark.slow
@pytest.mark.parametrize("words", CONFIGURED, ids=" ".join)
def test_every_command_has_keys_and_values_that_its_program_takes(words):
    arguments = [word for word in words[1:] if word not in ("explain", "$text")]
    assert load_config(PROGRAMS[words[0]], arguments)


@pytest.mark.slow
def test_the_code_that_extends_the_flow_runs():
    code = "\n".join(fenced(ROOT / "docs/guides/extend.md", "python"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    share = re.fullmatch(r"(\d+)% of the strings are known\n", done.stdout)
    assert share is not None
    assert int(share[1]) > 80


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The pages as they are read."""
    pytest.importorskip("mkdocs", reason="mkdocs-material builds the pages: the extra docs")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings reads the docstrings: the extra docs")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_documentation_builds_strictly(site):
    for page in PAGES:
        place = page.relative_to(ROOT / "docs").with_suffix("")
        made = place.parent if place.name == "index" else place
        assert (site / made / "index.html").is_file()


@pytest.mark.slow
def test_the_pages_load_nothing_from_the_network(site):
    made = list(site.rglob("*.html"))
    assert made
    assert [found for page in made for found in LOADED.findall(page.read_text())] == []


@pytest.mark.slow
def test_nothing_that_a_page_includes_is_left_out(site):
    text = (site / "theory/flow-map/index.html").read_text()
    assert "transport" in text
    assert not re.search(r"<!-- (code|table|keys):", text)


@pytest.mark.slow
def test_the_formulae_and_their_letters_come_with_the_pages(site):
    style = (site / "assets/katex/katex.min.css").read_text()
    letters = set(re.findall(r"fonts/[\w-]+\.woff2", style))
    assert letters
    assert [name for name in letters if not (site / "assets/katex" / name).is_file()] == []
    assert (site / "assets/katex/katex.min.js").is_file()


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_links_to_files_of_the_repository_lead_somewhere(page):
    text = (ROOT / page).read_text()
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    files = {target for target in targets if target and "://" not in target}  # Not anchors.
    assert files
    folder = (ROOT / page).parent
    assert [name for name in sorted(files) if not (folder / name).exists()] == []
