"""Docstrings are read by people: they do not begin with "What", and their sentences are short."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import molflow

ROOT = Path(molflow.__file__).parent
BENCHMARKS = ROOT.parent / "benchmarks"
"""Their modules all keep the rules, where they are here: an installed package has none."""
KEPT = [
    *("flow", "nn", "graph", "sequence", "chem", "metrics", "datasets", "modality"),
    *("training", "sampling", "guidance", "optimization", "health", "evaluation", "report"),
    "library",
    *("pictures.py", "console.py", "progress.py", "plugins.py"),
    *("cores.py", "processes.py", "files.py"),
]
"""Rooms whose docstrings keep the rules. A room that is put in order joins them."""
LONGEST = 25
"""Words of a sentence."""

SECTION = re.compile(r"(?:Args|Attributes|Raises|Returns|Yields):")
ITEM = re.compile(r"- |    [\w.]+: ")
CODE = re.compile(r"``.*?``|`.*?`")
REFERENCE = re.compile(r"\([^()]*\b(?:19|20)\d\d\b[^()]*\)")
ABBREVIATION = re.compile(r"\b(al|alg|cf|e\.g|eq|etc|fig|i\.e|pp?|vs)\.(?=\s)", re.IGNORECASE)
END = re.compile(r"[.!?][\"')]*\s+")
WORD = re.compile(r"(?:[^\W\d_]+['’-])*[^\W\d_]{2,}|[aAI]")


def documented(body: list[ast.stmt], name: str = "the module") -> Iterator[tuple[str, str]]:
    """Name and docstring of all that is public: a module, its classes, functions and values."""
    about = name
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if about and not about.startswith("_") and isinstance(node.value.value, str):
                yield about, inspect.cleandoc(node.value.value)
            about = ""
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            about = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        else:
            about = ""
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from documented(node.body, node.name)


def passages(text: str) -> Iterator[str]:
    """Paragraphs, and items of lists and sections without their names. Code and tables are none."""
    passage: list[str] = []
    listed = False
    for line in [*text.splitlines(), ""]:
        title, item = SECTION.fullmatch(line), ITEM.match(line)
        if not line.strip() or title or item:
            yield " ".join(passage)
            passage, listed = [], bool(title or item)
        if line.startswith((">>> ", "... ", "|")) or (line.startswith("    ") and not listed):
            continue
        if not title:
            passage.append(line[item.end() :] if item else line.strip())


def sentences(text: str) -> Iterator[str]:
    """Sentences without references, code being one word; no abbreviation ends one."""
    for passage in passages(text):
        plain = REFERENCE.sub("", CODE.sub("code", passage))
        yield from END.split(ABBREVIATION.sub(r"\1", plain))


def words(sentence: str) -> list[str]:
    """Its words, which are letters alone: shapes, figures and formulae are none."""
    parts = (part.strip("\"'().,:;!?[]") for part in sentence.split())
    return [part for part in parts if WORD.fullmatch(part)]


def faults(text: str) -> list[str]:
    """Rules that a docstring breaks."""
    found = ["begins with What"] if words(text)[:1] == ["What"] else []
    counted = ((len(words(sentence)), sentence) for sentence in sentences(text))
    return found + [f"{count} words: {sentence}" for count, sentence in counted if count > LONGEST]


ROOMS = [*(ROOT / name for name in KEPT), *([BENCHMARKS] if BENCHMARKS.is_dir() else [])]
MODULES = [path for room in ROOMS for path in sorted(room.rglob("*.py")) or [room]]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_docstrings_keep_the_rules_of_prose(path):
    named = documented(ast.parse(path.read_text(encoding="utf-8")).body)
    assert [f"{name}: {fault}" for name, text in named for fault in faults(text)] == []


LONG = " ".join(["word"] * 26)


@pytest.mark.parametrize(
    "text",
    [
        "What a walk gives.",
        f"{LONG}.",
        f"Short. {LONG}.",
        f"Short, of Ho et al. {LONG}.",
        f"Short.\n\nArgs:\n    x: {LONG}.",
        f"Short:\n\n- {LONG}.",
    ],
)
def test_a_broken_rule_is_found(text):
    assert len(faults(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG[5:]}. {LONG[5:]}.",
        f"{LONG[5:]}\n\n{LONG[5:]}",
        f"{LONG[5:]}:\n\n- {LONG[5:]}\n- {LONG[5:]}",
        f"Args:\n    x: {LONG[5:]}\n    y: {LONG[5:]}",
        f"Before it:\n\n    {LONG}",
        f">>> {LONG}",
        f"It is ``{LONG}``.",
        f"It is known (Ho and others 2022, {LONG}).",
        "x_t = (1 - t) x_0 + t x_1, " + "(t-s)/(1-s) " * 30,
    ],
)
def test_short_sentences_code_and_formulae_keep_the_rules(text):
    assert faults(text) == []


def test_values_and_methods_are_documented_too():
    code = """
        'M.'
        'not of anything'
        A, B = 1, 2
        'V.'
        _C = 1
        'private'
        class D:
            'K.'
            def e(self):
                'F.'
            def _g(self):
                'private'
    """
    tree = ast.parse(dedent(code))
    assert [text for _, text in documented(tree.body)] == ["M.", "V.", "K.", "F."]
