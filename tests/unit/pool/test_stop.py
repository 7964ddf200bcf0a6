"""Stop signals: how a program's own handlers come back, and what a sleep leaves behind."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.verdicts import Verdict
from batch.pool import StopSignal, stop_on_signals
from batch.pool.stop import OutcomeMonitor, StopRules


@pytest.mark.parametrize(
    "name", [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
)
def test_signals_stop_a_run_and_nothing_after_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stops, the second aborts; both are told; afterwards the program has its own handlers again."""
    number = getattr(signal, name)
    heard: list[Any] = []
    before = signal.signal(number, lambda *_: heard.append("own"))

    async def run() -> StopCause | None:
        stop = StopSignal()
        with stop_on_signals(stop, heard.append):
            for _ in range(2):
                signal.raise_signal(number)
                await asyncio.sleep(0.01)
            await asyncio.wait_for(stop.out_of_patience(60.0), 5.0)
        signal.raise_signal(number)
        return stop.cause

    try:
        cause = asyncio.run(run())
    finally:
        signal.signal(number, before)
    assert cause is (StopCause.INTERRUPTED if name == "SIGINT" else StopCause.TERMINATED)
    assert heard == [False, True, "own"]


def test_in_another_thread_signals_are_left_alone() -> None:
    """A program that sends from a thread of its own keeps its handlers: Python takes them in the main thread only."""

    async def run() -> StopCause | None:
        stop = StopSignal()
        with stop_on_signals(stop, lambda _again: None):
            return stop.cause

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(asyncio.run, run()).result() is None
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_cause_stays() -> None:
    """Also of a child; one that is made later has it too, and a child's own cause is not the parent's."""

    async def run() -> None:
        stop = StopSignal()
        alone, other = stop.child(), stop.child()
        finding = Finding(Reason.RATE_LIMITED)
        alone.request(StopCause.RETRIES_USED_UP, finding)
        assert (alone.is_requested, other.is_requested, stop.is_requested) == (True, False, False)
        stop.request(StopCause.INTERRUPTED)
        stop.request(StopCause.LEDGER_FAILED, finding)
        late = stop.child()
        assert [each.cause for each in (alone, other, stop, late)] == [
            StopCause.RETRIES_USED_UP,
            *[StopCause.INTERRUPTED] * 3,
        ]
        assert (alone.finding, stop.finding) == (finding, None)

    asyncio.run(run())


def test_each_stop_rule_begins_at_its_figure() -> None:
    """A fifth of errors from fifty attempts on, five unknown in a row, three refusals of the template in a row."""
    good, unknown = (
        Verdict(outcome=each, finding=Finding(Reason.CREATED)) for each in (Outcome.SUCCESS, Outcome.UNKNOWN)
    )
    error = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED))
    template = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.TEMPLATE_VALUES))
    for verdicts, cause in (
        ([error] * 10 + [good] * 40, StopCause.TOO_MANY_ERRORS),
        ([error] * 49, None),
        ([error] * 9 + [good] * 41, None),
        ([good] * 50, None),
        ([good, *[unknown] * 5], StopCause.UNKNOWNS_IN_A_ROW),
        ([*[unknown] * 4, good, *[unknown] * 4], None),
        ([good, *[template] * 3], StopCause.TEMPLATE_REFUSED),
        ([*[template] * 2, error, *[template] * 2], None),
    ):
        monitor = OutcomeMonitor(StopRules())
        assert [monitor.add(each) for each in verdicts] == [*[None] * (len(verdicts) - 1), cause]
    assert OutcomeMonitor(StopRules(errors=0.0)).add(good) is None


def test_a_sleep_ends_with_its_time_or_with_the_run() -> None:
    """True when it was slept; nothing is waited for when there is no time, or the run is stopping already."""

    async def run() -> list[bool]:
        stop = StopSignal()
        found = [await stop.sleep(-1.0), await stop.sleep(0.0), await stop.sleep(0.001)]
        sleeping = [asyncio.ensure_future(stop.sleep(60.0)) for _ in range(2)]
        await asyncio.sleep(0)
        stop.request(StopCause.TERMINATED)
        async with asyncio.timeout(5.0):
            found += [await each for each in sleeping]
            found += [await stop.sleep(60.0), await stop.sleep(0.0)]
        return found

    assert asyncio.run(run()) == [True, True, True, False, False, False, False]
