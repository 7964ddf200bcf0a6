"""Watchers of a run: a person at a terminal, who is asked and sees a bar, or none (cron); and the bar's line."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import NoReturn

import click
from tqdm import tqdm

from batch.app.check import Check
from batch.app.runs.progress import LOG_EVERY, Meter, RunProgress, Watcher
from batch.cli.output.check import send_question
from batch.cli.output.layout import start_worker_line
from batch.cli.output.run import trial_question, waiting_text
from batch.cli.terminal import can_colour, can_draw, confirm, render_text, say, terminal_width
from batch.formatting import format_duration, format_moment, format_rate, format_short_rate
from batch.i18n import _, ngettext, number
from batch.model.lanes import Service
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import Run

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
    """The same state on shorter and shorter lines."""
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
    """The state as a sentence: `450 of 1,000: accepted 400 (30 existing), ...; 550 left, 10 a second, 55 s to go.`"""
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


class Bar:
    """Progress bar on stderr. A terminal that is gone (EIO) ends the drawing, and nothing else."""

    def __init__(self, meter: Meter, *, colour: bool, clock: Callable[[], float] = time.monotonic) -> None:
        tqdm.monitor_interval = 0  # no thread of its own: `tick` redraws
        self._meter = meter
        self._clock = clock
        self._drawn = clock()
        self._colour = colour
        self._bar: tqdm[NoReturn] | None = tqdm(total=meter.look().total, leave=True, delay=1, nrows=2)
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


def make_watcher(*, yes: bool, quiet: bool, expires: datetime | None = None) -> Watcher:
    """Return a `Terminal` where a person can see and answer, else one without; `quiet` shows nothing but still asks.

    `expires`: of the token; None: not known.
    """
    if not sys.stderr.isatty():
        return Watcher()
    return Terminal(yes=yes or not sys.stdin.isatty(), quiet=quiet, expires=expires)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let signals interrupt a question: the run's own handlers wait for the event loop, which the question holds up."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class Terminal(Watcher):
    """Watcher for a person at a terminal: asks, draws a bar, prints pauses."""

    has_reader = True

    def __init__(self, *, yes: bool, quiet: bool, expires: datetime | None = None) -> None:
        super().__init__()
        self._yes = yes
        self._expires = expires
        self._quiet = quiet
        self._bar: Bar | None = None
        self._ticks = 0
        self._pause_until = 0.0
        """End of the last pause that was printed, by the monotonic clock."""

    def confirm(self, plan: Check) -> bool:
        return self._yes or confirm(send_question(plan, self._expires))

    def wait_for_hours(self, until: datetime, timezone: str) -> bool:
        question = _("Outside the campaign's hours: wait until {when}?")
        return not self._yes and confirm(question.format(when=format_moment(until, timezone)))

    def skip_hours(self, until: datetime, timezone: str) -> bool:
        question = _("The campaign's hours begin on {when}. This is a rehearsal: send it now all the same?")
        return not self._yes and confirm(question.format(when=format_moment(until, timezone)))

    def look_first(self, people: int, seconds: float) -> None:
        words = ngettext(
            "Looking into the chat of {n} person first, for {time} at most: earlier messages are due for a look.",
            "Looking into the chats of {n} people first, for {time} at most: earlier messages are due for a look.",
            people,
        )
        self._write(words.format(n=number(people), time=format_duration(seconds)))

    def look_at_canary(self, messages: int, seconds: float) -> None:
        words = ngettext(
            "Looking whether the first {n} message is sent on, for {time} at most.",
            "Looking whether the first {n} messages are sent on, for {time} at most.",
            messages,
        )
        self._write(words.format(n=number(messages), time=format_duration(seconds)))

    def start_workers(self, workers: int, postgres: int) -> None:
        words = _("Starting PostgreSQL {version}, an imitation of the API, and {workers} workers.")
        self._write(words.format(version=postgres, workers=workers))

    def miss_workers(self, run: Run, service: Service) -> None:
        self._write(start_worker_line(run, service))

    def lose_worker(self, pid: int, senders: int) -> None:
        words = ngettext(
            "Killed the worker {pid} (as by kill -9), which was sending for {n} sender: the others take over.",
            "Killed the worker {pid} (as by kill -9), which was sending for {n} senders: the others take over.",
            senders,
        )
        self._write(words.format(pid=pid, n=number(senders)))

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:
        return self._yes or confirm(trial_question(row, people, endpoint))

    def begin(self, meter: Meter) -> None:
        super().begin(meter)
        if meter.total:
            self._open()

    def done(self, row: int, outcome: Outcome) -> None:
        super().done(row, outcome)
        if self._bar is not None:
            self._bar.done()

    def tick(self) -> None:
        self._ticks += 1
        if self._bar is not None:
            self._bar.draw()
        elif self.meter.total and not self._quiet and self._ticks % LOG_EVERY == 0:
            self._write(state_text(self.meter.look()))

    def pause(self, seconds: float, finding: Finding, sender: str) -> None:
        super().pause(seconds, finding, sender)
        until = time.monotonic() + seconds
        if seconds >= 1 and until >= self._pause_until + 1:  # of attempts that meet the same pause one is printed
            self._pause_until = until
            self._write(waiting_text(seconds, finding))

    def on_signal(self, *, again: bool) -> None:
        first = _("Stopping: what is in flight is finished first. Press Ctrl+C again to end at once.")
        self._write(_("Ending at once.") if again else first)

    def go_on(self, sent: int) -> bool:
        if self._yes:
            return True
        self.end()
        question = ngettext(
            "The first {n} message was accepted. Look at it in WhatsApp. Send the rest?",
            "The first {n} messages were accepted. Look at one in WhatsApp. Send the rest?",
            sent,
        )
        with _signals_interrupt():
            try:
                goes_on = confirm(question.format(n=number(sent)))
            except (click.Abort, KeyboardInterrupt):
                return False
        if goes_on:
            self._open()
        return goes_on

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self) -> None:
        if not self._quiet and can_draw():
            self._bar = Bar(self.meter, colour=can_colour())

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text)
        elif not self._quiet:
            say(text)
