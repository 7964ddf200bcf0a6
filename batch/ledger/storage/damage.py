"""Search for what no wegly-batch writes into a ledger: a value of another type, no known state, no JSON of findings.

SQLite keeps any type in any column. To check each value as it is read would cost every report; so a ledger is searched
when a command meets a defect while it is open, to name what is wrong with it in place of a traceback.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from batch.errors import LedgerFailed, attempt
from batch.i18n import _
from batch.ledger.storage.engine import connect_to_read, database_of
from batch.ledger.storage.errors import DAMAGED, remedy_for_code
from batch.ledger.storage.pseudonyms import SECRET
from batch.ledger.storage.schema import PathText, PhraseText, State, UtcTime, messages, meta, metadata, rows
from batch.model.delivery import DeliveryState
from batch.model.outcomes import Evidence, Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import findings_from_json

_MOST = {UtcTime: 253_370_764_800_000_000, sa.Boolean: 1}  # the year 9999
_MOST_WHOLE = 2**53
_TYPES = {UtcTime: datetime, sa.Boolean: bool, sa.Integer: int, sa.Float: float | int, PhraseText: str | Phrase}
_WORDS = {
    **dict.fromkeys(("state", "again_state", "from_state", "to_state"), tuple(State)),
    "outcome": tuple(Outcome),
    "evidence": ("", *Evidence),
    "deliveries.state": tuple(DeliveryState),
}
"""The texts of a column, by its name, or by table and name."""
_READERS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("findings", "again_findings", "pending_findings", "notes"), findings_from_json),
    "sheet_options": lambda text: dict(json.loads(text)),
    "reply_opt_outs": lambda text: [str.strip(each) for given in json.loads(text).values() for each in given],
    "unique_by": lambda text: ", ".join(json.loads(text)),
    "timezone": ZoneInfo,
}
"""What reads the texts of a column, by its name."""
_ENTRIES: Mapping[str, Callable[[str], object]] = {"ledger_id": str, "counter": int, SECRET: bytes.fromhex}


def find_damage(engine: sa.Engine, place: str) -> LedgerFailed | None:
    """Return the error that names what no wegly-batch wrote into the ledger; None when there is no such thing."""
    with connect_to_read(engine) as connection:
        found = attempt(lambda: next(_unsound(connection), None))
    if found is None:
        return None
    where = _("one of its tables") if isinstance(found, Exception) else found
    problem = _("The ledger {place} is damaged: {where} holds what wegly-batch never writes.")
    return LedgerFailed(problem.format(place=place, where=where), remedy_for_code(DAMAGED))


def _unsound(connection: sa.Connection) -> Iterator[str]:
    entries = {entry.name: entry.value for entry in connection.execute(sa.select(meta.c.name, meta.c.value))}
    yield from (f"meta.{name}" for name, read in _ENTRIES.items() if not _can(read, entries.get(name)))
    is_typed = database_of(connection).keeps_types
    for column in (column for table in metadata.sorted_tables for column in table.columns):
        raw: sa.ColumnElement[Any] = sa.literal_column(f'"{column.table.name}"."{column.name}"')
        texts = sa.select(raw).select_from(column.table)
        sound = _is_sound(column, raw, is_typed=is_typed)
        sound = sound | raw.is_(None) if column.nullable else sound
        if connection.execute(texts.where(~sa.func.coalesce(sound, sa.false())).limit(1)).first():
            yield str(column)
        if read := _READERS.get(column.name):
            different = connection.execute(
                texts.where(raw != "").distinct() if column.nullable else texts.distinct()
            ).scalars()
            yield from (str(column) for text in different if not _can(read, text))
    joined = rows.outerjoin(messages, messages.c.key == rows.c.key)
    undecided = rows.c.outcome.is_(None) & messages.c.key.is_(None)
    without_reason = rows.c.outcome.is_not(None) & (sa.func.coalesce(rows.c.findings, "") == "")
    lacking = sa.select(rows.c.row).select_from(joined).where(rows.c.duplicate_of.is_(None), undecided | without_reason)
    if connection.execute(lacking.limit(1)).first():
        yield str(rows.c.outcome)


def check_types(table: sa.Table, found: Mapping[Any, Any]) -> None:
    """Raise TypeError for a value of another type than its column's, before it is used where no ledger is open."""
    for column in (column for column in table.columns if column.name in found):
        value = found[column.name]
        if not isinstance(value, _TYPES.get(type(column.type), str)) and not (value is None and column.nullable):
            raise TypeError(str(column))


def _can(read: Callable[[str], object], text: Any) -> bool:
    return isinstance(text, str) and not isinstance(attempt(lambda: read(text)), Exception)


def _is_sound(column: sa.Column[Any], raw: sa.ColumnElement[Any], *, is_typed: bool) -> sa.ColumnElement[bool]:
    """Return the condition of what wegly-batch writes into a column where it writes anything."""
    words = _WORDS.get(str(column), _WORDS.get(column.name))
    if is_typed:
        return raw.in_(words) if words else sa.true()
    kind = sa.func.typeof(raw)
    if isinstance(column.type, sa.Float):
        return kind.in_(["real", "integer"])
    if isinstance(column.type, sa.Integer | sa.Boolean | UtcTime):
        return (kind == "integer") & raw.between(-1, _MOST.get(type(column.type), _MOST_WHOLE))
    if words:
        return raw.in_(words)
    return kind.in_(["text", "blob"] if isinstance(column.type, PathText) else ["text"])
