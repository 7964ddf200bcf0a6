"""The simulated disk: a real SQLite database whose commits fail, are doubtful, take time, or are cut by a kill."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from batch.ledger import Ledger
from batch.ledger.send.claims import Claim, Ended, Wanted
from batch.ledger.storage.migrations import migrate
from batch.ledger.storage.schema import SCHEMA_VERSION
from batch.ledger.storage.sqlite import configure_connections
from batch.ledger.storage.writer import Group, Kind, R, V, Writer, deliver
from simulated.process import PROCESS, Killed, Process

__all__ = ["Disk", "SimulatedWriter", "Trouble", "in_memory", "on_file"]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Commits `first` up to `first + count` (of one process, from 0) go wrong."""

    first: int
    count: int
    kinds: tuple[str, ...]
    """In turn: `begin` (no transaction), `lost` (nothing is durable), `doubtful` (durable, but an error is told)."""

    def at(self, commit: int) -> str | None:
        past = commit - self.first
        return self.kinds[past % len(self.kinds)] if 0 <= past < self.count else None


class Disk:
    """Where the ledger lies. `open` gives a process its ledger, `look` reads what is durable."""

    def __init__(self, opened: Callable[[], _Wired], reader: sqlite3.Connection, *, keep: bool) -> None:
        """`opened` makes or gives an engine; `keep`: it is one for all processes."""
        self._opened = opened
        self._reader = reader
        self._keep = keep
        self.troubles: dict[Process, Trouble] = {}

    @contextmanager
    def open(self) -> Iterator[Ledger]:
        """The ledger of one process."""
        wired = self._opened()
        wired.disk = self
        try:
            yield Ledger(wired.engine, "simulated")
        finally:
            if not self._keep:
                wired.engine.dispose()

    def look(self, query: str, *values: object) -> list[Any]:
        """What a query finds among that which is durable."""
        return self._reader.execute(query, values).fetchall()

    def begin(self, process: Process) -> None:
        """A transaction is to begin. Raises what the driver would."""
        if process.dead or self._trouble(process) == "begin":
            process.commits += 1
            raise sqlite3.OperationalError("database or disk is full")

    def commit(self, raw: Any, process: Process) -> None:
        """A transaction is to become durable. Raises what the driver would."""
        trouble = self._trouble(process)
        process.commits += 1
        # A kill shows as a failed commit: raising it here would make SQLAlchemy throw the connection away.
        if trouble == "lost" or not process.survives("before commit"):
            raw.rollback()  # as SQLite does by itself when a commit fails for the disk's sake
            raise sqlite3.OperationalError("disk I/O error")
        raw.commit()
        process.durable += 1
        if trouble == "doubtful" or not process.survives("after commit"):
            raise sqlite3.OperationalError("disk I/O error")

    def _trouble(self, process: Process) -> str | None:
        trouble = self.troubles.get(process)
        return trouble.at(process.commits) if trouble else None


class _Wired:
    """An engine whose transactions go to the disk of the world that is being played."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.disk: Disk | None = None
        self._reading = False
        self._execute = engine.dialect.do_execute
        engine.dialect.do_execute = self._do_execute  # type: ignore[method-assign]
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign]

    def _do_execute(self, cursor: Any, statement: str, *more: Any) -> None:
        if statement.startswith("BEGIN"):
            self._reading = statement == "BEGIN"
            process = PROCESS.get(None)
            if self.disk is not None and process is not None and not self._reading:
                self.disk.begin(process)
        self._execute(cursor, statement, *more)

    def _do_commit(self, raw: Any) -> None:
        process = PROCESS.get(None)
        if self.disk is None or process is None or self._reading:
            raw.commit()  # of what only reads, temporary tables are all that it commits
        else:
            self.disk.commit(raw, process)


class _Shared:
    """One engine on one database in memory, for all worlds of this process: its compiled statements are worth much."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", check_same_thread=False)
        self.engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        configure_connections(self.engine)
        with self.engine.begin() as connection:
            migrate(connection, Path(), {}, SCHEMA_VERSION)
        self._empty = sqlite3.connect(":memory:")
        self.raw.backup(self._empty)
        self.wired = _Wired(self.engine)

    def fresh(self) -> None:
        """Put an empty ledger into the engine."""
        self.engine.dispose()
        self.raw = sqlite3.connect(":memory:", check_same_thread=False)
        self._empty.backup(self.raw)


_shared: list[_Shared] = []


@contextmanager
def in_memory() -> Iterator[Disk]:
    """A disk whose processes share one connection: fast."""
    if not _shared:
        _shared.append(_Shared())
    shared = _shared[0]
    shared.fresh()
    yield Disk(lambda: shared.wired, shared.raw, keep=True)


@contextmanager
def on_file() -> Iterator[Disk]:
    """A disk with a file, which every process opens anew, as in earnest."""
    with TemporaryDirectory(prefix="simulated-") as folder:
        path = Path(folder) / "ledger.sqlite3"

        def opened() -> _Wired:
            engine = Ledger.open(f"sqlite:///{path}")._engine
            engine.dispose()
            event.listen(engine, "connect", _hurry)
            return _Wired(engine)

        opened()
        reader = sqlite3.connect(path)
        try:
            yield Disk(opened, reader, keep=False)
        finally:
            reader.close()


def _hurry(connection: sqlite3.Connection, _record: object) -> None:
    # Kills are simulated above the file system, so nothing hangs on fsync here.
    connection.execute("PRAGMA synchronous=OFF")


class SimulatedWriter(Writer):
    """The ledger's writer with its own way to commit a group, but with timers in place of its thread."""

    def __init__(
        self,
        engine: Engine,
        process: Process,
        *,
        seconds: Callable[[], float],
        most: int,
        claimed: Callable[[str], None],
    ) -> None:
        """`seconds`: how long the next commit takes; `most`: writes in one transaction; `claimed` hears of claims."""
        super().__init__(engine)
        self._process = process
        self._seconds = seconds
        self._most = most
        self._claimed = claimed
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[Kind[Any, Any], Any, asyncio.Future[Any]]] = []
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, kind: Kind[V, R], value: V, future: asyncio.Future[R]) -> None:
        self._process.tick("submit")
        self._queue.append((kind, value, future))
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._start)

    async def finish(self) -> None:
        """Wait until what was submitted is written."""
        await self._idle.wait()

    def _start(self) -> None:
        group, self._queue = self._queue[: self._most], self._queue[self._most :]
        self._loop.call_later(self._seconds(), self._end, group)

    def _end(self, group: Group) -> None:
        if self._process.buried:
            self._abandon(group)
            return
        done = self._commit(group)
        self._loop.call_soon(deliver, group, done, self._loop)
        if self._process.dead:
            self._abandon(())
            raise Killed(self._process.name)
        for number, (_kind, value, _future) in enumerate(group):
            if isinstance(done, Exception):
                self._process.failed[_kind_and_key(value)] += 1
            elif isinstance(held := done[number], Claim):
                self._claimed(held.key)
        self._process.note(self._process.name, "commit", len(group), not isinstance(done, Exception))
        if not self._process.survives("told"):
            self._abandon(())
            raise Killed(self._process.name)
        if self._queue:
            self._start()
        else:
            self._idle.set()

    def _abandon(self, group: Group) -> None:
        """Nobody writes these any more, nor what is queued; who waits for them must end."""
        for *_, future in (*group, *self._queue):
            future.cancel()


def _kind_and_key(value: Any) -> tuple[str, str]:
    """Which write of the ledger it is, and the key that it is about."""
    match value:
        case Wanted():
            return "claim", value.job.key
        case str():
            return "claim", value
        case Ended():
            return "record", value.held.key
        case _:
            return "release", value.held.key
