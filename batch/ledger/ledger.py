"""The ledger as the rest of the program sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.admin import purge as cleaning
from batch.ledger.admin.purge import Purging
from batch.ledger.admin.settlement import Deciding
from batch.ledger.plan.rules import Judging
from batch.ledger.plan.staging import Staging
from batch.ledger.read import runs as campaigns
from batch.ledger.read import runs as reading
from batch.ledger.read.runs import read_tally, sender_values
from batch.ledger.send import claims
from batch.ledger.send.contact_limits import Outreach
from batch.ledger.send.queue import Places, Sending
from batch.ledger.storage import locks
from batch.ledger.storage.engine import (
    READ,
    default_url,
    frugal,
    memory_engine,
    open_engine,
    sqlite_path,
    translate,
    where,
)
from batch.ledger.storage.location import refuse_network_folder
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import Hashes, read_hashes
from batch.ledger.storage.schema import State, messages, meta, rows, run_senders, runs
from batch.ledger.storage.suppression import Suppression
from batch.ledger.storage.writer import Writer
from batch.model.contact_limits import OutreachRules
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Result, Run, SenderRun, Tally, Traits


class Ledger:
    """The durable record of keys, claims and outcomes. Opening it makes it when it is not there.

    Raises LedgerUnusable when its place cannot be used.
    """

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine = engine
        self.where = place
        """Its place, as a person may read it."""
        self._known_hashes: Hashes | None = None
        self._planned: dict[str, Places] = {}

    @classmethod
    def open(cls, url: str | None = None) -> Ledger:
        """The ledger at `url` (`sqlite:///path`), or the user's own when None."""
        url = url or default_url()
        return cls(open_engine(url), where(url))

    @classmethod
    def for_reading(cls, url: str | None = None) -> Ledger:
        """Like `open`, but where no ledger is yet none is made: an empty one stands in for it."""
        url = url or default_url()
        if not sqlite_path(url).exists():
            refuse_network_folder(sqlite_path(url))
            return cls(memory_engine(), where(url))
        return cls.open(url)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def ledger_id(self) -> str:
        """Made with the ledger, never changed."""
        with self._engine.connect().execution_options(**READ) as connection:
            return str(connection.execute(select(meta.c.value).where(meta.c.name == "ledger_id")).scalar_one())

    def keyed(self, key: str) -> str:
        """The ledger's own form of a `message_key`."""
        return self._hashes().key(key)

    def _hashes(self) -> Hashes:
        if self._known_hashes is None:
            with self._engine.connect().execution_options(**READ) as connection:
                self._known_hashes = read_hashes(connection)
        return self._known_hashes

    def stage(self, judging: Judging | None = None) -> Staging:
        """A place for the rows of one sheet on their way in."""
        return Staging(self._engine, judging or Judging(), self._planned)

    def hold(self, names: Iterable[str], owner: Owner) -> AbstractContextManager[None]:
        """Hold the locks of `names` while a block runs; raises Busy when another run has one."""
        return locks.hold(locks.locks_folder(Path(self.where)), names, owner)

    @property
    def counter(self) -> int:
        """Runs begun so far: tells an older copy of this ledger from the newest."""
        with self._engine.connect().execution_options(**READ) as connection:
            return int(connection.execute(select(meta.c.value).where(meta.c.name == "counter")).scalar_one())

    def traits(self, *, endpoint: str, campaign: str) -> Traits | None:
        """What the campaign's messages at this endpoint had in common at its last run; None when it has none."""
        with self._engine.connect().execution_options(**READ) as connection:
            return campaigns.read_traits(connection, endpoint=endpoint, campaign=campaign)

    def messaged_endpoints(self, campaign: str) -> list[str]:
        """The endpoints at which somebody has, or may have, a message of the campaign."""
        with self._engine.connect().execution_options(**READ) as connection:
            return campaigns.messaged_endpoints(connection, campaign)

    def messaged_people(self, campaign: str) -> dict[str, int]:
        """Endpoint to the number of people who have, or may have, a message of the campaign there."""
        with self._engine.connect().execution_options(**READ) as connection:
            return campaigns.messaged_people(connection, campaign)

    def newest(self) -> datetime | None:
        """The latest time that the ledger notes; None for an empty one."""
        latest = (
            select(func.max(runs.c.started)),
            select(func.max(messages.c.sent_at)).where(messages.c.sent_at.is_not(None)),
        )
        with self._engine.connect().execution_options(**READ) as connection:
            times = [connection.execute(query).scalar() for query in latest]
        return max((time for time in times if time is not None), default=None)

    def settle_dead_claims(self, *, endpoint: str, campaign: str, before: datetime | None = None) -> int:
        """Make open claims of a dead run `unknown`. Only for the holder of the campaign's lock. Durable on return.

        `before`: only claims that are older.
        """
        with self._engine.begin() as connection:
            claims.take_back_choices(connection, endpoint=endpoint, campaign=campaign)
            return claims.settle_dead_claims(connection, endpoint=endpoint, campaign=campaign, before=before)

    @property
    def deciding(self) -> Deciding:
        """What is needed to decide about unknown rows."""
        return Deciding(self._engine)

    @property
    def purging(self) -> Purging:
        """What is needed to remove people's data that are old."""
        return Purging(self._engine)

    @property
    def unclean(self) -> bool:
        """Whether purged data may still lie in the file's free space."""
        return cleaning.unclean_since(self._engine) is not None

    def wipe(self) -> str | None:
        """Write the ledger's file anew without its free space; why that was not possible, or None."""
        return cleaning.wipe(self._engine)

    def lock_names(self) -> list[str]:
        """The locks of all campaigns and senders that the ledger has."""
        by_run = select(runs.c.campaign, runs.c.endpoint).distinct()
        by_message = select(messages.c.sender, messages.c.endpoint).distinct()
        with self._engine.connect().execution_options(**READ) as connection:
            names = {locks.campaign_lock(*each) for each in connection.execute(by_run)}
            names |= {locks.sender_lock(*each) for each in connection.execute(by_message)}
        return sorted(names)

    @property
    def suppression(self) -> Suppression:
        """The suppression list: who is messaged by no campaign."""
        return Suppression(self._engine)

    @contextmanager
    def sending(self, owner: Owner, rules: OutreachRules | None = None, *, endpoint: str = "") -> Iterator[Sending]:
        """What the pool needs while it sends for `owner` to `endpoint`, by the campaign's rules."""
        outreach = Outreach(rules or OutreachRules(), endpoint=endpoint, hashes=self._hashes())
        with Writer(self._engine) as writer:
            yield Sending(self._engine, writer, owner, outreach, planned=self._planned.get(owner.run))

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

        What was chosen to be tried again and was not reached gets its outcome back.
        """
        values = {
            "finished": finished,
            "attempts": attempts,
            "achieved_rate": achieved_rate,
            "pending_findings": findings_to_json([pending]) if pending else None,
        }
        self._update_run(run, values, list(senders))

    def note_exit(self, run: str, exit_code: int) -> None:
        """Note the exit code a run ended with. Durable on return."""
        self._update_run(run, {"exit_code": exit_code})

    def forget_pending(self, run: str) -> None:
        """Keep no values of the run's pending messages: nobody will send them. Durable on return."""
        theirs = select(rows.c.key).where(rows.c.run == run)
        waits = (messages.c.key.in_(theirs), messages.c.state == State.PENDING.value)
        with self._engine.begin() as connection:
            connection.execute(update(messages).where(*waits).values(payload=None))

    def _update_run(self, run: str, values: dict[str, object], senders: Sequence[SenderRun] = ()) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(update(runs).where(runs.c.run == run).values(values))
                if senders:
                    connection.execute(insert(run_senders), [sender_values(run, each) for each in senders])
                if "finished" in values:
                    scope = select(runs.c.endpoint, runs.c.campaign).where(runs.c.run == run)
                    endpoint, campaign = connection.execute(scope).one()
                    claims.take_back_choices(connection, endpoint=endpoint, campaign=campaign)
        except SQLAlchemyError as error:
            raise LedgerFailed(
                translate(error, N_("ending the run")), _("What was sent is recorded; run again.")
            ) from error

    def results(self, run: str) -> Iterator[Result]:
        """Every row of a run's sheet as it stands now, in the sheet's order."""
        with self.snapshot(run) as (_tally, results):
            yield from results()

    def tally(self, run: str) -> Tally:
        """The counts of a run's rows as they stand now."""
        with self.snapshot(run) as (tally, _results):
            return tally()

    @contextmanager
    def snapshot(self, run: str) -> Iterator[tuple[Callable[[], Tally], Callable[[], Iterator[Result]]]]:
        """Counts and rows of a run at one moment, however often they are read: they agree while somebody sends."""
        with self._engine.connect().execution_options(**READ) as connection, frugal(connection):
            yield partial(read_tally, connection, run), partial(reading.read_results, connection, run)

    def run(self, run: str) -> Run | None:
        """The run of that name, or None."""
        return reading.read_run(self._engine, run)

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        return reading.read_runs(self._engine)
