"""Who asks before sending and shows how it goes: a person at a terminal, or nobody (cron)."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import click

from batch.app.check import Check
from batch.app.runs.metered import LOG_EVERY
from batch.app.runs.progress import Meter
from batch.cli.bar import Bar, can_draw, colours
from batch.cli.output.check import question
from batch.cli.output.run import waiting_text
from batch.cli.output.words_progress import state_text
from batch.cli.output.words_trial import trial_question
from batch.cli.prompts import asked
from batch.i18n import _, ngettext, number
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding

__all__ = ["Silent", "Terminal", "watcher_for"]


def watcher_for(*, yes: bool, quiet: bool, expires: datetime | None = None) -> Silent | Terminal:
    """A `Terminal` where a person can see and answer, else a `Silent` one; `quiet` shows nothing but still asks.

    `expires`: when the token does, if it says so.
    """
    if not sys.stderr.isatty():
        return Silent()
    return Terminal(yes=yes or not sys.stdin.isatty(), quiet=quiet, expires=expires)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let signals interrupt a question: the run's own handlers wait for the event loop, which the question holds up."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Asked:
    """What a run says of itself when somebody asks, at whatever moment."""

    def __init__(self) -> None:
        self._meter: Meter | None = None
        self._ended = False

    def begin(self, plan: Check, meter: Meter) -> None:  # noqa: ARG002 - the interface of a watcher
        self._meter = meter

    def end(self) -> None:
        self._ended = True

    def state(self) -> str:
        """One line; changes nothing, so that a signal may ask for it."""
        if self._meter is None:
            return _("The sheet is being checked; nothing is sent yet.")
        said = state_text(self._meter.look())
        return said + " " + _("The report is being written.") if self._ended else said


class Silent(_Asked):
    """Nobody is there: nothing is asked and nothing is shown, unless something must be said."""

    def confirm(self, plan: Check) -> bool:  # noqa: ARG002 - the interface of a watcher
        return True

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:  # noqa: ARG002 - likewise
        return True

    def done(self, row: int, outcome: Outcome) -> None: ...
    def waiting(self, seconds: float, finding: Finding, sender: str) -> None: ...
    def signalled(self, *, again: bool) -> None: ...
    def tick(self) -> None: ...
    def go_on(self, sent: int) -> bool:  # noqa: ARG002 - the interface of a watcher
        return True

    def say(self, text: str, *, needed: bool) -> None:
        """Print what cron should mail: only what somebody must know."""
        if needed:
            click.echo(text, err=True)


class Terminal(_Asked):
    """A person at a terminal: asks, draws a bar, tells of pauses."""

    def __init__(self, *, yes: bool, quiet: bool, expires: datetime | None = None) -> None:
        super().__init__()
        self._yes = yes
        self._expires = expires
        self._quiet = quiet
        self._bar: Bar | None = None
        self._ticks = 0
        self._told_until = 0.0
        """When the pause ends that was told of last, by the monotonic clock."""

    def confirm(self, plan: Check) -> bool:
        return self._yes or asked(question(plan, self._expires))

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:
        return self._yes or asked(trial_question(row, people, endpoint))

    def begin(self, plan: Check, meter: Meter) -> None:
        super().begin(plan, meter)
        if plan.to_send:
            self._open()

    def done(self, row: int, outcome: Outcome) -> None:  # noqa: ARG002 - the interface of a watcher
        if self._bar is not None:
            self._bar.done()

    def tick(self) -> None:
        self._ticks += 1
        if self._bar is not None:
            self._bar.draw()
        elif self._meter is not None and not self._quiet and self._ticks % LOG_EVERY == 0:
            self._write(state_text(self._meter.look()))

    def waiting(self, seconds: float, finding: Finding, sender: str) -> None:  # noqa: ARG002 - likewise
        until = time.monotonic() + seconds
        if seconds >= 1 and until >= self._told_until + 1:  # of several attempts that meet the same, one tells
            self._told_until = until
            self._write(waiting_text(seconds, finding))

    def signalled(self, *, again: bool) -> None:
        words = (
            _("Ending at once.")
            if again
            else _("Stopping: what is in flight is finished first. Press Ctrl+C again to end at once.")
        )
        self._write(words)

    def go_on(self, sent: int) -> bool:
        if self._yes:
            return True
        self._close()
        said = ngettext(
            "The first {n} message was accepted. Look at it in WhatsApp. Send the rest?",
            "The first {n} messages were accepted. Look at one in WhatsApp. Send the rest?",
            sent,
        )
        with _signals_interrupt():
            try:
                goes_on = asked(said.format(n=number(sent)))
            except (click.Abort, KeyboardInterrupt):
                return False
        if goes_on:
            self._open()
        return goes_on

    def end(self) -> None:
        self._close()
        super().end()

    def state(self) -> str:
        return f"{self._bar.cleared if self._bar else ''}{super().state()}"

    def say(self, text: str, *, needed: bool) -> None:  # noqa: ARG002 - a person reads every summary
        click.echo(text, err=True)

    def _open(self) -> None:
        if self._meter is not None and not self._quiet and can_draw():
            self._bar = Bar(self._meter, colour=colours())

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text)
        elif not self._quiet:
            click.echo(text, err=True)
