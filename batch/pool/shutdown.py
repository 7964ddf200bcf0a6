"""Signals: the first lets the run finish what is in flight, the second ends it at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from batch.pool.stop import Stop, StopCause

__all__ = ["stopping_on_signals"]

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
