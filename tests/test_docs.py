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
    """The words of every command `python -m ...` or `molflow ...` of every page, as the former."""
    for page in PAGES:
        for block in fenced(page, ""):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("python -m "):
                    yield shlex.split(line, comments=True)[2:]
                elif line.startswith("molflow ") and not line.startswith("molflow --"):
                    command, *arguments = shlex.split(line, comments=True)[1:]
                    yield [f"molflow.{command}", *arguments]


COMMANDS = list({tuple(words): words for words in commands()}.values())
PROGRAMS = {
    f"molflow.{name}": name for name in ("train", "sample", "evaluate", "check", "optimize", "demo")
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
    # A file of keys is of an earlier command.
    arguments = ["checkpoint=qm9" if a.startswith("config=") else a for a in words[1:]]
    arguments = [word for word in arguments if word not in ("explain", "$text")]
    if words[0] == "molflow.sample" and any(word.startswith("resume=") for word in words):
        arguments.append("checkpoint=qm9")  # It comes from the sampling that is gone on with.
    assert load_config(PROGRAMS[words[0]], arguments)


EXTENSIONS = fenced(ROOT / "docs/guides/extend.md", "python")


def test_every_example_that_extends_molflow_has_at_most_20_lines():
    assert EXTENSIONS
    assert [code for code in EXTENSIONS if len(code.splitlines()) > 20] == []


@pytest.fixture(scope="module")
def extended() -> str:
    """What the examples of the page print, one behind the other in one file."""
    code = "\n".join(EXTENSIONS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def numbers(pattern: str, text: str) -> list[float]:
    """The numbers in the one line of a text that is such."""
    (found,) = re.findall(f"^{pattern}$", text, flags=re.M)
    return [float(number) for number in ([found] if isinstance(found, str) else found)]


@pytest.mark.slow
def test_a_loss_a_network_and_a_step_of_ones_own_learn_four_strings(extended):
    assert numbers(r"(\d+)% of the strings are known", extended) > [80]


@pytest.mark.slow
def test_a_model_samples_by_a_step_of_ones_own(extended):
    line = r"midpoint: Samples\(50 molecules, (\d+) valid\), (\d+) evaluations each"
    valid, evaluations = numbers(line, extended)
    assert valid >= 40
    assert evaluations == 16


@pytest.mark.slow
def test_a_model_samples_with_a_network_of_ones_own(extended):
    assert numbers(r"sharpened: Samples\(50 molecules, (\d+) valid\)", extended) >= [40]


@pytest.mark.slow
def test_a_property_of_ones_own_guides(extended):
    (before,) = numbers(r"unguided: ([\d.]+) of the carbons are sp3", extended)
    (after,) = numbers(r"toward sp3: ([\d.]+) of the carbons are sp3", extended)
    assert after > before + 0.1


@pytest.mark.slow
def test_a_guide_of_ones_own_walks_toward_a_score_of_ones_own(extended):
    (before,) = numbers(r"unguided: ([\d.]+) from a logP of 2", extended)
    (after,) = numbers(r"again: ([\d.]+) from a logP of 2", extended)
    assert after < before - 0.2


@pytest.mark.slow
def test_smiles_of_ones_own_become_clean_states(extended):
    assert "left out: [Drop(row=4, smiles='no molecule', reason='does not parse')]" in extended
    assert "a batch: {'atoms': (4, 6, 3), 'pairs': (4, 15, 4)}" in extended


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
