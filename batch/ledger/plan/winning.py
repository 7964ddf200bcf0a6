"""Which row stands for its key, where several rows of a sheet have one."""

from __future__ import annotations

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from batch.ledger.storage.schema import SENT_STATES
from batch.ledger.storage.staged_tables import known, several, staged, winners
from batch.model.outcomes import Outcome

__all__ = ["SENT_BEFORE", "find_winners"]

SENT_BEFORE = exists().where(known.c.row == staged.c.row, known.c.state.in_(SENT_STATES))
"""The message of a staged row's key was sent, or may have been."""


def find_winners(connection: Connection) -> None:
    """Make the first of the rows of each key stand for it, and the others `skipped` as its duplicates.

    A key that one row has needs no search: in a sheet without duplicates nothing is written.
    """
    run = connection.execute
    marked = or_(staged.c.outcome.is_not(None), staged.c.findings.is_not(None))
    # A row that could not be sent today still shows what an earlier run sent to this key.
    shows = update(staged).where(marked, SENT_BEFORE).values(outcome=None, findings=None)
    keys = select(staged.c.key).where(staged.c.key.is_not(None)).group_by(staged.c.key).having(func.count() > 1)
    run(insert(several).from_select(["key"], keys))
    if run(select(several.c.key).limit(1)).first() is None:
        run(shows)
        return
    of_several = staged.c.key.in_(select(several.c.key))
    first = select(staged.c.key, func.min(staged.c.row)).where(of_several).group_by(staged.c.key)
    has_winner = exists().where(winners.c.key == staged.c.key)
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.stands)))
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.outcome.is_(None), ~has_winner)))
    run(insert(winners).from_select(["key", "row"], first.where(SENT_BEFORE, ~has_winner)))
    wins = staged.c.row.in_(select(winners.c.row))
    run(shows.where(or_(~of_several, wins)))
    # By now every key of a row without an outcome has its winner.
    stands = select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
    twin = and_(staged.c.outcome.is_(None), of_several, ~wins)
    run(update(staged).where(twin).values(outcome=Outcome.SKIPPED.value, duplicate_of=stands))
