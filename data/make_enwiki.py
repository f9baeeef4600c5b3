"""Make enwiki.txt.gz, 3.0 million characters of Wikipedia: `python data/make_enwiki.py [wheel]`.

The articles lie in the test data of the package gensim 4.4.0, whose wheel (28 MB) is fetched by
`pip download --no-deps` where none is named; only one file inside is read, nothing is installed.
They are cleaned in the manner of text8 (Mahoney 2011): what a reader sees of an article, digits
spelled out, the letters a to z and single spaces, checked against the hash of the text.
"""

from __future__ import annotations

import bz2
import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wheels import with_wheel, write_compressed

REQUIREMENT = "gensim==4.4.0"
ONE_WHEEL = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")
"""Every platform has a wheel with the same articles; this one is read everywhere."""
PART = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
PART_SHA256 = "a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d"
TEXT_SHA256 = "eeb2e0a59b41f5a62bdde83f40379b16e312f60ba04a094aab36446252423004"
TARGET = Path("enwiki.txt.gz")

ESCAPES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"'}
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
NESTED = 6
"""Templates within templates that are taken out; what lies deeper stays."""
REMOVED = (
    r"<ref[^>]*/>",
    r"<ref.*?</ref>",
    r"<!--.*?-->",
    r"<math[^>]*>.*?</math>",
    *[r"\{\{[^{}]*\}\}"] * NESTED,
    r"\{\|.*?\|\}",  # tables
    r"<[^>]*>",
)
UNWRAPPED = (
    (r"https?://\S*", " "),
    (r"\|(?:thumb|left|right|\d+px)", ""),
    (r"(?i)\[\[(?:image|file):[^\[\]]*\|", ""),  # Captions stay.
    (r"(?i)\[\[category:([^|\]]*)[^]]*\]\]", r"[[\1]]"),
    (r"\[\[[a-z\-]*:[^\]]*\]\]", ""),  # links to other languages and projects
    (r"\[\[[^|\]]*\|", "[["),  # Of a link stays what it shows.
    (r"[\[\]]", " "),
    (r"&#?\w+;", " "),
)


def articles(wheel: Path) -> Iterator[str]:
    """The source of every article, redirections left out; a wheel with others is refused."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(PART)
    digest = hashlib.sha256(packed).hexdigest()
    if digest != PART_SHA256:
        raise SystemExit(f"error: {wheel}: {PART}: sha256 {digest}, expected {PART_SHA256}")
    pages = bz2.decompress(packed).decode("utf-8")
    for found in re.finditer(r"<text [^>]*>(.*?)</text>", pages, re.DOTALL):
        if not found[1].lower().startswith("#redirect"):
            yield found[1]


def cleaned(source: str) -> str:
    """The readable text of an article, in 27 symbols; its markup is that of 2016's Wikipedia."""
    for escape, character in ESCAPES.items():
        source = source.replace(escape, character)
    for pattern in REMOVED:
        source = re.sub(pattern, "", source, flags=re.DOTALL)
    for pattern, shown in UNWRAPPED:
        source = re.sub(pattern, shown, source, flags=re.DOTALL)
    source = source.lower()
    for digit, word in enumerate(DIGITS):
        source = source.replace(str(digit), f" {word} ")
    return re.sub(r"[^a-z]+", " ", f" {source} ")


def make(wheel: Path) -> None:
    """Write TARGET from `wheel`; text of another hash is refused."""
    text = re.sub(" +", " ", " ".join(filter(None, map(cleaned, articles(wheel)))))
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest != TEXT_SHA256:
        raise SystemExit(f"error: the text has sha256 {digest}, expected {TEXT_SHA256}")
    write_compressed(text, TARGET)
    print(f"{TARGET}: 3.0 million characters of Wikipedia (CC BY-SA)")


if __name__ == "__main__":
    with_wheel(make, REQUIREMENT, *ONE_WHEEL)
