"""Counts of what a run has brought to an end, for one who looks again and again while others send it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from batch.ledger.storage.engine import LedgerPart, connect_to_read
from batch.ledger.storage.schema import State, messages, sent_between
from batch.model.messages import campaign_scope
from batch.model.outcomes import Outcome
from batch.model.runs import Run

_MARGIN = timedelta(seconds=15)
"""How far before now a message may begin whose claim is not seen yet: clocks are 5 seconds apart at most, and a claim
that is older than a few seconds is not posted any more."""
_RECOUNT = 30.0
"""Seconds between two counts of all: a row in doubt may be corrected, or settled, while the others are sent."""
_SHARE = 100
"""A count of all takes one in so many seconds at most."""


class OutcomeCounts(LedgerPart):
    """The messages that a run has brought to an end, counted by what came since the look before.

    A message that began before every open claim of its run has its outcome for good, but for corrections.
    """

    def __init__(self, engine: sa.Engine, run: Run) -> None:
        super().__init__(engine)
        self._run = run
        self._counted = Counter[Outcome]()
        """Of the messages that began before `_since`."""
        self._since: datetime | None = None
        self._recount_at = 0.0

    def look(self) -> Counter[Outcome]:
        """Return the counts of now; those of corrected rows may be of half a minute ago."""
        began = time.monotonic()
        if is_whole := self._since is None or began >= self._recount_at:
            self._counted, self._since = Counter(), None
        recent = Counter[Outcome]()
        with connect_to_read(self._engine) as connection:
            horizon = self._find_horizon(connection)
            for outcome, is_recent, count in self._count(connection, horizon):
                (recent if is_recent else self._counted)[Outcome(outcome)] += count
        self._since = horizon
        if is_whole:
            now = time.monotonic()
            self._recount_at = now + max(_RECOUNT, _SHARE * (now - began))
        return self._counted + recent

    def _find_horizon(self, connection: sa.Connection) -> datetime:
        """Return the moment before which no open claim of the run began."""
        claimed = (messages.c.endpoint == self._run.endpoint, messages.c.campaign == campaign_scope(self._run.campaign))
        first = sa.select(sa.func.min(messages.c.sent_at)).where(
            *claimed, messages.c.state == State.CLAIMED.value, messages.c.claim_run == self._run.run
        )
        now = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
        oldest, there = connection.execute(sa.select(first.scalar_subquery(), now)).one()
        horizon: datetime = min(oldest or there, there.astimezone(UTC) - _MARGIN)
        return horizon if self._since is None else max(horizon, self._since)

    def _count(self, connection: sa.Connection, horizon: datetime) -> list[Any]:
        """Return (state, began since the horizon, number) of the messages that began since the last one."""
        is_recent = sa.func.coalesce(messages.c.sent_at >= horizon, sa.false())
        query = sa.select(messages.c.state, is_recent, sa.func.count()).where(messages.c.run == self._run.run)
        if self._since is not None:
            query = query.where(*sent_between(connection, self._since))
        ended = messages.c.state.not_in((State.PENDING.value, State.CLAIMED.value))
        return list(connection.execute(query.where(ended).group_by(messages.c.state, is_recent)))
