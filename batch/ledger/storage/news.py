"""Carries the results of writes from the writer's thread to the event loop, a whole group at once.

asyncio's own way wakes the loop for every single result, which costs more than the write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from threading import Lock
from typing import Any

__all__ = ["News"]


class News:
    """Results on their way to one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._lock = Lock()
        self._rung = False

    def tell(self, told: asyncio.Future[Any], done: Future[Any]) -> None:
        """Let `told`, a future of the loop, have the result of `done`, which is there. Any thread may call it.

        When nobody waits any more (cancelled, or the loop is closed), the result is dropped.
        """
        with self._lock:
            self._waiting.append((told, done))
            if self._rung:
                return
            self._rung = True
        loop = told.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._rung = False
            waiting, self._waiting = self._waiting, deque()
        for told, done in waiting:
            if told.done():
                continue
            if done.cancelled():
                told.cancel()
                continue
            error = done.exception()
            if error is None:
                told.set_result(done.result())
            else:
                told.set_exception(error)
