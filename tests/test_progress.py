"""Progress is told where work takes long, and nowhere else."""

import io
import sys
import time
from itertools import count

import pytest

from molflow import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(seconds: float):
    """A time.monotonic that moves on by so many seconds at every look."""
    ticks = count()
    return lambda: next(ticks) * seconds


def test_progress_yields_the_items_in_order():
    assert list(progress.progress("abc", "letters")) == ["a", "b", "c"]


def test_progress_of_quick_work_says_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(progress.progress(range(100), "counting"))
    assert sys.stderr.getvalue() == ""


def test_progress_without_a_terminal_is_one_line_every_30_seconds(monkeypatch, capsys):
    monkeypatch.setattr(time, "monotonic", clock(10))
    list(progress.progress(range(10), "decoding", unit="molecules"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "decoding: 3/10 molecules, 0.1 molecules/s, 70 s left"


def test_progress_of_unknown_length_promises_no_end(monkeypatch, capsys):
    monkeypatch.setattr(time, "monotonic", clock(30))
    list(progress.progress((row for row in "a"), "reading", unit="rows"))
    assert capsys.readouterr().err == "reading: 1 rows, 0.0333 rows/s\n"


def test_progress_counts_what_an_item_weighs(monkeypatch, capsys):
    monkeypatch.setattr(time, "monotonic", clock(30))
    list(progress.progress([40, 2], "sampling", 42, "molecules", weight=float))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "sampling: 40/42 molecules, 1.33 molecules/s, 2 s left"
    assert lines[1].startswith("sampling: 42/42 molecules")


def test_progress_on_a_terminal_shows_a_bar_after_two_seconds(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    list(progress.progress(range(3), "[nH] training", unit="molecules"))
    shown = sys.stderr.getvalue()
    assert "[nH] training" in shown
    assert "molecules/s" in shown


def test_progress_passes_errors_on_and_closes_its_bar(monkeypatch):
    closed = []
    monkeypatch.setattr(progress._Lines, "close", lambda self: closed.append(True))

    def failing():
        yield 1
        raise KeyError("row")

    with pytest.raises(KeyError, match="row"):
        list(progress.progress(failing(), "reading"))
    assert closed == [True]


def test_what_takes_long_is_announced_and_what_is_quick_is_not(capsys, monkeypatch):
    with progress.announced("loading nothing"):
        pass
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.01)
    with progress.announced("loading much"):
        time.sleep(0.5)
    assert capsys.readouterr().err == "loading much ...\n"
