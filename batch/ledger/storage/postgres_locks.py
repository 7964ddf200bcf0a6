"""Locks of a ledger on PostgreSQL, which end with the session that claims.

A sender's lock is a session's advisory lock, on the very session that commits the claims: when another session gets it,
the last transaction of the old one has ended, so that every claim of its run is seen. A session that was lost is never
replaced silently: what it held may be another's by now, and nothing is claimed any more.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from batch.errors import LedgerFailed, LedgerUnusable
from batch.event_log import log
from batch.i18n import _
from batch.ledger.storage.engine import Database, execute_by_driver
from batch.ledger.storage.errors import NOT_REPLICATED
from batch.ledger.storage.failover import ConfirmedClaims
from batch.ledger.storage.locks import Owner, busy, workers_remedy
from batch.ledger.storage.server_tables import submissions
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import StopCause

ACCEPT_ASYNC = "accept_async_replica"
"""Parameter of the URL: the risk of a standby that may lack the last claims is taken."""
_MOST_SECONDS_OFF = 5
_AGES = 40
_MOST = 32
_BY_INDEX = (
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;"
    " SET cpu_tuple_cost = 1; SET cpu_index_tuple_cost = 1"
)
"""Of a session that claims: each of its statements asks for some keys, people or chats, whatever the planner believes
of tables that have grown since it looked at them; and a statement that was planned for few rows serves many."""

_LOCK_ALL = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"

locks_table = sa.Table(
    "locks",
    sa.MetaData(),
    sa.Column("name", sa.Text(collation="C"), primary_key=True),
    *(sa.Column(name, sa.Text(collation="C")) for name in ("run", "host")),
    sa.Column("pid", sa.Integer),
)
"""The last holder of each lock."""


class ClaimAges:
    """The ages of a worker's latest claims, in all of its lanes, when their posts could begin."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=_AGES)

    def note(self, seconds: float) -> None:
        self._latest.append(seconds)

    @property
    def of_most(self) -> float:
        """The age that most did not exceed, in seconds; 0 while there are few."""
        return sorted(self._latest)[_MOST] if len(self._latest) == _AGES else 0.0


class LockingServer(Database):
    """The locks and the claiming session of one program on a server."""

    def __init__(self, location: str, *, schema: str, accepts_async: bool) -> None:
        """`accepts_async`: the risk of a standby that may lack the last claims is taken."""
        self.location = self.option = location
        self.confirmed = ConfirmedClaims()
        self.claim_ages = ClaimAges()
        self._schema = schema
        self._accepts_async = accepts_async
        self._claiming: sa.Connection | None = None
        """The session that holds the locks, and claims."""
        self._held: set[str] = set()
        self._is_writing = False
        self._is_doubtful = False

    # Locks

    @contextmanager
    def hold(self, engine: sa.Engine, names: Iterable[str], owner: Owner) -> Iterator[None]:
        """Hold the locks as `Database.hold`, on the session that claims; while that is writing on one of its own."""
        with ExitStack() as stack:
            if self._is_writing:
                session = stack.enter_context(engine.connect())
            else:
                session = self._session(engine)
                stack.callback(self._end_session)
            for name in sorted(set(names)):
                stack.enter_context(self._one(session, name, owner))
            yield

    def _session(self, engine: sa.Engine) -> sa.Connection:
        """Return the session of the locks. Raises LedgerUnusable where a claim would not be safe."""
        if self._claiming is None:
            session = _detached(engine)
            try:
                self.refuse_unsafe(session)
                self.confirmed.note_timeline(session)
                session.rollback()
            except BaseException:
                session.close()
                raise
            self._claiming = session
        elif not _is_live(self._claiming):
            raise self._lost()
        return self._claiming

    def _end_session(self) -> None:
        if not self._held and self._claiming is not None and not self._is_writing:
            self._claiming.close()
            self._claiming = None

    @contextmanager
    def _one(self, session: sa.Connection, name: str, owner: Owner) -> Iterator[None]:
        key = self.key(name)
        with session.begin():
            taken = name not in self._held and session.scalar(sa.select(sa.func.pg_try_advisory_lock(key)))
            if not taken:
                found = session.execute(sa.select(locks_table).where(locks_table.c.name == name)).mappings().first()
                raise busy(name, found, self._workers_remedy(session, found))
            values = {"run": owner.run, "host": owner.host, "pid": owner.pid}
            note = insert(locks_table).values(name=name, **values)
            session.execute(note.on_conflict_do_update(index_elements=["name"], set_=values))
        self._held.add(name)
        try:
            yield
        finally:
            self._held.discard(name)
            if _is_live(session):
                with suppress(sa.exc.SQLAlchemyError, LedgerFailed), session.begin():
                    session.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    def _workers_remedy(self, session: sa.Connection, holder: Mapping[Any, Any] | None) -> str:
        """Return what to do where the holder of a lock is a worker; empty where it is none."""
        if holder is None:
            return ""
        which = (submissions.c.run == holder["run"], submissions.c.closed.is_(None))
        is_submitted = session.scalar(sa.select(sa.exists().where(*which)))
        return workers_remedy(holder["run"], self.option) if is_submitted else ""

    def key(self, name: str) -> sa.BindParameter[int]:
        return sa.literal(_number(f"{self._schema} {name}"), sa.BigInteger)

    def refuse_unsafe(self, session: sa.Connection) -> None:
        """Refuse a server that may forget a claim, and a clock that is not the server's."""
        standbys = sa.text(
            "SELECT string_agg(coalesce(application_name, '?'), ', ') FILTER (WHERE application_name IS DISTINCT FROM"
            " 'pg_basebackup' AND current_setting('synchronous_standby_names') = ''), clock_timestamp()"
            " FROM pg_stat_replication"
        )
        refuse_pooler(session)
        before = now()
        standby, there = session.execute(standbys).one()
        after = now()
        session.rollback()
        if standby is not None and not self._accepts_async:
            raise LedgerUnusable(
                _("The server of the ledger {path} has a standby that may lack the last claims: {standby}.").format(
                    path=self.location, standby=standby
                ),
                _(
                    "Name it in synchronous_standby_names; where nothing ever fails over to it, add {parameter} to the "
                    "ledger's URL. Nothing was sent."
                ).format(parameter=f"?{ACCEPT_ASYNC}=yes"),
            )
        off = max(before - there, there - after, timedelta())
        if off > timedelta(seconds=_MOST_SECONDS_OFF):
            raise LedgerUnusable(
                _("The clocks of this machine and of the ledger's server are {seconds} seconds apart.").format(
                    seconds=round(off.total_seconds())
                ),
                _("Set both by a time server, then run again. Nothing was sent."),
            )

    # The session that claims

    def connect_to_claim(self, engine: sa.Engine) -> sa.Connection:
        """Return the session of the locks; once it was lost another one, on which nothing is claimed."""
        if not self._held or self._claiming is None:
            connection = _detached(engine)
        elif _is_live(self._claiming):
            connection, self._is_writing = self._claiming, True
        else:
            connection = _detached(engine).execution_options(wegly_lost=True)
        driver: Any = connection.connection.dbapi_connection
        driver.add_notice_handler(self._note)
        return connection

    def _note(self, notice: Any) -> None:
        self._is_doubtful |= notice.sqlstate == NOT_REPLICATED

    def give_back(self, connection: sa.Connection) -> None:
        """Keep the session of the locks while it lives; close another one."""
        if connection is self._claiming:
            self._is_writing = False
            if _is_live(connection):
                connection.rollback()
        else:
            connection.close()

    def guard_claims(self, connection: sa.Connection, names: Iterable[str]) -> None:
        """Lock the names, in one order for all, so that what another sender claims is seen."""
        if connection.get_execution_options().get("wegly_lost"):
            raise self._lost()
        keys = sorted({_number(f"{self._schema} {name}") for name in names})
        execute_by_driver(connection, _LOCK_ALL, [number_array(keys)])

    def cursor(self, connection: sa.Connection, text: str) -> Any:
        """Return the same cursor as before for a statement: it knows the types of its parameters."""
        cursors = connection.info.setdefault("wegly_cursors", {})
        if text not in cursors:
            cursors[text] = connection.connection.cursor()
        return cursors[text]

    def confirm_commit(self, connection: sa.Connection) -> None:  # noqa: ARG002 - the notice came over it
        """Raise LedgerFailed when the server has waited in vain for its standby."""
        doubtful, self._is_doubtful = self._is_doubtful, False
        if doubtful:
            raise LedgerFailed(
                _("The ledger {place} could not be written to its standby.").format(place=self.location),
                _("Look after the standby, then run the same command again: it sends what is left."),
            )

    def prove_claims(self, engine: sa.Engine) -> Finding | None:
        """Stop all runs of workers as `Database.prove_claims`, and mark the claims that are missing `unknown`."""
        with engine.begin() as connection:
            since = self.confirmed.restore(connection)
            if since is None:
                return None
            finding = Finding(Reason.CLAIMS_LOST, {"since": since.isoformat(timespec="seconds")})
            values = {"cause": StopCause.CLAIMS_LOST.value, "findings": findings_to_json([finding])}
            is_open = (submissions.c.closed.is_(None), submissions.c.cause.is_(None))
            connection.execute(sa.update(submissions).where(*is_open).values(values))
        log.error("claims_lost", since=since.isoformat())
        with engine.connect() as connection:
            self.confirmed.accept_timeline(connection)
        return finding

    def _lost(self) -> LedgerFailed:
        return LedgerFailed(
            _("The connection to the ledger {place} was lost, and with it the locks of this run.").format(
                place=self.location
            ),
            _("Run the same command again: it sends what is left."),
        )


def _detached(engine: sa.Engine) -> sa.Connection:
    """Return a connection that claims, and is not used for anything else after it."""
    connection = engine.connect()
    connection.detach()
    connection.exec_driver_sql(_BY_INDEX)
    connection.commit()
    return connection


def _is_live(session: sa.Connection) -> bool:
    """Return whether a session still is the one that it was."""
    if session.closed or session.invalidated:
        return False
    driver: Any = session.connection.dbapi_connection
    return driver is not None and not driver.closed


def refuse_pooler(connection: sa.Connection) -> None:
    """Refuse a pooler between: it may give one session to two clients, who then hold the same lock."""
    driver: Any = connection.connection.dbapi_connection
    if driver.info.backend_pid != connection.scalar(sa.select(sa.func.pg_backend_pid())):
        raise pooler_refusal()


def pooler_refusal() -> LedgerUnusable:
    """Return the error of a pooler."""
    return LedgerUnusable(
        _("A pooler of connections lies before the ledger's server, like PgBouncer: locks do not hold through it."),
        _("Name the server's own address and port with --ledger."),
    )


def now() -> datetime:
    """Return the time of this machine, which is compared with the server's."""
    return datetime.now(UTC)


def number_array(numbers: Sequence[int | None]) -> str:
    """Return whole numbers as PostgreSQL writes an array of them: the driver takes three times as long to write one."""
    return f"{{{str(list(numbers))[1:-1].replace('None', 'NULL')}}}"


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
