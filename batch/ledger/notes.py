"""What the ledger knows of each staged key, looked up once; the rules of the plan ask the notes.

A look-up by key in a large ledger leaves the processor's cache, and a plan asks ten times of each row. The notes lie by
row, where the next is beside the last. They are true of the ledger at one moment: a plan takes them anew when anybody
else has written since, so that it goes by the ledger as it is in its own transaction.
"""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, insert, select

from batch.ledger.engine import version_of
from batch.ledger.schema import State, messages
from batch.ledger.staged import known, staged

__all__ = ["Notes"]

_OF_ERROR = case((messages.c.state == State.ERROR.value, messages.c.request_hash))


class Notes:
    """The notes of one sheet, and of which moment they are."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None

    def take(self, connection: Connection) -> None:
        """Look every staged key up. In a transaction, so that all notes are of one moment."""
        self._version = version_of(connection)
        connection.execute(delete(known))
        columns = (
            *(messages.c.state, messages.c.findings, messages.c.again_state, messages.c.again_findings),
            _OF_ERROR,
        )
        found = select(staged.c.row, *columns).join(messages, messages.c.key == staged.c.key)
        connection.execute(insert(known).from_select([column.name for column in known.columns], found))

    def renew(self, connection: Connection) -> None:
        """Take them again unless certainly nobody has changed the ledger since. In a transaction that writes, so that
        nobody changes it after that."""
        version = version_of(connection)
        if version is None or version != self._version:
            self.take(connection)
