"""``python -m molflow.demo`` before it serves: help, mistakes, and what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import molflow.demo
from molflow.errors import InputError


def test_help_lists_the_keys_and_loads_nothing_heavy():
    code = (
        "import sys; from molflow.demo import main; main(['--help']);"
        "print([m for m in ('torch', 'gradio', 'rdkit', 'hydra') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "port=7860" in done.stdout
    assert "host=127.0.0.1" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_gradio_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(molflow.demo, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'gradio>=6'"):
        molflow.demo.main([])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("checkpoint=runs/none", "no such folder"),
        ("port=0", "port=0: must be at least 1"),
        ("hots=0.0.0.0", "did you mean host"),
        ("host=", "host: needs a value"),
    ],
)
def test_a_mistake_is_told_before_anything_is_loaded(argument, message):
    with pytest.raises(InputError, match=message):
        molflow.demo.main([argument])
