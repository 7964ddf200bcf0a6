"""Watchers of a run: pauses, the bar, and a terminal that goes away meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.app.runs.progress import Meter
from batch.cli.bars import Bar, make_sheet_bar
from batch.cli.progress import Terminal
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason

SLOW_DOWN = Finding(Reason.RATE_LIMITED, {"status": "429"})


def test_of_several_attempts_that_meet_the_same_pause_one_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixteen were in flight when the API asked to slow down; a longer pause is told again."""
    watcher = Terminal(yes=True, quiet=False)
    for _ in range(16):
        watcher.pause(30, SLOW_DOWN, "a")
    assert capsys.readouterr().err.count("slow down") == 1
    watcher.pause(90, SLOW_DOWN, "a")
    assert capsys.readouterr().err.count("slow down") == 1


@contextlib.contextmanager
def lost_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every write to stderr fail: nobody reads there any more."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(stream, "isatty", lambda: True, raising=False)
        patch.setattr(sys, "stderr", stream)
        yield
    with contextlib.suppress(OSError):  # BrokenPipeError, and EINVAL on Windows
        stream.close()


def test_a_terminal_that_is_gone_ends_the_drawing_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on to its last row."""
    with lost_terminal(monkeypatch):
        meter = Meter(total=3)
        bar = Bar(meter, colour=True, clock=iter(range(100)).__next__)
        for _ in range(3):
            meter.done(Outcome.SUCCESS)
            bar.done()
        bar.write("x")
        bar.close()
    assert bar._bar is None


def test_a_sheet_is_read_though_the_terminal_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of a large sheet is drawn before anything else fails."""
    (tmp_path / "large.csv").write_bytes(b"x" * 4_000_000)
    with lost_terminal(monkeypatch), make_sheet_bar([tmp_path / "large.csv"], quiet=False) as bar:
        bar.draw(1, 2)
        assert not bar.is_drawn


def test_a_bar_is_drawn_ten_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand rows in one second: a slow line must not hold up the sending."""
    now = 50.0
    drawn = []
    bar = Bar(Meter(total=1000, clock=lambda: now), colour=False, clock=lambda: now)
    monkeypatch.setattr(bar, "draw", lambda: drawn.append(now) or setattr(bar, "_drawn", now))
    for _ in range(1000):
        now += 0.001
        bar.done()
    assert 8 <= len(drawn) <= 10
