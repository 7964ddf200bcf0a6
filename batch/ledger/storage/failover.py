"""Detection of claims that a server lacks after a failover.

A standby has what its primary wrote up to some moment. One that a commit waits for has all of it; where another takes
over, claims whose commit was confirmed may be gone from it, though they were posted, and their messages pending again.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from batch.ledger.storage.locks import Owner
from batch.ledger.storage.schema import State, messages, meta
from batch.model.reasons import Finding, Reason, findings_to_json

PROVING = 5.0
"""Seconds after a failover in which no lane begins to send: those that sent before prove their claims first."""
_KEPT, _RECENT = 4000, timedelta(minutes=10)
"""Claims that are kept, and for how long they prove something: a purge, or a run after that, may take them away."""
_TIMELINE = sa.text(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
"""A promotion begins another one. Any user may ask for it. Null of a server that only reads."""
_NAME = "timeline"


class ConfirmedClaim(NamedTuple):
    """A claim whose commit the server has confirmed."""

    owner: Owner
    attempt: int
    at: datetime


class ConfirmedClaims:
    """Last confirmed claims of this process that were not given back, of all its lanes, the oldest first."""

    def __init__(self) -> None:
        self._claims: OrderedDict[str, ConfirmedClaim] = OrderedDict()
        self._timeline: str | None = None

    def add(self, key: str, owner: Owner, attempt: int, at: datetime) -> None:
        """Add a claim; beyond `_KEPT` the oldest goes."""
        self._claims[key] = ConfirmedClaim(owner, attempt, at)
        if len(self._claims) > _KEPT:
            self._claims.popitem(last=False)

    def forget(self, key: str) -> None:
        """Remove a claim that is about to be given back."""
        self._claims.pop(key, None)

    def note_timeline(self, connection: sa.Connection) -> None:
        """Remember the timeline of the server on which the claims are made."""
        self._timeline = self._timeline or connection.scalar(_TIMELINE)

    def accept_timeline(self, connection: sa.Connection) -> None:
        """Accept the server's timeline of now, and forget the claims of before."""
        self._timeline = connection.scalar(_TIMELINE)
        self._claims.clear()

    def restore(self, connection: sa.Connection) -> datetime | None:
        """Mark claims that a new server lacks as `unknown`; return the oldest one's time, None without any.

        What becomes known of them afterwards is recorded as ever. The caller commits, then accepts the timeline.
        """
        timeline = connection.scalar(_TIMELINE)
        if self._timeline is None or timeline in (None, self._timeline):
            return None
        kept = dict(list(self._claims.items()))  # at once: writers of other lanes go on adding
        newest = max((claim.at for claim in kept.values()), default=None)
        recent = {key: claim for key, claim in kept.items() if newest and claim.at > newest - _RECENT}
        columns = (messages.c.key, messages.c.claim_run, messages.c.claim_epoch, messages.c.attempts)
        query = sa.select(*columns).where(messages.c.key == sa.func.any(sa.literal(list(recent), sa.ARRAY(sa.Text))))
        there = {key: (run, epoch or 0, attempts) for key, run, epoch, attempts in connection.execute(query)}
        missing = {
            key: claim
            for key, claim in recent.items()
            if there.get(key) != (claim.owner.run, claim.owner.epoch, claim.attempt)
        }
        for key, claim in missing.items():
            connection.execute(_mark_unknown(key, claim))
        if not missing:
            self._timeline = timeline
        return min((claim.at for claim in missing.values()), default=None)


def _mark_unknown(key: str, claim: ConfirmedClaim) -> sa.Update:
    owner = claim.owner
    values: dict[str, Any] = {
        "state": State.UNKNOWN.value,
        "findings": findings_to_json([Finding(Reason.RUN_DIED, {"run": owner.run})]),
        "run": owner.run,
        "attempts": claim.attempt,
        "sent_at": claim.at,
        "claim_run": owner.run,
        "claim_host": owner.host,
        "claim_pid": owner.pid,
        "claim_epoch": owner.epoch,
    }
    which = (messages.c.key == key, messages.c.state == State.PENDING.value, messages.c.attempts == claim.attempt - 1)
    return sa.update(messages).where(*which).values(values)


def seconds_to_prove(connection: sa.Connection, now: datetime) -> float:
    """Return the seconds for which no lane may begin, since others may still find claims of theirs missing.

    The first that meets a new timeline notes it, with the time. The caller commits.
    """
    timeline = connection.scalar(_TIMELINE)
    named = meta.c.name == _NAME
    known = connection.execute(sa.select(meta.c.value).where(named)).scalar()  # unlocked: lanes are taken at once
    if known is None:
        first = insert(meta).values(name=_NAME, value=f"{timeline} 0")
        connection.execute(first.on_conflict_do_nothing())
        return 0.0
    before, since = known.split()
    if before != timeline:
        since = str(now.timestamp())
        first_look = sa.update(meta).where(named, meta.c.value == known).values(value=f"{timeline} {since}")
        connection.execute(first_look)
    return max(0.0, PROVING - (now.timestamp() - float(since)))
