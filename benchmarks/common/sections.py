"""Sections of benchmarks/README.md that programs write, between markers of their own."""

from __future__ import annotations

from pathlib import Path

from molflow.console import atomic_write


def markers(name: str) -> tuple[str, str]:
    """The lines with which a section begins and ends in the file."""
    return (
        f"<!-- {name}: written by python -m benchmarks.{name} render -->",
        f"<!-- {name}: end -->",
    )


def with_section(text: str, name: str, made: str) -> str:
    """``text`` with ``made`` between the markers, which go to the end where they are not there."""
    begin, end = markers(name)
    if begin in text and end in text.partition(begin)[2]:
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
    else:
        before, after = f"{text.rstrip()}\n\n## {name.capitalize()}\n\n", "\n"
    return f"{before}{begin}\n{made}\n{end}{after}"


def write_section(readme: Path, name: str, made: str) -> None:
    """Put a section into ``readme``, in the place of the old one or at the end."""
    text = readme.read_text(encoding="utf-8") if readme.exists() else "# Benchmarks\n"
    with atomic_write(readme) as path:
        path.write_text(with_section(text, name, made), encoding="utf-8")
