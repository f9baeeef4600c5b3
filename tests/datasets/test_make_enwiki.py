"""The script that makes the text of the released model: what it leaves of an article."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "make_enwiki.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("make_enwiki", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("A ''[[Cat|tom]]cat'', 12 kg!", " a tom cat one two kg "),
        (
            "one{{note|{{inner}}}} two &lt;ref name=x/&gt;three&lt;ref&gt;no&lt;/ref&gt;",
            " one two three ",
        ),
        ("[[File:a.jpg|thumb|left|The [[sea]]]] [[de:Katze]]", " the sea "),
        (
            "&lt;!-- no --&gt;x &lt;math&gt;y^2&lt;/math&gt; [http://a.b/c link] &amp;nbsp; z",
            " x link z ",
        ),
        ("{| class=wikitable\n| no\n|}yes [[Category:Pets|*]]", " yes pets "),
    ],
)
def test_what_a_reader_sees_of_an_article_is_left(script, source, text):
    assert " ".join(script.cleaned(source).split()) == text.strip()
    assert script.cleaned(source)[0] == script.cleaned(source)[-1] == " "


def wheel_of(folder: Path, script: ModuleType, pages: str) -> Path:
    path = folder / "gensim.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(script.PART, bz2.compress(pages.encode()))
    return path


def test_redirections_are_left_out_and_hashes_are_kept_to(script, tmp_path, monkeypatch):
    pages = '<text a="b">#REDIRECT [[Cat]]</text><text a="b">Cat 1</text><text a="b">Dog</text>'
    wheel = wheel_of(tmp_path, script, pages)
    monkeypatch.setattr(script, "TARGET", target := tmp_path / "enwiki.txt.gz")
    with pytest.raises(SystemExit, match="sha256"):
        script.make(wheel)
    packed = hashlib.sha256(bz2.compress(pages.encode())).hexdigest()
    monkeypatch.setattr(script, "PART_SHA256", packed)
    with pytest.raises(SystemExit, match="the text has sha256"):
        script.make(wheel)
    text = " cat one dog "
    monkeypatch.setattr(script, "TEXT_SHA256", hashlib.sha256(text.encode()).hexdigest())
    script.make(wheel)
    assert gzip.decompress(target.read_bytes()).decode() == text
