"""Who asks before sending and shows how it goes: a person at a terminal, or nobody (cron)."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

import click

from batch.app.checking import Check
from batch.cli.asking import asked
from batch.cli.words_check import question
from batch.cli.words_run import waiting_text
from batch.cli.words_trial import trial_question
from batch.language import _, ngettext, number
from batch.model.outcome import Outcome
from batch.model.reason import Finding

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Silent", "Terminal", "watcher_for"]

_REFRESH = 0.1
"""Seconds between two drawings of the bar: more is only noise on a slow line."""


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


class Silent:
    """Nobody is there: nothing is asked and nothing is shown, unless something must be said."""

    def confirm(self, plan: Check) -> bool:  # noqa: ARG002 - the interface of a watcher
        return True

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:  # noqa: ARG002 - likewise
        return True

    def begin(self, plan: Check) -> None: ...
    def done(self, row: int, outcome: Outcome) -> None: ...
    def waiting(self, seconds: float, finding: Finding) -> None: ...
    def signalled(self, *, again: bool) -> None: ...
    def go_on(self, sent: int) -> bool:  # noqa: ARG002 - the interface of a watcher
        return True

    def end(self) -> None: ...

    def say(self, text: str, *, needed: bool) -> None:
        """Print what cron should mail: only what somebody must know."""
        if needed:
            click.echo(text, err=True)


class Terminal:
    """A person at a terminal: asks, draws a bar, tells of pauses."""

    def __init__(self, *, yes: bool, quiet: bool, expires: datetime | None = None) -> None:
        self._yes = yes
        self._expires = expires
        self._quiet = quiet
        self._bar: tqdm[NoReturn] | None = None
        self._seen: Counter[Outcome] = Counter()

    def confirm(self, plan: Check) -> bool:
        return self._yes or asked(question(plan, self._expires))

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:
        return self._yes or asked(trial_question(row, people, endpoint))

    def begin(self, plan: Check) -> None:
        if self._quiet or not plan.to_send:
            return
        from tqdm import tqdm

        self._bar = tqdm(total=plan.to_send, unit=_("row"), mininterval=_REFRESH, dynamic_ncols=True, smoothing=0.1)

    def done(self, row: int, outcome: Outcome) -> None:  # noqa: ARG002 - the interface of a watcher
        self._seen[outcome] += 1
        if self._bar is not None:
            self._bar.set_postfix_str(" ".join(f"{kind.value} {count}" for kind, count in self._shown()), refresh=False)
            self._bar.update(1)

    def waiting(self, seconds: float, finding: Finding) -> None:
        if seconds >= 1:
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
        self.end()
        said = ngettext(
            "The first {n} message was accepted. Look at it in WhatsApp. Send the rest?",
            "The first {n} messages were accepted. Look at one in WhatsApp. Send the rest?",
            sent,
        )
        with _signals_interrupt():
            try:
                return asked(said.format(n=number(sent)))
            except (click.Abort, KeyboardInterrupt):
                return False

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, text: str, *, needed: bool) -> None:  # noqa: ARG002 - a person reads every summary
        click.echo(text, err=True)

    def _shown(self) -> list[tuple[Outcome, int]]:
        return [(kind, self._seen[kind]) for kind in Outcome if self._seen[kind]]

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif not self._quiet:
            click.echo(text, err=True)
