"""`kill -USR1` (and Ctrl+T where the system has it): a run says on stderr how it goes, and goes on.

Windows has no such signal, and its Ctrl+Break ends a run as it ends every program; there the `progress` lines of
run.log, one every 30 seconds, tell the same.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["answering", "unharmed"]

_ASKING = ("SIGUSR1", "SIGINFO")
"""SIGINFO is what Ctrl+T sends on macOS and BSD."""


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _ASKING if hasattr(signal, name)]


def unharmed() -> None:
    """From here on such a signal ends nothing, also where nobody answers it. Call it in the main thread."""
    for number in _numbers():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def answering(state: Callable[[], str]) -> Iterator[None]:
    """Print what `state` gives, one line, whenever somebody asks while the block runs.

    It is called between any two steps of the main thread, so it must change nothing. Outside the main thread nobody
    can ask.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(_number: int, _frame: FrameType | None) -> None:
        # Not through sys.stderr: the signal may have come in the middle of its own writing.
        with suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), f"{state()}\n".encode(sys.stderr.encoding or "utf-8", "replace"))

    before = {number: signal.signal(number, answer) for number in _numbers()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
