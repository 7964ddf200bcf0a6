"""The writer thread: writes that wait when it is free share a transaction, and so one fsync.

Alone, a write is committed at once; under load, commits follow each other no closer than a few milliseconds, so that
groups form: a commit costs as much as ten writes, in CPU as on the disk.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, TypeVar

import sqlalchemy as sa

from batch.i18n import N_, _
from batch.ledger.storage.engine import shrink_cache, write_failure

T = TypeVar("T")
Write = Callable[[sa.Connection], Any]
_MOST = 512  # writes in one transaction: bounds how long the first of them waits
_APART = 0.004
"""Seconds between the beginnings of two commits, at the least. A claim is made 20 ms before its start."""


class Writer:
    """Run writes on the ledger, several to a commit.

    Use as a context manager: leaving it finishes what was submitted.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._writes: SimpleQueue[tuple[Write, Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="ledger-writer", daemon=True
        )

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._writes.put(None)
        self._thread.join()

    def submit(self, write: Callable[[sa.Connection], T]) -> Future[T]:
        """Run `write` in a transaction soon. The future resolves after its commit: what it did is durable then.

        The future holds LedgerFailed when the transaction failed; whether it took effect is then doubtful, and the
        caller must not act as if it had.
        """
        future: Future[T] = Future()
        self._writes.put((write, future))
        return future

    def _work(self) -> None:
        begun = 0.0
        while (first := self._writes.get()) is not None:
            time.sleep(max(0.0, begun + _APART - time.monotonic()))
            begun = time.monotonic()
            group = [first]
            with suppress(Empty):
                while len(group) < _MOST and (following := self._writes.get_nowait()) is not None:
                    group.append(following)
                if len(group) < _MOST:
                    self._writes.put(None)  # the end, which the outer loop is to see
            self._commit(group)
        self._disconnect()

    def _commit(self, group: list[tuple[Write, Future[Any]]]) -> None:
        try:
            connection = self._connected()
            with connection.begin():
                done = [(future, write(connection)) for write, future in group]
        except sa.exc.SQLAlchemyError as error:
            failed = write_failure(error, N_("sending"), _("Run the same command again: it sends what is left."))
            failed.__cause__ = error
            self._fail(group, failed)
        except Exception as error:  # noqa: BLE001 - LedgerFailed, or a defect: the callers must get it
            self._fail(group, error)
        else:
            for future, result in done:
                future.set_result(result)

    def _fail(self, group: list[tuple[Write, Future[Any]]], error: Exception) -> None:
        self._disconnect()
        for _write, future in group:
            future.set_exception(error)

    def _connected(self) -> sa.Connection:
        """Return the connection of all groups: taking one from the pool and giving it back costs as much as a write."""
        if self._connection is None:
            self._connection = self._engine.connect()
            shrink_cache(self._connection)
            self._connection.rollback()
        return self._connection

    def _disconnect(self) -> None:
        # After a failure the state of the connection is unknown: the next group gets a new one.
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                connection.close()


class FutureResolver:
    """Hand the results of writes to one event loop, a whole group in one call.

    To wake the loop costs more than a write, so it is woken once for all results that wait.
    """

    def __init__(self) -> None:
        self._finished: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._lock = Lock()
        self._is_scheduled = False

    def resolve(self, target: asyncio.Future[Any], done: Future[Any]) -> None:
        """Give `target`, a future of the loop, the result of `done`, which is there. Any thread may call it.

        A result is dropped when its future was cancelled, or the loop is closed.
        """
        with self._lock:
            self._finished.append((target, done))
            if self._is_scheduled:
                return
            self._is_scheduled = True
        loop = target.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._is_scheduled = False
            finished, self._finished = self._finished, deque()
        for target, done in finished:
            if target.done():
                continue
            if done.cancelled():
                target.cancel()
                continue
            error = done.exception()
            if error is None:
                target.set_result(done.result())
            else:
                target.set_exception(error)
