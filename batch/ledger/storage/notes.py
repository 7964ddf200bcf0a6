"""What the ledger knows of each staged key, looked up once; the rules of the plan ask the notes.

A look-up by key in a large ledger leaves the processor's cache, and a plan asks ten times of each row. The notes lie by
row, where the next is beside the last. They are true of the ledger at one moment: a plan renews them when anybody else
has written since, so that it goes by the ledger as it is in its own transaction.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, case, delete, insert, or_, select

from batch.ledger.storage.engine import version_of
from batch.ledger.storage.schema import State, messages
from batch.ledger.storage.staged_tables import doubtful, known, staged
from batch.model.messages import campaign_scope

__all__ = ["Notes"]

_OPEN = (State.PENDING.value, State.ERROR.value, State.UNKNOWN.value)
"""The states of messages that a plan may make pending."""
_OF_ERROR = case((messages.c.state == State.ERROR.value, messages.c.request_hash))


class Notes:
    """The notes of one sheet, and of which moment they are."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None

    def take(self, connection: Connection) -> None:
        """Look every staged key up. In a transaction, so that all notes are of one moment."""
        self._version = version_of(connection)
        _look_up(connection)

    def renew(self, connection: Connection, *, endpoint: str, campaign: str) -> None:
        """Make them true of what a plan may change in the sheet's campaign, unless certainly nobody has written since
        they were taken. In a transaction that writes, so that nobody does after that.

        Messages that were open or are so now are looked up again: what was sent is open again only where somebody has
        decided so, and then it is open now.
        """
        version = version_of(connection)
        if version is not None and version == self._version:
            return
        scope = (messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign))
        open_now = select(messages.c.key).where(*scope, messages.c.state.in_(_OPEN))
        were_open = select(known.c.row).where(known.c.state.in_(_OPEN))
        again = select(staged.c.row).where(or_(staged.c.key.in_(open_now), staged.c.row.in_(were_open)))
        connection.execute(insert(doubtful).from_select(["row"], again))
        connection.execute(delete(known).where(known.c.row.in_(select(doubtful.c.row))))
        _look_up(connection, staged.c.row.in_(select(doubtful.c.row)))


def _look_up(connection: Connection, *which: ColumnElement[bool]) -> None:
    columns = (messages.c.state, messages.c.findings, messages.c.again_state, messages.c.again_findings)
    found = select(staged.c.row, *columns, _OF_ERROR).join(messages, messages.c.key == staged.c.key).where(*which)
    connection.execute(insert(known).from_select([column.name for column in known.columns], found))
