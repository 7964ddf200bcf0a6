"""The writer thread: writes that wait when it is free share a transaction, and so one fsync.

A group is written kind by kind, all writes of one kind by one call: a database may take them in one statement. Alone,
a write is committed at once; under load, commits follow each other no closer than some milliseconds, so that groups
form: a commit costs as much as ten writes, in CPU as on the disk, and wakes both threads.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from batch.event_log import log
from batch.i18n import N_, _
from batch.ledger.storage.engine import database_of, write_failure
from batch.ledger.storage.errors import is_passing

V = TypeVar("V")
R = TypeVar("R")
_MOST = 512  # writes in one transaction: bounds how long the first of them waits
_APART, _FAR_APART = 0.01, 0.02
"""Seconds between the beginnings of two commits, at the least: more of them, the more there is to write. A claim is
made 20 ms before its start, that of a fast sender 35 ms."""
_BUSY = 800
"""Writes a second from which commits move apart: who writes less does not wait, for its workers may be few."""


@dataclass(frozen=True, eq=False, slots=True)
class Kind(Generic[V, R]):
    """A kind of writes. Those of a group are written in the order of their turns, whatever came first."""

    turn: int
    write: Callable[[sa.Connection, Sequence[V]], Sequence[R]]
    """Writes all values of the kind in the connection's transaction; returns a result for each, in their order."""


Group = Sequence[tuple[Kind[Any, Any], Any, "asyncio.Future[Any]"]]


class Writer:
    """Run writes on the ledger, several to a commit.

    Use as a context manager: leaving it finishes what was submitted.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._writes: SimpleQueue[tuple[Kind[Any, Any], Any, asyncio.Future[Any]] | None] = SimpleQueue()
        self._group: list[tuple[Kind[Any, Any], Any, asyncio.Future[Any]]] = []
        """The writes that the thread is about."""
        self._defect: Exception | None = None
        """The end of the thread before its time."""
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="ledger-writer", daemon=True
        )

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._writes.put(None)
        self._thread.join()

    def submit(self, kind: Kind[V, R], value: V, future: asyncio.Future[R]) -> None:
        """Write `value` in a transaction soon. `future` resolves after its commit: what it did is durable then.

        The future gets LedgerFailed when the transaction failed; whether it took effect is then doubtful, and the
        caller must not act as if it had. Nothing is given to a future that is done, or whose loop is closed.
        """
        self._writes.put((kind, value, future))
        if self._defect is not None:
            self._refuse(self._defect)

    def _work(self) -> None:
        try:
            self._commit_groups()
        except Exception as defect:  # noqa: BLE001 - who waits for a write, also of later ones, would wait for ever
            self._defect = defect
            log.error("writer_defect", exc_info=defect)
            self._refuse(defect)
        finally:
            self._disconnect()

    def _refuse(self, defect: Exception) -> None:
        """Give all writes that wait the defect that ended the thread. Called by it, and by who submits later."""
        group, self._group = self._group, []
        with suppress(Empty):
            while True:
                if (waiting := self._writes.get_nowait()) is not None:
                    group.append(waiting)
        _wake(group, defect)

    def _commit_groups(self) -> None:
        begun, apart = 0.0, _APART
        while (first := self._writes.get()) is not None:
            self._group = group = [first]
            time.sleep(max(0.0, begun + apart - time.monotonic()))
            begun = time.monotonic()
            with suppress(Empty):
                while len(group) < _MOST and (following := self._writes.get_nowait()) is not None:
                    group.append(following)
                if len(group) < _MOST:
                    self._writes.put(None)  # the end, which the outer loop is to see
            apart = min(max(_APART, len(group) / _BUSY), _FAR_APART)
            _wake(group, self._commit(group))

    def _commit(self, group: Group) -> Sequence[Any] | Exception:
        """Return the results of the writes, which are durable then; else why none is certain to be."""
        try:
            return self._write(group)
        except sa.exc.SQLAlchemyError as error:
            failed = write_failure(error, N_("sending"), _("Run the same command again: it sends what is left."))
            failed.__cause__ = error
            self._disconnect()
            return failed
        except Exception as error:  # noqa: BLE001 - LedgerFailed, or a defect: the callers must get it
            self._disconnect()
            return error

    def _write(self, group: Group) -> Sequence[Any]:
        """Run the writes in one transaction, once more where it failed by what others did at the same moment."""
        for last in (False, False, True):
            connection = self._connected()
            try:
                with connection.begin():
                    done = write_group(connection, group)
            except sa.exc.DBAPIError as error:
                if last or not is_passing(error):
                    raise
                continue
            database_of(connection).confirm_commit(connection)
            return done
        raise AssertionError  # not reached

    def _connected(self) -> sa.Connection:
        """Return the connection of all groups: taking one from the pool and giving it back costs as much as a write."""
        if self._connection is None:
            self._connection = database_of(self._engine).connect_to_claim(self._engine)
        return self._connection

    def _disconnect(self) -> None:
        # After a failure the state of the connection is unknown: the next group gets a new one.
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                database_of(connection).give_back(connection)


def write_group(connection: sa.Connection, group: Group) -> list[Any]:
    """Write a group, kind by kind, in the connection's transaction; return the results in the group's order."""
    values: dict[Kind[Any, Any], list[Any]] = {}
    for kind, value, _future in group:
        values.setdefault(kind, []).append(value)
    kinds = sorted(values, key=attrgetter("turn"))
    done = {kind: iter(kind.write(connection, values[kind])) for kind in kinds}
    return [next(done[kind]) for kind, _value, _future in group]


def _wake(group: Group, done: Sequence[Any] | Exception) -> None:
    """Let each loop deliver. One call for the group: to wake a loop costs more than a write."""
    for loop in {future.get_loop() for _kind, _value, future in group}:
        with suppress(RuntimeError):  # it is closed
            loop.call_soon_threadsafe(deliver, group, done, loop)


def deliver(group: Group, done: Sequence[Any] | Exception, loop: asyncio.AbstractEventLoop) -> None:
    """Give the futures of a loop, on which it is called, the results of their writes, or why these failed."""
    for number, (_kind, _value, future) in enumerate(group):
        if future.done() or future.get_loop() is not loop:
            continue
        if isinstance(done, Exception):
            future.set_exception(done)
        else:
            future.set_result(done[number])
