"""Watchers of a run: a person at a terminal, who is asked and sees bars, or none (cron)."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import click

from batch.app.check import Check
from batch.app.runs.progress import LOG_EVERY, Meter, Watcher
from batch.cli.bars import Bar, PassingBar, make_sheet_bar, state_text
from batch.cli.output.check import send_question
from batch.cli.output.layout import start_worker_line
from batch.cli.output.run import trial_question, waiting_text
from batch.cli.terminal import can_colour, can_draw, confirm, say
from batch.formatting import format_duration, format_moment
from batch.i18n import _, ngettext, number
from batch.model.lanes import Service
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import Run


def open_sheet_bar(sheets: Sequence[Path], *, quiet: bool) -> AbstractContextManager[PassingBar | None]:
    """Return what draws a bar for a block that reads these sheets; None where no person sees it."""
    return make_sheet_bar(sheets, quiet=quiet) if sys.stderr.isatty() else nullcontext()


def make_watcher(
    *, yes: bool, quiet: bool, expires: datetime | None = None, sheet_bar: PassingBar | None = None
) -> Watcher:
    """Return a `Terminal` where a person can see and answer, else one without; `quiet` shows nothing but still asks.

    `expires`: of the token; None: not known. `sheet_bar`: what is drawn while the sheet is read.
    """
    if not sys.stderr.isatty():
        return Watcher()
    return Terminal(yes=yes or not sys.stdin.isatty(), quiet=quiet, expires=expires, sheet_bar=sheet_bar)


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

    def __init__(
        self, *, yes: bool, quiet: bool, expires: datetime | None = None, sheet_bar: PassingBar | None = None
    ) -> None:
        super().__init__()
        self._sheet_bar = sheet_bar
        self._yes = yes
        self._expires = expires
        self._quiet = quiet
        self._bar: Bar | None = None
        self._ticks = 0
        self._pause_until = 0.0
        """End of the last pause that was printed, by the monotonic clock."""

    def read(self, rows: int, of: int) -> None:
        if self._sheet_bar:
            self._sheet_bar.draw(rows, of)

    def take_check(self, plan: Check) -> None:
        if not (self._sheet_bar and self._sheet_bar.is_drawn):
            return
        self._sheet_bar.close()
        if not plan.to_send:  # the report of so many rows takes longer than to find that out
            self._write(_("Nothing is left to send. The report comes next."))

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
        if self._sheet_bar:
            self._sheet_bar.close()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self) -> None:
        if not self._quiet and can_draw():
            self._bar = Bar(self.meter, colour=can_colour())

    def _write(self, text: str) -> None:
        if self._sheet_bar:
            self._sheet_bar.close()
        if self._bar is not None:
            self._bar.write(text)
        elif not self._quiet:
            say(text)
