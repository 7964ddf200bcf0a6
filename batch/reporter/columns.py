"""The result columns: their names, their order, and the values a result gives them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.model.outcomes import Evidence, Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import Finding, advice, sentence
from batch.model.runs import Result

COLUMNS = (
    "wegly_status",
    "wegly_reason",
    "wegly_message",
    "wegly_action",
    "wegly_phone",
    "wegly_chat_id",
    "wegly_chat_status",
    "wegly_evidence",
    "wegly_http_status",
    "wegly_attempts",
    "wegly_sent_at",
    "wegly_duration_ms",
    "wegly_run",
)
"""In the order of every report. Other programs read them by these names, so they are never renamed."""
STATUS = COLUMNS.index("wegly_status")
REASON = COLUMNS.index("wegly_reason")
NUMBERS = frozenset(map(COLUMNS.index, ("wegly_http_status", "wegly_attempts", "wegly_duration_ms")))
SENT_AT = COLUMNS.index("wegly_sent_at")
_CODES: dict[Outcome | Evidence, str] = {each: each.value for each in (*Outcome, *Evidence)}

Value = str | int | None
"""A cell of a result column; None is an empty cell. A moment is ISO 8601 with its offset, in whole seconds."""
Words = tuple[str, str, str | None]
"""Reason, message and action: what findings and notes say, and nothing else of a result."""


def words(result: Result) -> Words:
    """What the findings and notes of a result say."""
    findings = (*result.findings, *result.notes)
    return result.reason, " ".join(sentence(finding) for finding in findings), _actions(findings)


def values(result: Result, zone: ZoneInfo) -> tuple[Value, ...]:
    """One value for each of `COLUMNS`."""
    sent_at = in_zone(result.sent_at, zone) if result.sent_at else None
    return with_words(result, words(result), sent_at)


def in_zone(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as a result column has it, on the clock of a zone."""
    return moment.astimezone(zone).replace(microsecond=0).isoformat()


def with_words(result: Result, said: Words, sent_at: str | None) -> tuple[Value, ...]:
    """`values`, where its words are known and when it was sent."""
    return (
        _CODES[result.outcome],
        *said,
        format_phone(result.person) if result.person else None,
        result.chat_id,
        result.chat_status,
        _CODES[result.evidence] if result.evidence else None,
        result.http_status,
        result.attempts,
        sent_at,
        result.duration_ms,
        result.run,
    )


def _actions(findings: Iterable[Finding]) -> str | None:
    """What to do about the findings, each thing once; None when there is nothing to do."""
    return " ".join(dict.fromkeys(filter(None, map(advice, findings)))) or None


def as_text(value: Value) -> str:
    """A value as a text file has it: nothing for None."""
    return "" if value is None else str(value)


def place(header: Sequence[str | None]) -> tuple[tuple[int, ...], ...]:
    """Where each of `COLUMNS` goes, as indexes from 0 into a row with this header; never empty.

    A column that is already there (the sheet is an earlier report) keeps its place, each copy of it. The others follow
    to the right of `header`, in their order.
    """
    there: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        there.setdefault((name or "").strip().casefold(), []).append(index)
    free = len(header)
    places: list[tuple[int, ...]] = []
    for column in COLUMNS:
        found = tuple(there.get(column, ()))
        places.append(found or (free,))
        free += not found
    return tuple(places)
