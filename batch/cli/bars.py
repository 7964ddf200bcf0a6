"""Bars on stderr: of a run, as full as the terminal is wide, and of large sheets while they are read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click
from tqdm import tqdm

from batch.app.runs.progress import Meter, RunProgress
from batch.cli.terminal import can_draw, render_text, terminal_width, text_width
from batch.control_characters import show_controls
from batch.formatting import format_duration, format_rate, format_short_rate
from batch.i18n import _, number
from batch.model.outcomes import Outcome

Groups = list[list[tuple[str, str]]]
"""Groups of (text, colour): a gap is between groups, a comma inside them."""

_SHORTEST_BAR = 6
"""Columns."""
_GAP = "  "
_BAR = "{bar}"


def bar_line(now: RunProgress, columns: int, *, ended: bool = False, colour: bool = False) -> str:
    """Return the fullest line that fits into so many columns; `{bar}` stands where there is room for a bar."""
    line = ""
    for groups in _lines(now, ended=ended):
        line = _join(groups)
        # Colours take no columns.
        if len(click.unstyle(line).replace(_BAR, " " * _SHORTEST_BAR)) <= columns:
            break
    return line if colour else click.unstyle(line)


def _lines(now: RunProgress, *, ended: bool) -> Iterator[Groups]:
    """Yield the state on shorter and shorter lines."""
    # Rounded down: 100 % stands there only when everything is done.
    share = f"{100 * now.done // now.total if now.total else 100:3}%"
    position = f"{number(now.done)}/{number(now.total)}"
    counts, pace, rest = _counts(now), _pace(now, ended=ended), _rest(now, ended=ended)
    short_counts = [(_("accepted {n}").format(n=number(now.sent)), ""), *(each for each in counts[1:] if each[1])]
    yield [[(f"{share} {_BAR} {position}", "")], counts, pace, rest]
    yield [[(f"{share} {_BAR} {position}", "")], short_counts, pace, rest]
    yield [[(f"{share} {position}", "")], short_counts, pace, rest]
    yield [[(f"{share} {position}", "")], short_counts, rest]
    yield [[(share, "")], short_counts, rest]
    yield [[(f"{share} {position}", "")], rest]
    yield [[(share, "")]]


def _join(groups: Groups) -> str:
    styled = [[click.style(text, fg=colour) if colour else text for text, colour in group] for group in groups]
    texts = (", ".join(group) for group in styled if group)
    return _GAP.join(texts)


def _counts(now: RunProgress) -> list[tuple[str, str]]:
    errors, unknown = now.counts[Outcome.ERROR], now.counts[Outcome.UNKNOWN]
    sent, reused = number(now.sent), number(now.counts[Outcome.REUSED])
    return [
        (_("accepted {n} ({reused} existing)").format(n=sent, reused=reused), ""),
        (_("to fix {n}").format(n=number(errors)), "red" if errors else ""),
        (_("to decide {n}").format(n=number(unknown)), "yellow" if unknown else ""),
    ]


def _pace(now: RunProgress, *, ended: bool) -> list[tuple[str, str]]:
    if now.waits and not ended:
        return [(_("waits {time}").format(time=format_duration(now.waits)), "")]
    return [] if now.rate is None else [(format_short_rate(now.rate), "")]


def _rest(now: RunProgress, *, ended: bool) -> list[tuple[str, str]]:
    if ended or not now.remaining or now.eta is None:
        return []
    return [(_("{time} left").format(time=format_duration(now.eta)), "")]


def state_text(now: RunProgress) -> str:
    """Return the state as a sentence: `450 of 1,000: accepted 400 (30 existing), ...; 550 left, 10 a second.`"""
    done = _("{done} of {total}: {counts}; {left} left").format(
        done=number(now.done),
        total=number(now.total),
        counts=", ".join(text for text, _colour in _counts(now)),
        left=number(now.remaining),
    )
    parts = [done]
    if now.rate is not None:
        parts.append(format_rate(float(f"{now.rate:.3g}")))
    if now.waits:
        parts.append(_("waiting {time}").format(time=format_duration(now.waits)))
    if now.remaining and now.eta is not None:
        parts.append(_("about {time} to go").format(time=format_duration(now.eta)))
    return f"{', '.join(parts)}."


_REFRESH = 0.1
"""Seconds between two drawings: more is only noise on a slow line."""
_USUAL_COLUMNS = 80
_ROWS = 2
"""For one bar. What a terminal says of itself may be 0, as at the start of a container."""


class Bar:
    """Progress bar on stderr. A terminal that is gone (EIO) ends the drawing, and nothing else."""

    def __init__(self, meter: Meter, *, colour: bool, clock: Callable[[], float] = time.monotonic) -> None:
        tqdm.monitor_interval = 0  # no thread of its own: `tick` redraws
        self._meter = meter
        self._clock = clock
        self._drawn = clock()
        self._colour = colour
        self._bar: tqdm[NoReturn] | None = tqdm(total=meter.look().total, leave=True, delay=1, nrows=_ROWS)
        self._bar.delay = 0  # it must not draw before we say what, and what it draws may fail
        self.draw()

    def done(self) -> None:
        """Draw after a row, if it is time. Costs nearly nothing."""
        if self._clock() - self._drawn >= _REFRESH:
            self.draw()

    def draw(self, *, ended: bool = False) -> None:
        """Draw the progress now."""
        if self._bar is None:
            return
        self._drawn = self._clock()
        now, columns = self._meter.look(), (terminal_width(sys.stderr) or _USUAL_COLUMNS) - 1
        self._bar.n, self._bar.ncols = now.done, columns
        self._bar.bar_format = bar_line(now, columns, ended=ended, colour=self._colour)
        try:
            self._bar.refresh()
        except (OSError, ValueError):  # the terminal is gone
            self._bar.disable = True  # nor will it try when it is thrown away
            self._bar = None

    def write(self, text: str) -> None:
        """Write a line above the bar."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.write(render_text(text, sys.stderr), file=sys.stderr)

    def close(self) -> None:
        """Leave the last state as a line. May be called twice."""
        self.draw(ended=True)
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None


class PassingBar:
    """Bar that leaves nothing behind. It survives its terminal, as `Bar` does, and is drawn on a terminal alone."""

    def __init__(self, words: str = "", *, figures: str, is_off: bool = False) -> None:
        """`words` are drawn at once, and stand before the bar; `figures`: the bar and its figures, as tqdm has them."""
        tqdm.monitor_interval = 0
        self._words, self._figures = words.replace("{", "{{").replace("}", "}}"), figures
        off = True if is_off or not can_draw() else None  # None: where stderr is no terminal
        self._bar: tqdm[NoReturn] = tqdm(
            disable=off, leave=False, delay=1, bar_format=self._words, ncols=text_width(), nrows=_ROWS
        )
        self._bar.delay = 0  # as of `Bar`
        if words:
            with self._surviving():
                self._bar.refresh()

    def __enter__(self) -> PassingBar:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def is_drawn(self) -> bool:
        return not self._bar.disable

    def draw(self, done: int, total: int) -> None:
        """Draw how much is done. Costs little where it was drawn a moment ago."""
        self._bar.total, self._bar.bar_format = total, self._words + self._figures
        with self._surviving():
            self._bar.update(done - self._bar.n)
            if not done:
                self._bar.refresh()

    def close(self) -> None:
        """Take the bar away. May be called twice."""
        with self._surviving():
            self._bar.close()

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Draw no more once the terminal is gone."""
        try:
            yield
        except (OSError, ValueError):
            self._bar.disable = True


_LARGE_SHEETS = 4_000_000
"""Bytes that take some seconds to be read."""


def make_sheet_bar(sheets: Sequence[Path], *, quiet: bool) -> PassingBar:
    """Return the bar for sheets that are read and judged. Small ones are read before it could be looked at."""
    size = 0
    with suppress(OSError):  # opening the file says what is wrong with it
        size = sum(sheet.stat().st_size for sheet in sheets)
    names, most = ", ".join(show_controls(sheet.name) for sheet in sheets), text_width() // 2
    words = _("Reading {files}").format(files=names if len(names) <= most else names[: most - 1] + "…")
    figures = "  {percentage:3.0f}% {bar} {elapsed}<{remaining}"
    return PassingBar(words, figures=figures, is_off=quiet or size < _LARGE_SHEETS)
