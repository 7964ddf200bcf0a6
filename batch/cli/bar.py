"""The bar of a run on a terminal: one line that is drawn again, at most ten times a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import click

from batch.app.runs.progress import Meter
from batch.cli.output.words_progress import Paint, bar_line, plain

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Bar", "can_draw", "colours"]

_REFRESH = 0.1
"""Seconds between two drawings: more is only noise on a slow line."""
_USUAL_COLUMNS = 80
_CLEARED = "\r\x1b[K"
"""Back to the line's beginning, and nothing on it."""


def can_draw(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal can go back on a line; a dumb one can only print the next."""
    return environment.get("TERM", "").casefold() != "dumb"


def colours(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether colours are wanted and understood: not with NO_COLOR, nor on an old Windows console."""
    if environment.get("NO_COLOR") or not can_draw(environment):
        return False
    return platform != "win32" or "WT_SESSION" in environment


class Bar:
    """Drawn on stderr from what a meter says. A terminal that is gone (EIO) ends the drawing, and nothing else."""

    def __init__(self, meter: Meter, *, colour: bool, clock: Callable[[], float] = time.monotonic) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread of its own: `tick` redraws
        self._meter = meter
        self._clock = clock
        self._drawn = clock()
        self._paint: Paint = _painted if colour else plain
        self._bar: tqdm[NoReturn] | None = tqdm(total=meter.look().total, leave=True, delay=1)
        self._bar.delay = 0  # it must not draw before we say what, and what it draws may fail
        self.draw()

    def done(self) -> None:
        """A row is done: draw, if it is time. Costs nearly nothing."""
        if self._clock() - self._drawn >= _REFRESH:
            self.draw()

    def draw(self, *, ended: bool = False) -> None:
        """Draw how far it is now."""
        if self._bar is None:
            return
        self._drawn = self._clock()
        now, columns = self._meter.look(), _columns() - 1
        self._bar.n, self._bar.ncols = now.done, columns
        self._bar.bar_format = bar_line(now, columns, ended=ended, paint=self._paint)
        try:
            self._bar.refresh()
        except (OSError, ValueError):  # nobody looks there any more
            self._bar.disable = True  # nor will it try when it is thrown away
            self._bar = None

    def write(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leave the last state as a line. May be called twice."""
        self.draw(ended=True)
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None

    @property
    def cleared(self) -> str:
        """What to write before a line of one's own, so that it does not stand behind the bar."""
        return "" if self._bar is None else _CLEARED


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


def _painted(text: str, colour: str) -> str:
    return click.style(text, fg=colour)
