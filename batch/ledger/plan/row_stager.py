"""Staging of rows, some thousands at a time: their keys are looked up, their requests encoded, and they are inserted.

The look-up comes first, because only rows that may be sent need a request: a second run of a large sheet has few. It is
one statement, which runs in a thread of its own while the next rows are evaluated. All else runs in the thread that
evaluates: to insert a row takes the interpreter, and two threads that want it by turns take a sixth more CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from batch.ledger.storage.engine import database_of, pages
from batch.ledger.storage.pseudonyms import Hashes, has_purged_data
from batch.ledger.storage.schema import messages
from batch.ledger.storage.staged_tables import (
    OPTED_OUT,
    MessageLookup,
    StagedRow,
    put_on_list,
    staged,
    use_keys_of_retries,
    use_known_keys,
)
from batch.model.messages import hash_request
from batch.model.phone.digits import twin_of
from batch.model.phrases import Value
from batch.model.reasons import Finding, findings_to_json

_KINDS = (
    ("row", "key", "person", "sender", "request_hash", "payload"),
    ("row", "key", "person", "outcome", "findings", "notes"),
    (
        "row", "key", "person", "hashed", "hashed_twin", "sender", "outcome", "stands", "findings", "notes",
        "request_hash", "payload", "origin_run", "origin_sheet", "origin_row",
    ),
)  # fmt: skip
"""Columns of usual, refused and rare rows, as `RowStager` gives their values: a null costs as much as a value."""
Encode = Callable[[Sequence[str | int | None]], str]
"""Returns the request's body of a row's values."""
OnBatch = Callable[[Sequence[StagedRow]], object]
_AT_ONCE = 4000
"""Rows that are looked up and staged together."""
_Lists = dict[str, list[tuple[str, Value]]]
"""Entries of the sheet's lists (`put_on_list`), by the list."""


class RowStager:
    """Stager of one sheet's rows, in the transaction of a connection."""

    def __init__(
        self, connection: sa.Connection, hashes: Hashes, lookup: MessageLookup, encode: Encode, *, repeats: bool
    ) -> None:
        """The temporary tables are there already. `repeats`: what was accepted may be sent again as well."""
        self._connection, self._lookup, self._encode, self._repeats = connection, lookup, encode, repeats
        self._hash_person = hashes.person if has_purged_data(connection) else None
        self._has_retries = connection.scalar(sa.select(sa.exists().where(messages.c.retry_of.is_not(None))))
        database = database_of(connection)
        self._insert = database.make_stager(connection, staged, *_KINDS)
        self._has_messages: bool | None = None
        """False: nothing can be found. Of the moment of the first look-up."""

    def add(self, rows: Iterable[StagedRow], on_batch: OnBatch | None = None) -> None:
        """Stage rows, of new numbers. All are staged on return.

        `on_batch`: takes them as they are read, some thousands at a time. Raises LedgerFailed, and whatever reading the
        rows raises.
        """
        with ThreadPoolExecutor(max_workers=1) as thread:
            begun: tuple[list[StagedRow], Future[set[int]]] | None = None
            for batch in pages(rows, _AT_ONCE):
                if begun is not None:
                    self._finish(*begun)
                begun = self._begin(batch, thread)
                if on_batch is not None:
                    on_batch(batch)
            if begun is not None:
                self._finish(*begun)

    def _begin(self, rows: list[StagedRow], thread: ThreadPoolExecutor) -> tuple[list[StagedRow], Future[set[int]]]:
        """Begin to look up the keys of rows; return the rows with the keys that count."""
        rows = use_known_keys(self._connection, rows)
        rows = use_keys_of_retries(self._connection, rows) if self._has_retries else rows
        if self._has_messages is None:
            self._has_messages = self._connection.scalar(sa.select(sa.exists().where(messages.c.key.is_not(None))))
        keys = {row.row: row.key for row in rows if row.key} if self._has_messages else {}
        self._lookup.note_moment(self._connection)
        return rows, thread.submit(self._lookup.add, self._connection, keys)

    def _finish(self, rows: list[StagedRow], accepted: Future[set[int]]) -> None:
        """Stage rows once their keys are looked up; those whose message was accepted need no request."""
        found = accepted.result()
        done = () if self._repeats else found
        for name, people in self._stage(rows, done).items():
            put_on_list(self._connection, name, people)

    def _stage(self, rows: Sequence[StagedRow], done: Collection[int]) -> _Lists:
        """Stage rows; return their people for lists. `done`: the rows that need no request."""
        hash_person = self._hash_person
        usual: list[tuple[Any, ...]] = []
        refused: list[tuple[Any, ...]] = []
        rare: list[tuple[Any, ...]] = []
        lists: _Lists = {}
        wrong: Sequence[Finding] = ()  # of many rows alike the same object
        encoded = None
        for each in rows:
            (
                row, key, person, sender, outcome, findings, notes, digest, payload, stands, out, origin, sheet, _twin,
                values,
            ) = each  # fmt: skip
            if values is not None:
                if row in done:  # a person has it: what the row says counts only beside other rows of its key
                    digest = str(hash(values))
                else:
                    payload = self._encode(values)
                    digest = hash_request(payload)
            if findings is not wrong:
                wrong, encoded = findings, findings_to_json(findings) if findings else None
            noted = findings_to_json(notes) if notes else None
            if hash_person or stands or origin or (notes and not outcome):
                names = (person, twin_of(person) or person) if person else (None, None)
                hashed = [hash_person(name) if hash_person and name else None for name in names]
                judged = outcome, stands, encoded, noted, digest, payload
                corrected = (origin.run, sheet, origin.row) if origin else (None, sheet, None)
                rare.append((row, key, person, *hashed, sender, *judged, *corrected))
            elif outcome:
                refused.append((row, key, person, outcome, encoded, noted))
            else:
                usual.append((row, key, person, sender, digest, payload))
            if out and person:
                lists.setdefault(out.reason.value, []).append((person, out.values["where"]))
                if source := out.values.get("source"):
                    lists.setdefault(OPTED_OUT, []).append((person, source))
        self._insert(usual, refused, rare)
        return lists
