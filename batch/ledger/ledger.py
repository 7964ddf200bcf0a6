"""The ledger as the rest of the program uses it: one object that opens the file and hands out its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from batch.errors import LedgerFailed, LedgerUnusable, WeglyBatchError
from batch.i18n import N_, _
from batch.ledger.admin.people import People
from batch.ledger.admin.purge import Retention
from batch.ledger.admin.settlement import Settlements
from batch.ledger.deliveries.looks import Deliveries
from batch.ledger.plan.row_stager import Encode
from batch.ledger.plan.rules import RetryOptions
from batch.ledger.plan.staging import Staging
from batch.ledger.read.runs import RunReader, sender_values
from batch.ledger.send import claims
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.queue import JobRows, SendQueue
from batch.ledger.storage import locks
from batch.ledger.storage.damage import find_damage
from batch.ledger.storage.engine import Database, connect_to_read, database_of, translate_write_failures
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import Hashes, read_hashes
from batch.ledger.storage.schema import IS_RETRY, State, messages, meta, rows, run_senders, runs
from batch.ledger.storage.sqlite import SqliteFile, default_file, memory_engine
from batch.ledger.storage.suppression import SuppressionList
from batch.ledger.storage.writer import Writer
from batch.model.contact_limits import ContactLimits
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Run, SenderRun

if TYPE_CHECKING:
    from batch.ledger.send.lanes import Lanes


class Ledger(RunReader):
    """The durable record of keys, claims and outcomes. Opening it creates the file when it does not exist.

    Raises LedgerUnusable when its location cannot be used.
    """

    def __init__(self, engine: sa.Engine, location: str, option: str = "") -> None:
        super().__init__(engine)
        self.location = location
        """For messages to people: a path, or a URL without its password."""
        self.option = option
        """Value of `--ledger` by which a command finds it; empty for the user's own."""
        self.settlements = Settlements(engine)
        """Decisions about unknown rows."""
        self.deliveries = Deliveries(engine)
        """Looks at accepted messages."""
        self.suppression = SuppressionList(engine)
        """People who are messaged by no campaign."""
        self.retention = Retention(engine)
        """Removal of people's data that are older than the retention period."""
        self.people = People(engine)
        """Everything about one person."""
        self._planned: dict[str, JobRows] = {}

    @classmethod
    def open(cls, url: str | None = None) -> Ledger:
        """Open the ledger at `url`, or the user's own when None."""
        database = database_at(url)
        return cls(database.open(), database.location, database.option)

    @classmethod
    def for_reading(cls, url: str | None = None) -> Ledger:
        """Open a ledger as `open` does; where there is none, return an empty one in memory and create nothing."""
        database = database_at(url)
        engine = database.open() if database.exists() else memory_engine()
        return cls(engine, database.location, database.option)

    def locate(self, run: Run) -> Run:
        """Return a run with the place of this ledger."""
        return replace(run, ledger=self.location, ledger_option=self.option)

    def close(self) -> None:
        """Close all connections. The ledger may be used again: it opens new ones."""
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close the ledger. Raises LedgerFailed in place of a defect that its contents explain."""
        try:
            is_defect = isinstance(error, Exception) and not isinstance(error, WeglyBatchError)
            if is_defect and (damage := self.find_damage()):
                raise damage from error
        finally:
            self.close()

    def find_damage(self) -> LedgerFailed | None:
        """Return the error that names what is wrong with the ledger's contents, or None. Reads all of it."""
        return find_damage(self._engine, self.location)

    @property
    def is_on_server(self) -> bool:
        """False for one in a file of this machine, or in memory."""
        return database_of(self._engine).file is None

    @property
    def ledger_id(self) -> str:
        """A random id, made with the ledger and never changed; a copy has the same."""
        with connect_to_read(self._engine) as connection:
            return str(connection.execute(sa.select(meta.c.value).where(meta.c.name == "ledger_id")).scalar_one())

    @cached_property
    def hashes(self) -> Hashes:
        """The keyed hashes of this ledger: of keys, of purged values, and of origins in retry.xlsx."""
        with connect_to_read(self._engine) as connection:
            return read_hashes(connection)

    def hold(self, names: Iterable[str], owner: Owner) -> AbstractContextManager[None]:
        """Hold the locks of `names` while a block runs. Raises Busy when another run has one."""
        database, names = database_of(self._engine), list(names)
        held = database.hold(self._engine, names, owner)
        return held if database.file else self.lanes.hold_besides(held, names, owner)

    def lock_names(self) -> list[str]:
        """Return the names of the locks of all campaigns and senders in the ledger, sorted."""
        by_run = sa.select(runs.c.campaign, runs.c.endpoint).distinct()
        by_message = sa.select(messages.c.sender, messages.c.endpoint).distinct()
        with connect_to_read(self._engine) as connection:
            names = {locks.campaign_lock(*each) for each in connection.execute(by_run)}
            names |= {locks.sender_lock(*each) for each in connection.execute(by_message)}
        return sorted(names)

    def settle_dead_claims(self, *, endpoint: str, campaign: str, before: datetime | None = None) -> int:
        """Make the open claims of dead runs `unknown`, and return how many. Durable on return.

        Only for the holder of the campaign's lock: no other process can then be sending for it. `before`: only claims
        that are older.
        """
        with self._engine.begin() as connection:
            claims.restore_retries(connection, endpoint=endpoint, campaign=campaign)
            return claims.settle_dead_claims(connection, endpoint=endpoint, campaign=campaign, before=before)

    def stage(self, retries: RetryOptions | None = None, encode: Encode = str) -> Staging:
        """Return the staging area for one sheet. Nothing is durable until its `plan`.

        `encode`: returns the request's body of the values of a row.
        """
        return Staging(self._engine, retries or RetryOptions(), self._planned, encode)

    # Workers

    @cached_property
    def lanes(self) -> Lanes:
        """Runs that workers send. Raises LedgerUnusable for a ledger in a file."""
        if database_of(self._engine).file:
            raise LedgerUnusable(
                _("The ledger {path} is a file of this machine; workers need one on a server.").format(
                    path=self.location
                ),
                _("Name a database of PostgreSQL with --ledger postgresql://host/database; or send with `run`."),
            )
        from batch.ledger.send.lanes import Lanes  # noqa: PLC0415 - for those that use workers

        return Lanes(self._engine)

    def for_lane(self) -> Ledger:
        """Return this ledger with locks, and a session that claims, of its own; it is closed with this one."""
        of_lane = database_of(self._engine).for_lane()  # type: ignore[attr-defined] # `lanes` refuses others
        return Ledger(self._engine.execution_options(wegly_database=of_lane), self.location)

    def prove_claims(self) -> Finding | None:
        """Stop all runs of workers, and return why, as `Database.prove_claims`."""
        return database_of(self._engine).prove_claims(self._engine)

    # While it sends, and at its end

    @contextmanager
    def open_queue(self, owner: Owner, rules: ContactLimits | None = None, *, endpoint: str) -> Iterator[SendQueue]:
        """Open the queue of `owner`'s run at `endpoint`, with the campaign's contact limits, for one block."""
        limiter = self.make_limiter(rules or ContactLimits(), endpoint=endpoint)
        with Writer(self._engine) as writer:
            yield SendQueue(self._engine, writer, owner, limiter, planned=self._planned.get(owner.run))

    def make_limiter(self, rules: ContactLimits, *, endpoint: str) -> ContactLimiter:
        """Return the limits of a queue at `endpoint`, with counts of its own."""
        with connect_to_read(self._engine) as connection:
            replaces = connection.scalar(sa.select(messages.c.key).where(IS_RETRY).limit(1)) is not None
        return ContactLimiter(rules, endpoint=endpoint, hashes=self.hashes, replaces=replaces)

    def finish_run(
        self,
        run: str,
        *,
        finished: datetime,
        attempts: int,
        achieved_rate: float | None,
        pending: Finding | None,
        senders: Iterable[SenderRun] = (),
    ) -> None:
        """Note the end of a run's sending, and why its pending rows were not attempted. Durable on return.

        A message that was to be tried again and was not reached gets its earlier outcome back.
        """
        values = {
            "finished": finished,
            "attempts": attempts,
            "achieved_rate": achieved_rate,
            "pending_findings": findings_to_json([pending]) if pending else None,
        }
        with self._ending_run() as connection:
            connection.execute(sa.update(runs).where(runs.c.run == run).values(values))
            connection.execute(sa.delete(run_senders).where(run_senders.c.run == run))  # of an end that was cut off
            if by_sender := [sender_values(run, each) for each in senders]:
                connection.execute(sa.insert(run_senders), by_sender)
            scope = sa.select(runs.c.endpoint, runs.c.campaign).where(runs.c.run == run)
            endpoint, campaign = connection.execute(scope).one()
            claims.restore_retries(connection, endpoint=endpoint, campaign=campaign)

    def note_exit(self, run: str, exit_code: int) -> None:
        """Note the exit code of a run. Durable on return."""
        with self._ending_run() as connection:
            connection.execute(sa.update(runs).where(runs.c.run == run).values(exit_code=exit_code))

    @contextmanager
    def _ending_run(self) -> Iterator[sa.Connection]:
        remedy = _("What was sent is recorded; run again.")
        with translate_write_failures(N_("ending the run"), remedy), self._engine.begin() as connection:
            yield connection

    def drop_payloads(self, run: str) -> None:
        """Delete the values of a run's pending messages, for a run that is never continued. Durable on return."""
        of_run = sa.select(rows.c.key).where(rows.c.run == run)
        pending = (messages.c.key.in_(of_run), messages.c.state == State.PENDING.value)
        with self._engine.begin() as connection:
            connection.execute(sa.update(messages).where(*pending).values(payload=None))


def database_at(url: str | None = None) -> Database:
    """Return the database that a ledger's URL names; None: the user's own. Raises LedgerUnusable when it names none."""
    if not url:
        return SqliteFile(default_file())
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise LedgerUnusable(
            _("{url!r} does not name a ledger.").format(url=url),
            _("Write sqlite:///path/to/ledger.sqlite3 (three slashes, then the path)."),
        ) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):  # as many providers write it
        from batch.ledger.storage.postgres import PostgresServer  # noqa: PLC0415 - its driver takes half a second

        return PostgresServer(parsed)
    if backend != "sqlite" or not parsed.database:
        raise LedgerUnusable(
            _("A ledger on {backend!r} is not possible in this version.").format(backend=backend),
            _("Write sqlite:///path/to/ledger.sqlite3, or postgresql://host/database."),
        )
    return SqliteFile(Path(parsed.database).expanduser().absolute())
