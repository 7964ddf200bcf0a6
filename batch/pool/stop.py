"""Stop rules of a run, and the stop signal that every wait of the pool heeds."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.verdicts import Verdict

ENOUGH_SAMPLES = 50
"""Attempts before a share of errors means anything."""
TEMPLATE_ERRORS = 3
"""Refusals of the template's values in a row that stop the run: the campaign's fields do not fit the template."""
CLOCK_OFF = 300.0
"""Seconds the wall clock may differ from the API's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRules:
    """Limits at which a run stops by itself."""

    errors: float = 0.2
    """Share of refused rows among this run's attempts, judged from 50 attempts on."""
    unknowns: int = 5
    """Unknown outcomes in a row."""


class OutcomeMonitor:
    """Counter of this run's outcomes, as the stop rules need them."""

    def __init__(self, rules: StopRules) -> None:
        self._rules = rules
        self._done = self._errors = self._unknowns = self._template = 0

    def resume(self, done: int, errors: int) -> None:
        """Count outcomes of before, and how many of them were refused rows."""
        self._done += done
        self._errors += errors

    def add(self, verdict: Verdict) -> StopCause | None:
        """Count an outcome; return the cause to stop, or None."""
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


class StopSignal:
    """Request to stop, made once; it ends every `sleep`. Must be made on a running event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._abort = asyncio.Event()
        self.cause: StopCause | None = None
        self.finding: Finding | None = None
        """The answer or error that caused it, for people."""
        self._children: list[StopSignal] = []
        self._listeners: list[Callable[[], None]] = []
        self._sleepers: set[asyncio.Future[bool]] = set()

    def child(self) -> StopSignal:
        """Return a signal that is requested with this one, or alone without stopping the others."""
        child = StopSignal()
        if self.cause is not None:
            child.request(self.cause, self.finding)
        self._children.append(child)
        return child

    def on_request(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the stop is requested."""
        self._listeners.append(listener)

    @property
    def is_requested(self) -> bool:
        return self.cause is not None

    def request(self, cause: StopCause, finding: Finding | None = None) -> None:
        """Stop claiming. The first cause stays."""
        if self.cause is None:
            self.cause = cause
            self.finding = finding
            self._event.set()
            for sleeper in self._sleepers:
                _wake(sleeper, slept=False)
            for listener in self._listeners:
                listener()
            for child in self._children:
                child.request(cause, finding)

    def abort(self) -> None:
        """End at once, without waiting for attempts in flight."""
        self._abort.set()

    async def out_of_patience(self, grace: float) -> None:
        """Return `grace` seconds after the stop was requested, or at once when it is aborted."""
        await self._event.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._abort.wait()

    async def sleep(self, seconds: float) -> bool:
        """Sleep; False when the run stops first."""
        if self.is_requested:
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
def stop_on_signals(stop: StopSignal, notify: Callable[[bool], None]) -> Iterator[None]:
    """Turn SIGINT, SIGTERM, SIGHUP (and Ctrl+Break on Windows) into requests to `stop` while the block runs.

    `notify` is called with False at the first signal and with True at a second one. Must be entered on the running
    event loop; in another thread than the main one, where Python takes no handlers, signals are left alone. Uses
    `signal.signal`, which Windows has too, and not the loop's own handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    seen = 0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(take, _CAUSES[signal.Signals(number).name])

    def take(cause: StopCause) -> None:
        nonlocal seen
        seen += 1
        again = seen > 1
        if again:
            stop.abort()
        stop.request(cause)
        notify(again)  # last: a terminal that is gone must not keep the run from stopping

    known = [getattr(signal, name) for name in _CAUSES if hasattr(signal, name)]
    # nohup and its kin have the closing of the terminal ignored, and it stays so.
    numbers = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
