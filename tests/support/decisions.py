"""The decisions that a ledger has noted about unknown messages: the program only writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from batch.ledger import Ledger
from batch.ledger.storage.schema import decisions


def read_decisions(ledger: Ledger, run: str | None = None) -> Sequence[Any]:
    """Return the decisions about rows of a run's sheet, or all, in the order they were made."""
    query = select(decisions).order_by(decisions.c.number)
    with ledger._engine.connect() as connection:
        return connection.execute(query if run is None else query.where(decisions.c.run == run)).all()
