"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], rule: str = "---:") -> list[str]:
    """The lines of a Markdown table; ``rule`` aligns all columns but the first."""
    rules = ["---", *[rule] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, rules, *rows)]
