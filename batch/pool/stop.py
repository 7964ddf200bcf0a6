"""What stops a run before its rows are done, and the one place where it is noted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import FrameType

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.verdicts import Verdict

ENOUGH_SAMPLES = 50
"""Attempts before a share of errors says anything."""
TEMPLATE_ERRORS = 3
"""Refusals of the template's values in a row that stop the run: the campaign's fields do not fit the template."""
CLOCK_OFF = 300.0
"""Seconds the wall clock may differ from the API's."""


class StopCause(StrEnum):
    """Why a run ended before its rows were done."""

    INTERRUPTED = "interrupted"
    """SIGINT."""
    TERMINATED = "terminated"
    """SIGTERM."""
    FATAL_ANSWER = "fatal_answer"
    """Every row would fail alike."""
    TOO_MANY_ERRORS = "too_many_errors"
    UNKNOWNS_IN_A_ROW = "unknowns_in_a_row"
    TEMPLATE_REFUSED = "template_refused"
    RETRIES_USED_UP = "retries_used_up"
    LEDGER_FAILED = "ledger_failed"
    CLOCK_WRONG = "clock_wrong"
    CANARY = "canary"
    """Not all of the first rows were accepted."""
    DEFECT = "defect"


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRules:
    """When a run stops by itself."""

    errors: float = 0.2
    """Share of refused rows among this run's attempts, judged from 50 attempts on."""
    unknowns: int = 5
    """Unknown outcomes in a row."""


class Watch:
    """Counts this run's outcomes and says when the rules stop it. Only this run's attempts count."""

    def __init__(self, rules: StopRules) -> None:
        self._rules = rules
        self._done = self._errors = self._unknowns = self._template = 0

    def see(self, verdict: Verdict) -> StopCause | None:
        """Count an outcome; return why the run must stop, or None."""
        self._done += 1
        self._errors += verdict.outcome is Outcome.ERROR
        self._unknowns = self._unknowns + 1 if verdict.outcome is Outcome.UNKNOWN else 0
        refused = verdict.finding.reason is Reason.TEMPLATE_VALUES
        self._template = self._template + 1 if refused else 0
        if self._unknowns >= self._rules.unknowns:
            return StopCause.UNKNOWNS_IN_A_ROW
        if self._template >= TEMPLATE_ERRORS:
            return StopCause.TEMPLATE_REFUSED
        if self._done >= ENOUGH_SAMPLES and self._errors >= self._rules.errors * self._done and self._errors:
            return StopCause.TOO_MANY_ERRORS
        return None


class Stop:
    """The request to stop, made once and seen by everyone who waits. Must be made on a running event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._abort = asyncio.Event()
        self.cause: StopCause | None = None
        self.finding: Finding | None = None
        """What the API or the system said, for people."""
        self._below: list[Stop] = []
        self._sleepers: set[asyncio.Future[bool]] = set()

    def below(self) -> Stop:
        """A stop of a part: requested when this one is, and by itself without stopping the others."""
        part = Stop()
        if self.cause is not None:
            part.request(self.cause, self.finding)
        self._below.append(part)
        return part

    @property
    def requested(self) -> bool:
        return self.cause is not None

    def request(self, cause: StopCause, finding: Finding | None = None) -> None:
        """Stop claiming. The first cause stays."""
        if self.cause is None:
            self.cause = cause
            self.finding = finding
            self._event.set()
            for sleeper in self._sleepers:
                _wake(sleeper, slept=False)
            for part in self._below:
                part.request(cause, finding)

    def abort(self) -> None:
        """End at once: what is in flight is not waited for."""
        self._abort.set()

    async def out_of_patience(self, grace: float) -> None:
        """Return `grace` seconds after the stop was requested, or at once when it is aborted."""
        await self._event.wait()
        try:
            async with asyncio.timeout(grace):
                await self._abort.wait()
        except TimeoutError:
            return

    async def sleep(self, seconds: float) -> bool:
        """Sleep; False when the run stops first."""
        if self.requested:
            return False
        if seconds <= 0:
            return True
        # A timer and a future: a third of what asyncio.timeout around an event costs, several times for each row.
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[bool] = loop.create_future()
        self._sleepers.add(sleeper)
        timer = loop.call_later(seconds, partial(_wake, sleeper, slept=True))
        try:
            return await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)


def _wake(sleeper: asyncio.Future[bool], *, slept: bool) -> None:
    if not sleeper.done():
        sleeper.set_result(slept)


_CAUSES = {
    "SIGINT": StopCause.INTERRUPTED,
    "SIGTERM": StopCause.TERMINATED,
    "SIGBREAK": StopCause.TERMINATED,
    "SIGHUP": StopCause.TERMINATED,
}


@contextmanager
def stopping_on_signals(stop: Stop, tell: Callable[[bool], None]) -> Iterator[None]:
    """Turn SIGINT, SIGTERM, SIGHUP (and Ctrl+Break on Windows) into requests to `stop` while the block runs.

    `tell` is called with False at the first signal and with True at a second one. Must be entered on the running event
    loop in the main thread. Uses `signal.signal`, which Windows has too, and not the loop's own handlers.
    """
    loop = asyncio.get_running_loop()
    seen = 0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(heed, _CAUSES[signal.Signals(number).name])

    def heed(cause: StopCause) -> None:
        nonlocal seen
        seen += 1
        again = seen > 1
        if again:
            stop.abort()
        stop.request(cause)
        tell(again)  # last: a terminal that is gone must not keep the run from stopping

    known = [getattr(signal, name) for name in _CAUSES if hasattr(signal, name)]
    # nohup and its kin have the closing of the terminal ignored, and it stays so.
    numbers = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
