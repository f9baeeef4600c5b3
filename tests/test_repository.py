"""Files about the repository say what the package says."""

import re
from pathlib import Path

import yaml

import molflow

ROOT = Path(__file__).resolve().parents[1]


def plain(name: str) -> dict:
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version_and_of_its_date():
    citation = plain("CITATION.cff")
    assert citation["version"] == molflow.__version__
    head = rf"^## \[{re.escape(molflow.__version__)}\] - (\S+)$"
    (date,) = re.findall(head, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert str(citation["date-released"]) == date


def test_the_citation_has_what_its_format_needs():
    citation = plain("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= reference.keys()
        assert all(
            {"given-names", "family-names"} == author.keys() for author in reference["authors"]
        )


def test_the_citation_has_the_method_that_the_readme_names():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Cite")[2]
    for reference in plain("CITATION.cff")["references"][:4]:
        first = reference["authors"][0]["family-names"]
        assert first in readme or reference["title"].lower() in readme.lower()


def test_the_workflow_runs_what_a_change_must_pass_on_the_versions_of_python():
    workflow = plain(".github/workflows/test.yml")
    job = workflow["jobs"]["test"]
    assert "make test PYTHON=python" in [step.get("run") for step in job["steps"]]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    # A change of a stranger reads, and writes nothing.
    assert workflow["permissions"] == {"contents": "read"}
