"""The keys of ``molflow.demo``."""

from __future__ import annotations

from dataclasses import dataclass

from molflow.config.key import READ, Range, key


@dataclass(frozen=True)
class DemoConfig:
    """Open a local page that makes molecules."""

    checkpoint: str | None = key(
        None, "a run folder to offer beside the released models", path=READ
    )
    host: str = key(
        "127.0.0.1", "address to listen at; 0.0.0.0 lets other machines in", required=True
    )
    port: int = key(7860, "of that address", within=Range(1, 65535))
